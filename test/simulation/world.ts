/**
 * One simulated hospital: a sender, a link that loses, a receiver, in virtual time, from one seed. The world
 * checks its invariants whenever something was released, and at the end:
 *
 * - nothing wrong: a released file is byte for byte a file that was taken in, of that study;
 * - nothing incomplete: a study is released with every instance of a revision, or those are held as conflicts;
 * - nothing twice: no instance is released two times;
 * - nothing silently missing: every study is released, or named as missing.
 */
import { createHash } from 'node:crypto';
import { accountOfMissing } from '../../receiver/missing.ts';
import { wireTimeMs } from '../../sender/pace.ts';
import { assert } from '../../shared/assert.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { type Arrival, Channel, type ChannelOptions } from '../harness/channel.ts';
import { Random } from '../harness/random.ts';
import { HighSide, inboxFolder } from './high-side.ts';
import { LowSide } from './low-side.ts';
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
  readonly ledgerPath: string;
  readonly carouselGapMs: number;
}

const recordedMax = 1000;
const idleMinMs = 50;
const idleMaxMs = 10_000;

/** What a scenario put in. */
export interface Expected {
  readonly studyUid: string;
  readonly sopInstanceUid: string;
  readonly sha256: string;
}

export class World {
  readonly clock = new VirtualClock();
  readonly lowClock = this.clock.host();
  readonly highClock = this.clock.host();
  readonly random: Random;
  readonly low: LowSide;
  readonly high: HighSide;
  channel: Channel;
  readonly expected: Expected[] = [];
  readonly #datagram: Uint8Array;
  readonly #datagramMs: number;
  readonly #travelling: Arrival[] = [];
  readonly #recorded: Uint8Array[] = [];
  #linkFreeAtMs = 0;
  #idleMs = idleMinMs;
  #releasesChecked = 0;
  #channelNumber = 0;

  constructor(options: WorldOptions) {
    this.random = new Random(options.seed);
    const identity = {
      secret: this.random.fork('secret').bytes(32),
      keyId: 1,
      senderId: this.random.fork('sender').bytes(8),
    };
    const { parameters, rateMegabitsPerSecond } = options;
    this.#datagram = new Uint8Array(parameters.datagramBytes);
    this.#datagramMs = wireTimeMs(parameters.datagramBytes, rateMegabitsPerSecond);
    const linkBytesPerMs = (rateMegabitsPerSecond * 1000) / 8;
    this.low = new LowSide(
      { ...options, ...identity, linkBytesPerMs },
      this.lowClock,
      this.random.fork('low'),
    );
    this.high = new HighSide({ ...options, ...identity }, this.highClock, this.random.fork('high'));
    this.channel = new Channel(options.channel, this.random.fork('channel'));
  }

  /** Puts a file into the sender's watch folder, settled. */
  take(
    file: { bytes: Uint8Array; studyUid: string; sopInstanceUid: string },
    urgency?: Parameters<LowSide['take']>[1],
  ): void {
    const sha256 = createHash('sha256').update(file.bytes).digest('hex');
    this.expected.push({ studyUid: file.studyUid, sopInstanceUid: file.sopInstanceUid, sha256 });
    this.low.take(file.bytes, urgency);
  }

  /** Runs until a moment, or until something holds. @returns whether it came to hold */
  run(untilMs: number, until: () => boolean = () => false): boolean {
    while (this.clock.monotonicMs() < untilMs) {
      this.#turn();
      if (until()) return true;
    }
    return until();
  }

  /** Somebody plays a recording: datagrams of long ago arrive again, in their order. */
  replay(datagrams: number): void {
    for (const datagram of this.#recorded.slice(0, datagrams)) this.high.receive(datagram);
    this.high.step();
    this.check();
  }

  /** Another link from now on. */
  changeChannel(options: ChannelOptions): void {
    this.#channelNumber += 1;
    this.channel = new Channel(options, this.random.fork('channel').fork(this.#channelNumber));
  }

  /** The sender stops and starts again; what is in its encoder is gone. */
  restartLow(powerCut: boolean): void {
    this.low.restart(powerCut);
  }

  restartHigh(powerCut: boolean): void {
    this.high.restart(powerCut);
  }

  /** Whether every file that was put in stands in the inbox, or is held as a conflict. */
  get allReleased(): boolean {
    return this.unreleased().length === 0;
  }

  /** What was put in and is neither in the inbox nor held. */
  unreleased(): Expected[] {
    const out = new Set<string>();
    for (const study of this.high.ledger.studies(10_000)) {
      for (const row of this.high.ledger.instancesOf(study.senderId, study.studyUid)) {
        if (row.releasedRevision !== undefined || row.heldBecause !== undefined) out.add(row.sha256);
      }
    }
    return this.expected.filter((file) => !out.has(file.sha256));
  }

  /** The invariants. Throws an assertion with what is wrong. */
  check(): void {
    const releases = this.high.releases;
    if (releases.length === this.#releasesChecked) return;
    this.#releasesChecked = releases.length;
    const known = new Map(this.expected.map((file) => [file.sha256, file]));
    const seen = new Set<string>();
    for (const [path, bytes] of this.high.disk.contents(inboxFolder)) {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const file = known.get(sha256);
      assert(file !== undefined, `the inbox holds bytes that were never taken in: ${path}`);
      const [folder, , name] = path.split('/');
      assert(
        folder?.split('.rev')[0] === file.studyUid,
        `an instance is in the folder of another study: ${path}`,
      );
      assert(name === `${file.sopInstanceUid}.dcm`, `an instance has the name of another one: ${path}`);
      assert(!seen.has(sha256), `an instance is in the inbox twice: ${path}`);
      seen.add(sha256);
    }
    for (const release of releases) this.#checkComplete(release.senderId, release.studyUid, release.revision);
  }

  /** At the end of a run: what is not in the inbox must be named by `missing`. */
  checkNothingSilent(): void {
    this.check();
    const rows = accountOfMissing(this.high.ledger, 10_000);
    const named = new Set(rows.map((row) => row.studyUid));
    const numbers = new Set(rows.map((row) => row.studyNumber));
    for (const file of this.unreleased()) {
      const studyNumber = this.low.ledger.study(file.studyUid)?.studyNumber;
      const found = named.has(file.studyUid) || (studyNumber !== undefined && numbers.has(studyNumber));
      assert(found, `study ${file.studyUid} is neither released nor named as missing`);
    }
  }

  #checkComplete(senderId: string, studyUid: string, revision: number): void {
    const manifest = this.high.ledger
      .manifestsAbove(senderId, studyUid, revision - 1)
      .find((m) => m.revision === revision);
    assert(manifest !== undefined, 'a released revision has its manifest');
    for (const entry of manifest.entries) {
      const row = this.high.ledger.instance(entry.objectId);
      const accounted =
        row !== undefined && (row.releasedRevision !== undefined || row.heldBecause !== undefined);
      assert(accounted, `study ${studyUid} was released without ${entry.sopInstanceUid}`);
    }
  }

  /** One step of virtual time: while the link is busy a datagram's time, else to the next moment of interest. */
  #turn(): void {
    const now = this.clock.monotonicMs();
    this.low.step();
    let sent = 0;
    while (this.#linkFreeAtMs <= now && sent < 64 && this.low.next(this.#datagram)) {
      const datagram = this.#datagram.slice();
      if (this.#recorded.length < recordedMax) this.#recorded.push(datagram);
      this.#travelling.push(...this.channel.transmit(datagram, now));
      this.#linkFreeAtMs = Math.max(now - this.#datagramMs * 16, this.#linkFreeAtMs) + this.#datagramMs;
      sent += 1;
    }
    this.#arrive(now);
    this.high.step();
    this.check();
    const idle = sent === 0 && this.#travelling.length === 0 && this.#linkFreeAtMs <= now;
    // While nothing happens time passes faster and faster: days of darkness are played in a moment.
    this.#idleMs = idle ? Math.min(this.#idleMs * 1.1, idleMaxMs) : idleMinMs;
    this.clock.advance(idle ? this.#idleMs : Math.max(this.#datagramMs * 16, 0.1));
  }

  #arrive(now: number): void {
    const due = this.#travelling.filter((arrival) => arrival.atMs <= now).sort((a, b) => a.atMs - b.atMs);
    if (due.length === 0) return;
    const left = this.#travelling.filter((arrival) => arrival.atMs > now);
    this.#travelling.length = 0;
    this.#travelling.push(...left);
    for (const arrival of due) this.high.receive(arrival.bytes);
  }
}
