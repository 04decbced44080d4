/** One alarm for each study and reason that something of it is held for; it is cleared when nothing is any more. */
import type { Alarms } from '../../shared/alarms.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

/** Alarms are bounded; what is held beyond that is in `quarantine list`. */
const alarmsMax = 500;
/** Waits that end by themselves. */
const quiet: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['E_SCAN_WAITING']);

export class HoldAlarms {
  readonly #ledger: ReceiverLedger;
  readonly #alarms: Alarms;
  readonly #raised = new Map<string, { readonly code: ErrorCode; readonly studyUid: string }>();

  constructor(ledger: ReceiverLedger, alarms: Alarms) {
    this.#ledger = ledger;
    this.#alarms = alarms;
  }

  /** Compares what is held with the alarms. Call it every second or so, and first at the start. */
  watch(): void {
    const standing = new Set<string>();
    for (const { code, studyUid } of this.#ledger.holds.standing(alarmsMax)) {
      if (quiet.has(code)) continue;
      const key = `${code} ${studyUid}`;
      standing.add(key);
      this.#raised.set(key, { code, studyUid });
      this.#alarms.raise(code, studyUid);
    }
    for (const [key, { code, studyUid }] of this.#raised) {
      if (standing.has(key)) continue;
      this.#raised.delete(key);
      this.#alarms.clear(code, studyUid);
    }
  }
}
