/** Counts passes that ended, and says of a study when it has had all that were planned. */
import type { Clock } from '../../shared/clock.ts';
import type { SenderLedger } from '../ledger/ledger.ts';

export interface PassCountOptions {
  readonly ledger: SenderLedger;
  readonly clock: Clock;
  readonly passesPlanned: number;
}

export class PassCount {
  readonly #options: PassCountOptions;

  constructor(options: PassCountOptions) {
    this.#options = options;
  }

  /** Counts one whole pass of each object; for some of them it was what a ticket asked for. */
  count(objectIds: readonly string[], resent: readonly string[]): void {
    const { ledger, clock, passesPlanned } = this.#options;
    try {
      ledger.transaction(() => {
        ledger.objects.countPasses(objectIds, resent);
        for (const study of ledger.transmitted.by(objectIds, passesPlanned))
          ledger.events.enter({ kind: 'transmitted', ...study, passes: passesPlanned }, clock.wallMs());
      });
    } catch (error) {
      ledger.transmitted.forget();
      throw error;
    }
  }
}
