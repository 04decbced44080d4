/**
 * How V8 collects garbage in the programs that run for years.
 *
 * node:crypto returns each opened or sealed part in a new buffer outside the heap, and so does the socket with each message.
 * V8 lets 64 MB of these accumulate, then marks the whole heap to find out that they are unused. By default it does so a
 * little at a time, with four threads beside the working one, which took 1 s of processor time per GB in the receiver's
 * assembling thread; in one go it took 0.2 s. Collecting only the young generation, more often, takes a tenth of that, and
 * less memory.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How many bytes may become unused before they are collected. */
const droppedBytesMax = 12e6;
/** The same for those that have become old by then: V8 itself waits for four times as much. */
const droppedLargeBytesMax = 16e6;

/** A heap that grew by less is not collected. */
const grownBytesMin = 16e6;
/** A collection is followed by a rest of this many times its duration: a large heap must not be collected all the time. */
const restFactor = 20;

/** How far a thread's heap grows beyond what was in use before it is collected, in percent; V8's own limit is up to 300. */
const growingPercent = 50;

/**
 * Lets the collector mark the heap in one go, and often enough that garbage is at most half of what is in use; and keeps the
 * young generation as small as it starts. Call it before any work; it applies to all threads.
 */
export function prepareCollector(): void {
  setFlagsFromString('--no-incremental-marking');
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
  keepYoungRoom();
}

/**
 * Keeps each thread's young generation at its current size: otherwise it grows to 32 MB in each, for a heap of 10 MB. V8
 * resets this whenever it creates the heap of a thread.
 */
export function keepYoungRoom(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** Collects a thread's single-use buffers along the way. */
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

  /** This many more bytes went through buffers that are no longer used. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#bytesMax) return;
    const beganMs = this.#nowMs();
    // Until then V8 has to find them by itself, which waits for 64 MB.
    if (beganMs < this.#restUntilMs) return;
    this.#bytes = 0;
    this.#collect();
    const endedMs = this.#nowMs();
    this.#restUntilMs = endedMs + restFactor * (endedMs - beganMs);
  }
}

/**
 * Also collects the old generation when a thread's heap has grown to twice what was in use: frequent young collections make
 * old what becomes unused a little later, and V8 does not look at that by itself (92 MB for 8 in the encoding thread).
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

/** The same for large buffers that are used for so long that they become old: the whole heap is collected, less often. */
export function usedLargeBuffers(): UsedBuffers {
  return new UsedBuffers(collection('major'), droppedLargeBytesMax);
}

/** For a thread that keeps no buffers: collects when so much is outside its heap that it must be unused. */
export function collectorOfLargeBuffers(collect: () => void = collection('major')): () => void {
  return () => {
    if (getHeapStatistics().external_memory > droppedLargeBytesMax) collect();
  };
}

/** V8's own function, which a context created under this flag has; if it doesn't, V8 collects as it likes. */
function collection(type: 'minor' | 'major'): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('globalThis.gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect !== 'function') return () => {};
  // With any argument, Node 20 collects only the young generation.
  return type === 'minor' ? () => collect({ type }) : () => collect();
}
