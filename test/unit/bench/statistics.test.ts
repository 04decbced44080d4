import { describe, expect, test } from 'vitest';
import { median, quantile, searchHighest, type Verdict } from '../../bench/statistics.ts';

describe('the middle of some values', () => {
  test('is the middle one, or the mean of two', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test('a quantile is a value that was measured', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(quantile(values, 0.99)).toBe(99);
    expect(quantile(values, 1)).toBe(100);
    expect(quantile([7], 0.5)).toBe(7);
  });
});

describe('the search for the highest rate', () => {
  const search = { start: 1000, min: 10, max: 100_000, factor: 1.5, refinements: 5 };
  const below =
    (limit: number) =>
    async (rate: number): Promise<Verdict> =>
      rate <= limit ? 'keeps' : 'fails';

  test.each([12, 999, 1000, 4321, 70_000])('comes within a few percent of %d, from below', async (limit) => {
    const found = await searchHighest(search, below(limit));
    expect(found).toBeLessThanOrEqual(limit);
    expect(found).toBeGreaterThan(0.95 * limit);
  });

  test('finds nothing where nothing is kept, and stops at the bounds', async () => {
    const tried: number[] = [];
    const rate = await searchHighest(search, async (megabits) => {
      tried.push(megabits);
      return 'fails';
    });
    expect(rate).toBeUndefined();
    expect(tried.length).toBeLessThanOrEqual(24);
    expect(Math.min(...tried)).toBe(10);
    expect(await searchHighest(search, below(Infinity))).toBe(100_000);
  });

  test('does not go on where a higher rate brings nothing', async () => {
    const rate = await searchHighest(search, async (megabits) => (megabits > 2000 ? 'saturated' : 'keeps'));
    expect(rate).toBe(2250);
  });
});
