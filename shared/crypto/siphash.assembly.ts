// AssemblyScript, not TypeScript: compiled to WebAssembly by build.mjs, once for a memory of its own thread and once
// for a shared one. Used by siphash.ts alone, which checks every bound.
//
// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) over datagrams of one length at a
// constant stride: over all but the last 8 bytes, compared with or written into those.

// Two datagrams are hashed at a time: each step of one waits for the step before, and the processor does the other one's
// meanwhile.

/** Writes the tag of each of `count` datagrams. The key is four little-endian words. */
export function write(
  start: usize, stride: usize, datagramBytes: usize, count: u32, key0: u32, key1: u32, key2: u32, key3: u32,
): void {
  const k0 = join(key0, key1), k1 = join(key2, key3);
  const messageBytes = datagramBytes - 8;
  for (let index: u32 = 0; index < count; index += 2) {
    const first = start + <usize>index * stride;
    const second = index + 1 < count ? first + stride : first;
    store<u64>(first + messageBytes, hashTwo(first, second, messageBytes, k0, k1));
    store<u64>(second + messageBytes, secondHash);
  }
}

/** Compares the tag of each of at most 32 datagrams: bit i of the result is set when that of datagram i is right. */
export function verify(
  start: usize, stride: usize, datagramBytes: usize, count: u32, key0: u32, key1: u32, key2: u32, key3: u32,
): u32 {
  const k0 = join(key0, key1), k1 = join(key2, key3);
  const messageBytes = datagramBytes - 8;
  let right: u32 = 0;
  for (let index: u32 = 0; index < count; index += 2) {
    const first = start + <usize>index * stride;
    const second = index + 1 < count ? first + stride : first;
    // All 64 bits at once: the time does not tell how many of them are right.
    const isFirstRight = load<u64>(first + messageBytes) == hashTwo(first, second, messageBytes, k0, k1);
    const isSecondRight = load<u64>(second + messageBytes) == secondHash;
    right |= u32(isFirstRight) << index;
    if (second != first) right |= u32(isSecondRight) << (index + 1);
  }
  return right;
}

/**
 * Brings `count` datagrams from where the u32 addresses in `list` say to one place, one behind the other, numbers them
 * from `sequence` on and writes their tags.
 */
export function gather(
  list: usize, count: u32, target: usize, datagramBytes: usize, sequenceAt: usize, sequenceHigh: u32, sequenceLow: u32,
  key0: u32, key1: u32, key2: u32, key3: u32,
): void {
  let sequence = join(sequenceLow, sequenceHigh);
  for (let index: u32 = 0; index < count; index++) {
    const copy = target + <usize>index * datagramBytes;
    memory.copy(copy, <usize>load<u32>(list + (<usize>index << 2)), datagramBytes);
    store<u64>(copy + sequenceAt, bswap<u64>(sequence));
    sequence++;
  }
  write(target, datagramBytes, datagramBytes, count, key0, key1, key2, key3);
}

/** The other result of `hashTwo`: two in one value would take SIMD, and tags are needed where there is none. */
let secondHash: u64 = 0;

/**
 * The hash of the first of two messages of one length; that of the second is in `secondHash`. Reads up to 7 bytes behind
 * them, which are those of tags, and leaves them out.
 */
// @ts-ignore: decorator
@inline function hashTwo(a: usize, b: usize, bytes: usize, k0: u64, k1: u64): u64 {
  let a0 = k0 ^ 0x736f6d6570736575, a1 = k1 ^ 0x646f72616e646f6d;
  let a2 = k0 ^ 0x6c7967656e657261, a3 = k1 ^ 0x7465646279746573;
  let b0 = a0, b1 = a1, b2 = a2, b3 = a3;
  const whole = bytes & ~7;
  // Two rounds each time: for each whole word, for the last word, and twice more for the four closing rounds.
  for (let i: usize = 0; i <= whole + 16; i += 8) {
    let wordA: u64 = 0, wordB: u64 = 0;
    if (i < whole) {
      wordA = load<u64>(a + i);
      wordB = load<u64>(b + i);
    } else if (i == whole) {
      wordA = lastWord(load<u64>(a + i), bytes);
      wordB = lastWord(load<u64>(b + i), bytes);
    } else if (i == whole + 8) {
      a2 ^= 0xff;
      b2 ^= 0xff;
    }
    a3 ^= wordA;
    b3 ^= wordB;
    a0 += a1; b0 += b1; a2 += a3; b2 += b3;
    a1 = rotl<u64>(a1, 13) ^ a0; b1 = rotl<u64>(b1, 13) ^ b0;
    a3 = rotl<u64>(a3, 16) ^ a2; b3 = rotl<u64>(b3, 16) ^ b2;
    a0 = rotl<u64>(a0, 32); b0 = rotl<u64>(b0, 32);
    a2 += a1; b2 += b1; a0 += a3; b0 += b3;
    a1 = rotl<u64>(a1, 17) ^ a2; b1 = rotl<u64>(b1, 17) ^ b2;
    a3 = rotl<u64>(a3, 21) ^ a0; b3 = rotl<u64>(b3, 21) ^ b0;
    a2 = rotl<u64>(a2, 32); b2 = rotl<u64>(b2, 32);
    a0 += a1; b0 += b1; a2 += a3; b2 += b3;
    a1 = rotl<u64>(a1, 13) ^ a0; b1 = rotl<u64>(b1, 13) ^ b0;
    a3 = rotl<u64>(a3, 16) ^ a2; b3 = rotl<u64>(b3, 16) ^ b2;
    a0 = rotl<u64>(a0, 32); b0 = rotl<u64>(b0, 32);
    a2 += a1; b2 += b1; a0 += a3; b0 += b3;
    a1 = rotl<u64>(a1, 17) ^ a2; b1 = rotl<u64>(b1, 17) ^ b2;
    a3 = rotl<u64>(a3, 21) ^ a0; b3 = rotl<u64>(b3, 21) ^ b0;
    a2 = rotl<u64>(a2, 32); b2 = rotl<u64>(b2, 32);
    a0 ^= wordA;
    b0 ^= wordB;
  }
  secondHash = b0 ^ b1 ^ b2 ^ b3;
  return a0 ^ a1 ^ a2 ^ a3;
}

/** The bytes of the message that fill no whole word, and its length in the highest byte. */
function lastWord(word: u64, bytes: usize): u64 {
  const kept = ((<u64>1) << (<u64>(bytes & 7) << 3)) - 1;
  return (word & kept) | (<u64>bytes << 56);
}

function join(low: u32, high: u32): u64 {
  return (<u64>high << 32) | <u64>low;
}
