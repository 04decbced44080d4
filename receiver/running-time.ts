/**
 * How long the receiver has run in all its lives. What is kept or tried again for so long is counted on this clock: it
 * never goes back, does not jump, and stands still while nothing runs.
 */
import type { Clock } from '../shared/clock.ts';
import type { Deliveries } from './deliveries.ts';

/** What a stop in the wrong moment loses of it at most. */
const saveIntervalMs = 60_000;

export class RunningTime {
  readonly #store: Deliveries;
  readonly #clock: Clock;
  readonly #offsetMs: number;
  #savedMs: number;

  constructor(store: Deliveries, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#savedMs = store.savedRunningMs();
    this.#offsetMs = this.#savedMs - clock.monotonicMs();
  }

  nowMs(): number {
    return this.#offsetMs + this.#clock.monotonicMs();
  }

  /** Call it every second or so. */
  keep(): void {
    if (this.nowMs() - this.#savedMs >= saveIntervalMs) this.save();
  }

  save(): void {
    this.#savedMs = this.nowMs();
    this.#store.saveRunningMs(this.#savedMs);
  }
}
