/**
 * The room on the vault's disk; nothing else decides when it is full: whoever is refused something by a full disk
 * tells it here. An object's whole size is reserved when it is
 * begun, and the disk is checked again with each block that is written, so that neither a header's claim nor what others
 * write takes it past its mark.
 *
 * What never becomes whole is bounded by sender: when there is no room for an object, the sender that has most of what is
 * not whole gives up what was left untouched for longest, as long as it has more than its fair share of what such objects
 * may take. One that is alone may have all of it. Whole objects stay; but near the high-water mark a sender that has far
 * more of them than others may begin nothing more.
 */

import { DiodeError } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import { usedPercent, WaterMarks } from '../../shared/water-marks.ts';
import { type Account, Accounts } from '../assemble/accounts.ts';
import type { ObjectClaim, ObjectFacts } from '../assemble/kept-state.ts';
import type { ObjectSink } from '../assemble/open-object.ts';
import { type Linked, RecencyList } from '../assemble/recency-list.ts';
import { SharesOfWhole, type WholeBytes } from './shares-of-whole.ts';

export interface RoomMarks {
  /** Above the high mark only what a study waits for is begun; below the low one everything is again. */
  readonly highPercent: number;
  readonly lowPercent: number;
  /** Above this nothing is written. */
  readonly fullPercent: number;
}

export interface RoomOptions {
  readonly measure: () => { readonly free: number; readonly total: number };
  readonly marks: RoomMarks;
  readonly alarms: Alarms;
}

/** Who collects the objects. */
export interface RoomUser {
  /** Drops what was collected of an object, with its file. @returns whether there was something */
  giveUp(claim: ObjectClaim): boolean;
  isAwaited(senderId: string, objectId: string): boolean;
  /** Whole objects by sender; left out if they do not count. */
  readonly whole?: WholeBytes | undefined;
  /** A sender asked for more than its share, or had to give something up for another. */
  isOverShare(senderId: string): void;
}

/** The most objects given up for one that asks: it asks again with its next datagram. */
const givenUpMax = 16;
/** The most objects examined to find one that no study waits for. */
const lookedAtMax = 8;
/** The share of the disk below the high-water mark that is kept for senders that have less than others. */
const forOthersPercent = 15;
/**
 * How long the disk counts as full after it refused an operation, whatever is measured, so that nothing is tried less often, and
 * the alarm stands in between.
 */
const refusedMs = 30_000;
const subject = 'room of the vault';

class RoomAccount implements Account {
  readonly keyId: number;
  readonly senderId: string;
  /** The sizes of objects that are not whole. */
  reservedBytes = 0;
  readonly sinks = new RecencyList<ReservedSink>();

  constructor(keyId: number, senderId: string) {
    this.keyId = keyId;
    this.senderId = senderId;
  }
}

const reservedBy = (account: RoomAccount) => account.reservedBytes;

export class Room {
  readonly #options: RoomOptions;
  readonly #desk: AlarmDesk;
  readonly #waterMarks: WaterMarks;
  readonly #accounts = new Accounts((keyId, senderId) => new RoomAccount(keyId, senderId));
  #user: RoomUser | undefined;
  #shares = new SharesOfWhole(undefined);
  /** As measured, adjusted by what was written and removed here since. */
  #freeBytes = 0;
  #totalBytes = 0;
  /** The sizes of objects that are not whole, and how much of them is on disk. */
  #reservedBytes = 0;
  #writtenBytes = 0;
  #wasRefused = false;
  #refusedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk(subject, { owns: { E_DISK_FULL: () => this.refused() } });
    this.#waterMarks = new WaterMarks(options.marks);
    this.#measure();
  }

  /** Who gives up objects when room is short. */
  serve(user: RoomUser): void {
    this.#user = user;
    this.#shares = new SharesOfWhole(user.whole);
  }

  /** Reads again how much each sender has of what is whole. Call it when something became whole. @throws DiodeError E_LEDGER */
  lookAtShares(): void {
    this.#shares.look((this.#totalBytes * this.#options.marks.highPercent) / 100);
  }

  /** Whether nothing may be written: the rest is for the ledger. */
  get isFull(): boolean {
    return this.#freeBytes <= this.#floorBytes;
  }

  /** The sizes of objects that are not whole. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /** Measures the disk again, and says whether it is full. Call it every second or so. */
  look(nowMs: number): void {
    this.#desk.during(subject, ['E_DISK'], () => this.#measure());
    if (this.#wasRefused) this.#refusedUntilMs = nowMs + refusedMs;
    this.#wasRefused = false;
    const isTight = this.#waterMarks.above || this.isFull || nowMs < this.#refusedUntilMs;
    const used = usedPercent({ free: this.#freeBytes, total: this.#totalBytes });
    const detail = `the vault's disk is ${Math.round(used)} % full: no new study is begun`;
    this.#desk.set(isTight, 'E_DISK_FULL', subject, detail);
  }

  /** The disk refused an operation, of whomever: also the ledger is on it. */
  refused(): void {
    this.#wasRefused = true;
  }

  /**
   * Reserves an object's size.
   * @param hereBytes what an earlier run left of it on disk: it is counted, and never refused
   * @param sink where it is assembled
   * @returns the sink that counts what is written; undefined if there is no room
   */
  reserve(facts: ObjectFacts, hereBytes: number, sink: () => ObjectSink): ObjectSink | undefined {
    const account = this.#accounts.of(facts.keyId, facts.senderId);
    // It counts before others go for it: whoever asks may have most.
    account.reservedBytes += facts.objectBytes;
    this.#reservedBytes += facts.objectBytes;
    if (hereBytes === 0 && !this.#makeRoom(facts, account)) {
      this.#reservedBytes -= facts.objectBytes;
      account.reservedBytes -= facts.objectBytes;
      this.#closeWhenEmpty(account);
      return undefined;
    }
    this.#writtenBytes += hereBytes;
    const reserved = new ReservedSink(this, account, facts, sink(), hereBytes);
    account.sinks.append(reserved);
    return reserved;
  }

  /** Call it before a write. @throws DiodeError E_DISK_FULL if it would take the disk past its mark */
  write(sink: ReservedSink, bytes: number): void {
    if (this.#freeBytes - bytes < this.#floorBytes) {
      this.#wasRefused = true;
      throw new DiodeError('E_DISK_FULL', `the vault's disk is ${this.#options.marks.fullPercent} % full`);
    }
    this.#freeBytes -= bytes;
    if (!sink.isReserved) return;
    this.#writtenBytes += bytes;
    sink.account.sinks.touch(sink);
  }

  /** It is whole, or given up: it no longer counts here. */
  ended(sink: ReservedSink): void {
    const { account } = sink;
    const { objectBytes } = sink.facts;
    account.sinks.remove(sink);
    account.reservedBytes -= objectBytes;
    this.#reservedBytes -= objectBytes;
    this.#writtenBytes -= sink.writtenBytes;
    this.#closeWhenEmpty(account);
  }

  /** What was written of an object is removed. */
  removed(bytes: number): void {
    this.#freeBytes += bytes;
    this.#waterMarks.update({ free: this.#freeBytes, total: this.#totalBytes });
  }

  get #floorBytes(): number {
    return this.#totalBytes - Math.floor((this.#totalBytes * this.#options.marks.fullPercent) / 100);
  }

  /** The free space up to the high-water mark is kept for senders that have less than others. */
  get #isForOthers(): boolean {
    const { highPercent } = this.#options.marks;
    const used = usedPercent({ free: this.#freeBytes, total: this.#totalBytes });
    return used >= highPercent - forOthersPercent;
  }

  /** How much objects that are not whole may take altogether. */
  get #poolBytes(): number {
    return this.#freeBytes - this.#floorBytes + this.#writtenBytes;
  }

  #measure(): void {
    const { free, total } = this.#options.measure();
    this.#freeBytes = free;
    this.#totalBytes = total;
    this.#waterMarks.update({ free, total });
  }

  /** Whether an object that is already counted may be begun; others go for it, by the rule above. */
  #makeRoom({ objectId, senderId }: ObjectFacts, asking: RoomAccount): boolean {
    if (this.#isForOthers && this.#shares.isOver(senderId, asking.reservedBytes)) {
      this.#user?.isOverShare(senderId);
      return false;
    }
    for (let givenUp = 0; ; givenUp += 1) {
      // Asked last: the answer is in the ledger.
      const isFree = !this.#waterMarks.above || this.#user?.isAwaited(senderId, objectId) === true;
      if (isFree && this.#reservedBytes <= this.#poolBytes) return true;
      const largest = this.#accounts.largest(reservedBy);
      const mustGive = largest !== undefined && this.#isOverShare(largest, asking);
      if (mustGive && largest !== asking && givenUp < givenUpMax && this.#giveUpOne(largest)) continue;
      if (mustGive && largest === asking) this.#user?.isOverShare(senderId);
      else this.#wasRefused = true;
      return false;
    }
  }

  #isOverShare(account: RoomAccount, asking: RoomAccount): boolean {
    const ofKey = this.#accounts.ofKey(account.keyId, reservedBy);
    const shareOfKey = this.#poolBytes / this.#accounts.keys;
    if (account.keyId !== asking.keyId || account === asking)
      return ofKey.used > shareOfKey || account.reservedBytes > shareOfKey / ofKey.accounts;
    return account.reservedBytes > shareOfKey / ofKey.accounts;
  }

  /** What was left untouched for longest, preferably something no study waits for. */
  #giveUpOne({ sinks, senderId }: RoomAccount): boolean {
    let chosen: ReservedSink | undefined;
    let candidate = sinks.oldest;
    for (let looked = 0; candidate !== undefined && looked < lookedAtMax; looked += 1) {
      chosen ??= candidate;
      if (this.#user?.isAwaited(senderId, candidate.facts.objectId) !== true) {
        chosen = candidate;
        break;
      }
      candidate = candidate.newer;
    }
    for (let tries = 0; chosen !== undefined && tries < lookedAtMax; tries += 1) {
      const { newer } = chosen;
      if (this.#user?.giveUp(chosen.facts) === true) {
        this.#user.isOverShare(senderId);
        return true;
      }
      // It is whole, and about to leave.
      chosen = newer;
    }
    return false;
  }

  #closeWhenEmpty(account: RoomAccount): void {
    if (account.sinks.oldest === undefined) this.#accounts.close(account);
  }
}

/** A file in which an object is assembled, and the room it takes. */
class ReservedSink implements ObjectSink, Linked<ReservedSink> {
  older: ReservedSink | undefined;
  newer: ReservedSink | undefined;
  readonly account: RoomAccount;
  readonly #room: Room;
  readonly facts: ObjectFacts;
  readonly #sink: ObjectSink;
  #writtenBytes: number;
  #isReserved = true;

  constructor(room: Room, account: RoomAccount, facts: ObjectFacts, sink: ObjectSink, hereBytes: number) {
    this.#room = room;
    this.account = account;
    this.facts = facts;
    this.#sink = sink;
    this.#writtenBytes = hereBytes;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  get isReserved(): boolean {
    return this.#isReserved;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#room.write(this, bytes.length);
    this.#writtenBytes += bytes.length;
    this.#sink.write(bytes, offset);
  }

  read(target: Uint8Array, offset: number): void {
    this.#sink.read(target, offset);
  }

  checkpoint(finishedBlocks: Uint8Array, when: 'now' | 'later'): void {
    this.#sink.checkpoint(finishedBlocks, when);
  }

  ended(): void {
    if (!this.#isReserved) return;
    this.#isReserved = false;
    this.#room.ended(this);
  }

  discard(): void {
    this.ended();
    this.#sink.discard();
    this.#room.removed(this.#writtenBytes);
    this.#writtenBytes = 0;
  }
}
