/**
 * Goal: no seed releases a wrong byte, an incomplete study or anything twice, and every study ends released or
 * named. Method: some seeds of each scenario; `npm run simulate` plays more, and replays one.
 */
import { describe, expect, it } from 'vitest';
import { playSeed, playSeeds, type Scenario } from './scenarios.ts';

const seedsPerTest = 25;

describe.each<readonly [string, Scenario, number]>([
  ['a study crosses a lossy link', 'link', 500],
  ['everything that can fail does, then it ends', 'chaos', 250],
])('%s', (_name, scenario, seeds) => {
  for (let first = 1; first <= seeds; first += seedsPerTest) {
    it(`seeds ${first} to ${first + seedsPerTest - 1}`, () => {
      const tally = playSeeds(
        scenario,
        Array.from({ length: seedsPerTest }, (_, index) => first + index),
      );
      // A failing one again: npm run simulate -- --scenario SCENARIO --seeds 1 --first-seed SEED
      expect(tally.failures).toEqual([]);
      expect(tally.seeds).toBe(seedsPerTest);
    });
  }

  it('replays a seed exactly', () => {
    expect(playSeed(scenario, 7)).toEqual(playSeed(scenario, 7));
  });
});
