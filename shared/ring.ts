/**
 * A bounded ring of datagrams between two threads: one writes, one reads, nobody locks. It is in shared
 * WebAssembly memory, so that tags are computed in place. A thread that finds nothing to do says so and is
 * woken by a message; the writer notices and counts a full ring.
 */
import { assert } from './assert.ts';
import { webAssemblyPageBytes } from './webassembly.ts';

/** What is passed to the other thread in `workerData`. */
export interface RingDescription {
  readonly memory: WebAssembly.Memory;
  /** Where the ring begins. What is before it belongs to the writer. */
  readonly address: number;
  readonly slots: number;
  readonly datagramBytes: number;
}

/** Words at the start of the ring. Positions count datagrams and wrap at 2^32, a multiple of the slots. */
const word = { published: 0, consumed: 1, readerIdle: 2, writerIdle: 3 } as const;
const controlBytes = 64;

/**
 * A ring of at least this many datagrams, rounded up to a power of two.
 * @param ownBytes memory before the ring for its writer, from which a kernel can move datagrams into the ring
 */
export function createRing(datagramBytes: number, slotsAtLeast: number, ownBytes = 0): RingDescription {
  const slots = 2 ** Math.ceil(Math.log2(slotsAtLeast));
  assert(slots >= 2 && slots * datagramBytes <= 2 ** 30, 'a ring of at most a gibibyte');
  const address = Math.ceil(ownBytes / controlBytes) * controlBytes;
  const pages = Math.ceil((address + controlBytes + slots * datagramBytes) / webAssemblyPageBytes);
  return {
    address,
    memory: new WebAssembly.Memory({ initial: pages, maximum: 65_536, shared: true }),
    slots,
    datagramBytes,
  };
}

class RingEnd {
  readonly slots: number;
  readonly datagramBytes: number;
  protected readonly control: Int32Array;
  protected readonly bytes: Uint8Array;

  constructor({ memory, address, slots, datagramBytes }: RingDescription) {
    this.slots = slots;
    this.datagramBytes = datagramBytes;
    this.control = new Int32Array(memory.buffer, address, controlBytes / 4);
    this.bytes = new Uint8Array(memory.buffer, address + controlBytes, slots * datagramBytes);
  }

  /** Consecutive slots from a position: at most `count`, fewer at the end of the ring. */
  protected regionAt(position: number, count: number): Uint8Array {
    const first = position & (this.slots - 1);
    const some = Math.min(count, this.slots - first);
    return this.bytes.subarray(first * this.datagramBytes, (first + some) * this.datagramBytes);
  }

  protected position(index: 0 | 1): number {
    return Atomics.load(this.control, index) >>> 0;
  }

  /** Datagrams that are published but not consumed. */
  protected get filled(): number {
    return (this.position(word.published) - this.position(word.consumed)) >>> 0;
  }
}

/** The writing end. */
export class RingWriter extends RingEnd {
  #published = this.position(word.published);
  readonly #wake: () => void;

  /** @param wake wakes the reader: posts it a message */
  constructor(ring: RingDescription, wake: () => void) {
    super(ring);
    this.#wake = wake;
  }

  get free(): number {
    return this.slots - this.filled;
  }

  /** Consecutive slots, beginning `ahead` of the next one: at most `count`, fewer at the end of the ring. */
  region(ahead: number, count: number): Uint8Array {
    return this.regionAt(this.#published + ahead, count);
  }

  /** Hands the next `count` slots to the reader. */
  publish(count: number): void {
    assert(count <= this.free, 'only free slots are published');
    this.#published = (this.#published + count) >>> 0;
    Atomics.store(this.control, word.published, this.#published);
    if (Atomics.exchange(this.control, word.readerIdle, 0) === 1) this.#wake();
  }

  /** How many datagrams the reader has consumed, modulo 2^32. */
  get consumed(): number {
    return this.position(word.consumed);
  }

  get published(): number {
    return this.#published;
  }

  /** Asks to be woken when there is room. @returns false if there is room now */
  sleep(room: number): boolean {
    Atomics.store(this.control, word.writerIdle, 1);
    if (this.free < room) return true;
    Atomics.store(this.control, word.writerIdle, 0);
    return false;
  }
}

/** The reading end. */
export class RingReader extends RingEnd {
  #consumed = this.position(word.consumed);
  readonly #wake: () => void;

  /** @param wake wakes the writer: posts it a message */
  constructor(ring: RingDescription, wake: () => void) {
    super(ring);
    this.#wake = wake;
  }

  get available(): number {
    return this.filled;
  }

  /**
   * Consecutive datagrams, beginning `ahead` of the next one: at most `count`, fewer at the end of the ring.
   * They stay valid until they are consumed.
   */
  region(ahead: number, count: number): Uint8Array {
    return this.regionAt(this.#consumed + ahead, count);
  }

  /** Hands the next `count` datagrams to `visit`, consecutive ones together, and consumes them. */
  take(count: number, visit: (datagrams: Uint8Array) => void): void {
    for (let done = 0; done < count; ) {
      const region = this.region(0, count - done);
      visit(region);
      const some = region.length / this.datagramBytes;
      this.consume(some);
      done += some;
    }
  }

  /** Returns the next `count` slots. */
  consume(count: number): void {
    assert(count <= this.available, 'only what is there is consumed');
    this.#consumed = (this.#consumed + count) >>> 0;
    Atomics.store(this.control, word.consumed, this.#consumed);
    if (this.filled * 2 > this.slots) return;
    if (Atomics.exchange(this.control, word.writerIdle, 0) === 1) this.#wake();
  }

  /** Asks to be woken when something is published. @returns false if something is there now */
  sleep(): boolean {
    Atomics.store(this.control, word.readerIdle, 1);
    if (this.available === 0) return true;
    Atomics.store(this.control, word.readerIdle, 0);
    return false;
  }
}
