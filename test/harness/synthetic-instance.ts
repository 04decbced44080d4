/**
 * Synthetic DICOM instances as a scanner writes them (IODs of PS3.3 annex A): CT and MR slices, an enhanced
 * multi-frame CT, a secondary capture and a structured report. Of nobody: the patients are made up.
 */
import { type AttributeValues, elements } from './dicom-attributes.ts';
import {
  type DataSet,
  type Element,
  encodeFile,
  type TransferSyntaxName,
  transferSyntaxes,
} from './dicom-writer.ts';
import { encodeJpegFrame } from './jpeg-baseline.ts';
import type { Random } from './random.ts';
import { encodeRleFrame } from './rle-lossless.ts';

export const sopClasses = {
  ct: '1.2.840.10008.5.1.4.1.1.2',
  enhancedCt: '1.2.840.10008.5.1.4.1.1.2.1',
  mr: '1.2.840.10008.5.1.4.1.1.4',
  capture: '1.2.840.10008.5.1.4.1.1.7',
  captureMultiFrame: '1.2.840.10008.5.1.4.1.1.7.2',
  report: '1.2.840.10008.5.1.4.1.1.88.11',
} as const;

/** A patient and a study; texts may be ready bytes where `characterSet` is not plain ASCII or UTF-8. */
export interface SyntheticStudy {
  readonly studyUid: string;
  readonly studyId: string;
  /** YYYYMMDD and HHMMSS: of the seed, never of a clock. */
  readonly date: string;
  readonly time: string;
  readonly description: string;
  readonly patientName: string | Uint8Array;
  readonly patientId: string;
  readonly patientComments?: string | Uint8Array;
  /** Specific Character Set (PS3.3 section C.12.1.1.2); left out for ASCII. */
  readonly characterSet?: string;
}

export interface SyntheticSeries {
  readonly seriesUid: string;
  readonly frameOfReferenceUid: string;
  readonly number: number;
  readonly description: string;
}

/** Which instance, and how it is written. */
export interface SyntheticInstance {
  readonly study: SyntheticStudy;
  readonly series: SyntheticSeries;
  readonly sopInstanceUid: string;
  /** Number in the series, from 1. */
  readonly number: number;
  readonly transferSyntax: TransferSyntaxName;
  readonly undefinedLengths?: boolean;
  readonly privateElements?: readonly Element[];
}

/** A UID made of 128 random bits, laid out as a UUID of version 4 (PS3.5 annex B.2): at most 44 characters. */
export function uidFrom(random: Random): string {
  const bytes = random.bytes(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(6, (view.getUint16(6) & 0x0fff) | 0x4000);
  view.setUint16(8, (view.getUint16(8) & 0x3fff) | 0x8000);
  return `2.25.${(view.getBigUint64(0) << 64n) | view.getBigUint64(8)}`;
}

/** Patient, study, series, equipment and SOP common modules (PS3.3 sections C.7 and C.12). */
function commonModules(instance: SyntheticInstance, sopClassUid: string, modality: string): AttributeValues {
  const { study, series } = instance;
  return {
    ...(study.characterSet === undefined ? {} : { SpecificCharacterSet: study.characterSet }),
    SOPClassUID: sopClassUid,
    SOPInstanceUID: instance.sopInstanceUid,
    StudyDate: study.date,
    SeriesDate: study.date,
    ContentDate: study.date,
    StudyTime: study.time,
    SeriesTime: study.time,
    ContentTime: study.time,
    AccessionNumber: '',
    Modality: modality,
    Manufacturer: 'Synthetic Phantom Works',
    InstitutionName: 'Nowhere General',
    ReferringPhysicianName: '',
    StudyDescription: study.description,
    SeriesDescription: series.description,
    ManufacturerModelName: 'Phantom 1',
    PatientName: study.patientName,
    PatientID: study.patientId,
    PatientBirthDate: '19700101',
    PatientSex: 'O',
    PatientAge: '056Y',
    ...(study.patientComments === undefined ? {} : { PatientComments: study.patientComments }),
    DeviceSerialNumber: '0001',
    SoftwareVersions: 'synthetic 1',
    StudyInstanceUID: study.studyUid,
    SeriesInstanceUID: series.seriesUid,
    StudyID: study.studyId,
    SeriesNumber: String(series.number),
    InstanceNumber: String(instance.number),
  };
}

/** Frame of reference and image plane modules (sections C.7.4.1 and C.7.6.2) of an axial slice. */
function axialPlane(instance: SyntheticInstance, spacingMm: number, thicknessMm: number): AttributeValues {
  const location = (instance.number * thicknessMm).toFixed(2);
  return {
    SliceThickness: String(thicknessMm),
    ImagePositionPatient: `-200\\-200\\${location}`,
    ImageOrientationPatient: '1\\0\\0\\0\\1\\0',
    FrameOfReferenceUID: instance.series.frameOfReferenceUid,
    PositionReferenceIndicator: '',
    SliceLocation: location,
    PixelSpacing: `${spacingMm}\\${spacingMm}`,
  };
}

/** Image pixel module (section C.7.6.3) of unsigned grey pixels in one plane, square. */
function greyPixels(size: number, bitsStored: number): AttributeValues {
  return {
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: size,
    Columns: size,
    BitsAllocated: bitsStored > 8 ? 16 : 8,
    BitsStored: bitsStored,
    HighBit: bitsStored - 1,
    PixelRepresentation: 0,
  };
}

function wordPixelData(pixels: Uint16Array, size: number, transferSyntax: TransferSyntaxName): Element {
  if (transferSyntax !== 'rleLossless') return { tag: 0x7fe00010, vr: 'OW', value: pixels };
  const value = { offsets: [], fragments: [encodeRleFrame(pixels, size)] };
  return { tag: 0x7fe00010, vr: 'OB', value };
}

function encode(instance: SyntheticInstance, values: AttributeValues, pixelData?: Element): Uint8Array {
  const dataSet: DataSet = [
    ...elements(values),
    ...(instance.privateElements ?? []),
    ...(pixelData === undefined ? [] : [pixelData]),
  ];
  return encodeFile(dataSet, transferSyntaxes[instance.transferSyntax], {
    undefinedLengths: instance.undefinedLengths ?? false,
    expectedBytes: pixelData?.vr === 'OW' ? pixelData.value.byteLength + 8192 : 8192,
  });
}

/** A CT slice: 12 bits in 16, CT number + 1024. */
export function ctSlice(instance: SyntheticInstance, pixels: Uint16Array, size: number): Uint8Array {
  const values: AttributeValues = {
    ...commonModules(instance, sopClasses.ct, 'CT'),
    ...axialPlane(instance, 0.78125, 1.25),
    ...greyPixels(size, 12),
    ImageType: 'ORIGINAL\\PRIMARY\\AXIAL',
    AcquisitionDate: instance.study.date,
    AcquisitionTime: instance.study.time,
    BodyPartExamined: 'CHEST',
    KVP: '120',
    PatientPosition: 'HFS',
    AcquisitionNumber: '1',
    WindowCenter: '40',
    WindowWidth: '400',
    RescaleIntercept: '-1024',
    RescaleSlope: '1',
    RescaleType: 'HU',
  };
  return encode(instance, values, wordPixelData(pixels, size, instance.transferSyntax));
}

/** An MR slice of a spin-echo sequence: 12 bits in 16. */
export function mrSlice(instance: SyntheticInstance, pixels: Uint16Array, size: number): Uint8Array {
  const values: AttributeValues = {
    ...commonModules(instance, sopClasses.mr, 'MR'),
    ...axialPlane(instance, 0.9375, 3),
    ...greyPixels(size, 12),
    ImageType: 'ORIGINAL\\PRIMARY\\OTHER',
    BodyPartExamined: 'BRAIN',
    ScanningSequence: 'SE',
    SequenceVariant: 'SK',
    ScanOptions: '',
    MRAcquisitionType: '2D',
    RepetitionTime: '500',
    EchoTime: '12',
    MagneticFieldStrength: '1.5',
    SpacingBetweenSlices: '3',
    EchoTrainLength: '1',
    PatientPosition: 'HFS',
    WindowCenter: '400',
    WindowWidth: '900',
  };
  return encode(instance, values, wordPixelData(pixels, size, instance.transferSyntax));
}

/**
 * An enhanced multi-frame CT (PS3.3 section A.38): all frames in one instance, what differs between them in the
 * per-frame functional groups. `pixels` are the frames one after another.
 */
export function enhancedCt(instance: SyntheticInstance, pixels: Uint16Array, size: number): Uint8Array {
  const { study, series } = instance;
  const frames = pixels.length / (size * size);
  const organization = elements({ DimensionOrganizationUID: series.frameOfReferenceUid });
  const values: AttributeValues = {
    ...commonModules(instance, sopClasses.enhancedCt, 'CT'),
    ...greyPixels(size, 12),
    ImageType: 'DERIVED\\PRIMARY\\VOLUME\\NONE',
    AcquisitionDateTime: `${study.date}${study.time}`,
    AcquisitionNumber: '1',
    PixelPresentation: 'MONOCHROME',
    VolumetricProperties: 'VOLUME',
    VolumeBasedCalculationTechnique: 'NONE',
    PatientPosition: 'HFS',
    ContentQualification: 'RESEARCH',
    FrameOfReferenceUID: series.frameOfReferenceUid,
    PositionReferenceIndicator: '',
    DimensionOrganizationSequence: [organization],
    DimensionIndexSequence: [
      elements({
        DimensionOrganizationUID: series.frameOfReferenceUid,
        // In-Stack Position Number of the frame content.
        DimensionIndexPointer: 0x00209057,
        FunctionalGroupPointer: 0x00209111,
      }),
    ],
    NumberOfFrames: String(frames),
    BurnedInAnnotation: 'NO',
    LossyImageCompression: '00',
    AcquisitionContextSequence: [],
    PresentationLUTShape: 'IDENTITY',
    SharedFunctionalGroupsSequence: [sharedGroups(series)],
    PerFrameFunctionalGroupsSequence: Array.from({ length: frames }, (_, index) => frameGroups(study, index)),
  };
  return encode(instance, values, wordPixelData(pixels, size, instance.transferSyntax));
}

function sharedGroups(series: SyntheticSeries): DataSet {
  const chest = { CodeValue: '51185008', CodingSchemeDesignator: 'SCT', CodeMeaning: 'Chest' };
  return elements({
    CTImageFrameTypeSequence: [
      elements({
        FrameType: 'DERIVED\\PRIMARY\\VOLUME\\NONE',
        PixelPresentation: 'MONOCHROME',
        VolumetricProperties: 'VOLUME',
        VolumeBasedCalculationTechnique: 'NONE',
      }),
    ],
    FrameAnatomySequence: [elements({ FrameLaterality: 'U', AnatomicRegionSequence: [elements(chest)] })],
    PlaneOrientationSequence: [elements({ ImageOrientationPatient: '1\\0\\0\\0\\1\\0' })],
    PixelMeasuresSequence: [elements({ SliceThickness: '1.25', PixelSpacing: '0.78125\\0.78125' })],
    FrameVOILUTSequence: [elements({ WindowCenter: '40', WindowWidth: '400' })],
    IrradiationEventIdentificationSequence: [elements({ IrradiationEventUID: series.seriesUid })],
    PixelValueTransformationSequence: [
      elements({ RescaleIntercept: '-1024', RescaleSlope: '1', RescaleType: 'HU' }),
    ],
  });
}

function frameGroups(study: SyntheticStudy, index: number): DataSet {
  const when = `${study.date}${study.time}`;
  return elements({
    FrameContentSequence: [
      elements({
        FrameAcquisitionDateTime: when,
        FrameReferenceDateTime: when,
        FrameAcquisitionDuration: 0.5,
        StackID: '1',
        InStackPositionNumber: index + 1,
        DimensionIndexValues: index + 1,
      }),
    ],
    PlanePositionSequence: [elements({ ImagePositionPatient: `-200\\-200\\${(index * 1.25).toFixed(2)}` })],
  });
}

/** A multi-frame secondary capture in JPEG baseline: each frame cut into `fragmentsPerFrame` fragments. */
export function jpegCapture(
  instance: SyntheticInstance,
  frames: readonly Uint8Array[],
  size: number,
  fragmentsPerFrame: number,
): Uint8Array {
  const fragments: Uint8Array[] = [];
  const offsets: number[] = [];
  let offset = 0;
  for (const frame of frames) {
    const jpeg = encodeJpegFrame(frame, size, size);
    // Even, since only the last fragment of a frame may be padded.
    const fragmentBytes = 2 * Math.ceil(jpeg.byteLength / fragmentsPerFrame / 2);
    offsets.push(offset);
    for (let start = 0; start < jpeg.byteLength; start += fragmentBytes) {
      const fragment = jpeg.subarray(start, start + fragmentBytes);
      fragments.push(fragment);
      offset += 8 + fragment.byteLength + (fragment.byteLength % 2);
    }
  }
  const values: AttributeValues = {
    ...commonModules(instance, sopClasses.captureMultiFrame, 'OT'),
    ...greyPixels(size, 8),
    ImageType: 'DERIVED\\SECONDARY',
    ConversionType: 'SYN',
    FrameTime: '40',
    BodyPartExamined: 'CHEST',
    PatientOrientation: '',
    NumberOfFrames: String(frames.length),
    FrameIncrementPointer: 0x00181063,
    BurnedInAnnotation: 'NO',
    RescaleIntercept: '0',
    RescaleSlope: '1',
    RescaleType: 'US',
    LossyImageCompression: '01',
    LossyImageCompressionRatio: '20',
    LossyImageCompressionMethod: 'ISO_10918_1',
    PresentationLUTShape: 'IDENTITY',
  };
  return encode(instance, values, { tag: 0x7fe00010, vr: 'OB', value: { offsets, fragments } });
}

/** A basic text report (PS3.3 section A.35.1): a data set without pixel data, deep in sequences. */
export function textReport(instance: SyntheticInstance, paragraphs: readonly string[]): Uint8Array {
  const concept = (value: string, meaning: string): DataSet[] => [
    elements({ CodeValue: value, CodingSchemeDesignator: 'LN', CodeMeaning: meaning }),
  ];
  const section = (value: string, meaning: string, texts: readonly string[]): DataSet =>
    elements({
      RelationshipType: 'CONTAINS',
      ValueType: 'CONTAINER',
      ConceptNameCodeSequence: concept(value, meaning),
      ContinuityOfContent: 'SEPARATE',
      ContentSequence: texts.map((text) =>
        elements({
          RelationshipType: 'CONTAINS',
          ValueType: 'TEXT',
          ConceptNameCodeSequence: [
            elements({ CodeValue: '121071', CodingSchemeDesignator: 'DCM', CodeMeaning: 'Finding' }),
          ],
          TextValue: text,
        }),
      ),
    });
  const values: AttributeValues = {
    ...commonModules(instance, sopClasses.report, 'SR'),
    ReferencedPerformedProcedureStepSequence: [],
    ValueType: 'CONTAINER',
    ConceptNameCodeSequence: concept('18782-3', 'Radiology Study observation'),
    ContinuityOfContent: 'SEPARATE',
    PerformedProcedureCodeSequence: [],
    CompletionFlag: 'COMPLETE',
    VerificationFlag: 'UNVERIFIED',
    ContentSequence: [
      section('59776-5', 'Procedure findings', paragraphs),
      section('19005-8', 'Radiology Imaging study [Impression]', ['A phantom. No patient.']),
    ],
  };
  return encode(instance, values);
}
