/**
 * Running time of the studies: it goes on with each start from where everything that the ledger keeps of it ends, so what
 * an earlier life noted down is past. Hours in which the program did not run are none.
 */
import type { Clock } from '../../shared/clock.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

export class StudiesTime {
  /** When this life began. What is noted down for then or before is of an earlier one. */
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
