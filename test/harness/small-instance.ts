/**
 * One small valid instance in memory, made in microseconds: for simulations that move thousands of them.
 */
import { elements } from './dicom-attributes.ts';
import { type Element, encodeFile, type TransferSyntaxName, transferSyntaxes } from './dicom-writer.ts';
import { encodeJpegFrame } from './jpeg-baseline.ts';
import type { Random } from './random.ts';
import { encodeRleFrame } from './rle-lossless.ts';
import { sopClasses } from './synthetic-instance.ts';

export interface SmallInstance {
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  readonly patientId: string;
  readonly patientName: string;
  /** Size of the file before compression: about 800 bytes at least, 4 GB at most. */
  readonly approximateBytes: number;
  /** Where the pixels come from. */
  readonly random: Random;
  /** Default explicit little endian. */
  readonly transferSyntax?: TransferSyntaxName;
}

/** Bytes beside the pixels, with UIDs of 44 characters. */
const overheadBytes = 798;

/** A secondary capture (PS3.3 section A.8.1) of random grey pixels, 8 bits (16 in RLE, where runs are by plane). */
export function smallInstance(options: SmallInstance): Uint8Array {
  const transferSyntax = options.transferSyntax ?? 'explicitLittleEndian';
  const pixelBytes = Math.max(2, options.approximateBytes - overheadBytes);
  const bitsAllocated = transferSyntax === 'rleLossless' ? 16 : 8;
  const { rows, columns } = shape(pixelBytes / (bitsAllocated / 8), transferSyntax === 'jpegBaseline');
  const values = elements({
    ImageType: 'DERIVED\\SECONDARY',
    SOPClassUID: sopClasses.capture,
    SOPInstanceUID: options.sopInstanceUid,
    StudyDate: '20260115',
    StudyTime: '',
    AccessionNumber: '',
    Modality: 'OT',
    ConversionType: 'SYN',
    ReferringPhysicianName: '',
    PatientName: options.patientName,
    PatientID: options.patientId,
    PatientBirthDate: '',
    PatientSex: '',
    StudyInstanceUID: options.studyUid,
    SeriesInstanceUID: options.seriesUid,
    StudyID: '',
    SeriesNumber: '',
    InstanceNumber: '',
    BodyPartExamined: 'CHEST',
    PatientOrientation: '',
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: rows,
    Columns: columns,
    BitsAllocated: bitsAllocated,
    BitsStored: bitsAllocated,
    HighBit: bitsAllocated - 1,
    PixelRepresentation: 0,
    ...(transferSyntax === 'jpegBaseline'
      ? {
          LossyImageCompression: '01',
          LossyImageCompressionRatio: '20',
          LossyImageCompressionMethod: 'ISO_10918_1',
        }
      : {}),
  });
  values.push(pixelData(transferSyntax, options.random, rows, columns));
  return encodeFile(values, transferSyntaxes[transferSyntax], {
    expectedBytes: overheadBytes + pixelBytes + 256,
  });
}

/** Rows and columns of about so many pixels: wide, at most 65535 each, whole blocks for JPEG. */
function shape(pixels: number, blocks: boolean): { rows: number; columns: number } {
  const rows = Math.min(65_535, Math.max(1, Math.floor(Math.sqrt(pixels))));
  const columns = Math.min(65_535, Math.max(2, Math.round(pixels / rows)));
  return blocks ? { rows: 8 * Math.ceil(rows / 8), columns: 8 * Math.ceil(columns / 8) } : { rows, columns };
}

function pixelData(syntax: TransferSyntaxName, random: Random, rows: number, columns: number): Element {
  const tag = 0x7fe00010;
  if (syntax === 'rleLossless') {
    const pixels = new Uint16Array(random.bytes(rows * columns * 2).buffer);
    return { tag, vr: 'OB', value: { offsets: [], fragments: [encodeRleFrame(pixels, columns)] } };
  }
  const pixels = random.bytes(rows * columns);
  if (syntax !== 'jpegBaseline') return { tag, vr: 'OB', value: pixels };
  return { tag, vr: 'OB', value: { offsets: [], fragments: [encodeJpegFrame(pixels, rows, columns)] } };
}
