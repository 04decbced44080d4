/**
 * Buffers for open blocks, reused: a fresh one for each block would cost the operating system work for every page, and
 * the garbage collector for the rest. Buffers in use and spare ones are bounded together: while many blocks wait, few
 * spares are kept.
 */

/** Sizes are multiples of this many symbols, so that blocks of nearly equal size share buffers. */
const stepSymbols = 8;
/** How much is kept while no block needs it. */
const keptBytesMax = 32e6;

export class BlockBuffers {
  readonly #symbolBytes: number;
  readonly #bytesMax: number;
  readonly #keptBytesMax: number;
  readonly #free = new Map<number, Uint8Array[]>();
  #keptBytes = 0;
  #takenBytes = 0;

  /** @param bytesMax what open blocks may use: no spares are kept beyond it */
  constructor(symbolBytes: number, bytesMax: number) {
    this.#symbolBytes = symbolBytes;
    this.#bytesMax = bytesMax;
    this.#keptBytesMax = Math.min(keptBytesMax, bytesMax / 4);
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** A buffer for at least this many symbols. It may contain data of any block. */
  take(symbols: number): Uint8Array {
    const bytes = Math.ceil(symbols / stepSymbols) * stepSymbols * this.#symbolBytes;
    this.#takenBytes += bytes;
    const buffer = this.#free.get(bytes)?.pop();
    if (buffer === undefined) {
      // Spare buffers of other sizes make way.
      if (this.#takenBytes + this.#keptBytes > this.#bytesMax) this.#forgetKept();
      return new Uint8Array(bytes);
    }
    this.#keptBytes -= bytes;
    return buffer;
  }

  /** Returns a buffer; the caller must not use it any more. */
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
