/**
 * Buffers of open blocks, used again and again: a fresh one for each block would cost the operating system's work for
 * every page of it, and the collector's for the rest. What blocks have and what is kept for the next ones is bounded
 * together: where many blocks wait, little is kept beside them.
 */

/** Sizes are whole multiples of so many symbols, so that blocks of nearly equal size share buffers. */
const stepSymbols = 8;
/** What is kept while no block needs it. */
const keptBytesMax = 32e6;

export class BlockBuffers {
  readonly #symbolBytes: number;
  readonly #bytesMax: number;
  readonly #keptBytesMax: number;
  readonly #free = new Map<number, Uint8Array[]>();
  #keptBytes = 0;
  #takenBytes = 0;

  /** @param bytesMax what open blocks may have: nothing is kept beyond it */
  constructor(symbolBytes: number, bytesMax: number) {
    this.#symbolBytes = symbolBytes;
    this.#bytesMax = bytesMax;
    this.#keptBytesMax = Math.min(keptBytesMax, bytesMax / 4);
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** A buffer for at least so many symbols. What is in it is of any block. */
  take(symbols: number): Uint8Array {
    const bytes = Math.ceil(symbols / stepSymbols) * stepSymbols * this.#symbolBytes;
    this.#takenBytes += bytes;
    const buffer = this.#free.get(bytes)?.pop();
    if (buffer === undefined) {
      // What blocks of other sizes left makes way.
      if (this.#takenBytes + this.#keptBytes > this.#bytesMax) this.#forgetKept();
      return new Uint8Array(bytes);
    }
    this.#keptBytes -= bytes;
    return buffer;
  }

  /** Gives a buffer back; the caller does not use it any more. */
  give(buffer: Uint8Array): void {
    this.#takenBytes -= buffer.length;
    const keptBytes = this.#keptBytes + buffer.length;
    if (keptBytes > this.#keptBytesMax || this.#takenBytes + keptBytes > this.#bytesMax) return;
    let free = this.#free.get(buffer.length);
    if (free === undefined) {
      free = [];
      this.#free.set(buffer.length, free);
    }
    free.push(buffer);
    this.#keptBytes += buffer.length;
  }

  #forgetKept(): void {
    this.#free.clear();
    this.#keptBytes = 0;
  }
}
