// AssemblyScript, not TypeScript: compiled to WebAssembly by build.mjs, once for a memory of its own thread and once
// for a shared one. Used by siphash.ts alone, which checks every bound.
//
// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) over datagrams of one length at a
// constant stride: over all but the last 8 bytes, compared with or written into those.

/** Writes the tag of each of `count` datagrams. The key is four little-endian words. */
export function write(
  start: usize, stride: usize, datagramBytes: usize, count: u32, key0: u32, key1: u32, key2: u32, key3: u32,
): void {
  const k0 = join(key0, key1), k1 = join(key2, key3);
  const messageBytes = datagramBytes - 8;
  for (let index: u32 = 0; index < count; index++) {
    const datagram = start + <usize>index * stride;
    store<u64>(datagram + messageBytes, hash(datagram, messageBytes, k0, k1));
  }
}

/** Compares the tag of each of at most 32 datagrams: bit i of the result is set when that of datagram i is right. */
export function verify(
  start: usize, stride: usize, datagramBytes: usize, count: u32, key0: u32, key1: u32, key2: u32, key3: u32,
): u32 {
  const k0 = join(key0, key1), k1 = join(key2, key3);
  const messageBytes = datagramBytes - 8;
  let right: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    const datagram = start + <usize>index * stride;
    // All 64 bits at once: the time does not tell how many of them are right.
    const isRight = load<u64>(datagram + messageBytes) == hash(datagram, messageBytes, k0, k1);
    right |= u32(isRight) << index;
  }
  return right;
}

/**
 * Brings `count` datagrams from where the u32 addresses in `list` say to one place, one behind the other, numbers them
 * from `sequence` on and writes their tags. The tag waits for itself at each word, so that the copy costs nothing.
 */
export function gather(
  list: usize, count: u32, target: usize, datagramBytes: usize, sequenceAt: usize, sequenceHigh: u32, sequenceLow: u32,
  key0: u32, key1: u32, key2: u32, key3: u32,
): void {
  const k0 = join(key0, key1), k1 = join(key2, key3);
  const messageBytes = datagramBytes - 8;
  let sequence = join(sequenceLow, sequenceHigh);
  for (let index: u32 = 0; index < count; index++) {
    const source = <usize>load<u32>(list + (<usize>index << 2));
    store<u64>(source + sequenceAt, bswap<u64>(sequence));
    const copy = target + <usize>index * datagramBytes;
    store<u64>(copy + messageBytes, hashAndCopy(source, copy, messageBytes, k0, k1));
    sequence++;
  }
}

/** Copies whole words: of the last one what is behind the message is where the tag goes. */
function hashAndCopy(message: usize, copy: usize, bytes: usize, k0: u64, k1: u64): u64 {
  let v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d;
  let v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
  const whole = bytes & ~7;
  for (let i: usize = 0; i <= whole + 16; i += 8) {
    let word: u64 = 0;
    if (i < whole) {
      word = load<u64>(message + i);
      store<u64>(copy + i, word);
    } else if (i == whole) {
      word = load<u64>(message + i);
      store<u64>(copy + i, word);
      word = lastWord(word, bytes);
    } else if (i == whole + 8) v2 ^= 0xff;
    v3 ^= word;
    v0 += v1; v2 += v3; v1 = rotl<u64>(v1, 13) ^ v0; v3 = rotl<u64>(v3, 16) ^ v2; v0 = rotl<u64>(v0, 32);
    v2 += v1; v0 += v3; v1 = rotl<u64>(v1, 17) ^ v2; v3 = rotl<u64>(v3, 21) ^ v0; v2 = rotl<u64>(v2, 32);
    v0 += v1; v2 += v3; v1 = rotl<u64>(v1, 13) ^ v0; v3 = rotl<u64>(v3, 16) ^ v2; v0 = rotl<u64>(v0, 32);
    v2 += v1; v0 += v3; v1 = rotl<u64>(v1, 17) ^ v2; v3 = rotl<u64>(v3, 21) ^ v0; v2 = rotl<u64>(v2, 32);
    v0 ^= word;
  }
  return v0 ^ v1 ^ v2 ^ v3;
}

/** Reads up to 7 bytes behind the message, which are those of the tag, and leaves them out. */
function hash(message: usize, bytes: usize, k0: u64, k1: u64): u64 {
  let v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d;
  let v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
  const whole = bytes & ~7;
  // Two rounds each time: for each whole word, for the last word, and twice more for the four closing rounds.
  for (let i: usize = 0; i <= whole + 16; i += 8) {
    let word: u64 = 0;
    if (i < whole) word = load<u64>(message + i);
    else if (i == whole) word = lastWord(load<u64>(message + i), bytes);
    else if (i == whole + 8) v2 ^= 0xff;
    v3 ^= word;
    v0 += v1; v2 += v3; v1 = rotl<u64>(v1, 13) ^ v0; v3 = rotl<u64>(v3, 16) ^ v2; v0 = rotl<u64>(v0, 32);
    v2 += v1; v0 += v3; v1 = rotl<u64>(v1, 17) ^ v2; v3 = rotl<u64>(v3, 21) ^ v0; v2 = rotl<u64>(v2, 32);
    v0 += v1; v2 += v3; v1 = rotl<u64>(v1, 13) ^ v0; v3 = rotl<u64>(v3, 16) ^ v2; v0 = rotl<u64>(v0, 32);
    v2 += v1; v0 += v3; v1 = rotl<u64>(v1, 17) ^ v2; v3 = rotl<u64>(v3, 21) ^ v0; v2 = rotl<u64>(v2, 32);
    v0 ^= word;
  }
  return v0 ^ v1 ^ v2 ^ v3;
}

/** The bytes of the message that fill no whole word, and its length in the highest byte. */
function lastWord(word: u64, bytes: usize): u64 {
  const kept = ((<u64>1) << (<u64>(bytes & 7) << 3)) - 1;
  return (word & kept) | (<u64>bytes << 56);
}

function join(low: u32, high: u32): u64 {
  return (<u64>high << 32) | <u64>low;
}
