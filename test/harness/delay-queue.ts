/**
 * Things that are due later, soonest first, those due at the same time in the order they came: a binary heap.
 */
import { assert, present } from '../../shared/assert.ts';

interface Waiting<T> {
  readonly item: T;
  readonly atMs: number;
  readonly sequence: number;
}

export class DelayQueue<T> {
  readonly #heap: Waiting<T>[] = [];
  readonly #capacity: number;
  #sequence = 0;

  /** Has at most `capacity` items. */
  constructor(capacity: number) {
    assert(capacity >= 1, 'a queue has at least one item');
    this.#capacity = capacity;
  }

  get length(): number {
    return this.#heap.length;
  }

  /** When the next item is due; undefined when nothing waits. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  /** False, and nothing taken, when the queue is full. */
  push(item: T, atMs: number): boolean {
    if (this.#heap.length >= this.#capacity) return false;
    const waiting = { item, atMs, sequence: this.#sequence++ };
    let index = this.#heap.length;
    this.#heap.push(waiting);
    while (index > 0) {
      const parentIndex = (index - 1) >>> 1;
      const parent = present(this.#heap[parentIndex], 'a parent is in the heap');
      if (!isSooner(waiting, parent)) break;
      this.#heap[index] = parent;
      index = parentIndex;
    }
    this.#heap[index] = waiting;
    return true;
  }

  /** Takes the next item that is due at `nowMs`, or gives undefined. */
  takeDue(nowMs: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    const last = present(this.#heap.pop(), 'a heap with a first has a last');
    if (this.#heap.length > 0) this.#sink(last);
    return first.item;
  }

  #sink(waiting: Waiting<T>): void {
    let index = 0;
    for (;;) {
      const leftIndex = 2 * index + 1;
      const left = this.#heap[leftIndex];
      if (left === undefined) break;
      const right = this.#heap[leftIndex + 1];
      const takesRight = right !== undefined && isSooner(right, left);
      const child = takesRight ? right : left;
      if (!isSooner(child, waiting)) break;
      this.#heap[index] = child;
      index = takesRight ? leftIndex + 1 : leftIndex;
    }
    this.#heap[index] = waiting;
  }
}

function isSooner<T>(one: Waiting<T>, other: Waiting<T>): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence);
}
