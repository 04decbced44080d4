/**
 * What the high side knows of its senders from their beacons and rolls: that they live, how they are
 * configured, what is wrong with them, and which of their studies never came.
 *
 * Beacons and rolls count only when they are newer than all before: an older one is a replay and changes
 * nothing. Newness is (session counter, sequence number); the sequence is that of the datagram.
 */
import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Beacon } from '../../shared/wire/beacon.ts';
import { describeMismatch, fingerprintOf, type LinkParameters } from '../../shared/wire/link-parameters.ts';
import type { RollPage } from '../../shared/wire/roll.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SenderRecord } from '../ledger/sender-records.ts';
import { LowSideAlarms, type LowSideMarks } from './low-side-alarms.ts';

/** Where a document came: for its newness. */
export interface Arrival {
  readonly senderId: string;
  readonly keyId: number;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  readonly sequence: number;
}

export interface SenderStatus {
  readonly senderId: string;
  readonly beacon: Beacon;
  readonly beaconAgeMs: number;
  /** The sender's wall clock minus this host's when the beacon came. */
  readonly clockSkewMs: number;
}

interface Watched {
  beacon: Beacon;
  beaconAtMs: number;
  clockSkewMs: number;
  /** All numbers below are accounted for. */
  accountedBelow: number;
  /** When a number was first noticed to be unknown. */
  unknownSinceMs: Map<number, number>;
}

const unknownNumbersMax = 10_000;
const rollWatchIntervalMs = 30_000;

export class SenderWatch {
  readonly #startedMs: number;
  readonly #lowSideAlarms: LowSideAlarms;
  readonly #watched = new Map<string, Watched>();
  /** Since when a study of the roll is known to be unseen. */
  readonly #unseenSinceMs = new Map<string, number>();
  #rollWatchedAtMs = Number.NEGATIVE_INFINITY;
  readonly #options: {
    readonly ledger: ReceiverLedger;
    readonly clock: Clock;
    readonly alarms: Alarms;
    readonly parameters: LinkParameters;
    readonly silenceMs: number;
    readonly deadlineMs: number;
    readonly lowSide: LowSideMarks;
  };

  constructor(options: {
    ledger: ReceiverLedger;
    clock: Clock;
    alarms: Alarms;
    parameters: LinkParameters;
    silenceMs: number;
    deadlineMs: number;
    lowSide: LowSideMarks;
  }) {
    this.#options = options;
    this.#lowSideAlarms = new LowSideAlarms(options);
    this.#startedMs = options.clock.monotonicMs();
  }

  /** @returns false when the beacon is a replay */
  beaconCame(beacon: Beacon, arrival: Arrival): boolean {
    const { ledger, clock } = this.#options;
    const before = ledger.senders.get(arrival.senderId);
    if (beacon.senderId !== arrival.senderId || !this.#isNewer(before, arrival)) return false;
    const accountFrom = before?.accountFrom ?? Math.max(1, beacon.lowestRetainedStudyNumber);
    const highestStudyNumber = Math.max(beacon.highestStudyNumber, before?.highestStudyNumber ?? 0);
    if (before !== undefined && beacon.highestStudyNumber < before.highestStudyNumber)
      this.#senderSetBack(before, beacon.highestStudyNumber);
    ledger.senders.save({ ...arrival, accountFrom, highestStudyNumber });
    const known = this.#watched.get(arrival.senderId);
    const watched: Watched = {
      beacon,
      beaconAtMs: clock.monotonicMs(),
      clockSkewMs: beacon.clockMs - clock.wallMs(),
      accountedBelow: known?.accountedBelow ?? accountFrom,
      unknownSinceMs: known?.unknownSinceMs ?? new Map(),
    };
    this.#watched.set(arrival.senderId, watched);
    this.#compareParameters(beacon);
    this.#lowSideAlarms.beaconCame(beacon);
    return true;
  }

  /** @returns false when the page is a replay */
  rollCame(roll: RollPage, arrival: Arrival): boolean {
    const { ledger } = this.#options;
    const before = ledger.senders.get(arrival.senderId);
    if (roll.senderId !== arrival.senderId || before === undefined || !this.#isNewer(before, arrival))
      return false;
    ledger.senders.save({ ...before, ...arrival });
    ledger.told.saveRoll(arrival.senderId, roll.entries);
    return true;
  }

  /** Names what is silent or missing. Call it every second or so. */
  watch(): void {
    const { clock, alarms, silenceMs, deadlineMs } = this.#options;
    const now = clock.monotonicMs();
    this.#watchRoll(now);
    // A sender of an earlier life of this program that has not spoken in this one is as silent as any other.
    if (now - this.#startedMs >= silenceMs) {
      for (const { senderId, isRetired } of this.#options.ledger.senders.all()) {
        if (!isRetired && !this.#watched.has(senderId)) alarms.raise('E_NO_BEACON', senderId);
      }
    }
    for (const [senderId, watched] of this.#watched) {
      alarms.set(now - watched.beaconAtMs >= silenceMs, 'E_NO_BEACON', senderId);
      const unknown = new Set(this.#unknownNumbers(senderId, watched));
      for (const studyNumber of watched.unknownSinceMs.keys()) {
        if (unknown.has(studyNumber)) continue;
        watched.unknownSinceMs.delete(studyNumber);
        alarms.clear('E_STUDY_MISSING', `${senderId} ${studyNumber}`);
      }
      for (const studyNumber of unknown) {
        const since = watched.unknownSinceMs.get(studyNumber) ?? now;
        watched.unknownSinceMs.set(studyNumber, since);
        if (now - since >= deadlineMs) alarms.raise('E_STUDY_MISSING', `${senderId} ${studyNumber}`);
      }
    }
  }

  /**
   * A person took a sender out of use, and the ledger says so: it is neither silent nor late any more. What never came of
   * it stays named by `missing`, and it is watched again with its next beacon.
   */
  retired(senderId: string): void {
    const { alarms } = this.#options;
    for (const studyNumber of this.#watched.get(senderId)?.unknownSinceMs.keys() ?? [])
      alarms.clear('E_STUDY_MISSING', `${senderId} ${studyNumber}`);
    this.#watched.delete(senderId);
    alarms.clear('E_NO_BEACON', senderId);
    alarms.clear('E_PARAMETER_MISMATCH', senderId);
    this.#lowSideAlarms.senderRetired(senderId);
    this.#rollWatchedAtMs = Number.NEGATIVE_INFINITY;
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

  /** It was set back to an older state and will use numbers again: what never came of them is named for good. */
  #senderSetBack({ senderId, accountFrom, highestStudyNumber }: SenderRecord, highestNow: number): void {
    const { ledger } = this.#options;
    const from = Math.max(accountFrom, highestNow + 1);
    const unknown = ledger.manifests.unknownStudyNumbers(
      senderId,
      from,
      highestStudyNumber,
      unknownNumbersMax,
    );
    if (unknown.length > 0) ledger.told.forget(senderId, unknown);
  }

  /** Studies of the roll that never came, also those whose number is known from before a set-back. */
  #watchRoll(now: number): void {
    const { ledger, alarms, deadlineMs } = this.#options;
    if (now - this.#rollWatchedAtMs < rollWatchIntervalMs) return;
    this.#rollWatchedAtMs = now;
    const unseen = new Map(
      ledger.told
        .unseen(unknownNumbersMax, 'in use')
        .map(({ senderId, studyNumber, studyUid }) => [`${senderId} ${studyNumber} ${studyUid}`, now]),
    );
    for (const [subject] of this.#unseenSinceMs) {
      if (unseen.has(subject)) continue;
      this.#unseenSinceMs.delete(subject);
      alarms.clear('E_STUDY_MISSING', subject);
    }
    for (const [subject] of unseen) {
      const since = this.#unseenSinceMs.get(subject) ?? now;
      this.#unseenSinceMs.set(subject, since);
      if (now - since >= deadlineMs) alarms.raise('E_STUDY_MISSING', subject);
    }
  }

  #isNewer(before: SenderRecord | undefined, arrival: Arrival): boolean {
    if (before === undefined || arrival.sessionCounter > before.sessionCounter) return true;
    return (
      arrival.sessionCounter === before.sessionCounter &&
      arrival.sessionRandom === before.sessionRandom &&
      arrival.sequence > before.sequence
    );
  }

  #unknownNumbers(senderId: string, watched: Watched): number[] {
    const { ledger } = this.#options;
    const highest = ledger.senders.get(senderId)?.highestStudyNumber ?? 0;
    if (watched.accountedBelow > highest) return [];
    const unknown = ledger.manifests.unknownStudyNumbers(
      senderId,
      watched.accountedBelow,
      highest,
      unknownNumbersMax,
    );
    watched.accountedBelow = unknown[0] ?? highest + 1;
    return unknown;
  }

  #compareParameters(beacon: Beacon): void {
    const { alarms, parameters } = this.#options;
    const alike = beacon.fingerprint === fingerprintOf(parameters);
    const detail = describeMismatch(beacon.parameters, parameters).join('; ');
    alarms.set(!alike, 'E_PARAMETER_MISMATCH', beacon.senderId, detail);
  }
}
