/**
 * GF(2^8) with the reducing polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11D) and the generator 2: the field of the
 * `reed-solomon-erasure` crate. Addition and subtraction are XOR.
 */

/** The order of the multiplicative group: logarithms are counted modulo this. */
export const groupOrder = 255;

const tables = buildTables();

/** `exponentials[i]` is 2^i. It covers the group twice, so that the sum of two logarithms is an index. */
export const exponentials: Uint8Array = tables.exponentials;

/** `logarithms[a]` is the i < 255 with 2^i = a. There is none for 0, and the entry must not be used. */
export const logarithms: Uint8Array = tables.logarithms;

/** The product of two field elements. */
export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  return exponentials[logarithm(a) + logarithm(b)] ?? 0;
}

/** The logarithm of a field element that is not 0. */
export function logarithm(a: number): number {
  return logarithms[a] ?? 0;
}

/** 2^i for any integer i, even a negative one. */
export function exponential(i: number): number {
  const reduced = i % groupOrder;
  return exponentials[reduced < 0 ? reduced + groupOrder : reduced] ?? 0;
}

/**
 * The products of every factor with the 16 low nibbles (0 .. 15) and the 16 high ones (0, 16, .. 240): 32 bytes per
 * factor, as SIMD lookups need them.
 */
export function productTables(): Uint8Array {
  const products = new Uint8Array(256 * 32);
  for (let factor = 0; factor < 256; factor++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      products[factor * 32 + nibble] = multiply(factor, nibble);
      products[factor * 32 + 16 + nibble] = multiply(factor, nibble << 4);
    }
  }
  return products;
}

/**
 * The factors of the additive Fourier transform over the points 0 .. 255, by level (128 each) and block: with
 * h = 2^level, s(x) the product of (x - i) over i < h, and a block the 2h points from `point`: s(point) / s(h).
 */
export function twiddleTable(): Uint8Array {
  const twiddles = new Uint8Array(8 * 128);
  for (let level = 0; level < 8; level++) {
    const half = 2 ** level;
    const vanishing = (point: number): number => {
      let sum = 0;
      for (let i = 0; i < half; i++) sum += logarithm(point ^ i);
      return sum;
    };
    // The block at 0 keeps its 0: s vanishes there.
    for (let point = 2 * half; point < 256; point += 2 * half) {
      twiddles[level * 128 + point / (2 * half)] = exponential(vanishing(point) - vanishing(half));
    }
  }
  return twiddles;
}

function buildTables(): { exponentials: Uint8Array; logarithms: Uint8Array } {
  const exponentials = new Uint8Array(2 * groupOrder);
  const logarithms = new Uint8Array(256);
  let power = 1;
  for (let i = 0; i < groupOrder; i++) {
    exponentials[i] = power;
    exponentials[i + groupOrder] = power;
    logarithms[power] = i;
    power <<= 1;
    if (power > 255) power ^= 0x11d;
  }
  return { exponentials, logarithms };
}
