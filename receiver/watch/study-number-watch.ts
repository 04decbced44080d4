/**
 * Which studies of a sender never came: numbers that no manifest named, and studies of its roll. A few of each are
 * alarms of their own; the rest is one alarm with their count, so that a sender that announces many costs the others nothing.
 */
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Some } from '../ledger/sender-account.ts';

/** The most alarms of one sender and kind that name one study each. */
const namedMax = 20;
/** Study numbers beyond the highest that anything of a sender named, which it is believed to have. */
const unnamedSpanMax = 100_000;
const rollIntervalMs = 30_000;
/** A sender with many numbers is checked no more often than this. */
const numbersIntervalMs = 5000;
/** Deadlines begin anew with a start: what is late is named again so much behind its deadline at the latest. */
const slackMs = 120_000;

interface Watched {
  /** All numbers below are accounted for. */
  accountedBelow: number;
  numbersAtMs: number;
  readonly numbers: Missing;
  readonly roll: Missing;
}

/** What was noticed to be missing, by the subject of its alarm: since when. */
interface Missing {
  readonly sinceMs: Map<string, number>;
  moreSinceMs: number | undefined;
}

export interface StudyNumberWatchOptions {
  readonly ledger: ReceiverLedger;
  readonly alarms: Alarms;
  readonly deadlineMs: number;
}

export class StudyNumberWatch {
  readonly #options: StudyNumberWatchOptions;
  readonly #desk: AlarmDesk;
  readonly #watched = new Map<string, Watched>();
  #rollAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: StudyNumberWatchOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('missing studies', { settleMs: options.deadlineMs + slackMs });
  }

  /**
   * The highest study number that a sender is believed to have: what it tells, unless that is far beyond anything of it.
   * @param before the highest it was believed to have; 0 at first
   */
  plausible(senderId: string, told: number, before: number, accountFrom: number): number {
    const known = Math.max(before, accountFrom - 1);
    if (told <= known) return known;
    const named = this.#options.ledger.senderAccount.highestNamed(senderId, known + unnamedSpanMax);
    return Math.max(known, Math.min(told, Math.max(named, accountFrom - 1) + unnamedSpanMax));
  }

  /** Call it every second or so. */
  watch(now: number): void {
    const { ledger } = this.#options;
    const rollIsDue = now - this.#rollAtMs >= rollIntervalMs;
    if (rollIsDue) this.#rollAtMs = now;
    for (const { senderId, isRetired, accountFrom, highestStudyNumber } of ledger.senders.all()) {
      if (isRetired) continue;
      const watched = this.#of(senderId, accountFrom);
      if (now - watched.numbersAtMs >= numbersIntervalMs) {
        watched.numbersAtMs = now;
        this.#watchNumbers(senderId, watched, highestStudyNumber, now);
      }
      if (rollIsDue) this.#watchRoll(senderId, watched, now);
    }
  }

  /** A person took a sender out of use, or set its numbers right. */
  forget(senderId: string): void {
    this.#watched.delete(senderId);
    this.#rollAtMs = Number.NEGATIVE_INFINITY;
    for (const { code, subject } of this.#desk.standing())
      if (subject.startsWith(`${senderId} `)) this.#desk.clear(code, subject);
  }

  #of(senderId: string, accountFrom: number): Watched {
    let watched = this.#watched.get(senderId);
    if (watched === undefined) {
      const nothing = () => ({ sinceMs: new Map<string, number>(), moreSinceMs: undefined });
      const numbersAtMs = Number.NEGATIVE_INFINITY;
      watched = { accountedBelow: accountFrom, numbersAtMs, numbers: nothing(), roll: nothing() };
      this.#watched.set(senderId, watched);
    }
    return watched;
  }

  #watchNumbers(senderId: string, watched: Watched, highest: number, now: number): void {
    const { senderAccount } = this.#options.ledger;
    const found = senderAccount.unknownNumbers(senderId, watched.accountedBelow, highest, namedMax);
    watched.accountedBelow = found.some[0] ?? Math.max(watched.accountedBelow, highest + 1);
    const subjects = { some: found.some.map((number) => `${senderId} ${number}`), count: found.count };
    this.#compare(subjects, watched.numbers, senderId, moreNumbers(senderId), now);
  }

  #watchRoll(senderId: string, watched: Watched, now: number): void {
    const found = this.#options.ledger.senderAccount.unseen(senderId, namedMax);
    const some = found.some.map(({ studyNumber, studyUid }) => `${senderId} ${studyNumber} ${studyUid}`);
    this.#compare({ some, count: found.count }, watched.roll, senderId, moreOfRoll(senderId), now);
  }

  #compare(found: Some<string>, missing: Missing, senderId: string, more: string, now: number): void {
    const { deadlineMs } = this.#options;
    const subjects = new Set(found.some);
    for (const subject of missing.sinceMs.keys()) {
      if (subjects.has(subject)) continue;
      missing.sinceMs.delete(subject);
      this.#desk.clear('E_STUDY_MISSING', subject);
    }
    for (const subject of subjects) {
      // One without room was counted among the others before.
      const since = missing.sinceMs.get(subject) ?? missing.moreSinceMs ?? now;
      missing.sinceMs.set(subject, since);
      if (now - since >= deadlineMs) this.#desk.raise('E_STUDY_MISSING', subject);
    }
    const others = found.count - found.some.length;
    missing.moreSinceMs = others > 0 ? (missing.moreSinceMs ?? now) : undefined;
    const isLate = missing.moreSinceMs !== undefined && now - missing.moreSinceMs >= deadlineMs;
    const detail = `and ${others} more: see diode-receiver missing --sender ${senderId}`;
    this.#desk.set(isLate, 'E_STUDY_MISSING', more, detail);
  }
}

function moreNumbers(senderId: string): string {
  return `${senderId} more numbers`;
}

function moreOfRoll(senderId: string): string {
  return `${senderId} more of its roll`;
}
