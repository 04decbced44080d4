/**
 * Raises on the high side what is wrong on the low one, where nobody may be looking: its alarms, what it rejected,
 * and its queue and spool above their marks. All of it comes in the beacon, and each says "low side: …".
 */
import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import { errorCatalogue, isErrorCode } from '../../shared/errors.ts';
import type { Beacon } from '../../shared/wire/beacon.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

export interface LowSideMarks {
  /** The oldest thing in the queue waits for so long. */
  readonly queueAgeMs: number;
  /** The spool's share of its disk, with what is free. */
  readonly spoolPercent: number;
  /** An alarm about rejected files stands until none was rejected for so long. */
  readonly rejectedMs: number;
}

export class LowSideAlarms {
  readonly #ledger: ReceiverLedger;
  readonly #clock: Clock;
  readonly #alarms: Alarms;
  readonly #marks: LowSideMarks;
  /** Subjects that stand, by sender. */
  readonly #standing = new Map<string, Set<string>>();
  readonly #rejectedAtMs = new Map<string, number>();

  constructor(options: { ledger: ReceiverLedger; clock: Clock; alarms: Alarms; lowSide: LowSideMarks }) {
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#alarms = options.alarms;
    this.#marks = options.lowSide;
  }

  beaconCame(beacon: Beacon): void {
    const wrong = new Map<string, string>();
    for (const code of beacon.alarms) {
      const meaning = isErrorCode(code) ? errorCatalogue[code].meaning : 'a code of another release.';
      wrong.set(code, `low side: ${meaning}`);
    }
    this.#rejected(beacon, wrong);
    this.#marksPassed(beacon, wrong);
    const before = this.#standing.get(beacon.senderId) ?? new Set();
    for (const subject of before)
      if (!wrong.has(subject)) this.#alarms.clear('E_LOW_SIDE', `${beacon.senderId} ${subject}`);
    for (const [subject, detail] of wrong)
      this.#alarms.raise('E_LOW_SIDE', `${beacon.senderId} ${subject}`, detail);
    this.#standing.set(beacon.senderId, new Set(wrong.keys()));
  }

  #rejected({ senderId, rejected }: Beacon, wrong: Map<string, string>): void {
    const now = this.#clock.monotonicMs();
    const before = this.#ledger.told.rejected(senderId);
    for (const { code, count } of rejected) {
      if (!isErrorCode(code)) continue;
      const key = `${senderId} ${code}`;
      const counted = before.get(code) ?? 0;
      // A sender that was set back counts less: that is no news.
      if (count !== counted) this.#ledger.told.saveRejected(senderId, code, count);
      if (count > counted) this.#rejectedAtMs.set(key, now);
      const atMs = this.#rejectedAtMs.get(key);
      if (atMs === undefined || now - atMs >= this.#marks.rejectedMs) continue;
      wrong.set(
        `rejected ${code}`,
        `low side: ${count} rejected or refused, ${errorCatalogue[code].meaning}`,
      );
    }
  }

  #marksPassed(beacon: Beacon, wrong: Map<string, string>): void {
    const { queueAgeMs, spoolPercent } = this.#marks;
    const { queuedObjects, oldestQueuedMs, spoolBytes, spoolFreeBytes } = beacon;
    if (queuedObjects > 0 && oldestQueuedMs >= queueAgeMs) {
      const minutes = Math.round(oldestQueuedMs / 60_000);
      wrong.set(
        'queue',
        `low side: ${queuedObjects} objects in the queue, the oldest for ${minutes} minutes`,
      );
    }
    const percent = (100 * spoolBytes) / Math.max(1, spoolBytes + spoolFreeBytes);
    if (percent >= spoolPercent) wrong.set('spool', `low side: the spool is ${Math.round(percent)} % full`);
  }
}
