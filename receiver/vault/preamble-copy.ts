/** A copy of a Part 10 file with a preamble of zeros, identical byte for byte after it. */
import { createHash } from 'node:crypto';
import type { Disk } from '../../shared/disk.ts';

/** The 128 bytes before `DICM` (PS3.10 section 7.1). */
const preambleBytes = 128;
const stepBytes = 4 * 2 ** 20;

/** Hexadecimal SHA-256 of what was read, and of what was written. */
export interface CopiedFile {
  readonly sourceSha256: string;
  readonly sha256: string;
}

/**
 * Copies and syncs, a few MB between two yields, since large objects are hundreds of MB and others are waiting.
 * A copy that was begun before is replaced. The caller compares what was read with what should have been there.
 * @throws DiodeError E_DISK, E_DISK_FULL
 */
export function* copyWithZeroPreamble(disk: Disk, from: string, to: string): Generator<void, CopiedFile> {
  disk.remove(to);
  const source = disk.open(from, 'read');
  try {
    const target = disk.open(to, 'create');
    try {
      const [sourceHash, hash] = [createHash('sha256'), createHash('sha256')];
      const buffer = new Uint8Array(stepBytes);
      for (let offset = 0; ; ) {
        const read = source.readAt(buffer, offset);
        if (read === 0) break;
        const part = buffer.subarray(0, read);
        sourceHash.update(part);
        if (offset === 0) part.fill(0, 0, preambleBytes);
        hash.update(part);
        target.writeAt(part, offset);
        offset += read;
        yield;
      }
      target.sync();
      return { sourceSha256: sourceHash.digest('hex'), sha256: hash.digest('hex') };
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}
