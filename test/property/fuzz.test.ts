/**
 * Goal: no input makes a part that faces somebody else throw anything but its own errors, or lose its bounds.
 * Method: a few thousand inputs of every fuzz target, from one seed; `npm run fuzz -- --minutes N` goes on from there.
 */
import { describe, expect, it } from 'vitest';
import { fuzz } from '../fuzz/fuzz-run.ts';
import type { FuzzTarget } from '../fuzz/fuzz-target.ts';
import { fuzzTargets } from '../fuzz/targets.ts';

/** Enough of each, whatever the machine: by count, so that a run is the same everywhere. */
const inputsOf: Readonly<Record<string, number>> = { association: 200, configuration: 600 };
const inputsDefault = 2000;

const bounds = { seed: 3, firstInput: 0, durationMs: 100_000, inputMsMax: Number.POSITIVE_INFINITY };

describe('a short fuzzing', () => {
  it.each(fuzzTargets.map((target) => [target.name, target] as const))(
    'of %s finds nothing',
    async (name, target) => {
      const inputsMax = inputsOf[name] ?? inputsDefault;
      const report = await fuzz(target, { ...bounds, inputsMax });
      expect(report.finds).toEqual([]);
      // Inputs that all end alike would test nothing.
      expect(Object.keys(report.endings).length).toBeGreaterThan(1);
    },
  );

  it('finds what throws anything else, and replays it by its number', async () => {
    const broken: FuzzTarget = {
      name: 'broken',
      input: (random) => random.bytes(random.integer(40)),
      run: (input) => {
        if (input[3] === 7) throw new TypeError('a byte nobody thought of');
        return 'taken';
      },
    };
    const { finds } = await fuzz(broken, { ...bounds, inputsMax: 3000 });
    expect(finds.length).toBeGreaterThan(0);
    const [find] = finds;
    const again = await fuzz(broken, { ...bounds, firstInput: find?.input ?? -1, inputsMax: 1 });
    expect(again.finds).toMatchObject([
      { input: find?.input, what: expect.stringContaining('a byte nobody thought of') },
    ]);
  });
});
