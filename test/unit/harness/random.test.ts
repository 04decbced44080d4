import { describe, expect, it } from 'vitest';
import { nextWord, Random } from '../../harness/random.ts';

describe('nextWord', () => {
  it('gives the published values of xoshiro128** 1.1', () => {
    const state = Uint32Array.of(1, 2, 3, 4);
    const words = Array.from({ length: 10 }, () => nextWord(state));
    expect(words).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });
});

describe('Random', () => {
  it('gives the same values for the same seed, for ever', () => {
    const random = new Random(42);
    expect([random.word(), random.word(), random.word()]).toEqual([3699032467, 763843100, 437494365]);
    expect(Array.from({ length: 4 }, () => random.integer(1000))).toEqual([64, 606, 878, 243]);
    expect(Buffer.from(new Random(42).fork('a').bytes(7)).toString('hex')).toBe('e6efd79855a557');
  });

  it('gives other values for other seeds and other labels', () => {
    const words = new Set<number>();
    for (let seed = -50; seed < 50; seed++) {
      words.add(new Random(seed).word());
      words.add(new Random(seed).fork('a').word());
      words.add(new Random(seed).fork('a').fork('a').word());
    }
    expect(words.size).toBe(300);
  });

  it('forks by label, not by what was drawn before', () => {
    const drawnFrom = new Random(5);
    drawnFrom.bytes(100);
    expect(drawnFrom.fork('loss').bytes(16)).toEqual(new Random(5).fork('loss').bytes(16));
    expect(drawnFrom.fork(1).fork(2).path).toBe('/1/2');
  });

  it('spreads integers evenly and reaches both ends', () => {
    const random = new Random(1);
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 100_000; draw++) {
      const value = random.between(0, 9);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    // 27.9 is the 0.1 % point of chi-squared with 9 degrees of freedom.
    const chiSquared = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquared).toBeLessThan(27.9);
  });

  it('draws integers beyond 32 bits', () => {
    const random = new Random(1);
    const values = Array.from({ length: 1000 }, () => random.integer(2 ** 52));
    expect(Math.max(...values)).toBeGreaterThan(2 ** 51);
    expect(values.every((value) => Number.isSafeInteger(value) && value < 2 ** 52)).toBe(true);
    expect(() => random.integer(0)).toThrow();
  });

  it('fills any length, and a prefix of whole words is the same', () => {
    const long = new Random(9).bytes(19);
    for (const length of [0, 1, 2, 3, 4, 5, 8, 16]) {
      expect(new Random(9).bytes(length)).toEqual(long.slice(0, length));
    }
  });

  it('draws nothing for what is certain', () => {
    const random = new Random(3);
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
    expect(random.word()).toBe(new Random(3).word());
  });

  it('shuffles without losing an item', () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    const shuffled = new Random(3).shuffle([...items]);
    expect(shuffled).not.toEqual(items);
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(items);
  });
});
