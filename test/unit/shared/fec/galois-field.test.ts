import { expect, it } from 'vitest';
import {
  exponential,
  groupOrder,
  logarithm,
  multiply,
  productTables,
  twiddleTable,
} from '../../../../shared/fec/galois-field.ts';

/** Multiplication from its definition: polynomials over GF(2), reduced by 0x11D. */
function multiplyPolynomials(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) if ((b >> bit) & 1) product ^= a << bit;
  for (let bit = 14; bit >= 8; bit--) if ((product >> bit) & 1) product ^= 0x11d << (bit - 8);
  return product;
}

const elements = Array.from({ length: 256 }, (_, element) => element);

it('multiplies as the definition does', () => {
  for (const a of elements) for (const b of elements) expect(multiply(a, b)).toBe(multiplyPolynomials(a, b));
});

it('takes logarithms and powers back and forth, also beyond the order of the group', () => {
  for (const a of elements.slice(1)) {
    expect(exponential(logarithm(a))).toBe(a);
    expect(exponential(logarithm(a) - 3 * groupOrder)).toBe(a);
    expect(multiply(a, exponential(-logarithm(a)))).toBe(1);
  }
});

it('splits every product into those of two nibbles', () => {
  const products = productTables();
  for (const a of elements) {
    for (const b of elements) {
      const low = products[a * 32 + (b & 15)] ?? -1;
      const high = products[a * 32 + 16 + (b >> 4)] ?? -1;
      expect(low ^ high).toBe(multiply(a, b));
    }
  }
});

it('gives the transform a factor that is constant on the first half of a block and one more on the second', () => {
  const twiddles = twiddleTable();
  for (let level = 0; level < 8; level++) {
    const half = 2 ** level;
    const vanishing = (x: number): number => {
      let product = 1;
      for (let i = 0; i < half; i++) product = multiply(product, x ^ i);
      return product;
    };
    for (const x of elements) {
      const twiddle = twiddles[level * 128 + Math.floor(x / (2 * half))] ?? -1;
      const isSecondHalf = (x & half) !== 0;
      expect(vanishing(x)).toBe(multiply(vanishing(half), isSecondHalf ? twiddle ^ 1 : twiddle));
    }
  }
});
