/**
 * Goal: no seed releases a wrong byte or an incomplete study, and every study ends released or named.
 * Method: 500 seeds of the link scenario; `npm run simulate` runs more, and replays one.
 */
import { describe, expect, it } from 'vitest';
import { playLinkScenario } from './link-scenario.ts';

const seedsPerTest = 50;

describe('a study crosses a lossy link', () => {
  for (let first = 1; first <= 500; first += seedsPerTest) {
    it(`seeds ${first} to ${first + seedsPerTest - 1}`, () => {
      for (let seed = first; seed < first + seedsPerTest; seed += 1) {
        try {
          playLinkScenario(seed);
        } catch (cause) {
          throw new Error(`seed ${seed} failed: npm run simulate -- --seeds 1 --first-seed ${seed}`, {
            cause,
          });
        }
      }
    });
  }

  it('replays a seed exactly', () => {
    expect(playLinkScenario(7)).toEqual(playLinkScenario(7));
  });
});
