/**
 * Randomness from a seed, the same on every machine: xoshiro128** 1.1 (Blackman and Vigna,
 * prng.di.unimi.it), integer arithmetic only. For tests and models; never for keys.
 */
import { assert, present } from '../../shared/assert.ts';

/** One step of xoshiro128** 1.1: changes the four state words (not all zero), gives the next 32-bit word. */
export function nextWord(state: Uint32Array): number {
  const a = state[0] ?? 0;
  const b = state[1] ?? 0;
  const c = state[2] ?? 0;
  const d = state[3] ?? 0;
  const product = Math.imul(b, 5);
  const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
  const mixedC = c ^ a;
  const mixedD = d ^ b;
  state[0] = a ^ mixedD;
  state[1] = b ^ mixedC;
  state[2] = mixedC ^ (b << 9);
  state[3] = (mixedD << 11) | (mixedD >>> 21);
  return result;
}

/** MurmurHash3 (32 bit, over UTF-16 units): spreads a text into a state word. */
function hashText(text: string, start: number): number {
  let hash = start;
  for (let index = 0; index < text.length; index++) {
    const block = Math.imul(text.charCodeAt(index), 0xcc9e2d51);
    hash ^= Math.imul((block << 15) | (block >>> 17), 0x1b873593);
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A stream of random values. Two streams of the same seed and path give the same values for ever. */
export class Random {
  /** The labels that led here from the seed; with the seed it names this stream. */
  readonly path: string;
  readonly #seed: number;
  readonly #state: Uint32Array;

  constructor(seed: number, path = '') {
    assert(Number.isSafeInteger(seed), 'a seed is an integer below 2^53');
    this.path = path;
    this.#seed = seed;
    const name = `${seed}${path}`;
    const words = [0x243f6a88, 0x85a308d3, 0x13198a2e].map((start) => hashText(name, start));
    // The last word is never zero: xoshiro must not start from all zeroes.
    this.#state = Uint32Array.from([...words, hashText(name, 0x03707344) | 1]);
  }

  /** A 32-bit word, 0 to 2^32 - 1. */
  word(): number {
    return nextWord(this.#state);
  }

  /** A number in [0, 1) with 53 random bits. */
  next(): number {
    const high = nextWord(this.#state) >>> 5;
    return (high * 2 ** 26 + (nextWord(this.#state) >>> 6)) / 2 ** 53;
  }

  /** An integer in [0, limit). The bias is below limit / 2^53. */
  integer(limit: number): number {
    assert(Number.isSafeInteger(limit) && limit > 0, 'integer() needs a limit of at least 1');
    return Math.floor(this.next() * limit);
  }

  /** An integer from `first` to `last`, both included. */
  between(first: number, last: number): number {
    return first + this.integer(last - first + 1);
  }

  /** True with this probability; draws nothing at 0 and below or at 1 and above. */
  chance(probability: number): boolean {
    if (probability <= 0) return false;
    return probability >= 1 || this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    assert(choices.length > 0, 'pick() needs a choice');
    return present(choices[this.integer(choices.length)], 'an index below the length');
  }

  /** Puts the items in random order, in place (Fisher and Yates). */
  shuffle<T>(items: T[]): T[] {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      const swapped = items[last] as T;
      items[last] = items[other] as T;
      items[other] = swapped;
    }
    return items;
  }

  /** Random bytes, each word little endian whatever the machine. */
  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    this.fill(bytes);
    return bytes;
  }

  /** Overwrites `bytes` with random bytes. */
  fill(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const wholeWords = bytes.byteLength & ~3;
    for (let offset = 0; offset < wholeWords; offset += 4) view.setUint32(offset, this.word(), true);
    if (wholeWords === bytes.byteLength) return;
    const last = this.word();
    for (let offset = wholeWords; offset < bytes.byteLength; offset++) {
      bytes[offset] = last >>> (8 * (offset - wholeWords));
    }
  }

  /**
   * A stream of its own, named by `label`. It depends on the seed and the labels only, not on what was drawn
   * before: a new draw in one part of a test changes nothing in another. The same label gives the same stream.
   */
  fork(label: string | number): Random {
    return new Random(this.#seed, `${this.path}/${label}`);
  }
}
