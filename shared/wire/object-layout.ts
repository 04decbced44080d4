/**
 * How an object is cut into source blocks and symbols: near-equal blocks (RFC 5052 section 9.1).
 *
 * Each block ends with the authentication tag of its seal, so a block of k symbols carries
 * k x symbolBytes - 16 bytes of the object. The layout follows from object size, symbol size and the
 * largest block only; every datagram states these three, so both sides compute the same cut.
 */
import { assert } from '../assert.ts';

/** AES-GCM's tag, at the end of each block's payload. */
export const sealTagBytes = 16;

/** Source blocks of an object. */
export function blockCountOf(objectBytes: number, symbolBytes: number, maximumSourceSymbols: number): number {
  return Math.ceil(objectBytes / (maximumSourceSymbols * symbolBytes - sealTagBytes));
}

export class ObjectLayout {
  readonly objectBytes: number;
  readonly symbolBytes: number;
  readonly maximumSourceSymbols: number;
  /** Source blocks of the object. */
  readonly blockCount: number;
  /** Source symbols of the object, over all blocks. */
  readonly symbolCount: number;
  readonly #smallBlockSymbols: number;
  readonly #largeBlockCount: number;

  constructor(objectBytes: number, symbolBytes: number, maximumSourceSymbols: number) {
    assert(Number.isSafeInteger(objectBytes) && objectBytes >= 1, 'an object has at least one byte');
    assert(symbolBytes > sealTagBytes && maximumSourceSymbols >= 1, 'a block has more than its tag');
    this.objectBytes = objectBytes;
    this.symbolBytes = symbolBytes;
    this.maximumSourceSymbols = maximumSourceSymbols;
    this.blockCount = blockCountOf(objectBytes, symbolBytes, maximumSourceSymbols);
    this.symbolCount = Math.ceil((objectBytes + this.blockCount * sealTagBytes) / symbolBytes);
    this.#smallBlockSymbols = Math.floor(this.symbolCount / this.blockCount);
    this.#largeBlockCount = this.symbolCount - this.#smallBlockSymbols * this.blockCount;
    assert(this.sourceSymbols(0) <= maximumSourceSymbols, 'near-equal blocks stay within the maximum');
  }

  /** k of one block. The first blocks are one symbol larger if the cut is uneven. */
  sourceSymbols(blockNumber: number): number {
    assert(blockNumber >= 0 && blockNumber < this.blockCount, 'block number within the object');
    return this.#smallBlockSymbols + (blockNumber < this.#largeBlockCount ? 1 : 0);
  }

  /** Where a block's payload begins in the object. */
  payloadOffset(blockNumber: number): number {
    const symbolsBefore =
      this.#smallBlockSymbols * blockNumber + Math.min(blockNumber, this.#largeBlockCount);
    return Math.min(this.objectBytes, symbolsBefore * this.symbolBytes - blockNumber * sealTagBytes);
  }

  /** Bytes of the object that a block contains. The last blocks may contain less than they could. */
  payloadBytes(blockNumber: number): number {
    const capacity = this.sourceSymbols(blockNumber) * this.symbolBytes - sealTagBytes;
    return Math.min(capacity, this.objectBytes - this.payloadOffset(blockNumber));
  }
}
