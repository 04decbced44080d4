/** What people are told about the malware scanner: that it does not answer, what it rejects, and how much is waiting. */
import type { Clock } from '../../shared/clock.ts';
import { countText } from '../../shared/console/quantities.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';

export interface ScanBacklog {
  /** Up to the limit that was asked for. */
  readonly count: number;
  readonly oldestAtMs: number | undefined;
}

export interface ScanAlarmsOptions {
  readonly records: { scanBacklog(countMax: number): ScanBacklog };
  readonly clock: Clock;
  readonly alarms: Alarms;
}

/** The count stops here, and is not repeated more often. */
const countMax = 100_000;
const watchMs = 10_000;
/** After a start a file that the scanner rejected is tried again behind all others: its alarm stands until then. */
const refusedAgainMs = 3_600_000;
/** If something waited this long, the scanner is behind although it answers. */
const behindMs = 300_000;

export class ScanAlarms {
  readonly #options: ScanAlarmsOptions;
  readonly #desk: AlarmDesk;
  #watchAtMs = Number.NEGATIVE_INFINITY;
  /** Whether it did since the last check. */
  #hasFailed = false;
  /** Whether it gave a verdict since it last failed. */
  #hasPassed = false;
  /** The first of the failures behind the current alarm. */
  #failure: string | undefined;
  readonly #refusedOf = new Set<string>();

  constructor(options: ScanAlarmsOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('malware scan', { settleMs: { E_SCAN_REFUSED: refusedAgainMs } });
  }

  /** A scan ended without a verdict, and nobody knows whose fault it was. */
  failed(why: string): void {
    this.#hasFailed = true;
    this.#hasPassed = false;
    if (this.#failure !== undefined) return;
    this.#failure = why;
    this.#desk.raise('E_SCANNER', 'clamd', `${why}; ${this.#backlog().words}`);
  }

  /** A scan ended with a verdict. */
  passed(): void {
    this.#hasPassed = true;
  }

  /** Checks every few seconds: a scanner that fails now and then is one alarm, not many. @param refused files by sender */
  watch(refused: ReadonlyMap<string, number>): void {
    const desk = this.#desk;
    const now = this.#options.clock.monotonicMs();
    if (now < this.#watchAtMs) return;
    this.#watchAtMs = now + watchMs;
    const { count, words, waitedMs } = this.#backlog();
    if (!this.#hasFailed && (this.#hasPassed || count === 0)) {
      this.#failure = undefined;
      desk.clear('E_SCANNER', 'clamd');
    }
    if (this.#failure !== undefined) desk.raise('E_SCANNER', 'clamd', `${this.#failure}; ${words}`);
    this.#hasFailed = false;
    const isBehind = waitedMs >= behindMs;
    if (isBehind) desk.raise('E_SCAN_WAITING', 'clamd', words, 'warning');
    else desk.clear('E_SCAN_WAITING', 'clamd');
    for (const [senderId, count] of refused) {
      this.#refusedOf.add(senderId);
      desk.raise('E_SCAN_REFUSED', senderId, `the scanner rejected at least ${countText(count, 'instance')}`);
    }
    for (const senderId of this.#refusedOf) {
      if (refused.has(senderId)) continue;
      this.#refusedOf.delete(senderId);
      desk.clear('E_SCAN_REFUSED', senderId);
    }
  }

  #backlog(): { count: number; words: string; waitedMs: number } {
    const { count, oldestAtMs } = this.#options.records.scanBacklog(countMax);
    if (oldestAtMs === undefined) return { count: 0, words: 'nothing is waiting', waitedMs: 0 };
    const many = count >= countMax ? `${countMax} or more instances` : countText(count, 'instance');
    const words = `${many} waiting, the oldest since ${new Date(oldestAtMs).toISOString()}`;
    return { count, words, waitedMs: this.#options.clock.wallMs() - oldestAtMs };
  }
}
