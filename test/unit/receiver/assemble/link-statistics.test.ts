import { describe, expect, it } from 'vitest';
import { LinkStatistics } from '../../../../receiver/assemble/link-statistics.ts';

function counted(...datagrams: readonly (readonly [session: number, sequence: number, random?: number])[]) {
  const statistics = new LinkStatistics();
  for (const [session, sequence, random = 0] of datagrams) statistics.count(session, random, sequence);
  return [statistics.lost, statistics.reordered];
}

describe('losses', () => {
  it('are the sequence numbers that did not come', () => {
    expect(new LinkStatistics().lost).toBe(0);
    expect(counted([1, 0], [1, 1], [1, 5])).toEqual([3, 0]);
  });

  it('are none before the first datagram that came: a receiver may start late', () => {
    expect(counted([1, 1_000_000], [1, 1_000_002])).toEqual([1, 0]);
  });

  it('are taken back when a datagram comes late, and never fall below none', () => {
    expect(counted([1, 0], [1, 2], [1, 1])).toEqual([0, 1]);
    expect(counted([1, 0], [1, 0], [1, 0])).toEqual([0, 2]);
    expect(counted([1, 5], [1, 4], [1, 3])[0]).toBe(0);
  });

  it('add up over sessions, and a replayed older session changes nothing', () => {
    expect(counted([1, 0], [1, 3], [2, 0], [2, 2])).toEqual([3, 0]);
    expect(counted([2, 0], [1, 0], [1, 900], [2, 1])).toEqual([0, 0]);
    expect(counted([1, 0, 7], [1, 2, 7], [1, 0, 8], [1, 1, 8])).toEqual([1, 0]);
  });
});
