/**
 * A file in the spool as a pass reads it: only bytes that were hashed when the file was taken in. Anything else stops the
 * pass, because no second content may ever go out under one key and nonce (see shared/crypto/piece-tags.ts).
 */
import { isPiece, pieceBytes } from '../../shared/crypto/piece-tags.ts';
import type { DiskFile } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';

/**
 * Windows of files that were read to the end, for reuse: a new one for each file would be fresh memory, and hundreds of
 * small files wait with their last datagrams. Few files are read at a time, one per lane.
 */
const spareMax = 4;
const spare: Uint8Array[] = [];
/** Has room for a part that begins in one piece and ends in the next; blocks of the largest datagrams need more. */
const windowBytes = 2 * pieceBytes;
const nothing = new Uint8Array(0);

export class CheckedFile {
  readonly #file: Pick<DiskFile, 'readAt' | 'close'>;
  readonly #bytes: number;
  readonly #tags: Uint8Array;
  /** What was read and compared is at its start. A pass goes through its file in order, so nothing else is needed. */
  #window: Uint8Array = nothing;
  #windowStart = 0;
  #windowEnd = 0;

  /** @param tags of the file's pieces, as the ledger has them */
  constructor(file: Pick<DiskFile, 'readAt' | 'close'>, bytes: number, tags: Uint8Array) {
    this.#file = file;
    this.#bytes = bytes;
    this.#tags = tags;
  }

  /**
   * @returns a part of the file, valid until the next part of any file is read; shorter than `length` only at the end
   * @throws DiodeError E_SPOOL_DAMAGED if these are not the bytes that were hashed
   */
  read(offset: number, length: number): Uint8Array {
    const end = Math.min(this.#bytes, offset + length);
    if (offset >= end) return nothing;
    if (offset < this.#windowStart || offset > this.#windowEnd) this.#moveTo(offset);
    if (end > this.#windowEnd) this.#extend(offset, end);
    const part = this.#window.subarray(offset - this.#windowStart, end - this.#windowStart);
    if (end === this.#bytes) this.#giveBack();
    return part;
  }

  close(): void {
    this.#file.close();
    this.#giveBack();
  }

  #giveBack(): void {
    giveBack(this.#window);
    this.#window = nothing;
    this.#moveTo(0);
  }

  #moveTo(offset: number): void {
    this.#windowStart = offset - (offset % pieceBytes);
    this.#windowEnd = this.#windowStart;
  }

  /** Reads the pieces after the window up to the one that ends at or after `end`; what is before `offset` makes room. */
  #extend(offset: number, end: number): void {
    const start = Math.min(offset, this.#windowEnd);
    const keptStart = start - this.#windowStart;
    const keptEnd = this.#windowEnd - this.#windowStart;
    const piecesEnd = Math.min(this.#bytes, Math.ceil(end / pieceBytes) * pieceBytes);
    const needed = piecesEnd - start;
    if (needed > this.#window.length) {
      const window = windowOf(needed);
      window.set(this.#window.subarray(keptStart, keptEnd));
      giveBack(this.#window);
      this.#window = window;
    } else {
      this.#window.copyWithin(0, keptStart, keptEnd);
    }
    this.#windowStart = start;
    while (this.#windowEnd < end) this.#loadNext();
  }

  /** The window never goes beyond what was compared, so a wrong piece is in no part that was returned. */
  #loadNext(): void {
    const pieceEnd = Math.min(this.#bytes, this.#windowEnd + pieceBytes);
    const target = this.#window.subarray(this.#windowEnd - this.#windowStart, pieceEnd - this.#windowStart);
    const read = this.#file.readAt(target, this.#windowEnd);
    if (read !== target.length || !isPiece(this.#tags, this.#windowEnd / pieceBytes, target))
      throw new DiodeError('E_SPOOL_DAMAGED', 'a file in the spool is not what was taken in');
    this.#windowEnd = pieceEnd;
  }
}

function windowOf(bytes: number): Uint8Array {
  const index = spare.findIndex((window) => window.length >= bytes);
  const [window] = index < 0 ? [] : spare.splice(index, 1);
  return window ?? new Uint8Array(Math.max(windowBytes, Math.ceil(bytes / pieceBytes) * pieceBytes));
}

/** A window too small for the blocks of this link is replaced by a larger one. */
function giveBack(window: Uint8Array): void {
  if (window.length === 0) return;
  spare.push(window);
  if (spare.length > spareMax) spare.sort((a, b) => b.length - a.length).pop();
}
