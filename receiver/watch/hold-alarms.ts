/**
 * One alarm for each study and reason for which something of it is held; it is cleared when nothing is held for it any more.
 * Whatever holds an instance enters that in the ledger; this is the only owner of the alarms about it. Each sender has a
 * share of its own, so that held instances of one hide nothing of another. If much is held, each look counts the held
 * instances of some senders, and the others have the next turn.
 */

import type { ErrorCode } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import { heldLookedAt } from '../ledger/sender-account.ts';

/** Alarms of one sender are bounded; what else is held is counted, and is in `quarantine list`. */
const ofSenderMax = 50;

/** Held instances that one look counts, of whatever senders, but for one of them. */
const lookedAtMax = 5000;

/** How long after a start everything that is held was looked at. */
const settleMs = 3_600_000;

interface Raised {
  readonly code: ErrorCode;
  /** Undefined if it is about several. */
  readonly studyUid: string | undefined;
  readonly subject: string;
  readonly detail?: string;
  readonly senderId: string;
}

export class HoldAlarms {
  readonly #ledger: ReceiverLedger;
  readonly #desk: AlarmDesk;
  readonly #raised = new Map<string, Raised>();
  /** What is held of each sender, as of the last look. The one whose turn is next comes first. */
  readonly #held = new Map<string, ReturnType<ReceiverLedger['senderAccount']['held']>>();

  constructor(ledger: ReceiverLedger, alarms: Alarms) {
    this.#ledger = ledger;
    this.#desk = alarms.desk('quarantine', { settleMs });
  }

  /** Compares what is held with the alarms. Call it every second or so, and first at the start. */
  watch(): void {
    const isComplete = this.#look();
    const standing = new Map(this.#standing().map((raised) => [`${raised.code} ${raised.subject}`, raised]));
    for (const [key, { code, subject }] of this.#raised) {
      if (standing.has(key)) continue;
      this.#raised.delete(key);
      this.#desk.clear(code, subject);
    }
    if (isComplete) this.#endOfEarlierLife(standing);
    for (const [key, raised] of standing) {
      const { code, studyUid, subject, senderId } = raised;
      const known = this.#raised.get(key);
      const detail = raised.detail ?? (known === undefined ? this.#whose(code, studyUid) : known.detail);
      this.#raised.set(key, { ...raised, ...(detail !== undefined && { detail }) });
      this.#desk.raise(code, subject, detail, undefined, senderId);
      // Before a start it may have been the only one.
      if (studyUid !== undefined && subject !== studyUid) this.#desk.clear(code, studyUid);
    }
  }

  /** What stood before a start, and is not held any more. */
  #endOfEarlierLife(standing: ReadonlyMap<string, Raised>): void {
    for (const { code, subject } of this.#desk.standing())
      if (!standing.has(`${code} ${subject}`)) this.#desk.clear(code, subject);
  }

  /** @returns whether all of them are known */
  #look(): boolean {
    const { senderAccount } = this.#ledger;
    const holding = senderAccount.holding();
    for (const senderId of this.#held.keys()) if (!holding.includes(senderId)) this.#held.delete(senderId);
    // A sender that was not looked at yet comes first.
    const inTurn = [...holding.filter((senderId) => !this.#held.has(senderId)), ...this.#held.keys()];
    let lookedAt = 0;
    for (const senderId of inTurn) {
      const cost = senderAccount.heldCost(senderId);
      if (lookedAt > 0 && lookedAt + cost > lookedAtMax) break;
      lookedAt += cost;
      this.#held.delete(senderId);
      this.#held.set(senderId, senderAccount.held(senderId, ofSenderMax));
    }
    return holding.every((senderId) => this.#held.has(senderId));
  }

  #standing(): Raised[] {
    const ofSenders = [...this.#held].map(([senderId, held]) => ({ senderId, ...held })).sort(bySender);
    const senders = new Map<string, Set<string>>();
    for (const { senderId, some } of ofSenders)
      for (const { studyUid } of some)
        senders.set(studyUid, (senders.get(studyUid) ?? new Set()).add(senderId));
    return ofSenders.flatMap(({ senderId, some, count }) => {
      const raised: Raised[] = some.map(({ code, studyUid }) => ({
        code,
        studyUid,
        // Two senders may have a study with the same UID.
        subject: (senders.get(studyUid)?.size ?? 0) > 1 ? `${studyUid} of ${senderId}` : studyUid,
        senderId,
      }));
      const [last] = some.slice(-1);
      if (last === undefined || count <= some.length) return raised;
      const more = `${count - some.length} ${count >= heldLookedAt ? 'or more' : 'more'}`;
      const detail = `and ${more} are held: see diode-receiver quarantine list`;
      return [
        ...raised,
        { code: last.code, studyUid: undefined, subject: `more of ${senderId}`, detail, senderId },
      ];
    });
  }

  /** Which senders are involved, if several are. */
  #whose(code: ErrorCode, studyUid: string | undefined): string | undefined {
    const ofSeveral = code === 'E_CONFLICT' || code === 'E_PATIENT_MISMATCH';
    return ofSeveral && studyUid !== undefined ? this.#ledger.holds.whose(studyUid, code) : undefined;
  }
}

function bySender(a: { readonly senderId: string }, b: { readonly senderId: string }): number {
  return a.senderId < b.senderId ? -1 : 1;
}
