/**
 * A source block that is being collected. Source symbols lie at their place; repair symbols lie beside
 * them, whatever pass they came from. Any k distinct symbols are enough.
 */
import { assert } from '../../shared/assert.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { BlockBuffers } from './block-buffers.ts';
import type { CollectedSymbols } from './kept-state.ts';

const repairSymbolsAtFirst = 32;
const nothing = new Uint8Array(0);

export class OpenBlock {
  readonly blockNumber: number;
  readonly sourceSymbols: number;
  /** Counts up with every datagram: the block that waited longest leaves first. */
  touchedAt = 0;
  readonly #symbolBytes: number;
  readonly #buffers: BlockBuffers;
  #source: Uint8Array;
  readonly #seen = new Uint8Array(limits.encodingSymbolsMax);
  readonly #repairEsis: number[] = [];
  #repair: Uint8Array = nothing;
  #sourceSeen = 0;

  constructor(blockNumber: number, sourceSymbols: number, symbolBytes: number, buffers: BlockBuffers) {
    assert(sourceSymbols >= 1 && sourceSymbols <= limits.sourceSymbolsMax, 'k within bounds');
    this.blockNumber = blockNumber;
    this.sourceSymbols = sourceSymbols;
    this.#symbolBytes = symbolBytes;
    this.#buffers = buffers;
    this.#source = buffers.take(sourceSymbols);
  }

  /** Bytes of memory the block holds. */
  get heldBytes(): number {
    return this.#source.length + this.#repair.length;
  }

  /** Whether k distinct symbols are there. */
  get decodable(): boolean {
    return this.#sourceSeen + this.#repairEsis.length >= this.sourceSymbols;
  }

  /** Source symbols that repair symbols stand in for. */
  get missingSymbols(): number {
    return this.sourceSymbols - this.#sourceSeen;
  }

  /** Copies a symbol in. @returns false when it is there already */
  add(encodingSymbolId: number, symbol: Uint8Array): boolean {
    assert(
      encodingSymbolId < limits.encodingSymbolsMax && symbol.length === this.#symbolBytes,
      'a checked symbol',
    );
    if (this.#seen[encodingSymbolId] === 1) return false;
    this.#seen[encodingSymbolId] = 1;
    if (encodingSymbolId < this.sourceSymbols) {
      this.#source.set(symbol, encodingSymbolId * this.#symbolBytes);
      this.#sourceSeen += 1;
      return true;
    }
    const start = this.#repairEsis.length * this.#symbolBytes;
    if (start + symbol.length > this.#repair.length) this.#growRepair();
    this.#repair.set(symbol, start);
    this.#repairEsis.push(encodingSymbolId);
    return true;
  }

  /** A copy of what is there, to be kept outside memory. */
  collected(): CollectedSymbols {
    const encodingSymbolIds: number[] = [];
    for (let esi = 0; esi < this.sourceSymbols; esi += 1)
      if (this.#seen[esi] === 1) encodingSymbolIds.push(esi);
    const symbols = new Uint8Array((encodingSymbolIds.length + this.#repairEsis.length) * this.#symbolBytes);
    for (const [index, esi] of encodingSymbolIds.entries()) {
      const start = esi * this.#symbolBytes;
      symbols.set(this.#source.subarray(start, start + this.#symbolBytes), index * this.#symbolBytes);
    }
    const repairBytes = this.#repairEsis.length * this.#symbolBytes;
    symbols.set(this.#repair.subarray(0, repairBytes), encodingSymbolIds.length * this.#symbolBytes);
    return { encodingSymbolIds: [...encodingSymbolIds, ...this.#repairEsis], symbols };
  }

  /** Adds what was kept. */
  addCollected({ encodingSymbolIds, symbols }: CollectedSymbols): void {
    for (const [index, esi] of encodingSymbolIds.entries()) {
      const start = index * this.#symbolBytes;
      this.add(esi, symbols.subarray(start, start + this.#symbolBytes));
    }
  }

  /** Gives the memory back: the block, and what {@link decode} gave, are not used any more. */
  release(): void {
    this.#buffers.give(this.#source);
    if (this.#repair.length > 0) this.#buffers.give(this.#repair);
    this.#source = nothing;
    this.#repair = nothing;
  }

  /** The k source symbols, one behind the other. Repairs what is missing; call when decodable. */
  decode(code: ErasureCode): Uint8Array {
    assert(this.decodable, 'k symbols are there');
    const missing: number[] = [];
    for (let esi = 0; esi < this.sourceSymbols; esi += 1) if (this.#seen[esi] !== 1) missing.push(esi);
    if (missing.length > 0) {
      const area = { offsetBytes: 0, strideBytes: this.#symbolBytes };
      code.reconstruct(
        { sourceSymbols: this.sourceSymbols, symbolBytes: this.#symbolBytes },
        { ...area, bytes: this.#source },
        missing,
        this.#repairEsis.slice(0, missing.length),
        { ...area, bytes: this.#repair },
      );
    }
    return this.#source.subarray(0, this.sourceSymbols * this.#symbolBytes);
  }

  #growRepair(): void {
    const symbols = Math.min(
      limits.encodingSymbolsMax - this.sourceSymbols,
      Math.max(repairSymbolsAtFirst, this.#repairEsis.length * 2),
    );
    const larger = this.#buffers.take(symbols);
    larger.set(this.#repair);
    if (this.#repair.length > 0) this.#buffers.give(this.#repair);
    this.#repair = larger;
  }
}
