/**
 * What the high side knows of its senders from their beacons and rolls: that they live, how they are
 * configured, what is wrong with them, and which of their studies never came.
 *
 * Beacons and rolls count only if they are newer than all before: an older one is a replay and changes nothing.
 * sender-sessions.ts says what newer means, and sender-admission.ts who may speak as whom.
 */

import type { Clock } from '../../shared/clock.ts';
import type { KeyNames } from '../../shared/crypto/key-file.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Beacon } from '../../shared/wire/beacon.ts';
import { describeMismatch, fingerprintOf, type LinkParameters } from '../../shared/wire/link-parameters.ts';
import type { RollPage } from '../../shared/wire/roll.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SenderRecord } from '../ledger/sender-records.ts';
import { LowSideAlarms, type LowSideMarks } from './low-side-alarms.ts';
import { SenderAdmission } from './sender-admission.ts';
import { type Moment, type Newness, SenderSessions } from './sender-sessions.ts';
import { SetBackNumbers } from './set-back-numbers.ts';
import { StudyNumberWatch } from './study-number-watch.ts';

/** Where a document came, and under which key. */
export interface Arrival extends Moment {
  readonly keyId: number;
  /** When it came, on the monotonic clock: now, if left out. It may have waited since. */
  readonly cameMs?: number;
}

export interface SenderStatus {
  readonly senderId: string;
  readonly beacon: Beacon;
  readonly beaconAgeMs: number;
  /** The sender's wall clock minus this host's when the beacon came. */
  readonly clockSkewMs: number;
}

interface Watched {
  readonly beacon: Beacon;
  readonly beaconAtMs: number;
  readonly clockSkewMs: number;
}

export interface SenderWatchOptions {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly parameters: LinkParameters;
  readonly silenceMs: number;
  readonly deadlineMs: number;
  readonly lowSide: LowSideMarks;
  /** Left out: keys have no names. */
  readonly keyNames?: KeyNames | undefined;
}

/** How late after a start it is clear whether a sender is heard or silent. */
const slackMs = 120_000;

export class SenderWatch {
  readonly admission: SenderAdmission;
  readonly #options: SenderWatchOptions;
  readonly #desk: AlarmDesk;
  readonly #startedMs: number;
  readonly #sessions: SenderSessions;
  readonly #numbers: StudyNumberWatch;
  readonly #setBackNumbers: SetBackNumbers;
  readonly #lowSideAlarms: LowSideAlarms;
  readonly #watched = new Map<string, Watched>();

  constructor(options: SenderWatchOptions) {
    const { ledger, clock, alarms } = options;
    this.#options = options;
    // A sender first has to be silent again, or to say again what is wrong.
    this.#desk = alarms.desk('senders', { settleMs: options.silenceMs + slackMs });
    this.#startedMs = clock.monotonicMs();
    this.#sessions = new SenderSessions(options.silenceMs);
    for (const sender of ledger.senders.all()) {
      const sessions = ledger.senders.sessions(sender.senderId);
      this.#sessions.load(sender.senderId, sender, sessions, this.#startedMs);
      this.#tellOfSetBack(sender);
    }
    const keyNames = options.keyNames ?? { names: new Map(), senders: new Map() };
    this.admission = new SenderAdmission({ ledger, clock, alarms, sessions: this.#sessions, keyNames });
    this.#numbers = new StudyNumberWatch(options);
    this.#setBackNumbers = new SetBackNumbers(ledger);
    this.#lowSideAlarms = new LowSideAlarms(options);
  }

  /** @returns false if the beacon is a replay, or from a session that waits */
  beaconCame(beacon: Beacon, arrival: Arrival): boolean {
    const { ledger, clock } = this.#options;
    const now = clock.monotonicMs();
    const { senderId, cameMs = now } = arrival;
    if (beacon.senderId !== senderId) return false;
    const newness = this.#sessions.newness(arrival, 'beacon', cameMs, beacon.beaconNumber);
    if (newness === 'waits') this.#setBackNumbers.waits(ledger.senders.get(senderId), beacon);
    if (newness === 'waits' || newness === 'replay') return false;
    this.#save(beacon, arrival, newness);
    this.#sessions.took({ ...arrival, telling: 'beacon', number: beacon.beaconNumber }, cameMs);
    this.#setBackNumbers.taken(senderId);
    const clockSkewMs = Math.round(beacon.clockMs - clock.wallMs() + (now - cameMs));
    this.#watched.set(senderId, { beacon, beaconAtMs: cameMs, clockSkewMs });
    this.#compareParameters(beacon);
    this.#lowSideAlarms.beaconCame(beacon);
    return true;
  }

  /** @returns false if the page is a replay */
  rollCame(roll: RollPage, arrival: Arrival): boolean {
    const { ledger, clock } = this.#options;
    const before = ledger.senders.get(arrival.senderId);
    if (roll.senderId !== arrival.senderId || before === undefined) return false;
    const { cameMs = clock.monotonicMs() } = arrival;
    if (this.#sessions.newness(arrival, 'roll', cameMs, roll.rollNumber) !== 'new') return false;
    ledger.senderReports.saveRoll(arrival.senderId, roll.entries);
    if (this.#sessions.isOfLastRoll(arrival, roll.rollNumber)) return true;
    const told = { ...arrival, telling: 'roll', number: roll.rollNumber } as const;
    const { newest, left } = this.#sessions.after(told);
    ledger.transaction(() => {
      if (left !== undefined) ledger.senders.leave(arrival.senderId, left);
      ledger.senders.save({ ...before, ...newest, keyId: arrival.keyId });
    });
    this.#sessions.took(told, cameMs);
    return true;
  }

  /**
   * Names what is silent or missing. Call it every second or so.
   * @param waitingMs when a beacon of a sender came that is not read yet: while one waits, its sender is not silent
   */
  watch(waitingMs: (senderId: string) => number | undefined = () => undefined): void {
    const { clock, silenceMs, ledger } = this.#options;
    const now = clock.monotonicMs();
    const isSilent = (senderId: string, sinceMs: number) =>
      now - Math.max(sinceMs, waitingMs(senderId) ?? sinceMs) >= silenceMs;
    this.admission.watch();
    this.#numbers.watch(now);
    // A sender known from an earlier run that has not spoken in this one is as silent as any other.
    if (now - this.#startedMs >= silenceMs) {
      for (const { senderId, isRetired } of ledger.senders.all()) {
        if (!isRetired && !this.#watched.has(senderId) && isSilent(senderId, this.#startedMs))
          this.#desk.raise('E_NO_BEACON', senderId);
      }
    }
    for (const [senderId, { beaconAtMs }] of this.#watched)
      this.#desk.set(isSilent(senderId, beaconAtMs), 'E_NO_BEACON', senderId);
  }

  /**
   * A person took a sender out of use, and the ledger says so: it is neither silent nor late any more. What never came from
   * it stays named by `missing`, and it is watched again with its next beacon.
   */
  retired(senderId: string): void {
    this.#watched.delete(senderId);
    this.#numbers.forget(senderId);
    for (const code of [
      'E_NO_BEACON',
      'E_PARAMETER_MISMATCH',
      'E_SENDER_SET_BACK',
      'E_STUDY_NUMBERS',
    ] as const)
      this.#desk.clear(code, senderId);
    this.#lowSideAlarms.senderRetired(senderId);
    this.admission.settled(senderId);
  }

  /** A person corrected what the ledger says about a sender: its numbers, its sessions, or whose it is. */
  corrected(senderId: string): void {
    const { ledger, clock } = this.#options;
    const sender = ledger.senders.get(senderId);
    if (sender !== undefined)
      this.#sessions.load(senderId, sender, ledger.senders.sessions(senderId), clock.monotonicMs());
    this.#numbers.forget(senderId);
    for (const code of ['E_SENDER_SET_BACK', 'E_STUDY_NUMBERS'] as const) this.#desk.clear(code, senderId);
    this.admission.settled(senderId);
  }

  /** Ids of the senders that are in use. */
  inUse(): string[] {
    const all = this.#options.ledger.senders.all();
    return all.filter(({ isRetired }) => !isRetired).map(({ senderId }) => senderId);
  }

  statuses(): SenderStatus[] {
    const now = this.#options.clock.monotonicMs();
    return [...this.#watched].map(([senderId, watched]) => ({
      senderId,
      beacon: watched.beacon,
      beaconAgeMs: Math.round(now - watched.beaconAtMs),
      clockSkewMs: watched.clockSkewMs,
    }));
  }

  /** Enters what a beacon says, in one transaction. */
  #save(beacon: Beacon, arrival: Arrival, newness: Newness): void {
    const { ledger, clock } = this.#options;
    const { senderId, keyId } = arrival;
    const before = ledger.senders.get(senderId);
    const told = beacon.highestStudyNumber;
    const accountFrom = before?.accountFrom ?? Math.max(1, beacon.lowestRetainedStudyNumber);
    const highestStudyNumber = this.#numbers.plausible(
      senderId,
      told,
      before?.highestStudyNumber ?? 0,
      accountFrom,
    );
    const { newest, left } = this.#sessions.after({
      ...arrival,
      telling: 'beacon',
      number: beacon.beaconNumber,
    });
    const setBackFrom =
      newness === 'set back' ? (before?.setBackFrom ?? before?.sessionCounter) : before?.setBackFrom;
    const sender = {
      senderId,
      keyId,
      ...newest,
      accountFrom,
      highestStudyNumber,
      toldStudyNumber: told,
      setBackFrom,
    };
    const forgotten = before === undefined ? [] : this.#setBackNumbers.forgotten(before, beacon);
    if (forgotten.length > 0) ledger.senderReports.forget(senderId, forgotten);
    ledger.transaction(() => {
      if (left !== undefined) ledger.senders.leave(senderId, left);
      ledger.senders.save(sender);
      const [session, behind] = [newest.sessionCounter, before?.sessionCounter ?? 0];
      if (newness === 'set back')
        ledger.events.enter({ kind: 'sender-set-back', senderId, session, behind }, clock.wallMs());
    });
    this.#tellOfSetBack(sender);
    const more = told - highestStudyNumber;
    const detail = `it announces study number ${told}; ${more} of its numbers are only counted, because nothing received from it comes near that`;
    this.#desk.set(more > 0, 'E_STUDY_NUMBERS', senderId, detail);
  }

  #tellOfSetBack({ senderId, sessionCounter, setBackFrom }: Omit<SenderRecord, 'isRetired'>): void {
    if (setBackFrom === undefined) return;
    const detail =
      sessionCounter >= setBackFrom
        ? `session ${sessionCounter} follows a lower one that came after session ${setBackFrom}: someone replayed a recording, or the sender was set back`
        : `session ${sessionCounter} came after session ${setBackFrom}: the sender was restored from an older disk image, or someone is replaying a recording`;
    this.#desk.raise('E_SENDER_SET_BACK', senderId, detail);
  }

  #compareParameters(beacon: Beacon): void {
    const { parameters } = this.#options;
    const alike = beacon.fingerprint === fingerprintOf(parameters);
    const detail = describeMismatch(beacon.parameters, parameters).join('; ');
    this.#desk.set(!alike, 'E_PARAMETER_MISMATCH', beacon.senderId, detail);
  }
}
