/**
 * The low side between spool and link: closes studies, hands out orders in the order of the schedule,
 * counts passes, and tells of itself in beacons and rolls. Everything comes in from outside, so that the
 * simulator runs exactly this.
 */
import { createHash } from 'node:crypto';
import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import { encodeBeacon } from '../../shared/wire/beacon.ts';
import { type ObjectType, objectType } from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import { fingerprintOf } from '../../shared/wire/link-parameters.ts';
import { type CloseReason, closeReason } from '../../shared/wire/manifest.ts';
import { encodeRollPage } from '../../shared/wire/roll.ts';
import type { LaneName } from '../encode/transmission.ts';
import type { TransmitEnd, TransmitOrder } from '../encode/transmitter.ts';
import { objectPlanner, type SenderIdentity, type Session } from '../identity.ts';
import type { InstanceRow } from '../ledger/instance-records.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import { passBytesOf } from '../schedule/pass-bytes.ts';
import { Schedule, type ScheduleOptions } from '../schedule/schedule.ts';
import { type ClosedStudy, StudyClosing } from '../schedule/study-closing.ts';
import { type RedeemedTicket, redeemTicket } from '../schedule/tickets.ts';
import type { Spool } from '../spool/spool.ts';

export interface DispatchOptions {
  readonly ledger: SenderLedger;
  readonly spool: Spool;
  readonly clock: Clock;
  /** The sender's running time, in all its lives. */
  readonly runningMs: () => number;
  readonly alarms: Alarms;
  readonly identity: SenderIdentity;
  readonly session: Session;
  readonly schedule: ScheduleOptions;
  readonly beaconIntervalMs: number;
  readonly rollIntervalMs: number;
  /** Blocks that may wait at the encoder: enough to keep it busy, few enough for STAT to pass. */
  readonly waitingBlocksMax: number;
  readonly transmit: (order: TransmitOrder) => void;
  readonly onClosed: (study: ClosedStudy) => void;
}

/** The account of blocks is per object, so that the dispatcher needs no answer from the encoder to bound it. */
interface InFlight {
  readonly blocks: number;
  readonly lane: LaneName;
  readonly ledgered: boolean;
  /** The link failed while it was on its way: no pass. */
  lost: boolean;
}

/** What a full or failing disk says. It is an alarm, and what could not be written is written when it can. */
export const ledgerCodes = ['E_DISK_FULL', 'E_DISK', 'E_LEDGER'] as const satisfies readonly ErrorCode[];
/** Passes that wait to be counted; beyond that nothing more is sent. */
const uncountedMax = 1000;

/** What the smallest object counts for, of a block of the largest size. */
const smallestBlock = 1 / 8;

/** Beacons and rolls on their way at most: a link that stands still gets no pile of stale ones. */
const documentsMax = 32;

export class Dispatch {
  readonly closing: StudyClosing;
  readonly #options: DispatchOptions;
  readonly #schedule: Schedule;
  readonly #plan: ReturnType<typeof objectPlanner>;
  readonly #senderId: string;
  readonly #startedMs: number;
  readonly #inFlight = new Map<string, InFlight>();
  /** Blocks of orders that have not ended. One large object may be many, so each lane is counted apart. */
  readonly #waitingBlocks: Record<LaneName, number> = { urgent: 0, routine: 0, background: 0 };
  #uncounted: string[] = [];
  #documentsInFlight = 0;
  #held = false;
  #beaconNumber = 0;
  #beaconAtMs = Number.NEGATIVE_INFINITY;
  #rollNumber = 0;
  #rollAtMs: number;

  constructor(options: DispatchOptions) {
    const { ledger, clock, identity } = options;
    this.#options = options;
    this.#plan = objectPlanner(identity);
    this.#senderId = Buffer.from(identity.senderId).toString('hex');
    this.#schedule = new Schedule(ledger.objects, options.schedule, passBytesOf(identity.parameters));
    this.#startedMs = clock.monotonicMs();
    this.#rollAtMs = this.#startedMs;
    this.closing = new StudyClosing({
      ledger,
      clock,
      senderId: this.#senderId,
      runningMs: options.runningMs,
      plan: this.#plan,
    });
  }

  /** New instances are in the ledger. */
  instancesEntered(rows: readonly InstanceRow[]): void {
    if (rows.length === 0) return;
    for (const row of rows) this.closing.instanceCame(row.studyUid);
    this.#schedule.objectsEntered();
  }

  /** Closes a study at once, or all that are open. */
  close(studyUid: string | undefined, because: CloseReason = closeReason.forced): ClosedStudy[] {
    return this.#announce(this.closing.close(studyUid, because));
  }

  /** Puts what a ticket asks for at the head of the queue. @throws DiodeError as redeemTicket does */
  resend(ticket: string): RedeemedTicket {
    const { ledger, identity, clock } = this.#options;
    const redeemed = redeemTicket(ticket, { ledger, identity, wallMs: clock.wallMs() });
    this.#schedule.resendsEntered();
    return redeemed;
  }

  /** While the link is held nothing is handed out, and nothing is told that would be stale by then. */
  hold(held: boolean): void {
    if (this.#held === held) return;
    this.#held = held;
    if (held) this.linkFailed();
    else this.#beaconAtMs = Number.NEGATIVE_INFINITY;
  }

  /** The link failed for however short a time: what is on its way may be lost, so it comes again. */
  linkFailed(): void {
    for (const inFlight of this.#inFlight.values()) inFlight.lost = true;
  }

  /** Closes studies again whose manifest had to go: once, after the start. */
  reissueManifests(): ClosedStudy[] {
    return this.#announce(this.closing.reissue());
  }

  /** Passes ended: the encoder gave out their last datagram and the link took it. */
  passesEnded(ends: readonly TransmitEnd[]): void {
    for (const { objectId, failedBecause } of ends) {
      const inFlight = this.#inFlight.get(objectId);
      if (inFlight === undefined) continue;
      this.#inFlight.delete(objectId);
      this.#waitingBlocks[inFlight.lane] -= inFlight.blocks;
      if (!inFlight.ledgered) {
        this.#documentsInFlight -= 1;
        continue;
      }
      if (inFlight.lost && failedBecause === undefined) {
        this.#schedule.passLost(objectId);
        continue;
      }
      if (failedBecause !== undefined) this.#readFailed(objectId, failedBecause);
      // A pass that broke off counts as well, or a disk that reads no more would hold the link for ever.
      this.#uncounted.push(objectId);
    }
    this.#countPasses();
  }

  /** On a full disk they wait: an object is not sent again before its pass is counted. */
  #countPasses(): void {
    const { ledger, clock, alarms } = this.#options;
    if (this.#uncounted.length === 0) return;
    const resent = this.#uncounted.filter((objectId) => this.#schedule.isResend(objectId));
    const counted = alarms.during('passes', ledgerCodes, () => {
      ledger.objects.countPasses(this.#uncounted, resent);
      return true;
    });
    if (counted === undefined) return;
    for (const objectId of this.#uncounted.splice(0)) this.#schedule.passEnded(objectId, clock.monotonicMs());
  }

  #closeQuiet(): void {
    const closed = this.#options.alarms.during('closing', ledgerCodes, () => this.closing.closeQuiet());
    // Some may be closed before one could not be.
    if (closed === undefined) this.#schedule.objectsEntered();
    else this.#announce(closed);
  }

  /** A file that is gone or cut is never tried again, until its content is taken in anew; the high side is told. */
  #readFailed(objectId: string, code: ErrorCode): void {
    const { ledger, spool, alarms } = this.#options;
    alarms.during('spool account', ledgerCodes, () => {
      const bytes = ledger.objects.bytesOf(objectId);
      // Its study expired while it was on its way out.
      if (bytes === undefined) return;
      if (spool.holds(objectId, bytes)) {
        alarms.raise(code, objectId);
        return;
      }
      alarms.raise('E_SPOOL_DAMAGED', 'spool');
      ledger.objects.markUnreadable(objectId);
    });
  }

  /** Goes on with what is due. Call it often. Where the ledger refuses, it is an alarm, and tried again. */
  step(): void {
    this.#options.alarms.during('ledger', ledgerCodes, () => this.#step());
  }

  #step(): void {
    const now = this.#options.clock.monotonicMs();
    this.#countPasses();
    this.#closeQuiet();
    if (this.#held) return;
    if (now - this.#beaconAtMs >= this.#options.beaconIntervalMs) this.#sendBeacon(now);
    if (now - this.#rollAtMs >= this.#options.rollIntervalMs) this.#sendRoll(now);
    if (this.#uncounted.length >= uncountedMax) return;
    const { waitingBlocksMax } = this.#options;
    while (this.#waitingBlocks.urgent < waitingBlocksMax) {
      const order = this.#schedule.next(now, this.#waitingBlocks.routine >= waitingBlocksMax);
      if (order === undefined) break;
      const { object, pass, urgent, repeat } = order;
      const lane = urgent ? 'urgent' : repeat ? 'background' : 'routine';
      const { objectId, type, bytes, maximumSourceSymbols, symbolBytes, keyId } = object;
      const from = this.#bytesOf(objectId, type);
      // Its study expired since the schedule read of it.
      if (from === undefined) this.#schedule.passLost(objectId);
      else
        this.#send(
          { objectId, type, bytes, maximumSourceSymbols, pass, keyId, lane, from },
          symbolBytes,
          true,
        );
    }
  }

  #bytesOf(objectId: string, type: ObjectType): TransmitOrder['from'] | undefined {
    const { ledger, spool } = this.#options;
    if (type !== objectType.manifest) return { path: spool.objectPath(objectId) };
    const document = ledger.objects.documentOf(objectId);
    return document === undefined ? undefined : { document };
  }

  /** Orders that the encoder has and has not ended. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  #announce(closed: ClosedStudy[]): ClosedStudy[] {
    if (closed.length > 0) this.#schedule.objectsEntered();
    for (const study of closed) this.#options.onClosed(study);
    return closed;
  }

  #sendBeacon(now: number): void {
    const { ledger, clock, identity, session, alarms, schedule, spool } = this.#options;
    this.#beaconAtMs = now;
    this.#beaconNumber += 1;
    const queue = ledger.totals.queue(schedule.passCount);
    this.#sendDocument(
      objectType.beacon,
      encodeBeacon({
        senderId: this.#senderId,
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
            : Math.max(0, this.#options.runningMs() - queue.oldestTakenRunningMs),
        spoolBytes: ledger.totals.heldBytes(),
        spoolFreeBytes: spool.freeBytes().free,
        rejected: ledger.counters.all().filter(({ code }) => code.startsWith('E_')),
        alarms: [...new Set(alarms.standing().map((alarm) => alarm.code))],
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
      this.#sendDocument(
        objectType.roll,
        encodeRollPage({
          senderId: this.#senderId,
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

  /** Beacons and rolls are sent once, from memory: the next one is newer. */
  #sendDocument(type: ObjectType, document: Uint8Array): void {
    if (this.#documentsInFlight >= documentsMax) return;
    this.#documentsInFlight += 1;
    const sha256 = createHash('sha256').update(document).digest();
    const { objectId, keyId, maximumSourceSymbols, symbolBytes } = this.#plan(type, sha256, document.length);
    const order = {
      objectId,
      type,
      bytes: document.length,
      maximumSourceSymbols,
      pass: 0,
      keyId,
      lane: 'urgent' as const,
      from: { document },
    };
    this.#send(order, symbolBytes, false);
  }

  #send(order: TransmitOrder, symbolBytes: number, ledgered: boolean): void {
    // In blocks of the largest size: of smaller ones the encoder keeps more open.
    const largest = order.bytes / (symbolBytes * order.maximumSourceSymbols);
    const blocks = Math.max(smallestBlock, largest);
    this.#inFlight.set(order.objectId, { blocks, lane: order.lane, ledgered, lost: false });
    this.#waitingBlocks[order.lane] += blocks;
    this.#options.transmit(order);
  }
}
