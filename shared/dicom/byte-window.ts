/**
 * Bytes of a file through a small window: a structure is walked without reading what is between its headers.
 * The window grows during sequential reads and shrinks on a jump, so a 4 GiB file costs a few KiB per jump.
 */
import { readSync } from 'node:fs';
import { AssertionFailure } from '../assert.ts';
import { DiodeError } from '../errors.ts';

/**
 * Reads `length` bytes at `offset`; fewer only at the end. The result is valid until the next call.
 * May throw what the file system throws.
 */
export type ReadAt = (offset: number, length: number) => Uint8Array;

/** Reads an open file: {@link ReadAt} over `fs.readSync`, with a buffer of its own for each call. */
export function readAtDescriptor(descriptor: number): ReadAt {
  return (offset, length) => {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const count = readSync(descriptor, buffer, filled, length - filled, offset + filled);
      if (count === 0) break;
      filled += count;
    }
    return buffer.subarray(0, filled);
  };
}

const windowBytesMin = 1024;
const windowBytesMax = 65_536;

export interface ByteWindowOptions {
  /** Bytes the window may read in all; beyond it `locate` answers `undefined`. Default: no bound. */
  readonly readBytesMax?: number;
}

/**
 * A view of bytes that are not all in memory. `locate` loads a range and says where in `view` and `bytes` it is.
 */
export class ByteWindow {
  /** Total length, such as that of a file; Infinity if it is not known yet. */
  readonly totalBytes: number;
  bytes: Uint8Array;
  view: DataView;
  /** Set when a read failed: the reader's own DiodeError, or E_FILE_READ. */
  failure: DiodeError | undefined;
  #start = 0;
  /** Doubled before it is used. */
  #nextBytes = 2048;
  #budgetBytes: number;
  readonly #readAt: ReadAt | undefined;

  private constructor(totalBytes: number, bytes: Uint8Array, readAt?: ReadAt, budgetBytes = Infinity) {
    this.totalBytes = totalBytes;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#readAt = readAt;
    this.#budgetBytes = budgetBytes;
  }

  /** The first bytes of something `totalBytes` long; nothing beyond them can be located. */
  static ofPrefix(prefix: Uint8Array, totalBytes: number): ByteWindow {
    return new ByteWindow(totalBytes, prefix.subarray(0, Math.min(prefix.byteLength, totalBytes)));
  }

  /** A whole file, through its reader. */
  static ofFile(readAt: ReadAt, totalBytes: number, options: ByteWindowOptions = {}): ByteWindow {
    return new ByteWindow(totalBytes, new Uint8Array(0), readAt, options.readBytesMax ?? Infinity);
  }

  /** Index of `offset` in `view` and `bytes`, with `length` bytes (at most 65536) after it; otherwise undefined. */
  locate(offset: number, length: number): number | undefined {
    const index = offset - this.#start;
    if (index >= 0 && index + length <= this.bytes.byteLength) return index;
    return this.#fill(offset, length) ? 0 : undefined;
  }

  /** A copy of a range of any length; undefined if `locate` returns that. */
  copy(offset: number, length: number): Uint8Array | undefined {
    const copied = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const step = Math.min(length - done, windowBytesMax);
      const at = this.locate(offset + done, step);
      if (at === undefined) return undefined;
      copied.set(this.bytes.subarray(at, at + step), done);
      done += step;
    }
    return copied;
  }

  #fill(offset: number, length: number): boolean {
    if (this.#readAt === undefined || offset + length > this.totalBytes || length > windowBytesMax)
      return false;
    const end = this.#start + this.bytes.byteLength;
    const adjoins = end === 0 || (offset >= this.#start && offset <= end);
    this.#nextBytes = adjoins ? Math.min(this.#nextBytes * 2, windowBytesMax) : windowBytesMin;
    const wanted = Math.min(Math.max(this.#nextBytes, length), this.totalBytes - offset);
    if (wanted > this.#budgetBytes) return false;
    this.#budgetBytes -= wanted;
    let bytes: Uint8Array;
    try {
      bytes = this.#readAt(offset, wanted);
    } catch (cause) {
      if (cause instanceof AssertionFailure) throw cause;
      this.failure =
        cause instanceof DiodeError ? cause : new DiodeError('E_FILE_READ', undefined, { cause });
      return false;
    }
    if (bytes.byteLength < length) {
      this.failure = new DiodeError('E_FILE_READ', 'the file became shorter after it was opened');
      return false;
    }
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#start = offset;
    return true;
  }
}
