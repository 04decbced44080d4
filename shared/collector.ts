/**
 * How V8 collects garbage in the programs that run for years.
 *
 * node:crypto returns each opened or sealed part in a new buffer outside the heap, and the socket each message. Of these
 * V8 lets 64 MB gather, then marks the whole heap to find that they are dropped: by itself a little at a time, with four
 * threads beside the one that works, which took 1 s of processor time a GB in the receiver's assembling thread, and in one
 * go 0.2. To look at what is young alone, more often, takes a tenth of that, and less memory.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** So much may be dropped before it is collected. */
const droppedBytesMax = 12e6;
/** And so much of what is old by then: V8 itself waits for four times as much. */
const droppedLargeBytesMax = 16e6;

/** A heap that grew by less is not looked at. */
const grownBytesMin = 16e6;
/** A collection is followed by a rest of so many times what it took: a large heap must not be looked at all the time. */
const restFactor = 20;

/** By so much the heap of a thread grows, beyond what was in use, before it is collected; by itself V8 takes up to 300. */
const growingPercent = 50;

/**
 * Lets the collector mark the heap in one go, and often enough that what waits for it is half of what is in use at most;
 * and keeps the room for what is young as small as it begins. Call it before any work; it counts for all threads.
 */
export function prepareCollector(): void {
  setFlagsFromString('--no-incremental-marking');
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
  keepYoungRoom();
}

/**
 * Keeps the room for what is young as large as it is in each thread: by itself it grows to 32 MB in each, for a heap of 10.
 * V8 takes this back whenever it makes the heap of a thread.
 */
export function keepYoungRoom(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** Collects the buffers that a thread uses once, as it goes on. */
export class UsedBuffers {
  readonly #bytesMax: number;
  readonly #collect: () => void;
  readonly #nowMs: () => number;
  #bytes = 0;
  #restUntilMs = 0;

  constructor(
    collect: () => void = collectionOfYoung(),
    bytesMax = droppedBytesMax,
    nowMs = () => performance.now(),
  ) {
    this.#collect = collect;
    this.#bytesMax = bytesMax;
    this.#nowMs = nowMs;
  }

  /** So many bytes more went through buffers that are dropped by now. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#bytesMax) return;
    const beganMs = this.#nowMs();
    // Until then what is dropped is V8's to find, which waits for 64 MB.
    if (beganMs < this.#restUntilMs) return;
    this.#bytes = 0;
    this.#collect();
    const endedMs = this.#nowMs();
    this.#restUntilMs = endedMs + restFactor * (endedMs - beganMs);
  }
}

/**
 * Collects what is old as well when the heap of a thread has grown to twice what was in use: collecting the young often
 * makes old what is dropped a little later, and V8 does not look at that by itself (92 MB for 8 in the encoding thread).
 */
export class GrownHeap {
  readonly #collect: () => void;
  readonly #usedBytes: () => number;
  #bytesMax: number;

  constructor(
    collect: () => void = collection('major'),
    usedBytes = () => getHeapStatistics().used_heap_size,
  ) {
    this.#collect = collect;
    this.#usedBytes = usedBytes;
    this.#bytesMax = usedBytes() + grownBytesMin;
  }

  look(): void {
    if (this.#usedBytes() < this.#bytesMax) return;
    this.#collect();
    const inUse = this.#usedBytes();
    this.#bytesMax = inUse + Math.max(grownBytesMin, inUse);
  }
}

function collectionOfYoung(): () => void {
  const collect = collection('minor');
  const heap = new GrownHeap();
  return () => {
    collect();
    heap.look();
  };
}

/** The same for large ones that are in use for so long that they are old: the whole heap is looked at, and less often. */
export function usedLargeBuffers(): UsedBuffers {
  return new UsedBuffers(collection('major'), droppedLargeBytesMax);
}

/** For a thread that keeps no buffers: collects when so much is outside its heap that it must be what was dropped. */
export function collectorOfLargeBuffers(collect: () => void = collection('major')): () => void {
  return () => {
    if (getHeapStatistics().external_memory > droppedLargeBytesMax) collect();
  };
}

/** V8's own, which a context made under this flag has; where it does not, V8 collects as it likes. */
function collection(type: 'minor' | 'major'): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('globalThis.gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect !== 'function') return () => {};
  // With any argument Node 20 takes what is young alone.
  return type === 'minor' ? () => collect({ type }) : () => collect();
}
