/**
 * What one seed of chaos plays: everything that can fail does, at random moments, on both sides. Then the
 * faults end, and everything must be released without an operator, within the retention time. What a restored
 * disk image took from the sender is an exception, and what expired early on a full disk: that must be named as
 * missing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { protection } from '../../shared/wire/datagram.ts';
import { priority } from '../../shared/wire/manifest.ts';
import { burstLoss, type ChannelOptions } from '../harness/channel.ts';
import { Random } from '../harness/random.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { checkReceiverEvents, checkSenderEvents } from './event-invariants.ts';
import type { End, HighSide } from './high-side.ts';
import type { ScenarioResult } from './link-scenario.ts';
import type { DiskImage, LowSide } from './low-side.ts';
import { World } from './world.ts';

const hourMs = 3_600_000;
const yearMs = 365.25 * 24 * hourMs;
/** After the faults end: far below the retention time. */
const healingMs = 12 * hourMs;

const shapes = [
  { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, openBlocks: 4 },
  { datagramBytes: 512, sourceSymbols: 20, repairSymbols: 6, openBlocks: 8 },
  { datagramBytes: 700, sourceSymbols: 58, repairSymbols: 13, openBlocks: 3 },
] as const;

/** Runs one seed. @throws AssertionFailure when an invariant is broken */
export function playChaosScenario(seed: number): ScenarioResult {
  const random = new Random(seed, '/chaos');
  const usesImages = random.chance(0.15);
  if (!usesImages) return new Chaos(seed, random, undefined).play();
  const folder = mkdtempSync(join(tmpdir(), 'dicom-diode-chaos-'));
  try {
    return new Chaos(seed, random, folder).play();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Chaos {
  readonly #seed: number;
  readonly #random: Random;
  readonly #world: World;
  /** Only some seeds take images: their ledger is a file then, which is slower. */
  readonly #usesImages: boolean;
  readonly #studies: { studyUid: string; seriesUid: string }[] = [];
  #image: { image: DiskImage; files: number } | undefined;
  #files = 0;
  readonly #lostWithImage = new Set<string>();

  constructor(seed: number, random: Random, imagesFolder: string | undefined) {
    this.#seed = seed;
    this.#random = random;
    this.#usesImages = imagesFolder !== undefined;
    const shape = random.pick(shapes);
    const several = random.pick([1, 1, 1, 1, 1, 1, 2, 3]);
    const sidesOfOne = random.chance(0.5) ? { senders: several } : { receivers: several };
    this.#world = new World({
      seed,
      parameters: { ...shape, protection: random.chance(0.2) ? protection.authenticated : protection.sealed },
      openBlocks: shape.openBlocks,
      passCount: 2,
      passGapMs: 200,
      carouselShare: 0.25,
      carouselGapMs: 60_000,
      quietSeconds: random.pick([1, 5]),
      rateMegabitsPerSecond: random.pick([10, 50]),
      channel: this.#badChannel(),
      // Never less than the open blocks of all senders need: those would push each other out for ever.
      memoryBytes: random.pick([200_000, 400_000, 8_000_000]) * several,
      spillBytes: random.pick([0, 300_000, 3_000_000]),
      deadlineMs: 60_000,
      ...sidesOfOne,
      ...(imagesFolder === undefined ? {} : { imagesFolder }),
    });
  }

  play(): ScenarioResult {
    const world = this.#world;
    const steps = 4 + this.#random.integer(8);
    for (let step = 0; step < steps; step += 1) {
      if (this.#random.chance(0.6)) this.#takeSome();
      world.run(world.clock.monotonicMs() + this.#random.integer(4000));
      this.#fault();
      world.checkNothingSilent(false);
      this.#checkEvents();
    }
    if (this.#files === 0) this.#takeSome();
    this.#heal();
    const left = () =>
      world.invariants
        .flatMap((invariants) => invariants.unreleased())
        .filter((file) => !this.#lostWithImage.has(file.sha256) && !world.hasExpired(file)).length;
    const whole = world.run(
      world.clock.monotonicMs() + healingMs,
      () => world.lows.every((low) => low.done) && left() === 0,
    );
    if (!whole) throw new Error(`${left()} of ${this.#files} files were not released after the faults ended`);
    world.run(world.clock.monotonicMs() + 40_000);
    world.checkNothingSilent(true);
    this.#checkEvents();
    return {
      seed: this.#seed,
      files: this.#files,
      released: this.#files - world.unreleased().length,
      ...world.account,
      repaired: world.high.pipeline.assembler.counters.symbolsRepaired,
      virtualMs: world.clock.monotonicMs(),
      plain: false,
    };
  }

  #checkEvents(): void {
    for (const { ledger } of this.#world.lows) checkSenderEvents(ledger);
    for (const { ledger } of this.#world.highs) checkReceiverEvents(ledger);
  }

  get #low(): LowSide {
    return this.#random.pick(this.#world.lows);
  }

  get #high(): HighSide {
    return this.#random.pick(this.#world.highs);
  }

  #takeSome(): void {
    const random = this.#random;
    const low = this.#low;
    // A late instance of an old study now and then: another revision. Or another sender has the same study.
    const late = this.#studies.length > 0 && random.chance(0.3);
    const study = late
      ? random.pick(this.#studies)
      : { studyUid: uidFrom(random), seriesUid: uidFrom(random) };
    if (!late) this.#studies.push(study);
    const urgency = random.chance(0.2) ? priority.stat : priority.routine;
    for (let count = 1 + random.integer(4); count > 0; count -= 1) {
      const sopInstanceUid = uidFrom(random);
      const bytes = smallInstance({
        ...study,
        sopInstanceUid,
        patientId: 'CHAOS',
        patientName: 'SYNTHETIC^CHAOS',
        approximateBytes: 800 + random.integer(random.chance(0.1) ? 120_000 : 15_000),
        random,
      });
      this.#world.take({ bytes, studyUid: study.studyUid, sopInstanceUid }, urgency, low);
      this.#files += 1;
    }
  }

  #fault(): void {
    const random = this.#random;
    const world = this.#world;
    const ends: readonly End[] = ['stop', 'kill', 'power cut'];
    const faults: (() => void)[] = [
      () => world.restartLow(random.chance(0.5), this.#low),
      () => world.restartHigh(random.pick(ends), this.#high),
      // In the middle of whatever comes next.
      () => this.#low.power.cutAfter(random.integer(150)),
      () => this.#high.power.cutAfter(random.integer(300)),
      () => this.#low.clock.jumpWall((random.next() * 2 - 1) * 20 * yearMs),
      () => this.#high.clock.jumpWall((random.next() * 2 - 1) * 20 * yearMs),
      () => world.changeChannel(this.#badChannel()),
      () => this.#darkness(),
      () => this.#fullDisk(random.chance(0.5) ? this.#low : this.#high),
      () => world.replay(200),
    ];
    if (this.#usesImages) faults.push(() => this.#diskImage());
    random.pick(faults)();
  }

  /** Nothing crosses, for seconds or for days. */
  #darkness(): void {
    const random = this.#random;
    const lengthMs = random.chance(0.05) ? 72 * hourMs * random.next() : 20_000 * random.next();
    this.#world.darkness(lengthMs, this.#badChannel());
  }

  #fullDisk({ disk }: LowSide | HighSide): void {
    const world = this.#world;
    disk.capacityBytes = disk.freeBytes().total - disk.freeBytes().free + this.#random.integer(20_000);
    world.run(world.clock.monotonicMs() + 5000);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
  }

  /** Takes an image of the sender, or sets the sender back to the one taken before. */
  #diskImage(): void {
    const world = this.#world;
    if (this.#image === undefined) {
      this.#image = { image: world.low.takeImage(), files: world.expected.length };
      return;
    }
    world.restoreImage(this.#image.image);
    for (const file of world.expected.slice(this.#image.files)) {
      if (file.senderId === world.low.senderId) this.#lostWithImage.add(file.sha256);
    }
    this.#image = undefined;
    // Long before the set-back sender closes another study, its beacon tells that it is set back.
    world.changeChannel({});
    world.run(world.clock.monotonicMs() + 3000);
    world.changeChannel(this.#badChannel());
  }

  #heal(): void {
    for (const side of [...this.#world.lows, ...this.#world.highs]) {
      side.disk.capacityBytes = Number.POSITIVE_INFINITY;
      side.power.cutAfter(Number.POSITIVE_INFINITY);
    }
    this.#world.changeChannel({ lossProbability: 0.03, latencyMs: 1 });
  }

  #badChannel(): ChannelOptions {
    const random = this.#random;
    const loss = random.chance(0.3) ? 0.1 : 0.05;
    const base = random.chance(0.5)
      ? burstLoss(2 + random.integer(30), loss * random.next())
      : { lossProbability: loss * random.next() };
    return {
      ...base,
      latencyMs: random.integer(20),
      reordering: { probability: 0.05, windowMs: 30 },
      duplication: { probability: 0.02, windowMs: 50 },
      replay: { probability: 0.01, historyDatagrams: 500 },
      bitFlips: { probability: 0.01, bitsMax: 8 },
    };
  }
}
