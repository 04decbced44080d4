/**
 * The low side between spool and link: closes studies, hands out orders in the order of the schedule,
 * counts passes, and sends what beacons-and-rolls.ts tells. Everything comes in from outside, so that the
 * simulator runs exactly this.
 */
import { createHash } from 'node:crypto';
import { type ErrorCode, storageCodes } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import { alarmsOfCodeMax } from '../../shared/program/alarms-of-code.ts';
import { type ObjectType, objectType } from '../../shared/wire/datagram.ts';
import { type CloseReason, closeReason } from '../../shared/wire/manifest.ts';
import type { LaneName } from '../encode/transmission.ts';
import type { TransmitEnd, TransmitOrder } from '../encode/transmitter.ts';
import { objectPlanner } from '../identity.ts';
import type { InstanceRow } from '../ledger/instance-records.ts';
import { passBytesOf } from '../schedule/pass-bytes.ts';
import { PassCount } from '../schedule/pass-count.ts';
import { Schedule, type ScheduleOptions } from '../schedule/schedule.ts';
import { type ClosedStudy, StudyClosing } from '../schedule/study-closing.ts';
import { type RedeemedTicket, redeemTicket } from '../schedule/tickets.ts';
import { markUnreadable } from '../spool/unreadable.ts';
import { BeaconsAndRolls, type BeaconsAndRollsOptions, type TellingPace } from './beacons-and-rolls.ts';

export interface DispatchOptions
  extends Omit<BeaconsAndRollsOptions, 'senderId' | 'passCount' | 'send'>,
    TellingPace {
  readonly schedule: ScheduleOptions;
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

/** Passes that wait to be counted; beyond that nothing more is sent. */
const uncountedMax = 1000;

/** What the smallest object counts for, of a block of the largest size. */
const smallestBlock = 1 / 8;

/** The most beacons and rolls on their way: they must not pile up and go stale while the link is stopped. */
const documentsMax = 32;
const slackMs = 120_000;

export class Dispatch {
  readonly closing: StudyClosing;
  readonly #options: DispatchOptions;
  readonly #desk: AlarmDesk;
  readonly #schedule: Schedule;
  readonly #plan: ReturnType<typeof objectPlanner>;
  readonly #beaconsAndRolls: BeaconsAndRolls;
  readonly #passes: PassCount;
  readonly #inFlight = new Map<string, InFlight>();
  /** Blocks of orders that have not ended. One large object may be many, so each lane is counted apart. */
  readonly #waitingBlocks: Record<LaneName, number> = { urgent: 0, routine: 0, background: 0 };
  #uncounted: string[] = [];
  /** Objects whose last pass broke off, with the code of the alarm about it; as many as alarms are shown. */
  readonly #brokenOff = new Map<string, ErrorCode>();
  #documentsInFlight = 0;
  #isStopped = false;

  constructor(options: DispatchOptions) {
    const { ledger, clock, identity, schedule } = options;
    this.#options = options;
    // A file whose pass broke off is tried again with the carousel at the latest.
    this.#desk = options.alarms.desk('dispatch', { settleMs: schedule.carouselGapMs + slackMs });
    this.#plan = objectPlanner(identity);
    const senderId = Buffer.from(identity.senderId).toString('hex');
    this.#schedule = new Schedule(ledger.objects, options.schedule, passBytesOf(identity.parameters));
    this.#beaconsAndRolls = new BeaconsAndRolls({
      ledger,
      spool: options.spool,
      clock,
      runningMs: options.runningMs,
      alarms: options.alarms,
      identity,
      senderId,
      session: options.session,
      passCount: options.schedule.passCount,
      send: (type, document) => this.#sendDocument(type, document),
    });
    this.#passes = new PassCount({ ledger, clock, passesPlanned: options.schedule.passCount });
    this.closing = new StudyClosing({
      ledger,
      clock,
      senderId,
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

  /** Studies were closed within a transaction that is committed. */
  studiesClosed(closed: ClosedStudy[]): void {
    this.closing.closed(closed);
    this.#announce(closed);
  }

  /**
   * Puts what a ticket asks for at the head of the queue, within a transaction; {@link resendsEntered} comes behind that.
   * @throws DiodeError as redeemTicket does
   */
  redeem(ticket: string): RedeemedTicket {
    const { ledger, identity, clock } = this.#options;
    return redeemTicket(ticket, { ledger, identity, wallMs: clock.wallMs() });
  }

  resendsEntered(): void {
    this.#schedule.resendsEntered();
  }

  /** While the link is stopped, nothing is handed out, and no report is made that would be stale later. */
  linkStopped(isStopped: boolean): void {
    if (this.#isStopped === isStopped) return;
    this.#isStopped = isStopped;
    if (isStopped) this.linkFailed();
    else this.#beaconsAndRolls.tellNow();
  }

  /** The link failed, however briefly: what is on its way may be lost, so it is sent again. */
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
      if (failedBecause === undefined) this.#endAlarm(objectId);
      else this.#readFailed(objectId, failedBecause);
      // A pass that broke off counts as well, or a disk that can no longer be read would stop the link forever.
      this.#uncounted.push(objectId);
    }
    this.#countPasses();
  }

  /** On a full disk they wait: an object is not sent again before its pass is counted. */
  #countPasses(): void {
    const { clock } = this.#options;
    if (this.#uncounted.length === 0) return;
    const resent = this.#uncounted.filter((objectId) => this.#schedule.isResend(objectId));
    const counted = this.#desk.during('passes', storageCodes, () => {
      this.#passes.count(this.#uncounted, resent);
      return true;
    });
    if (counted === undefined) return;
    for (const objectId of this.#uncounted.splice(0)) this.#schedule.passEnded(objectId, clock.monotonicMs());
  }

  #closeQuiet(): void {
    const closed = this.#desk.during('closing', storageCodes, () => this.closing.closeQuiet());
    // Some may be closed before one could not be.
    if (closed === undefined) this.#schedule.objectsEntered();
    else this.#announce(closed);
  }

  /** A file that is gone, cut or changed is never tried again, until its content is taken in again; the high side is told. */
  #readFailed(objectId: string, code: ErrorCode): void {
    const { ledger, spool, clock } = this.#options;
    this.#desk.during('spool account', storageCodes, () => {
      const bytes = ledger.objects.bytesOf(objectId);
      // Its study expired while it was on its way out.
      if (bytes === undefined) return this.#endAlarm(objectId);
      if (code !== 'E_SPOOL_DAMAGED' && spool.objects.has(objectId, bytes)) {
        if (this.#brokenOff.get(objectId) === code) return;
        this.#endAlarm(objectId);
        if (this.#brokenOff.size >= alarmsOfCodeMax) return;
        this.#brokenOff.set(objectId, code);
        this.#desk.raise(code, objectId);
        return;
      }
      this.#endAlarm(objectId);
      // Upkeep sees it there, and says so.
      markUnreadable(ledger, objectId, clock.wallMs());
    });
  }

  #endAlarm(objectId: string): void {
    const code = this.#brokenOff.get(objectId);
    if (code === undefined) return;
    this.#brokenOff.delete(objectId);
    this.#desk.clear(code, objectId);
  }

  /** Goes on with what is due. Call it often. If the ledger refuses, that raises an alarm, and it is tried again. */
  step(): void {
    this.#desk.during('ledger', storageCodes, () => this.#step());
  }

  #step(): void {
    const now = this.#options.clock.monotonicMs();
    this.#countPasses();
    this.#closeQuiet();
    if (this.#isStopped) return;
    this.#beaconsAndRolls.step(now, this.#options);
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
    if (type !== objectType.manifest) {
      const pieceTags = ledger.objects.pieceTagsOf(objectId);
      return pieceTags === undefined ? undefined : { path: spool.objects.pathOf(objectId), pieceTags };
    }
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
