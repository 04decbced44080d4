/**
 * Running time of the studies: with each start it continues after the latest time in the ledger, so everything that an
 * earlier run recorded is in the past. Hours in which the program was not running do not count.
 */
import type { Clock } from '../../shared/clock.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

export class StudiesTime {
  /** When this run began. Anything recorded for then or before is from an earlier run. */
  readonly startedMs: number;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #offsetMs: number;

  constructor(ledger: ReceiverLedger, clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.startedMs = Math.ceil(
      Math.max(ledger.studies.latestLookAtMs(), ledger.openManifests.latestTryAtMs(), 0),
    );
    this.#offsetMs = this.startedMs - clock.monotonicMs();
  }

  nowMs(): number {
    return this.#clock.monotonicMs() + this.#offsetMs;
  }

  /** A moment of the clock in running time. */
  of(monotonicMs: number): number {
    return monotonicMs + this.#offsetMs;
  }
}
