/**
 * Instances for the benchmarks, made fast: one data set, written again and again under other UIDs. The pixels are the
 * same random bytes in each, or a hole in the file where only sizes matter. All of it is valid DICOM (PS3.10).
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../shared/assert.ts';
import { elements } from '../harness/dicom-attributes.ts';
import { encodeFile, transferSyntaxes } from '../harness/dicom-writer.ts';
import { Random } from '../harness/random.ts';
import { sopClasses } from '../harness/synthetic-instance.ts';

export interface InstanceFiles {
  readonly folder: string;
  readonly count: number;
  /** Of each, about: pixels are a whole number of frames. */
  readonly approximateBytes: number;
  /** Random pixels take disk and time, a hole takes none of either. */
  readonly pixels: 'random' | 'hole';
  /** Another study for each. */
  readonly studyNumber: number;
  readonly seed: number;
}

export interface WrittenFiles {
  readonly studyUid: string;
  readonly sopInstanceUids: readonly string[];
  /** Of all files together. */
  readonly bytes: number;
}

/** Of a fixed width, so that one can be replaced by another in place (PS3.5 annex B.2 gives the root). */
const uid = (kind: number, study: number, instance: number): string =>
  `2.25.${kind}${String(study).padStart(6, '0')}${String(instance).padStart(9, '0')}`;

/** Writes `folder/000001.dcm` and so on: one study of one series. */
export function writeInstances(files: InstanceFiles): WrittenFiles {
  const { folder, count, studyNumber, seed } = files;
  mkdirSync(folder, { recursive: true });
  const template = templateOf(files);
  const places = placesOf(template.header, uid(3, studyNumber, 0));
  const pixels =
    files.pixels === 'random' ? new Random(seed).fork('pixels').bytes(template.pixelBytes) : undefined;
  const sopInstanceUids: string[] = [];
  for (let number = 1; number <= count; number++) {
    const sopInstanceUid = uid(3, studyNumber, number);
    for (const place of places) template.header.write(sopInstanceUid, place, 'latin1');
    const file = openSync(join(folder, `${String(number).padStart(6, '0')}.dcm`), 'wx');
    writeSync(file, template.header);
    if (pixels === undefined) ftruncateSync(file, template.header.length + template.pixelBytes);
    else writeSync(file, pixels);
    closeSync(file);
    sopInstanceUids.push(sopInstanceUid);
  }
  const bytes = count * (template.header.length + template.pixelBytes);
  return { studyUid: uid(1, studyNumber, 0), sopInstanceUids, bytes };
}

/** All of a file before its pixels: a grey multi-frame secondary capture (PS3.3 section A.8.3), 8 bits. */
function templateOf({ approximateBytes, studyNumber }: InstanceFiles): {
  header: Buffer;
  pixelBytes: number;
} {
  const columns = Math.min(1024, Math.max(2, 2 * Math.floor(Math.sqrt(approximateBytes) / 2)));
  const rows = Math.min(1024, Math.max(1, Math.floor(approximateBytes / columns)));
  const frames = Math.max(1, Math.floor(approximateBytes / (rows * columns)));
  const pixelBytes = rows * columns * frames;
  // PS3.5 section 7.1.1: an explicit length has 32 bits, and an even value.
  assert(pixelBytes < 2 ** 32 - 1 && pixelBytes % 2 === 0, 'the pixels fit one element');
  const values = elements({
    ImageType: 'DERIVED\\SECONDARY',
    SOPClassUID: sopClasses.captureMultiFrame,
    SOPInstanceUID: uid(3, studyNumber, 0),
    StudyDate: '20260115',
    StudyTime: '',
    AccessionNumber: '',
    Modality: 'OT',
    ConversionType: 'SYN',
    ReferringPhysicianName: '',
    PatientName: 'SYNTHETIC^BENCHMARK',
    PatientID: `BENCHMARK-${studyNumber}`,
    PatientBirthDate: '',
    PatientSex: '',
    StudyInstanceUID: uid(1, studyNumber, 0),
    SeriesInstanceUID: uid(2, studyNumber, 0),
    StudyID: '',
    SeriesNumber: '',
    InstanceNumber: '',
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    NumberOfFrames: String(frames),
    Rows: rows,
    Columns: columns,
    BitsAllocated: 8,
    BitsStored: 8,
    HighBit: 7,
    PixelRepresentation: 0,
  });
  const some = new Uint8Array(2);
  values.push({ tag: 0x7fe00010, vr: 'OB', value: some });
  const file = encodeFile(values, transferSyntaxes.explicitLittleEndian);
  const header = Buffer.from(file.subarray(0, file.length - some.length));
  header.writeUInt32LE(pixelBytes, header.length - 4);
  return { header, pixelBytes };
}

/** Where a UID stands: in the meta group and in the data set. */
function placesOf(header: Buffer, wanted: string): number[] {
  const places: number[] = [];
  for (let place = header.indexOf(wanted); place >= 0; place = header.indexOf(wanted, place + 1)) {
    places.push(place);
  }
  assert(places.length === 2, 'the SOP Instance UID stands twice in a file');
  return places;
}
