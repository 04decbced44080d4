/**
 * The memory that the encoding thread works in: slots of open blocks, and behind them the ring into which their
 * datagrams go. It is one, whatever the erasure engine, so that one kernel brings datagrams from here to there.
 */
import { assert } from '../../shared/assert.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { simdEngineBytes } from '../../shared/fec/simd-engine.ts';
import type { RingDescription } from '../../shared/ring.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { transmissionBytes } from './transmission.ts';

/** Datagrams that are brought to the ring at once, at most. */
export const gatheredMax = 256;
const alignment = 64;

/** What is allocated in all: slots and a list of addresses, with room to align each. */
export function slotMemoryBytes(parameters: LinkParameters, openBlocks: number): number {
  return transmissionBytes(parameters, openBlocks) + 4 * gatheredMax + 2 ** 16;
}

/** The memory to make before the ring: also an engine that works in it has room. */
export function memoryBeforeRing(parameters: LinkParameters, openBlocks: number): number {
  return simdEngineBytes(slotMemoryBytes(parameters, openBlocks));
}

export class SlotMemory {
  /** All of the memory, ring and all. */
  readonly bytes: Uint8Array;
  /** For a list of addresses in it. */
  readonly addresses: Uint32Array;
  readonly #ring: RingDescription;
  readonly #code: ErasureCode;
  #end = 0;

  constructor(ring: RingDescription, code: ErasureCode) {
    this.#ring = ring;
    this.#code = code;
    this.bytes = new Uint8Array(ring.memory.buffer);
    const list = this.allocate(4 * gatheredMax);
    this.addresses = new Uint32Array(list.buffer, list.byteOffset, gatheredMax);
  }

  allocate(byteLength: number): Uint8Array {
    // An engine that lives in this memory knows what of it is free.
    if (this.#code.memory === this.#ring.memory) return this.#code.allocate(byteLength);
    const start = this.#end;
    this.#end = Math.ceil((start + byteLength) / alignment) * alignment;
    assert(this.#end <= this.#ring.address, 'there is memory enough before the ring');
    return this.bytes.subarray(start, start + byteLength);
  }
}
