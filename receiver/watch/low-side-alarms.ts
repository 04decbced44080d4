/**
 * Raises alarms on the high side for what is wrong on the low side, where nobody may be looking: its alarms, what it rejected,
 * and its queue and spool above their marks. All of it comes in the beacon, and each says "low side: …".
 */

import type { Clock } from '../../shared/clock.ts';
import { countText } from '../../shared/console/quantities.ts';
import { errorCatalogue, isErrorCode } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import { type Severity, severityOf } from '../../shared/program/alarm-severity.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Beacon } from '../../shared/wire/beacon.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

export interface LowSideMarks {
  /** How long the oldest entry of the queue may wait. */
  readonly queueAgeMs: number;
  /** The spool's share of its disk, with what is free. */
  readonly spoolPercent: number;
  /** An alarm about rejected files stays until none was rejected for this long. */
  readonly rejectedMs: number;
}

export interface LowSideAlarmsOptions {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly lowSide: LowSideMarks;
  /** As for the watch of senders. */
  readonly silenceMs: number;
}

/** How late the beacon of a sender may be read after a start. */
const slackMs = 120_000;

interface Wrong {
  readonly detail: string;
  readonly severity: Severity;
}

export class LowSideAlarms {
  readonly #ledger: ReceiverLedger;
  readonly #clock: Clock;
  readonly #desk: AlarmDesk;
  readonly #marks: LowSideMarks;
  /** Subjects of current alarms, by sender. */
  readonly #standing = new Map<string, Set<string>>();
  readonly #rejectedAtMs = new Map<string, number>();

  constructor(options: LowSideAlarmsOptions) {
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    // A sender says all of it again with its first beacon; a silent sender is an alarm itself.
    this.#desk = options.alarms.desk('low side', { settleMs: options.silenceMs + slackMs });
    this.#marks = options.lowSide;
  }

  beaconCame(beacon: Beacon): void {
    const before = this.#standing.get(beacon.senderId) ?? this.#ofEarlierLife(beacon.senderId);
    const wrong = new Map<string, Wrong>();
    for (const code of beacon.alarms) {
      const meaning = isErrorCode(code) ? errorCatalogue[code].meaning : 'a code of another version.';
      const severity = isErrorCode(code) ? severityOf(code) : 'warning';
      wrong.set(code, { detail: `low side: ${meaning}`, severity });
    }
    this.#rejected(beacon, wrong);
    this.#marksPassed(beacon, wrong);
    for (const subject of before)
      if (!wrong.has(subject)) this.#desk.clear('E_LOW_SIDE', `${beacon.senderId} ${subject}`);
    for (const [subject, { detail, severity }] of wrong)
      this.#desk.raise('E_LOW_SIDE', `${beacon.senderId} ${subject}`, detail, severity, beacon.senderId);
    this.#standing.set(beacon.senderId, new Set(wrong.keys()));
  }

  /** A sender that is out of use has no more problems. */
  senderRetired(senderId: string): void {
    for (const subject of this.#standing.get(senderId) ?? this.#ofEarlierLife(senderId))
      this.#desk.clear('E_LOW_SIDE', `${senderId} ${subject}`);
    this.#standing.delete(senderId);
    for (const key of this.#rejectedAtMs.keys())
      if (key.startsWith(`${senderId} `)) this.#rejectedAtMs.delete(key);
  }

  /** Alarms about a sender from before the start. How long nothing was rejected is counted again from the start. */
  #ofEarlierLife(senderId: string): Set<string> {
    const own = `${senderId} `;
    const subjects = this.#desk
      .standing()
      .flatMap(({ subject }) => (subject.startsWith(own) ? subject.slice(own.length) : []));
    for (const subject of subjects) {
      const [, code] = /^rejected (\w+)$/.exec(subject) ?? [];
      if (code !== undefined) this.#rejectedAtMs.set(`${senderId} ${code}`, this.#clock.monotonicMs());
    }
    return new Set(subjects);
  }

  #rejected({ senderId, rejected }: Beacon, wrong: Map<string, Wrong>): void {
    const now = this.#clock.monotonicMs();
    const before = this.#ledger.senderReports.rejected(senderId);
    for (const { code, count } of rejected) {
      if (!isErrorCode(code)) continue;
      const key = `${senderId} ${code}`;
      const counted = before.get(code) ?? 0;
      // A sender that was set back counts less: nothing new.
      if (count !== counted) this.#ledger.senderReports.saveRejected(senderId, code, count);
      if (count > counted) this.#rejectedAtMs.set(key, now);
      const atMs = this.#rejectedAtMs.get(key);
      if (atMs === undefined || now - atMs >= this.#marks.rejectedMs) continue;
      const detail = `low side: ${count} rejected or refused: ${errorCatalogue[code].meaning}`;
      wrong.set(`rejected ${code}`, { detail, severity: 'warning' });
    }
  }

  #marksPassed(beacon: Beacon, wrong: Map<string, Wrong>): void {
    const { queueAgeMs, spoolPercent } = this.#marks;
    const { queuedObjects, oldestQueuedMs, spoolBytes, spoolFreeBytes } = beacon;
    if (queuedObjects > 0 && oldestQueuedMs >= queueAgeMs) {
      const minutes = Math.round(oldestQueuedMs / 60_000);
      const detail = `low side: ${countText(queuedObjects, 'object')} in the queue, the oldest for ${countText(minutes, 'minute')}`;
      wrong.set('queue', { detail, severity: 'critical' });
    }
    const percent = (100 * spoolBytes) / Math.max(1, spoolBytes + spoolFreeBytes);
    if (percent < spoolPercent) return;
    wrong.set('spool', {
      detail: `low side: the spool is ${Math.round(percent)} % full`,
      severity: 'warning',
    });
  }
}
