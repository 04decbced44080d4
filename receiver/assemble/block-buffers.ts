/**
 * Buffers of open blocks, used again and again: a fresh one for each block would cost the operating system's work for
 * every page of it, and the collector's for the rest. What is kept for the next block is bounded.
 */

/** Sizes are whole multiples of so many symbols, so that blocks of nearly equal size share buffers. */
const stepSymbols = 8;

export class BlockBuffers {
  readonly #symbolBytes: number;
  readonly #keptBytesMax: number;
  readonly #free = new Map<number, Uint8Array[]>();
  #keptBytes = 0;

  /** @param keptBytesMax what is kept while no block needs it */
  constructor(symbolBytes: number, keptBytesMax: number) {
    this.#symbolBytes = symbolBytes;
    this.#keptBytesMax = keptBytesMax;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** A buffer for at least so many symbols. What is in it is of any block. */
  take(symbols: number): Uint8Array {
    const bytes = Math.ceil(symbols / stepSymbols) * stepSymbols * this.#symbolBytes;
    const buffer = this.#free.get(bytes)?.pop();
    if (buffer === undefined) return new Uint8Array(bytes);
    this.#keptBytes -= bytes;
    return buffer;
  }

  /** Gives a buffer back; the caller does not use it any more. */
  give(buffer: Uint8Array): void {
    if (this.#keptBytes + buffer.length > this.#keptBytesMax) return;
    let free = this.#free.get(buffer.length);
    if (free === undefined) {
      free = [];
      this.#free.set(buffer.length, free);
    }
    free.push(buffer);
    this.#keptBytes += buffer.length;
  }
}
