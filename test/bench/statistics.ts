/** Statistics of a few measurements, and the search for the highest rate that can be kept. */
import { assert } from '../../shared/assert.ts';

/** The value that a share (0 to 1) of all values does not exceed: the nearest rank. */
export function quantile(values: readonly number[], share: number): number {
  assert(values.length > 0, 'a quantile needs a value');
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  assert(values.length > 0, 'a median needs a value');
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** What a trial says of a rate: too high; good, try higher; good, and higher brings nothing. */
export type Verdict = 'fails' | 'keeps' | 'saturated';

export interface RateSearch {
  readonly start: number;
  readonly min: number;
  readonly max: number;
  /** Steps up and down until the verdict changes, above 1. */
  readonly factor: number;
  /** Halvings of the last step. */
  readonly refinements: number;
}

/** Trials of one search at most. */
const trialsMax = 24;

/** The highest rate found that a trial keeps, in at most 24 trials; undefined when none did. */
export async function searchHighest(
  search: RateSearch,
  trial: (rate: number) => Promise<Verdict>,
): Promise<number | undefined> {
  const { start, min, max, factor, refinements } = search;
  let good: number | undefined;
  let bad: number | undefined;
  let rate = start;
  for (let trials = 0, halvings = 0; trials < trialsMax; trials++) {
    const verdict = await trial(rate);
    if (verdict === 'saturated') return rate;
    if (verdict === 'keeps') good = rate;
    else bad = rate;
    if (good !== undefined && bad !== undefined) {
      if (halvings === refinements) break;
      halvings += 1;
      rate = Math.sqrt(good * bad);
    } else {
      const next = good === undefined ? Math.max(min, rate / factor) : Math.min(max, rate * factor);
      if (next === rate) break;
      rate = next;
    }
  }
  return good;
}
