/**
 * A table from object ids (16 bytes) to small numbers, without a string or an object per lookup: the
 * receiver queries it once for every datagram. Open addressing with linear probing; object ids come from a
 * keyed hash, so their first bytes are as good as any hash of them.
 */
import { assert } from '../../shared/assert.ts';
import { objectIdBytes, readUint32 } from '../../shared/wire/datagram.ts';

const empty = 0;
const removed = 1;
const occupied = 2;
const words = objectIdBytes / 4;

export class ObjectIdIndex {
  #capacity: number;
  #ids: Uint32Array;
  #values: Int32Array;
  #states: Uint8Array;
  #size = 0;
  #used = 0;

  constructor(capacity = 1024) {
    assert(Number.isInteger(Math.log2(capacity)), 'the capacity is a power of two');
    this.#capacity = capacity;
    this.#ids = new Uint32Array(capacity * words);
    this.#values = new Int32Array(capacity);
    this.#states = new Uint8Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** The number of the id at an offset, or -1. */
  find(bytes: Uint8Array, offset: number): number {
    const slot = this.#slotOf(bytes, offset);
    return slot < 0 ? -1 : (this.#values[slot] ?? -1);
  }

  /** Sets the number (0 or more) of an id. */
  set(bytes: Uint8Array, offset: number, value: number): void {
    assert(value >= 0, 'a number of the index is not negative');
    const found = this.#slotOf(bytes, offset);
    if (found >= 0) {
      this.#values[found] = value;
      return;
    }
    if ((this.#used + 1) * 4 > this.#capacity * 3) this.#rebuild();
    this.#insert(
      readUint32(bytes, offset),
      readUint32(bytes, offset + 4),
      readUint32(bytes, offset + 8),
      readUint32(bytes, offset + 12),
      value,
    );
  }

  delete(bytes: Uint8Array, offset: number): void {
    const slot = this.#slotOf(bytes, offset);
    if (slot < 0) return;
    this.#states[slot] = removed;
    this.#size -= 1;
  }

  #slotOf(bytes: Uint8Array, offset: number): number {
    const a = readUint32(bytes, offset);
    const b = readUint32(bytes, offset + 4);
    const c = readUint32(bytes, offset + 8);
    const d = readUint32(bytes, offset + 12);
    const mask = this.#capacity - 1;
    // The table is never full, so an empty slot ends the search.
    for (let slot = a & mask; this.#states[slot] !== empty; slot = (slot + 1) & mask) {
      const at = slot * words;
      if (
        this.#states[slot] === occupied &&
        this.#ids[at] === a &&
        this.#ids[at + 1] === b &&
        this.#ids[at + 2] === c &&
        this.#ids[at + 3] === d
      ) {
        return slot;
      }
    }
    return -1;
  }

  #insert(a: number, b: number, c: number, d: number, value: number): void {
    const mask = this.#capacity - 1;
    let slot = a & mask;
    while (this.#states[slot] === occupied) slot = (slot + 1) & mask;
    if (this.#states[slot] === empty) this.#used += 1;
    const at = slot * words;
    this.#ids[at] = a;
    this.#ids[at + 1] = b;
    this.#ids[at + 2] = c;
    this.#ids[at + 3] = d;
    this.#values[slot] = value;
    this.#states[slot] = occupied;
    this.#size += 1;
  }

  /** Drops removed entries, and doubles the table if that does not make enough room. */
  #rebuild(): void {
    const { ids, values, states, capacity } = {
      ids: this.#ids,
      values: this.#values,
      states: this.#states,
      capacity: this.#capacity,
    };
    this.#capacity = this.#size * 2 >= capacity ? capacity * 2 : capacity;
    this.#ids = new Uint32Array(this.#capacity * words);
    this.#values = new Int32Array(this.#capacity);
    this.#states = new Uint8Array(this.#capacity);
    this.#size = 0;
    this.#used = 0;
    for (let slot = 0; slot < capacity; slot += 1) {
      if (states[slot] !== occupied) continue;
      const at = slot * words;
      this.#insert(ids[at] ?? 0, ids[at + 1] ?? 0, ids[at + 2] ?? 0, ids[at + 3] ?? 0, values[slot] ?? 0);
    }
  }
}
