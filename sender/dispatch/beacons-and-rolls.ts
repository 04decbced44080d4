/**
 * What the sender reports about itself: a beacon often, and a roll of all studies it retains, page by page, less often.
 * Neither is kept: the next one is newer.
 */
import type { Clock } from '../../shared/clock.ts';
import { rankOf } from '../../shared/program/alarm.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import { encodeBeacon } from '../../shared/wire/beacon.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import { fingerprintOf } from '../../shared/wire/link-parameters.ts';
import { encodeRollPage } from '../../shared/wire/roll.ts';
import type { SenderIdentity, Session } from '../identity.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import type { Spool } from '../spool/spool.ts';

export interface BeaconsAndRollsOptions {
  readonly ledger: SenderLedger;
  readonly spool: Spool;
  readonly clock: Clock;
  /** The sender's running time, over all its runs. */
  readonly runningMs: () => number;
  readonly alarms: Alarms;
  readonly identity: SenderIdentity;
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  readonly session: Session;
  /** Passes that every object is to have. */
  readonly passCount: number;
  readonly send: (type: typeof objectType.beacon | typeof objectType.roll, document: Uint8Array) => void;
}

/** How often it reports: read at each step, since a simulation changes its pace. */
export interface TellingPace {
  readonly beaconIntervalMs: number;
  readonly rollIntervalMs: number;
}

export class BeaconsAndRolls {
  readonly #options: BeaconsAndRollsOptions;
  readonly #startedMs: number;
  #beaconNumber = 0;
  #beaconAtMs = Number.NEGATIVE_INFINITY;
  #rollNumber = 0;
  #rollAtMs: number;

  constructor(options: BeaconsAndRollsOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    this.#rollAtMs = this.#startedMs;
  }

  /** Makes the next step send a report, however recent the last one was. */
  tellNow(): void {
    this.#beaconAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Sends what is due. @param now monotonic milliseconds */
  step(now: number, { beaconIntervalMs, rollIntervalMs }: TellingPace): void {
    if (now - this.#beaconAtMs >= beaconIntervalMs) this.#sendBeacon(now);
    if (now - this.#rollAtMs >= rollIntervalMs) this.#sendRoll(now);
  }

  #sendBeacon(now: number): void {
    const { ledger, clock, runningMs, alarms, identity, session, spool, passCount } = this.#options;
    this.#beaconAtMs = now;
    this.#beaconNumber += 1;
    const queue = ledger.totals.queue(passCount);
    this.#options.send(
      objectType.beacon,
      encodeBeacon({
        senderId: this.#options.senderId,
        sessionCounter: session.counter,
        sessionRandom: session.random,
        beaconNumber: this.#beaconNumber,
        fingerprint: fingerprintOf(identity.parameters),
        parameters: identity.parameters,
        clockMs: Math.max(0, Math.round(clock.wallMs())),
        upMs: Math.round(now - this.#startedMs),
        highestStudyNumber: ledger.studies.highestNumber(),
        lowestRetainedStudyNumber: ledger.studies.lowestNumber(),
        queuedObjects: queue.objects,
        queuedBytes: queue.bytes,
        oldestQueuedMs:
          queue.oldestTakenRunningMs === undefined
            ? 0
            : Math.max(0, runningMs() - queue.oldestTakenRunningMs),
        spoolBytes: ledger.totals.keptBytes(),
        spoolFreeBytes: spool.freeBytes().free,
        rejected: ledger.counters.all().filter(({ code }) => code.startsWith('E_')),
        // A beacon has room for some: the most urgent ones.
        alarms: [
          ...new Set(
            alarms
              .standing()
              .toSorted((a, b) => rankOf(a) - rankOf(b))
              .map((alarm) => alarm.code),
          ),
        ],
      }),
    );
  }

  #sendRoll(now: number): void {
    const { ledger, session } = this.#options;
    this.#rollAtMs = now;
    const pages = Math.ceil(ledger.retained.numbered() / limits.rollEntriesMax);
    if (pages === 0) return;
    this.#rollNumber += 1;
    let after = 0;
    for (let page = 0; page < pages; page += 1) {
      const entries = ledger.retained.rollEntries(after, limits.rollEntriesMax);
      after = entries[entries.length - 1]?.studyNumber ?? after;
      this.#options.send(
        objectType.roll,
        encodeRollPage({
          senderId: this.#options.senderId,
          sessionCounter: session.counter,
          sessionRandom: session.random,
          rollNumber: this.#rollNumber,
          page,
          pages,
          entries,
        }),
      );
    }
  }
}
