/**
 * A slot contains one open source block as ready datagrams: k source symbols, then this pass's repair
 * symbols, each after its header, at the stride of the datagram. Slots are in the erasure engine's own
 * memory, so that nothing is copied for encoding, and are reused.
 */
import { assert, present } from '../../shared/assert.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { at, headerBytes, tagBytes, writeSequence, writeSymbolHeader } from '../../shared/wire/datagram.ts';

/** What a filled slot sends. */
export interface OpenBlock {
  readonly blockNumber: number;
  readonly sourceSymbols: number;
  readonly repairEsis: readonly number[];
  readonly pass: number;
}

const noBlock: OpenBlock = { blockNumber: 0, sourceSymbols: 0, repairEsis: [], pass: 0 };

export class BlockSlot {
  readonly #memory: Uint8Array;
  readonly #datagramBytes: number;
  readonly #symbolsMax: number;
  /** One view per datagram, made at its first use: a new view each time would be garbage for each datagram. */
  readonly #datagrams: Uint8Array[] = [];
  #block = noBlock;
  #next = 0;

  constructor(memory: Uint8Array, datagramBytes: number) {
    this.#memory = memory;
    this.#datagramBytes = datagramBytes;
    this.#symbolsMax = Math.floor(memory.length / datagramBytes);
  }

  /** Where its memory begins in its buffer. */
  get address(): number {
    return this.#memory.byteOffset;
  }

  /** Of the block that is or was in it. */
  get repairSymbols(): number {
    return this.#block.repairEsis.length;
  }

  /** How many datagrams of the block have not been taken yet. */
  get left(): number {
    return this.#block.sourceSymbols + this.#block.repairEsis.length - this.#next;
  }

  /**
   * Lays out a block: header and payload into the source datagrams, then the repair symbols.
   * @param header the object's header, `headerBytes` long
   * @param pieces what the block consists of, in order; the rest of its last symbol is zero
   */
  fill(code: ErasureCode, header: Uint8Array, pieces: readonly Uint8Array[], block: OpenBlock): void {
    const count = block.sourceSymbols + block.repairEsis.length;
    assert(count <= this.#symbolsMax, 'a block fits its slot');
    assert(this.left === 0, 'a slot is filled when it is empty');
    const stride = this.#datagramBytes;
    const symbolBytes = stride - headerBytes - tagBytes;
    const { blockNumber, pass } = block;
    for (let symbol = 0; symbol < count; symbol += 1) {
      const datagram = this.#datagram(symbol);
      datagram.set(header);
      const encodingSymbolId =
        symbol < block.sourceSymbols ? symbol : (block.repairEsis[symbol - block.sourceSymbols] ?? 0);
      writeSymbolHeader(datagram, blockNumber, encodingSymbolId, pass);
    }
    this.#lay(pieces, block.sourceSymbols, symbolBytes);
    const source = { bytes: this.#memory, offsetBytes: at.symbol, strideBytes: stride };
    const repair = { ...source, offsetBytes: block.sourceSymbols * stride + at.symbol };
    code.encode({ sourceSymbols: block.sourceSymbols, symbolBytes }, source, block.repairEsis, repair);
    this.#block = block;
    this.#next = 0;
  }

  /** Copies out the next datagram, with its sequence number but without its tag. */
  take(target: Uint8Array, sequence: number): void {
    assert(this.left > 0, 'a slot with datagrams');
    target.set(this.#datagram(this.#next));
    writeSequence(target, sequence);
    this.#next += 1;
  }

  /** The address of the next datagram, without sequence number and tag. It stays valid until the slot is filled again. */
  takeAddress(): number {
    assert(this.left > 0, 'a slot with datagrams');
    const address = this.address + this.#next * this.#datagramBytes;
    this.#next += 1;
    return address;
  }

  #datagram(symbol: number): Uint8Array {
    for (let next = this.#datagrams.length; next <= symbol; next += 1) {
      const start = next * this.#datagramBytes;
      this.#datagrams.push(this.#memory.subarray(start, start + this.#datagramBytes));
    }
    return present(this.#datagrams[symbol], 'a view for each symbol');
  }

  #lay(pieces: readonly Uint8Array[], sourceSymbols: number, symbolBytes: number): void {
    let symbol = 0;
    let filled = 0;
    for (const { buffer, byteOffset, length: pieceBytes } of pieces) {
      // As a plain Uint8Array: slicing a Buffer takes three times as long.
      const piece = new Uint8Array(buffer, byteOffset, pieceBytes);
      let done = 0;
      while (done < piece.length) {
        const length = Math.min(piece.length - done, symbolBytes - filled);
        const start = symbol * this.#datagramBytes + at.symbol + filled;
        this.#memory.set(piece.subarray(done, done + length), start);
        done += length;
        filled += length;
        if (filled === symbolBytes) {
          symbol += 1;
          filled = 0;
        }
      }
    }
    assert(symbol < sourceSymbols || filled === 0, 'the pieces fit the block');
    for (; symbol < sourceSymbols; symbol += 1, filled = 0) {
      const start = symbol * this.#datagramBytes + at.symbol;
      this.#memory.fill(0, start + filled, start + symbolBytes);
    }
  }
}
