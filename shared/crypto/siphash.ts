/**
 * The tag of a datagram: SipHash-2-4 over all but its last 8 bytes, little-endian in those (Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF", 2012).
 *
 * It keeps foreign data on the link out of blocks, at line rate. The authenticity of content does not depend on these
 * 64 bits; the seal of each block provides it.
 */
import { assert, present } from '../assert.ts';
import { instantiateKernel, webAssemblyPageBytes } from '../webassembly.ts';
import { at } from '../wire/datagram.ts';
import { limits } from '../wire/limits.ts';

export const tagKeyBytes = 16;
export const tagBytes = 8;

/** The key as four little-endian words: numbers, because a 64-bit argument costs an allocation. */
type KeyWords = readonly [number, number, number, number];

/** The exports of siphash.assembly.ts, for `count` datagrams at a stride. */
interface Kernel {
  write(start: number, stride: number, datagramBytes: number, count: number, ...key: KeyWords): void;
  gather(
    list: number,
    count: number,
    target: number,
    datagramBytes: number,
    sequenceAt: number,
    sequenceHigh: number,
    sequenceLow: number,
    ...key: KeyWords
  ): void;
  /** For at most 32 datagrams; bit i of the result is set if tag i is right. */
  verify(start: number, stride: number, datagramBytes: number, count: number, ...key: KeyWords): number;
}

/** A kernel and the memory it works on, as bytes. */
interface Workplace {
  readonly kernel: Kernel;
  readonly memory: WebAssembly.Memory;
}

const datagramsPerCall = 32;

/** For bytes that are elsewhere: room for one call with the longest datagrams. */
const scratchPages = Math.ceil((datagramsPerCall * limits.datagramBytesMax) / webAssemblyPageBytes);
const scratchBytes = scratchPages * webAssemblyPageBytes;

/** One per thread: no call leaves anything in it for another. */
let scratch: (Workplace & { readonly bytes: Uint8Array }) | undefined;

function threadScratch(): Workplace & { readonly bytes: Uint8Array } {
  if (scratch === undefined) {
    const memory = new WebAssembly.Memory({ initial: scratchPages, maximum: scratchPages });
    scratch = { ...workplace(memory), bytes: new Uint8Array(memory.buffer) };
  }
  return scratch;
}

function workplace(memory: WebAssembly.Memory): Workplace {
  const isShared = memory.buffer instanceof SharedArrayBuffer;
  const location = new URL(isShared ? './siphash-shared.wasm' : './siphash.wasm', import.meta.url);
  return { kernel: instantiateKernel<Kernel>(location, memory), memory };
}

/**
 * Writes and checks tags with one key. Datagrams in `memory` (which may be shared) are processed in place; others pass
 * through scratch memory. Nothing is allocated per datagram.
 */
export class DatagramTag {
  readonly #key: KeyWords;
  readonly #own: Workplace | undefined;
  readonly #scratch = threadScratch();

  /**
   * @param key 16 bytes.
   * @throws DiodeError E_INSTALLATION if the kernel was not built or does not run here.
   */
  constructor(key: Uint8Array, memory?: WebAssembly.Memory) {
    assert(key.length === tagKeyBytes, 'a SipHash key has 16 bytes');
    const words = new DataView(key.buffer, key.byteOffset, key.length);
    const word = (index: number): number => words.getUint32(4 * index, true);
    this.#key = [word(0), word(1), word(2), word(3)];
    this.#own = memory === undefined ? undefined : workplace(memory);
  }

  /** Writes the tag over all but the last 8 bytes into the last 8. */
  write(datagram: Uint8Array): void {
    this.writeMany(datagram, datagram.length, datagram.length, 1);
  }

  /** Whether the last 8 bytes are the tag over the others. Fewer than 8 bytes are not a datagram. */
  verify(datagram: Uint8Array): boolean {
    const length = datagram.length;
    if (length < tagBytes || length > limits.datagramBytesMax) return false;
    return this.#verdicts(datagram, 0, length, length, 1) === 1;
  }

  /** Writes the tags of `count` datagrams of one length; the first is at the start of `bytes`. */
  writeMany(bytes: Uint8Array, strideBytes: number, datagramBytes: number, count: number): void {
    assertDatagrams(bytes, strideBytes, datagramBytes, count);
    if (this.#own !== undefined && this.#own.memory.buffer === bytes.buffer) {
      this.#own.kernel.write(bytes.byteOffset, strideBytes, datagramBytes, count, ...this.#key);
      return;
    }
    const scratch = this.#scratch;
    const atOnce = Math.floor(scratchBytes / strideBytes);
    for (let first = 0; first < count; first += atOnce) {
      const some = Math.min(atOnce, count - first);
      const start = first * strideBytes;
      this.#copyIn(bytes, start, (some - 1) * strideBytes + datagramBytes);
      scratch.kernel.write(0, strideBytes, datagramBytes, some, ...this.#key);
      for (let index = 0; index < some; index++) {
        const tag = index * strideBytes + datagramBytes - tagBytes;
        for (let i = tag; i < tag + tagBytes; i++) bytes[start + i] = scratch.bytes[i] ?? 0;
      }
    }
  }

  /**
   * Gathers, numbers and tags datagrams. Everything is in the memory of this tag.
   *
   * @param addresses where they begin
   * @param target room for all of them, one after another
   */
  gather(addresses: Uint32Array, target: Uint8Array, datagramBytes: number, firstSequence: number): void {
    const memory = present(this.#own, 'a tag with a memory of its own').memory.buffer;
    assert(addresses.buffer === memory && target.buffer === memory, 'all lies in that memory');
    assertDatagrams(target, datagramBytes, datagramBytes, addresses.length);
    this.#own?.kernel.gather(
      addresses.byteOffset,
      addresses.length,
      target.byteOffset,
      datagramBytes,
      at.sequence,
      Math.floor(firstSequence / 2 ** 32),
      firstSequence >>> 0,
      ...this.#key,
    );
  }

  /**
   * Checks `count` datagrams of one length; the first is at the start of `bytes`. Returns how many have the right
   * tag, and writes 1 for each of these and 0 for each other into `verdicts`.
   */
  verifyMany(
    bytes: Uint8Array,
    strideBytes: number,
    datagramBytes: number,
    count: number,
    verdicts: Uint8Array,
  ): number {
    assertDatagrams(bytes, strideBytes, datagramBytes, count);
    assert(verdicts.length >= count, 'room for the verdicts');
    const atOnce = Math.min(datagramsPerCall, Math.floor(scratchBytes / strideBytes));
    let right = 0;
    for (let first = 0; first < count; first += atOnce) {
      const some = Math.min(atOnce, count - first);
      const bits = this.#verdicts(bytes, first * strideBytes, strideBytes, datagramBytes, some);
      for (let index = 0; index < some; index++) {
        const verdict = (bits >>> index) & 1;
        verdicts[first + index] = verdict;
        right += verdict;
      }
    }
    return right;
  }

  /** One call of the kernel: bit i is set if the tag of datagram i is right. */
  #verdicts(bytes: Uint8Array, start: number, stride: number, datagramBytes: number, count: number): number {
    if (this.#own !== undefined && this.#own.memory.buffer === bytes.buffer) {
      const address = bytes.byteOffset + start;
      return this.#own.kernel.verify(address, stride, datagramBytes, count, ...this.#key);
    }
    this.#copyIn(bytes, start, (count - 1) * stride + datagramBytes);
    return this.#scratch.kernel.verify(0, stride, datagramBytes, count, ...this.#key);
  }

  #copyIn(bytes: Uint8Array, start: number, length: number): void {
    const isAll = start === 0 && length === bytes.length;
    this.#scratch.bytes.set(isAll ? bytes : bytes.subarray(start, start + length));
  }
}

function assertDatagrams(bytes: Uint8Array, strideBytes: number, datagramBytes: number, count: number): void {
  assert(Number.isInteger(datagramBytes) && datagramBytes >= tagBytes, 'a datagram has room for its tag');
  assert(datagramBytes <= limits.datagramBytesMax, 'a datagram is one');
  assert(Number.isInteger(strideBytes) && strideBytes >= datagramBytes, 'datagrams do not overlap');
  assert(strideBytes <= scratchBytes, 'datagrams lie close together');
  assert(Number.isInteger(count) && count >= 0, 'a count of datagrams');
  const end = count === 0 ? 0 : (count - 1) * strideBytes + datagramBytes;
  assert(end <= bytes.length, 'the datagrams end in their buffer');
}
