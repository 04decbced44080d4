/**
 * The steps of a calibration: a ladder of rates, climbed several times. Nobody can tell the sender which of them arrived, so
 * the ladder stands beforehand; only what the sender itself can't keep cuts it off.
 */
import { assert } from '../../shared/assert.ts';
import { limits } from '../../shared/wire/limits.ts';
import { wireTimeMs } from '../../shared/wire/wire-time.ts';

/** From one rate to the next: fine enough that 0.8 of the highest clean one wastes no more than that. */
const rungFactor = 1.25;

/** Rates in kilobits a second from `from` to `to`, each 1.25 of the one before; `to` is the last one. */
export function ladderRates(fromKilobitsPerSecond: number, toKilobitsPerSecond: number): number[] {
  assert(fromKilobitsPerSecond >= 1 && fromKilobitsPerSecond <= toKilobitsPerSecond, 'a ladder goes up');
  const rates: number[] = [];
  // The last two would be nearly alike without the margin.
  for (let rate = fromKilobitsPerSecond; rate * 1.05 < toKilobitsPerSecond; rate *= rungFactor)
    rates.push(Math.round(rate));
  return [...rates, Math.round(toKilobitsPerSecond)];
}

/** Datagrams of a step that takes so long. */
export function stepDatagrams(rateKilobitsPerSecond: number, seconds: number, datagramBytes: number): number {
  const count = Math.round((seconds * 1000) / wireTimeMs(datagramBytes, rateKilobitsPerSecond / 1000));
  return Math.min(limits.calibrationDatagramsMax, Math.max(1, count));
}

export interface LadderStep {
  readonly step: number;
  readonly rateKilobitsPerSecond: number;
}

export class Ladder {
  /** As planned. */
  readonly steps: number;
  #rates: readonly number[];
  #roundsLeft: number;
  #rung = 0;
  #step = 0;
  #wasKept = true;

  constructor(rates: readonly number[], rounds: number) {
    assert(rates.length >= 1 && rounds >= 1, 'a ladder has a rung');
    assert(rates.length * rounds <= limits.calibrationStepsMax, 'steps within their limit');
    this.steps = rates.length * rounds;
    this.#rates = rates;
    this.#roundsLeft = rounds;
  }

  /** The step at hand; undefined when all are done. */
  get current(): LadderStep | undefined {
    const rate = this.#rates[this.#rung];
    if (this.#roundsLeft === 0 || rate === undefined) return undefined;
    return { step: this.#step, rateKilobitsPerSecond: rate };
  }

  /**
   * The step at hand is done. What lies above two rates in a row that the sender did not keep is left out from now on:
   * one alone was a pause of the host, and not yet its limit.
   */
  done(wasKept: boolean): void {
    if (!wasKept && !this.#wasKept) this.#rates = this.#rates.slice(0, this.#rung + 1);
    this.#wasKept = wasKept;
    this.#step += 1;
    this.#rung += 1;
    if (this.#rung < this.#rates.length) return;
    this.#rung = 0;
    this.#wasKept = true;
    this.#roundsLeft -= 1;
  }
}
