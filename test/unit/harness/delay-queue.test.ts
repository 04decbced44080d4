import { describe, expect, it } from 'vitest';
import { DelayQueue } from '../../harness/delay-queue.ts';
import { Random } from '../../harness/random.ts';

describe('DelayQueue', () => {
  it('gives items when they are due, soonest first, equals in their order', () => {
    const random = new Random(1);
    for (let round = 0; round < 50; round++) {
      const queue = new DelayQueue<string>(1000);
      const items = Array.from({ length: random.integer(200) }, (_, number) => ({
        atMs: random.integer(20),
        number,
      }));
      for (const { atMs, number } of items) queue.push(`${atMs} ${number}`, atMs);
      const taken: string[] = [];
      for (let nowMs = -1; nowMs < 20; nowMs++) {
        for (let item = queue.takeDue(nowMs); item !== undefined; item = queue.takeDue(nowMs)) {
          expect(item.startsWith(`${nowMs} `)).toBe(true);
          taken.push(item);
        }
        expect(queue.nextMs ?? Number.POSITIVE_INFINITY).toBeGreaterThan(nowMs);
      }
      const expected = items.toSorted((a, b) => a.atMs - b.atMs || a.number - b.number);
      expect(taken).toEqual(expected.map(({ atMs, number }) => `${atMs} ${number}`));
    }
  });

  it('is bounded', () => {
    const queue = new DelayQueue<number>(2);
    expect([queue.push(1, 1), queue.push(2, 2), queue.push(3, 0)]).toEqual([true, true, false]);
    expect(queue.takeDue(9)).toBe(1);
    expect(queue.length).toBe(1);
    expect(queue.push(3, 0)).toBe(true);
    expect(queue.takeDue(9)).toBe(3);
  });
});
