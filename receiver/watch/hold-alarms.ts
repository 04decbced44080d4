/**
 * One alarm for each study and reason that something of it is held for; it is cleared when nothing is any more. Each
 * sender has a share of its own, so that what one holds hides nothing of another.
 */
import type { Alarms } from '../../shared/alarms.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

/** Alarms of one sender are bounded; what is held beyond that is counted, and in `quarantine list`. */
const ofSenderMax = 50;

const manyStudies = 1000;
const manyLooks = 10;

interface Raised {
  readonly code: ErrorCode;
  /** Undefined where it is about several. */
  readonly studyUid: string | undefined;
  readonly subject: string;
  readonly detail?: string;
  readonly senderId: string;
}

export class HoldAlarms {
  readonly #ledger: ReceiverLedger;
  readonly #alarms: Alarms;
  readonly #raised = new Map<string, Raised>();
  /** Looks to leave out: what takes long to count is not counted each second. */
  #leftOut = 0;

  constructor(ledger: ReceiverLedger, alarms: Alarms) {
    this.#ledger = ledger;
    this.#alarms = alarms;
  }

  /** Compares what is held with the alarms. Call it every second or so, and first at the start. */
  watch(): void {
    this.#leftOut -= 1;
    if (this.#leftOut > 0) return;
    const standing = new Map(this.#standing().map((raised) => [`${raised.code} ${raised.subject}`, raised]));
    for (const [key, { code, subject }] of this.#raised) {
      if (standing.has(key)) continue;
      this.#raised.delete(key);
      this.#alarms.clear(code, subject);
    }
    for (const [key, raised] of standing) {
      const { code, studyUid, subject, senderId } = raised;
      const known = this.#raised.get(key);
      const detail = raised.detail ?? (known === undefined ? this.#whose(code, studyUid) : known.detail);
      this.#raised.set(key, { ...raised, ...(detail !== undefined && { detail }) });
      this.#alarms.raise(code, subject, detail, undefined, senderId);
      // Who held it could not know that another sender has such a study.
      if (studyUid !== undefined && subject !== studyUid) this.#alarms.clear(code, studyUid);
    }
  }

  #standing(): Raised[] {
    const { senderAccount } = this.#ledger;
    const ofSenders = senderAccount
      .holding()
      .map((senderId) => ({ senderId, ...senderAccount.held(senderId, ofSenderMax) }));
    const studies = ofSenders.reduce((sum, { count }) => sum + count, 0);
    this.#leftOut = studies > manyStudies ? manyLooks : 0;
    const senders = new Map<string, Set<string>>();
    for (const { senderId, some } of ofSenders)
      for (const { studyUid } of some)
        senders.set(studyUid, (senders.get(studyUid) ?? new Set()).add(senderId));
    return ofSenders.flatMap(({ senderId, some, count }) => {
      const raised: Raised[] = some.map(({ code, studyUid }) => ({
        code,
        studyUid,
        // Two senders may have a study of the same UID.
        subject: (senders.get(studyUid)?.size ?? 0) > 1 ? `${studyUid} of ${senderId}` : studyUid,
        senderId,
      }));
      const [last] = some.slice(-1);
      if (last === undefined || count <= some.length) return raised;
      const detail = `and ${count - some.length} more are held: see diode-receiver quarantine list`;
      return [
        ...raised,
        { code: last.code, studyUid: undefined, subject: `more of ${senderId}`, detail, senderId },
      ];
    });
  }

  /** Which senders are in it, where several are. */
  #whose(code: ErrorCode, studyUid: string | undefined): string | undefined {
    const ofSeveral = code === 'E_CONFLICT' || code === 'E_PATIENT_MISMATCH';
    return ofSeveral && studyUid !== undefined ? this.#ledger.holds.whose(studyUid, code) : undefined;
  }
}
