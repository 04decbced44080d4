/**
 * A source block that is being collected. Any k distinct symbols are enough, whatever pass they came from, so it has room
 * for only k: a source symbol is stored at its place, and a repair symbol at the place of a missing source symbol. If that
 * one comes after all, the repair symbol moves elsewhere.
 */
import { assert } from '../../shared/assert.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { BlockBuffers } from './block-buffers.ts';
import type { CollectedSymbols } from './kept-state.ts';
import type { Linked } from './recency-list.ts';

const nothing = new Uint8Array(0);
/** After one byte for each encoding symbol id: what is at each place, an encoding symbol id or nothing. */
const places = limits.encodingSymbolsMax;
/** A value that is no encoding symbol's id. */
const noSymbol = limits.encodingSymbolsMax;

export class OpenBlock implements Linked<OpenBlock> {
  readonly blockNumber: number;
  readonly sourceSymbols: number;
  /** Among its sender's blocks the one that waited longest leaves first. */
  older: OpenBlock | undefined;
  newer: OpenBlock | undefined;
  /** The number of its object in the table of open objects; negative until it is listed there. */
  objectSlot = -1;
  readonly #symbolBytes: number;
  readonly #buffers: BlockBuffers;
  #memory: Uint8Array;
  /** Which symbols have arrived, followed by where each is. One buffer for both. */
  readonly #seen: Uint8Array;
  #sourceSeen = 0;
  #repairSeen = 0;
  /** No place before it is free. */
  #firstFree = 0;

  constructor(blockNumber: number, sourceSymbols: number, symbolBytes: number, buffers: BlockBuffers) {
    assert(sourceSymbols >= 1 && sourceSymbols <= limits.sourceSymbolsMax, 'k within bounds');
    this.blockNumber = blockNumber;
    this.sourceSymbols = sourceSymbols;
    this.#symbolBytes = symbolBytes;
    this.#buffers = buffers;
    this.#seen = new Uint8Array(places + sourceSymbols).fill(noSymbol, places);
    this.#memory = buffers.take(sourceSymbols);
  }

  /** Bytes of memory the block uses. */
  get usedBytes(): number {
    return this.#memory.length;
  }

  /** Whether k distinct symbols are there. */
  get decodable(): boolean {
    return this.#sourceSeen + this.#repairSeen >= this.sourceSymbols;
  }

  /** Source symbols replaced by repair symbols. */
  get missingSymbols(): number {
    return this.sourceSymbols - this.#sourceSeen;
  }

  /** Copies a symbol in. @returns false if it is already there, or if k are: then there is no room for more */
  add(encodingSymbolId: number, symbol: Uint8Array): boolean {
    assert(
      encodingSymbolId < limits.encodingSymbolsMax && symbol.length === this.#symbolBytes,
      'a checked symbol',
    );
    if (this.#seen[encodingSymbolId] === 1 || this.decodable) return false;
    this.#seen[encodingSymbolId] = 1;
    if (encodingSymbolId >= this.sourceSymbols) {
      this.#place(encodingSymbolId, this.#freePlace(), symbol);
      this.#repairSeen += 1;
      return true;
    }
    const inItsPlace = this.#placedAt(encodingSymbolId);
    if (inItsPlace !== noSymbol) this.#place(inItsPlace, this.#freePlace(), this.#at(encodingSymbolId));
    this.#place(encodingSymbolId, encodingSymbolId, symbol);
    this.#sourceSeen += 1;
    return true;
  }

  /**
   * A copy of what has arrived, to be kept outside memory.
   * @param room for k symbols: fewer have arrived
   */
  collected(room: Uint8Array): CollectedSymbols {
    const encodingSymbolIds: number[] = [];
    for (let place = 0; place < this.sourceSymbols; place += 1) {
      const esi = this.#placedAt(place);
      if (esi === noSymbol) continue;
      room.set(this.#at(place), encodingSymbolIds.length * this.#symbolBytes);
      encodingSymbolIds.push(esi);
    }
    return { encodingSymbolIds, symbols: room.subarray(0, encodingSymbolIds.length * this.#symbolBytes) };
  }

  /** Adds what was kept. */
  addCollected({ encodingSymbolIds, symbols }: CollectedSymbols): void {
    for (const [index, esi] of encodingSymbolIds.entries()) {
      const start = index * this.#symbolBytes;
      this.add(esi, symbols.subarray(start, start + this.#symbolBytes));
    }
  }

  /** Gives the memory back: the block, and what {@link decode} gave, are not used any more. */
  giveBack(): void {
    this.#buffers.give(this.#memory);
    this.#memory = nothing;
  }

  /**
   * The k source symbols, one after another. Repairs what is missing; call it when decodable.
   * @param room for repair symbols: as many as replace source symbols
   */
  decode(code: ErasureCode, room: Uint8Array): Uint8Array {
    assert(this.decodable, 'k symbols are there');
    const missing: number[] = [];
    const repairEsis: number[] = [];
    for (let place = 0; place < this.sourceSymbols; place += 1) {
      const esi = this.#placedAt(place);
      if (esi === place) continue;
      // Moved out of the way of what is reconstructed there.
      room.set(this.#at(place), missing.length * this.#symbolBytes);
      missing.push(place);
      repairEsis.push(esi);
    }
    if (missing.length > 0) {
      const area = { offsetBytes: 0, strideBytes: this.#symbolBytes };
      code.reconstruct(
        { sourceSymbols: this.sourceSymbols, symbolBytes: this.#symbolBytes },
        { ...area, bytes: this.#memory },
        missing,
        repairEsis,
        { ...area, bytes: room },
      );
    }
    return this.#memory.subarray(0, this.sourceSymbols * this.#symbolBytes);
  }

  #at(place: number): Uint8Array {
    const start = place * this.#symbolBytes;
    return this.#memory.subarray(start, start + this.#symbolBytes);
  }

  #placedAt(place: number): number {
    return this.#seen[places + place] ?? noSymbol;
  }

  #place(encodingSymbolId: number, place: number, symbol: Uint8Array): void {
    this.#memory.set(symbol, place * this.#symbolBytes);
    this.#seen[places + place] = encodingSymbolId;
  }

  /** There is a free one as long as the block is not decodable. */
  #freePlace(): number {
    while (this.#placedAt(this.#firstFree) !== noSymbol) this.#firstFree += 1;
    assert(this.#firstFree < this.sourceSymbols, 'a place is free');
    return this.#firstFree;
  }
}
