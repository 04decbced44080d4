/** Goal: the ladder climbs from the first rate to the last, as often as asked for, and leaves out what the sender can't keep. */
import { describe, expect, it } from 'vitest';
import { Ladder, ladderRates, stepDatagrams } from '../../../../sender/calibrate/ladder.ts';
import { limits } from '../../../../shared/wire/limits.ts';

/** All rates in order, with what is not kept above a limit. */
function climbed(ladder: Ladder, limit = Number.POSITIVE_INFINITY): number[] {
  const rates: number[] = [];
  for (let at = ladder.current; at !== undefined; at = ladder.current) {
    expect(at.step).toBe(rates.length);
    rates.push(at.rateKilobitsPerSecond);
    ladder.done(at.rateKilobitsPerSecond <= limit);
  }
  return rates;
}

describe('the ladder', () => {
  it('goes up by a quarter each, and ends at the highest rate', () => {
    const rates = ladderRates(100_000, 10_000_000);
    expect(rates).toHaveLength(22);
    expect([rates[0], rates[1], rates.at(-1)]).toEqual([100_000, 125_000, 10_000_000]);
    expect(3 * rates.length).toBeLessThanOrEqual(limits.calibrationStepsMax);
    expect(ladderRates(500, 500)).toEqual([500]);
    expect(ladderRates(500, 510)).toEqual([510]);
  });

  it('is climbed as often as asked for', () => {
    const ladder = new Ladder([1, 2, 3], 2);
    expect(ladder.steps).toBe(6);
    expect(climbed(ladder)).toEqual([1, 2, 3, 1, 2, 3]);
  });

  it('ends at the second rate in a row that is not kept, in all rounds', () => {
    expect(climbed(new Ladder([1, 2, 3, 4, 5], 3), 2)).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
    expect(climbed(new Ladder([1, 2, 3, 4], 2), 0)).toEqual([1, 2, 1, 2]);
  });

  it('goes on after one that a pause of the host kept it from', () => {
    const ladder = new Ladder([1, 2, 3, 4], 1);
    const rates: number[] = [];
    for (let at = ladder.current; at !== undefined; at = ladder.current) {
      rates.push(at.rateKilobitsPerSecond);
      ladder.done(at.rateKilobitsPerSecond % 2 === 0);
    }
    expect(rates).toEqual([1, 2, 3, 4]);
  });

  it('has as many datagrams in a step as fit into its time, with all framing', () => {
    // 1538 bytes on the wire.
    expect(stepDatagrams(1_000_000, 1, 1472)).toBe(81_274);
    expect(stepDatagrams(100, 0.05, 8972)).toBe(1);
    expect(stepDatagrams(100_000_000, 10, 1472)).toBe(limits.calibrationDatagramsMax);
  });
});
