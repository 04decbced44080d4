/** Part 10 files of every encoding in a folder, and their hashes: what goes in, to compare with what comes out. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { describeInstanceFile, type InstanceFile } from '../../receiver/deliver/instance-file.ts';
import { part10Header } from '../../shared/dicom/part10-meta.ts';
import { encodeDataSet, type TransferSyntaxName, transferSyntaxes } from './dicom-writer.ts';
import { Random } from './random.ts';
import { smallInstance } from './small-instance.ts';

const names = Object.keys(transferSyntaxes) as TransferSyntaxName[];

export interface FolderOptions {
  readonly folder: string;
  readonly count: number;
  readonly transferSyntaxes?: readonly TransferSyntaxName[];
  readonly approximateBytes?: number;
  readonly seed?: number;
}

/** Writes small instances of one study, in all transfer syntaxes in turn. */
export async function writeInstances(options: FolderOptions): Promise<InstanceFile[]> {
  const random = new Random(options.seed ?? 1);
  const syntaxes = options.transferSyntaxes ?? names;
  const root = `1.2.826.0.1.3680043.10.1.${options.seed ?? 1}`;
  const files: InstanceFile[] = [];
  for (let index = 0; index < options.count; index += 1) {
    const sopInstanceUid = `${root}.1.${index + 1}`;
    const transferSyntax = syntaxes[index % syntaxes.length] ?? 'explicitLittleEndian';
    const bytes = smallInstance({
      studyUid: root,
      seriesUid: `${root}.1`,
      sopInstanceUid,
      patientId: 'SYNTHETIC',
      patientName: 'SYNTHETIC^ONE',
      approximateBytes: options.approximateBytes ?? 2000,
      random: random.fork(String(index)),
      transferSyntax,
    });
    files.push(await writeInstance(join(options.folder, `${sopInstanceUid}.dcm`), bytes));
  }
  return files;
}

export async function writeInstance(path: string, bytes: Uint8Array): Promise<InstanceFile> {
  writeFileSync(path, bytes);
  return describeInstanceFile(path);
}

/** A deflated instance whose data set has an odd length, as many have. */
export async function writeOddDeflated(folder: string, sopInstanceUid: string): Promise<InstanceFile> {
  const sopClassUid = '1.2.840.10008.5.1.4.1.1.7';
  const transferSyntaxUid = transferSyntaxes.deflated.uid;
  for (let length = 0; ; length += 1) {
    const dataSet = encodeDataSet(
      [
        { tag: 0x0008_0016, vr: 'UI', value: sopClassUid },
        { tag: 0x0008_0018, vr: 'UI', value: sopInstanceUid },
        { tag: 0x0010_0010, vr: 'PN', value: 'SYNTHETIC^ONE' },
        { tag: 0x0010_0020, vr: 'LO', value: 'x'.repeat(1 + (length % 60)) },
        { tag: 0x0020_000d, vr: 'UI', value: '1.2.3' },
        { tag: 0x0020_000e, vr: 'UI', value: '1.2.3.4' },
      ],
      transferSyntaxes.explicitLittleEndian,
    );
    const deflated = deflateRawSync(dataSet);
    if (deflated.length % 2 === 0) continue;
    const header = part10Header({ sopClassUid, sopInstanceUid, transferSyntaxUid });
    return writeInstance(join(folder, `${sopInstanceUid}.dcm`), Buffer.concat([header, deflated]));
  }
}

/** An instance of a private SOP class with private elements, as scanners send raw data. */
export function writePrivateClass(folder: string, sopInstanceUid: string): Promise<InstanceFile> {
  const sopClassUid = '1.3.46.670589.11.0.0.12.1';
  const transferSyntaxUid = transferSyntaxes.explicitLittleEndian.uid;
  const dataSet = encodeDataSet(
    [
      { tag: 0x0008_0016, vr: 'UI', value: sopClassUid },
      { tag: 0x0008_0018, vr: 'UI', value: sopInstanceUid },
      { tag: 0x0008_0060, vr: 'CS', value: 'MR' },
      { tag: 0x0010_0010, vr: 'PN', value: 'SYNTHETIC^TWO' },
      { tag: 0x0010_0020, vr: 'LO', value: 'SYNTHETIC-2' },
      { tag: 0x0020_000d, vr: 'UI', value: '1.2.3.5' },
      { tag: 0x0020_000e, vr: 'UI', value: '1.2.3.5.1' },
      { tag: 0x2005_0010, vr: 'LO', value: 'SYNTHETIC PRIVATE' },
      { tag: 0x2005_1001, vr: 'OB', value: new Random(8).bytes(50_000) },
    ],
    transferSyntaxes.explicitLittleEndian,
  );
  const header = part10Header({ sopClassUid, sopInstanceUid, transferSyntaxUid });
  return writeInstance(join(folder, `${sopInstanceUid}.dcm`), Buffer.concat([header, dataSet]));
}

/** Hashes of the data sets of Part 10 files in a folder, by SOP Instance UID; all where one UID has several. */
export async function dataSetHashes(folder: string, evenLength = true): Promise<Map<string, string[]>> {
  const hashes = new Map<string, string[]>();
  for (const name of readdirSync(folder)) {
    const file = await describeInstanceFile(join(folder, name));
    const found = hashes.get(file.sopInstanceUid) ?? [];
    hashes.set(file.sopInstanceUid, [...found, dataSetHash(file, evenLength)]);
  }
  return hashes;
}

/** An instance of a private SOP class in a private transfer syntax: bytes that nobody else knows. */
export async function writePrivate(folder: string, sopInstanceUid: string): Promise<InstanceFile> {
  const header = part10Header({
    sopClassUid: '1.3.46.670589.11.0.0.12.1',
    sopInstanceUid,
    transferSyntaxUid: '1.2.826.0.1.3680043.10.1.99',
  });
  const dataSet = new Random(7).bytes(100_001);
  return writeInstance(join(folder, `${sopInstanceUid}.dcm`), Buffer.concat([header, dataSet]));
}

/** SHA-256 of the data set, with the byte that makes it even where it is sent over an association. */
export function dataSetHash(file: InstanceFile, evenLength = true): string {
  const dataSet = readFileSync(file.path).subarray(file.dataSetOffset);
  const padding = Buffer.alloc(evenLength ? dataSet.length % 2 : 0);
  return createHash('sha256').update(dataSet).update(padding).digest('hex');
}
