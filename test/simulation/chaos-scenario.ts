/**
 * What one seed of chaos plays: everything that can fail does, at random moments, on both sides. Then the
 * faults end, and everything must be released without an operator, within the retention time. What a restored
 * disk image took from the sender is the one exception: it must be named as missing.
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
import type { ScenarioResult } from './link-scenario.ts';
import type { DiskImage } from './low-side.ts';
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

/** Runs one seed. @throws AssertionFailure when an invariant does not hold */
export function playChaosScenario(seed: number): ScenarioResult {
  const random = new Random(seed, '/chaos');
  const folder = mkdtempSync(join(tmpdir(), 'dicom-diode-chaos-'));
  try {
    return new Chaos(seed, random, join(folder, 'sender.sqlite')).play();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Chaos {
  readonly #seed: number;
  readonly #random: Random;
  readonly #world: World;
  /** Only some seeds take images: their ledger is a file, which is slower. */
  readonly #usesImages: boolean;
  readonly #studies: { studyUid: string; seriesUid: string }[] = [];
  #image: { image: DiskImage; files: number } | undefined;
  #files = 0;
  #images = 0;
  readonly #lostWithImage = new Set<string>();

  constructor(seed: number, random: Random, ledgerPath: string) {
    this.#seed = seed;
    this.#random = random;
    const shape = random.pick(shapes);
    this.#usesImages = random.chance(0.15);
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
      // Never less than the sender's open blocks need: those would push each other out for ever.
      memoryBytes: random.pick([200_000, 400_000, 8_000_000]),
      spillBytes: random.pick([0, 300_000, 3_000_000]),
      deadlineMs: 60_000,
      ledgerPath: this.#usesImages ? ledgerPath : ':memory:',
    });
  }

  play(): ScenarioResult {
    const world = this.#world;
    const steps = 4 + this.#random.integer(8);
    for (let step = 0; step < steps; step += 1) {
      if (this.#random.chance(0.6)) this.#takeSome();
      world.run(world.clock.monotonicMs() + this.#random.integer(4000));
      this.#fault();
    }
    if (this.#files === 0) this.#takeSome();
    this.#heal();
    const left = () => world.unreleased().filter((file) => !this.#lostWithImage.has(file.sha256)).length;
    const whole = world.run(world.clock.monotonicMs() + healingMs, () => world.low.done && left() === 0);
    if (!whole) throw new Error(`${left()} of ${this.#files} files were not released after the faults ended`);
    world.run(world.clock.monotonicMs() + 40_000);
    world.checkNothingSilent();
    const { offered, lost, lostInBurst, lostInBlackout } = world.channel.counters;
    return {
      seed: this.#seed,
      files: this.#files,
      released: this.#files - world.unreleased().length,
      datagrams: offered,
      lost: lost + lostInBurst + lostInBlackout,
      repaired: world.high.reception.assembler.counters.symbolsRepaired,
      virtualMs: world.clock.monotonicMs(),
      plain: false,
    };
  }

  #takeSome(): void {
    const random = this.#random;
    // A late instance of an old study now and then: another revision.
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
      this.#world.take({ bytes, studyUid: study.studyUid, sopInstanceUid }, urgency);
      this.#files += 1;
    }
  }

  #fault(): void {
    const random = this.#random;
    const world = this.#world;
    const faults: (() => void)[] = [
      () => world.restartLow(random.chance(0.5)),
      () => world.restartHigh(random.chance(0.5)),
      () => world.lowClock.jumpWall((random.next() * 2 - 1) * 20 * yearMs),
      () => world.highClock.jumpWall((random.next() * 2 - 1) * 20 * yearMs),
      () => world.changeChannel(this.#badChannel()),
      () => this.#darkness(),
      () => this.#fullDisk(),
      () => world.replay(200),
    ];
    if (this.#usesImages) faults.push(() => this.#diskImage());
    random.pick(faults)();
  }

  /** Nothing crosses, for seconds or for days. */
  #darkness(): void {
    const world = this.#world;
    const lengthMs = this.#random.chance(0.05)
      ? 72 * hourMs * this.#random.next()
      : 20_000 * this.#random.next();
    world.changeChannel({ lossProbability: 1 });
    world.run(world.clock.monotonicMs() + lengthMs);
    world.changeChannel(this.#badChannel());
  }

  #fullDisk(): void {
    const world = this.#world;
    const { disk } = world.high;
    disk.capacityBytes = disk.freeBytes().total - disk.freeBytes().free + this.#random.integer(20_000);
    world.run(world.clock.monotonicMs() + 5000);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
  }

  /** Takes an image of the sender, or sets the sender back to the one taken before. */
  #diskImage(): void {
    const world = this.#world;
    if (this.#image === undefined) {
      this.#image = { image: world.low.takeImage(this.#images), files: world.expected.length };
      this.#images += 1;
      return;
    }
    world.low.restoreImage(this.#image.image);
    for (const file of world.expected.slice(this.#image.files)) this.#lostWithImage.add(file.sha256);
    this.#image = undefined;
  }

  #heal(): void {
    this.#world.high.disk.capacityBytes = Number.POSITIVE_INFINITY;
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
