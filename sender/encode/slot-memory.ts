/**
 * The memory that the encoding thread works in: slots for open blocks, followed by the ring into which their datagrams go.
 * It is one buffer, whatever the erasure engine, so that one kernel call moves datagrams from slots to ring.
 */
import { assert } from '../../shared/assert.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { simdEngineBytes } from '../../shared/fec/simd-engine.ts';
import type { RingDescription } from '../../shared/ring.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { transmissionBytes } from './transmission.ts';

/** The most datagrams that are moved to the ring at once. */
export const gatheredMax = 256;
const alignment = 64;

/** Total allocation: slots and a list of addresses, with room to align each. */
export function slotMemoryBytes(parameters: LinkParameters, openBlocks: number): number {
  return transmissionBytes(parameters, openBlocks) + 4 * gatheredMax + 2 ** 16;
}

/** The memory to allocate before the ring, including room for an engine that works in it. */
export function memoryBeforeRing(parameters: LinkParameters, openBlocks: number): number {
  return simdEngineBytes(slotMemoryBytes(parameters, openBlocks));
}

export class SlotMemory {
  /** The whole memory, including the ring. */
  readonly bytes: Uint8Array;
  /** Room for a list of addresses in it. */
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
    // An engine that uses this memory knows which part of it is free.
    if (this.#code.memory === this.#ring.memory) return this.#code.allocate(byteLength);
    const start = this.#end;
    this.#end = Math.ceil((start + byteLength) / alignment) * alignment;
    assert(this.#end <= this.#ring.address, 'there is memory enough before the ring');
    return this.bytes.subarray(start, start + byteLength);
  }
}
