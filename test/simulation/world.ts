/**
 * Simulated hospitals: senders, links that lose, receivers, in virtual time, from one seed: usually one of each, or several
 * of either. Invariants of every receiver are checked at each release, and every byte is read again after a restart.
 */
import { createHash } from 'node:crypto';
import { present } from '../../shared/assert.ts';
import type { KeyNames } from '../../shared/crypto/key-file.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { type Priority, priority } from '../../shared/wire/manifest.ts';
import { wireTimeMs } from '../../shared/wire/wire-time.ts';
import type { ChannelOptions } from '../harness/channel.ts';
import { Random } from '../harness/random.ts';
import { Fibre } from './fibre.ts';
import { type End, HighSide, type RingKey } from './high-side.ts';
import { type Expected, Invariants } from './invariants.ts';
import { type DiskImage, LowSide, type Pace } from './low-side.ts';
import { PowerCut } from './power-switch.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly parameters: LinkParameters;
  readonly openBlocks: number;
  readonly passCount: number;
  readonly passGapMs: number;
  readonly carouselShare: number;
  readonly quietSeconds: number;
  readonly rateMegabitsPerSecond: number;
  readonly channel: ChannelOptions;
  readonly memoryBytes: number;
  readonly deadlineMs: number;
  readonly spillBytes: number;
  readonly carouselGapMs: number;
  /** Where copies of ledgers go, when disk images are taken. */
  readonly imagesFolder?: string;
  /** Where the ledgers of the first sender and the first receiver are; in memory when left out. */
  readonly ledgerPaths?: { readonly low: string; readonly high: string };
  /** Default: 14 days, and tombstones for 90. */
  readonly retainForMs?: number;
  readonly tombstoneMs?: number;
  /** Default 1. */
  readonly senders?: number;
  /** Whose the keys of the senders are: key n + 1 is that of sender n. Left out: they have no names. */
  readonly keyNames?: KeyNames;
  /** Default 1. */
  readonly receivers?: number;
  /** Default: by chance for each sender. 8 bytes each, as hexadecimal. */
  readonly senderIds?: readonly string[];
  /** Keys of the ring that no sender of this world has. */
  readonly strangers?: readonly RingKey[];
  /** The first step of time while nothing happens. Default 20. */
  readonly idleMinMs?: number;
  /** Objects that a receiver collects at the same time. Default 4096. */
  readonly openObjectsMax?: number;
  /** Of the disk of each receiver. Default: without end. */
  readonly highDiskBytes?: number;
}

const dayMs = 86_400_000;
const recordedMax = 1000;
const idleMinMs = 20;
/** Steps while nothing happens: never past the next beacon in normal times, far in a long darkness. */
const idleMaxMs = 1000;
const darkPace: Pace = { beaconIntervalMs: 1_800_000, rollIntervalMs: 7_200_000, carouselGapMs: 43_200_000 };
const darkIdleMaxMs = 300_000;
const conditionIntervalMs = 200;

/** A sender with its links to all receivers. */
interface Way {
  readonly low: LowSide;
  readonly fibres: readonly Fibre[];
  linkFreeAtMs: number;
  readonly recorded: Uint8Array[];
}

export class World {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly lows: readonly LowSide[];
  readonly highs: readonly HighSide[];
  readonly invariants: readonly Invariants[];
  readonly expected: Expected[] = [];
  /** Power cuts that happened in the middle of something. */
  powerCuts = 0;
  /** Whether a datagram of a sender is lost before anything else can happen to it. */
  loses: (low: LowSide, datagram: Uint8Array) => boolean = () => false;
  /** Somebody on the fibre sees each datagram, before it comes to a receiver. */
  sees: (datagram: Uint8Array) => void = () => {};
  readonly #ways: readonly Way[];
  readonly #datagram: Uint8Array;
  readonly #datagramMs: number;
  /** Studies that a sender lost when it was set back, and a receiver knew of: their numbers. */
  readonly #toldOfLost = new Map<string, number>();
  readonly #setBack = new Set<string>();
  readonly #idleMinMs: number;
  #idleMs: number;
  #idleMaxMs = idleMaxMs;

  constructor(options: WorldOptions) {
    this.random = new Random(options.seed);
    this.#idleMinMs = options.idleMinMs ?? idleMinMs;
    this.#idleMs = this.#idleMinMs;
    const { parameters, rateMegabitsPerSecond } = options;
    this.#datagram = new Uint8Array(parameters.datagramBytes);
    this.#datagramMs = wireTimeMs(parameters.datagramBytes, rateMegabitsPerSecond);
    const linkBytesPerMs = (rateMegabitsPerSecond * 1000) / 8;
    const identities = Array.from({ length: options.senders ?? 1 }, (_, index) => ({
      secret: this.random.fork('secret').fork(index).bytes(32),
      keyId: index + 1,
      name: `sender ${index + 1}`,
      senderId: senderIdAt(options.senderIds, index) ?? this.random.fork('sender').fork(index).bytes(8),
    }));
    const defaults = { imagesFolder: '/nowhere', retainForMs: 14 * dayMs, tombstoneMs: 90 * dayMs };
    this.lows = identities.map(
      (identity, index) =>
        new LowSide(
          {
            ...defaults,
            ...options,
            ...identity,
            linkBytesPerMs,
            ...ledgerAt(options.ledgerPaths?.low, index),
          },
          this.clock.host(),
          this.random.fork('low').fork(index),
        ),
    );
    const strangers = options.strangers ?? [];
    const ring: readonly RingKey[] = [...identities, ...strangers];
    const secrets = new Map(ring.map(({ keyId, secret }) => [keyId, secret]));
    const names = new Map(ring.map(({ keyId, name }) => [keyId, name]));
    const named = strangers.length > 0 && { keyNames: { names, senders: new Map() } };
    this.highs = Array.from(
      { length: options.receivers ?? 1 },
      (_, index) =>
        new HighSide(
          { ...named, ...options, secrets, ...ledgerAt(options.ledgerPaths?.high, index) },
          this.clock.host(),
          this.random.fork('high').fork(index),
        ),
    );
    const honest = strangers.length === 0 ? undefined : new Set(this.lows.map(({ senderId }) => senderId));
    this.invariants = this.highs.map((high) => new Invariants(high, this.expected, honest));
    for (const { disk } of this.highs) disk.capacityBytes = options.highDiskBytes ?? Number.POSITIVE_INFINITY;
    this.#ways = this.lows.map((low, index) => ({
      low,
      fibres: this.highs.map(
        (_, other) => new Fibre(options.channel, this.random.fork('channel').fork(index).fork(other)),
      ),
      linkFreeAtMs: 0,
      recorded: [],
    }));
  }

  /** The first sender, or the only one. */
  get low(): LowSide {
    return present(this.lows[0], 'a world has a sender');
  }

  /** The first receiver, or the only one. */
  get high(): HighSide {
    return present(this.highs[0], 'a world has a receiver');
  }

  /** A scanner gives a file to a sender. */
  take(
    file: { bytes: Uint8Array; studyUid: string; sopInstanceUid: string },
    urgency: Priority = priority.routine,
    low = this.low,
  ): void {
    const { bytes, studyUid, sopInstanceUid } = file;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const isLate = low.ledger.studies.get(studyUid)?.studyNumber !== undefined;
    this.expected.push({ senderId: low.senderId, studyUid, sopInstanceUid, sha256, isLate });
    low.put(file.bytes, urgency);
    this.#lowDoes(low, () => low.scan());
  }

  /** Runs until a moment, or until something is so. @returns whether it came to be */
  run(untilMs: number, until: () => boolean = () => false): boolean {
    let lookedAtMs = Number.NEGATIVE_INFINITY;
    while (this.clock.monotonicMs() < untilMs) {
      this.#turn(untilMs);
      if (this.clock.monotonicMs() - lookedAtMs < conditionIntervalMs) continue;
      lookedAtMs = this.clock.monotonicMs();
      if (until()) return true;
    }
    return until();
  }

  /** Nothing crosses for a while, which may be days: senders go on at a pace that a test can play. */
  darkness(lengthMs: number, after: ChannelOptions): void {
    this.changeChannel({ lossProbability: 1 });
    if (lengthMs > 3_600_000) {
      for (const low of this.lows) low.pace = darkPace;
      this.#idleMaxMs = darkIdleMaxMs;
    }
    this.run(this.clock.monotonicMs() + lengthMs);
    for (const low of this.lows) low.pace = low.normalPace;
    this.#idleMaxMs = idleMaxMs;
    this.#idleMs = this.#idleMinMs;
    this.changeChannel(after);
  }

  /** Somebody plays a recording: datagrams of long ago arrive again, in their order. */
  replay(datagrams: number): void {
    for (const { recorded } of this.#ways) {
      for (const datagram of recorded.slice(0, datagrams)) {
        for (const high of this.highs) this.#highDoes(high, () => high.receive(datagram));
      }
    }
    for (const high of this.highs) this.#highDoes(high, () => high.step());
    for (const invariants of this.invariants) invariants.check();
  }

  /** Somebody else brings datagrams to all receivers, in their order and at once; they may be replays. */
  inject(datagrams: readonly Uint8Array[]): void {
    for (const high of this.highs)
      this.#highDoes(high, () => {
        for (const datagram of datagrams) high.receive(datagram);
      });
  }

  /** What a sender sent at first, as somebody on the fibre has it. */
  recordedOf(low: LowSide): readonly Uint8Array[] {
    return present(
      this.#ways.find((way) => way.low === low),
      'a sender has its way',
    ).recorded;
  }

  /** Other links from now on. */
  changeChannel(options: ChannelOptions): void {
    for (const { fibres } of this.#ways) for (const fibre of fibres) fibre.change(options);
  }

  /** The sender stops and starts again; what is in its encoder is gone. */
  restartLow(powerCut: boolean, low = this.low): void {
    this.#lowDoes(low, () => low.restart(powerCut));
  }

  /** @param damaged objects that somebody else removed from the vault, or changed */
  restartHigh(end: End, high = this.high, damaged: ReadonlySet<string> = new Set()): void {
    this.#highDoes(high, () => high.restart(end));
    this.#invariantsOf(high).checkAgain(damaged);
  }

  /** The sender's disk is set back to an older image of it. What it lost, as far as a receiver knew of it, must be named. */
  restoreImage(image: DiskImage, low = this.low): void {
    const before = new Map(
      this.expected
        .filter(({ senderId }) => senderId === low.senderId)
        .map(({ studyUid }) => [studyUid, low.ledger.studies.get(studyUid)]),
    );
    const highest = Math.min(...this.highs.map((high) => highestKnown(high, low.senderId)));
    this.#lowDoes(low, () => low.restoreImage(image));
    this.#setBack.add(low.senderId);
    for (const [studyUid, study] of before) {
      if (study?.studyNumber === undefined || study.revision !== 1 || study.studyNumber > highest) continue;
      if (low.ledger.studies.get(studyUid)?.studyNumber === undefined)
        this.#toldOfLost.set(`${low.senderId} ${studyUid}`, study.studyNumber);
    }
  }

  /** Whether its sender can't send it any more. The ledger says so also when the power was cut before anything else did. */
  hasExpired(file: Expected): boolean {
    const low = this.lows.find(({ senderId }) => senderId === file.senderId);
    if (low === undefined) return false;
    const listed = [...low.ledger.studies.manifestEntries(file.studyUid)];
    return (
      low.expired.includes(file.studyUid) ||
      listed.some(({ objectId }) => low.ledger.retained.hasExpired(objectId))
    );
  }

  /** Whether every file that was put in stands in the inbox of a receiver, or is held as a conflict. */
  get allReleased(): boolean {
    return this.invariants.every((invariants) => invariants.unreleased().length === 0);
  }

  /** What was put in and did not come out of the first receiver. */
  unreleased(): readonly Expected[] {
    return present(this.invariants[0], 'a world has a receiver').unreleased();
  }

  /**
   * What any receiver was told of and doesn't have must be named.
   * @param atTheEnd of a run, when every receiver had time to hear everything
   */
  checkNothingSilent(atTheEnd: boolean): void {
    for (const [index, invariants] of this.invariants.entries()) {
      const high = present(this.highs[index], 'every receiver has its invariants');
      invariants.checkNothingSilent((file) => {
        const lost = this.#toldOfLost.get(`${file.senderId} ${file.studyUid}`);
        if (lost !== undefined) return atTheEnd && file.isLate !== true ? lost : undefined;
        const study = this.lows
          .find(({ senderId }) => senderId === file.senderId)
          ?.ledger.studies.get(file.studyUid);
        if (study?.studyNumber === undefined || study.open) return undefined;
        if (atTheEnd) return study.studyNumber;
        // A later revision is told of by the roll alone; and a number that is used again says nothing yet.
        const unclear = study.revision > 1 || this.#setBack.has(file.senderId);
        return unclear || study.studyNumber > highestKnown(high, file.senderId)
          ? undefined
          : study.studyNumber;
      });
    }
  }

  get account(): { datagrams: number; lost: number } {
    const all = this.#ways.flatMap(({ fibres }) => fibres.map((fibre) => fibre.account));
    const sum = (of: 'datagrams' | 'lost') => all.reduce((total, account) => total + account[of], 0);
    return { datagrams: sum('datagrams'), lost: sum('lost') };
  }

  /** One step of virtual time: while a link is busy some datagrams' time, else to the next moment of interest. */
  #turn(untilMs: number): void {
    const now = this.clock.monotonicMs();
    let sent = 0;
    for (const way of this.#ways)
      this.#lowDoes(way.low, () => {
        way.low.step();
        sent += this.#send(way, now);
      });
    let nextArrivalMs = Number.POSITIVE_INFINITY;
    for (const [index, high] of this.highs.entries()) {
      this.#highDoes(high, () => {
        for (const { fibres } of this.#ways) {
          const fibre = present(fibres[index], 'each sender has a way to each receiver');
          for (const arrival of fibre.arrived(now)) high.receive(arrival.bytes);
          nextArrivalMs = Math.min(nextArrivalMs, fibre.nextArrivalMs);
        }
        high.step();
      });
      this.#invariantsOf(high).check();
    }
    const busyMs = Math.max(this.#datagramMs * 16, 0.1);
    if (sent > 0 || this.#ways.some((way) => way.linkFreeAtMs > now)) {
      this.#idleMs = this.#idleMinMs;
      this.clock.advance(busyMs);
      return;
    }
    // While nothing happens time passes faster and faster: days of darkness are played in a moment.
    this.#idleMs = Math.min(this.#idleMs * 1.5, this.#idleMaxMs);
    const nextMs = Math.min(now + this.#idleMs, Math.max(nextArrivalMs, now + busyMs));
    this.clock.advance(Math.max(busyMs, Math.min(nextMs, untilMs) - now));
  }

  #send(way: Way, now: number): number {
    let sent = 0;
    while (way.linkFreeAtMs <= now && sent < 64 && way.low.next(this.#datagram)) {
      const datagram = this.#datagram.slice();
      if (way.recorded.length < recordedMax) way.recorded.push(datagram);
      this.sees(datagram);
      if (!this.loses(way.low, datagram)) for (const fibre of way.fibres) fibre.send(datagram, now);
      way.linkFreeAtMs = Math.max(now - this.#datagramMs * 16, way.linkFreeAtMs) + this.#datagramMs;
      sent += 1;
    }
    return sent;
  }

  /** Something a sender does; when its power is cut meanwhile, it starts again. */
  #lowDoes(low: LowSide, act: () => void): void {
    this.#survive(act, () => low.restart(true));
  }

  #highDoes(high: HighSide, act: () => void): void {
    const cuts = this.powerCuts;
    this.#survive(act, () => high.restart('power cut'));
    if (this.powerCuts > cuts) this.#invariantsOf(high).checkAgain();
  }

  #survive(act: () => void, restart: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.powerCuts += 1;
      this.#survive(restart, restart);
    }
  }

  #invariantsOf(high: HighSide): Invariants {
    return present(this.invariants[this.highs.indexOf(high)], 'every receiver has its invariants');
  }
}

function ledgerAt(path: string | undefined, index: number): { ledgerPath?: string } {
  return path === undefined || index > 0 ? {} : { ledgerPath: path };
}

function senderIdAt(senderIds: readonly string[] = [], index = 0): Uint8Array | undefined {
  const senderId = senderIds[index];
  return senderId === undefined ? undefined : new Uint8Array(Buffer.from(senderId, 'hex'));
}

function highestKnown(high: HighSide, senderId: string): number {
  return high.ledger.senders.get(senderId)?.highestStudyNumber ?? 0;
}
