/** Reads all stored files again and compares them with the ledger: what both `verify` commands do. */
import { createHash } from 'node:crypto';
import { systemClock } from './clock.ts';
import { Progress } from './console/progress.ts';
import { bytesText, countText } from './console/quantities.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { DiodeError } from './errors.ts';

export interface KeptFile {
  readonly objectId: string;
  readonly path: string;
  readonly bytes: number;
  /** 32 bytes as hexadecimal */
  readonly sha256: string;
}

export type Difference = 'missing' | 'size' | 'content' | 'unreadable';

export interface VerifyResult<File extends KeptFile> {
  readonly files: number;
  readonly bytes: number;
  readonly different: readonly { readonly file: File; readonly difference: Difference }[];
}

const bufferBytes = 1 << 22;

/** What is wrong with a file, if anything. */
export function differenceOf(disk: Disk, file: KeptFile, buffer: Uint8Array): Difference | undefined {
  const facts = disk.facts(file.path);
  if (facts?.kind !== 'file') return 'missing';
  if (facts.bytes !== file.bytes) return 'size';
  try {
    const digest = createHash('sha256');
    const open = disk.open(file.path, 'read');
    try {
      let offset = 0;
      for (let read = open.readAt(buffer, 0); read > 0; read = open.readAt(buffer, offset)) {
        digest.update(buffer.subarray(0, read));
        offset += read;
      }
    } finally {
      open.close();
    }
    return digest.digest('hex') === file.sha256 ? undefined : 'content';
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    return 'unreadable';
  }
}

/**
 * Reads all files, with progress on standard error.
 * @param isStillKept asked about files that differ: they may have been removed on purpose in the meantime
 */
export function verifyFiles<File extends KeptFile>(
  files: Iterable<File>,
  total: number,
  isStillKept: (file: File) => boolean,
  disk: Disk = nodeDisk,
): VerifyResult<File> {
  const progress = new Progress(process.stderr, () => systemClock.monotonicMs());
  const buffer = new Uint8Array(bufferBytes);
  const different: { file: File; difference: Difference }[] = [];
  let [count, bytes] = [0, 0];
  for (const file of files) {
    const difference = differenceOf(disk, file, buffer);
    if (difference !== undefined && isStillKept(file)) different.push({ file, difference });
    count += 1;
    bytes += file.bytes;
    const summary = `${count} of ${countText(total, 'file')}, ${bytesText(bytes)}, ${countText(different.length, 'difference')}`;
    if (count % 16 === 0 || file.bytes > bufferBytes) progress.show({ lines: [summary], summary });
  }
  progress.clear();
  return { files: count, bytes, different };
}
