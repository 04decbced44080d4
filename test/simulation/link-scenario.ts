/**
 * What one seed plays: a few studies cross a link that loses, reorders, duplicates, flips, truncates and goes
 * dark, while the sender restarts between passes. The seed decides all of it, so a failing one replays.
 */
import { protection } from '../../shared/wire/datagram.ts';
import { priority } from '../../shared/wire/manifest.ts';
import { burstLoss, type ChannelOptions } from '../harness/channel.ts';
import { Random } from '../harness/random.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { World, type WorldOptions } from './world.ts';

export interface ScenarioResult {
  readonly seed: number;
  readonly files: number;
  readonly released: number;
  readonly datagrams: number;
  readonly lost: number;
  readonly repaired: number;
  readonly virtualMs: number;
  /** Of plain 3 % loss: all must be released within the two planned passes. */
  readonly plain: boolean;
}

/** Shapes of the code: mostly small ones, which reach the edges sooner, some at the default. */
const smallShapes = [
  { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 6, openBlocks: 4 },
  { datagramBytes: 512, sourceSymbols: 20, repairSymbols: 8, openBlocks: 8 },
  { datagramBytes: 700, sourceSymbols: 58, repairSymbols: 13, openBlocks: 3 },
] as const;
const defaultShape = { datagramBytes: 1472, sourceSymbols: 200, repairSymbols: 24, openBlocks: 16 } as const;

/** Runs one seed. @throws AssertionFailure when an invariant is broken */
export function playLinkScenario(seed: number): ScenarioResult {
  const random = new Random(seed, '/scenario');
  const shape = random.chance(0.05) ? defaultShape : random.pick(smallShapes);
  const plain = random.chance(0.3);
  const channel: ChannelOptions = plain ? { lossProbability: 0.03, latencyMs: 1 } : hostileChannel(random);
  // Too little memory for the open blocks must cost passes, never truth.
  const memoryBytes = plain || random.chance(0.8) ? 32_000_000 : 64_000;
  const world = new World({
    ...settings(random),
    memoryBytes,
    seed,
    ...shape,
    parameters: parametersOf(shape, random),
    channel,
  });
  const files = putStudiesIn(world, random, shape === defaultShape ? 600_000 : 20_000);
  const restarts = plain ? 0 : random.integer(3);
  for (let restart = 0; restart < restarts; restart += 1) {
    world.run(world.clock.monotonicMs() + 500 + random.integer(4000));
    world.restartLow(random.chance(0.5));
  }
  // Two passes and a while for what is on its way; then the deadline names what is missing.
  world.run(600_000, () => world.low.done);
  world.run(world.clock.monotonicMs() + 5000);
  const released = files - world.unreleased().length;
  if (plain && released < files)
    throw new Error(`at 3 % loss ${files - released} of ${files} files did not come within two passes`);
  world.run(world.clock.monotonicMs() + 130_000);
  world.checkNothingSilent(true);
  return {
    seed,
    files,
    released,
    ...world.account,
    repaired: world.high.pipeline.assembler.counters.symbolsRepaired,
    virtualMs: world.clock.monotonicMs(),
    plain,
  };
}

type Settings = Omit<WorldOptions, 'seed' | 'memoryBytes' | 'parameters' | 'openBlocks' | 'channel'>;

function settings(random: Random): Settings {
  return {
    passCount: 2,
    passGapMs: 200,
    carouselShare: 0,
    quietSeconds: 2,
    rateMegabitsPerSecond: random.pick([10, 50, 100]),
    deadlineMs: 60_000,
    carouselGapMs: 60_000,
    spillBytes: random.pick([0, 1_000_000]),
  };
}

function parametersOf(shape: typeof defaultShape | (typeof smallShapes)[number], random: Random) {
  const { datagramBytes, sourceSymbols, repairSymbols } = shape;
  const mode = random.chance(0.2) ? protection.authenticated : protection.sealed;
  return { datagramBytes, sourceSymbols, repairSymbols, protection: mode };
}

function hostileChannel(random: Random): ChannelOptions {
  const base = random.chance(0.5)
    ? burstLoss(2 + random.integer(30), 0.05 * random.next())
    : { lossProbability: 0.05 * random.next() };
  return {
    ...base,
    latencyMs: random.integer(20),
    ...(random.chance(0.5) ? { reordering: { probability: 0.05, windowMs: 30 } } : {}),
    ...(random.chance(0.5) ? { duplication: { probability: 0.02, windowMs: 50 } } : {}),
    ...(random.chance(0.3) ? { replay: { probability: 0.02, historyDatagrams: 500 } } : {}),
    ...(random.chance(0.5) ? { bitFlips: { probability: 0.01, bitsMax: 8 } } : {}),
    ...(random.chance(0.3) ? { truncation: { probability: 0.005 } } : {}),
    ...(random.chance(0.3) ? { extension: { probability: 0.005, bytesMax: 64 } } : {}),
    ...(random.chance(0.4)
      ? { randomBlackouts: { meanGapMs: 4000, lengthMs: 100 + random.integer(1500) } }
      : {}),
  };
}

function putStudiesIn(world: World, random: Random, bytesMax: number): number {
  let files = 0;
  const studies = 1 + random.integer(3);
  for (let study = 0; study < studies; study += 1) {
    const studyUid = uidFrom(random);
    const seriesUids = [uidFrom(random), uidFrom(random)];
    const urgency = random.chance(0.2) ? priority.stat : priority.routine;
    const instances = 1 + random.integer(6);
    for (let instance = 0; instance < instances; instance += 1) {
      const sopInstanceUid = uidFrom(random);
      const copies = random.chance(0.05) ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        const bytes = smallInstance({
          studyUid,
          seriesUid: random.pick(seriesUids),
          sopInstanceUid,
          patientId: `PATIENT-${study}`,
          patientName: `SYNTHETIC^${study}`,
          approximateBytes: 700 + random.integer(random.chance(0.1) ? bytesMax * 4 : bytesMax),
          random,
        });
        world.take({ bytes, studyUid, sopInstanceUid }, urgency);
        files += 1;
      }
      if (random.chance(0.2)) world.run(world.clock.monotonicMs() + random.integer(3000));
    }
  }
  return files;
}
