/**
 * A file of the spool as a pass reads it: only bytes that were hashed when the file was taken in. Everything else stops the
 * pass, since under one key and nonce no second content may ever go out (see shared/crypto/piece-tags.ts).
 */
import { isPiece, pieceBytes } from '../../shared/crypto/piece-tags.ts';
import type { DiskFile } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';

/** Room for pieces, of files that are read no more: one for each file would be a fresh one to the system as well. */
const spareMax = 32;
const spare: Uint8Array[] = [];

export class CheckedFile {
  readonly #file: Pick<DiskFile, 'readAt' | 'close'>;
  readonly #bytes: number;
  readonly #tags: Uint8Array;
  /** The piece that a read ended in, for the next one: a pass goes through its file in order. */
  #piece: Uint8Array | undefined;
  #pieceNumber = -1;

  /** @param tags of the file's pieces, as the ledger has them */
  constructor(file: Pick<DiskFile, 'readAt' | 'close'>, bytes: number, tags: Uint8Array) {
    this.#file = file;
    this.#bytes = bytes;
    this.#tags = tags;
  }

  /**
   * Reads into the target; fewer bytes only at the end of the file.
   * @throws DiodeError E_SPOOL_DAMAGED when these are not the bytes that were hashed
   */
  readAt(target: Uint8Array, offset: number): number {
    const end = Math.min(this.#bytes, offset + target.length);
    for (let at = offset; at < end; ) {
      const number = Math.floor(at / pieceBytes);
      const start = number * pieceBytes;
      const pieceEnd = Math.min(this.#bytes, start + pieceBytes);
      if (at === start && pieceEnd <= end) {
        this.#load(number, target.subarray(at - offset, pieceEnd - offset));
      } else {
        const piece = this.#pieceOf(number, pieceEnd - start);
        target.set(piece.subarray(at - start, Math.min(end, pieceEnd) - start), at - offset);
      }
      at = pieceEnd;
    }
    return Math.max(0, end - offset);
  }

  close(): void {
    this.#file.close();
    if (this.#piece !== undefined && spare.length < spareMax) spare.push(this.#piece);
    this.#piece = undefined;
    this.#pieceNumber = -1;
  }

  #pieceOf(number: number, length: number): Uint8Array {
    this.#piece ??= spare.pop() ?? new Uint8Array(pieceBytes);
    const piece = this.#piece.subarray(0, length);
    if (this.#pieceNumber === number) return piece;
    this.#pieceNumber = -1;
    this.#load(number, piece);
    this.#pieceNumber = number;
    return piece;
  }

  #load(number: number, target: Uint8Array): void {
    const read = this.#file.readAt(target, number * pieceBytes);
    if (read !== target.length || !isPiece(this.#tags, number, target))
      throw new DiodeError('E_SPOOL_DAMAGED', 'a file of the spool is not what was taken in');
  }
}
