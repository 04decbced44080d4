/** A large multi-frame object for benchmarks, written frame by frame. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { part10Header } from '../../shared/dicom/part10-meta.ts';
import { encodeDataSet, transferSyntaxes } from '../harness/dicom-writer.ts';
import { Random } from '../harness/random.ts';

export const largeSopInstanceUid = '1.2.826.0.1.3680043.10.1.600.1';

/** One instance of many frames, 16 bits, as an enhanced CT has them. @returns bytes written */
export function writeLargeInstance(path: string, bytes: number): number {
  const sopClassUid = '1.2.840.10008.5.1.4.1.1.2.1';
  const frames = Math.max(1, Math.floor(bytes / (512 * 512 * 2)));
  const header = part10Header({
    sopClassUid,
    sopInstanceUid: largeSopInstanceUid,
    transferSyntaxUid: transferSyntaxes.explicitLittleEndian.uid,
  });
  const attributes = encodeDataSet(
    [
      { tag: 0x0008_0016, vr: 'UI', value: sopClassUid },
      { tag: 0x0008_0018, vr: 'UI', value: largeSopInstanceUid },
      { tag: 0x0008_0060, vr: 'CS', value: 'CT' },
      { tag: 0x0010_0010, vr: 'PN', value: 'SYNTHETIC^ONE' },
      { tag: 0x0020_000d, vr: 'UI', value: '1.2.826.0.1.3680043.10.1.600' },
      { tag: 0x0020_000e, vr: 'UI', value: '1.2.826.0.1.3680043.10.1.600.0' },
      { tag: 0x0028_0002, vr: 'US', value: 1 },
      { tag: 0x0028_0004, vr: 'CS', value: 'MONOCHROME2' },
      { tag: 0x0028_0008, vr: 'IS', value: String(frames) },
      { tag: 0x0028_0010, vr: 'US', value: 512 },
      { tag: 0x0028_0011, vr: 'US', value: 512 },
      { tag: 0x0028_0100, vr: 'US', value: 16 },
      { tag: 0x0028_0101, vr: 'US', value: 16 },
      { tag: 0x0028_0102, vr: 'US', value: 15 },
      { tag: 0x0028_0103, vr: 'US', value: 0 },
    ],
    transferSyntaxes.explicitLittleEndian,
  );
  const pixels = Buffer.from('e07f10004f57000000000000', 'hex');
  pixels.writeUInt32LE(frames * 512 * 512 * 2, 8);
  const frame = new Random(600).bytes(512 * 512 * 2);
  const file = openSync(path, 'w');
  let written = 0;
  for (const part of [header, attributes, pixels]) written += writeSync(file, part);
  for (let index = 0; index < frames; index += 1) written += writeSync(file, frame);
  closeSync(file);
  return written;
}
