/**
 * What one seed of the hostile scenario plays: two honest senders, and a third host that was taken over and has a key
 * of the ring. What the honest ones take in has to end as it would have ended without it: released byte for byte, held
 * where it is of two patients, or named. Only where the hostile one used an honest study's own UIDs an instance may be
 * held, and then it is said.
 */
import { assert, present } from '../../shared/assert.ts';
import { protection } from '../../shared/wire/datagram.ts';
import { Random } from '../harness/random.ts';
import { HostileAccount } from './hostile-account.ts';
import { HostilePeer } from './hostile-peer.ts';
import { drawPlan, type HostilePlan, type PlannedFile } from './hostile-plan.ts';
import { hostilePowers, type PowerName, powerNames } from './hostile-powers.ts';
import type { ScenarioResult } from './link-scenario.ts';
import type { LowSide } from './low-side.ts';
import { World } from './world.ts';

const shapes = [
  { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 2, openBlocks: 4 },
  { datagramBytes: 512, sourceSymbols: 20, repairSymbols: 3, openBlocks: 8 },
  { datagramBytes: 700, sourceSymbols: 58, repairSymbols: 5, openBlocks: 3 },
] as const;
const smallDiskBytes = 1_500_000;
const deadlineMs = 8000;
/** What the receiver takes for silence, and a little more. */
const silenceMs = 14_000;
/** After the rounds: a few tellings of the carousel. */
const healingMs = 240_000;
const actsApartMs = 4000;
const hostileKeyId = 77;
/** Seldom enough that a minute is played in some milliseconds, often enough to be no silence. */
const pace = { beaconIntervalMs: 4000, rollIntervalMs: 9000, carouselGapMs: 7000 };

export interface HostileOptions {
  /** What is used, in turn. Default: drawn from all. */
  readonly powers?: readonly PowerName[];
  /** Whether each power is used at its largest. Default: now and then. */
  readonly isFull?: boolean;
  /** How often one is used at most. Default: as often as there is an occasion. */
  readonly acts?: number;
  /** Of the receiver's disk. Default: drawn, and mostly without end. */
  readonly highDiskBytes?: number;
  /** Default true. */
  readonly withPeer?: boolean;
}

/** Runs one seed. @throws AssertionFailure when an invariant is broken */
export function playHostileScenario(seed: number, options: HostileOptions = {}): ScenarioResult {
  const scenario = new Hostile(seed, options);
  const result = scenario.play();
  // What is compared with is what the plan says; that it is so without a hostile peer is looked at as well.
  if (seed % 20 === 0 && options.withPeer !== false)
    new Hostile(seed, { ...options, withPeer: false }).play();
  return result;
}

class Hostile {
  readonly #seed: number;
  readonly #random: Random;
  readonly #options: HostileOptions;
  readonly #plan: HostilePlan;
  readonly #world: World;
  readonly #peer: HostilePeer | undefined;
  readonly #account: HostileAccount;
  readonly #powers: readonly PowerName[];
  #acts = 0;

  constructor(seed: number, options: HostileOptions) {
    this.#seed = seed;
    const random = new Random(seed, '/hostile');
    this.#random = random.fork('moments');
    this.#options = options;
    this.#plan = drawPlan(random.fork('plan'));
    const scene = random.fork('scene');
    const shape = scene.pick(shapes);
    const parameters = {
      ...shape,
      protection: scene.chance(0.2) ? protection.authenticated : protection.sealed,
    };
    const secret = scene.bytes(32);
    const memoryBytes = scene.pick([800_000, 4_000_000]);
    const openObjectsMax = scene.pick([300, 4096]);
    this.#world = new World({
      seed,
      parameters,
      openBlocks: shape.openBlocks,
      passCount: 2,
      passGapMs: 200,
      carouselShare: 0.25,
      carouselGapMs: pace.carouselGapMs,
      quietSeconds: 1,
      rateMegabitsPerSecond: 20,
      channel: { lossProbability: 0.1 * scene.next(), latencyMs: 1 },
      memoryBytes,
      spillBytes: scene.pick([0, 300_000]),
      deadlineMs,
      senders: this.#plan.senderIds.length,
      senderIds: this.#plan.senderIds,
      strangers: [{ keyId: hostileKeyId, secret, name: 'hostile' }],
      openObjectsMax,
      idleMinMs: 60,
      highDiskBytes:
        options.highDiskBytes ?? (scene.chance(0.15) ? smallDiskBytes : Number.POSITIVE_INFINITY),
    });
    for (const low of this.#world.lows) low.pace = pace;
    this.#powers = options.powers ?? this.#drawPowers(random.fork('powers'));
    const senderId = Buffer.from(random.fork('peer').bytes(8)).toString('hex');
    this.#peer =
      options.withPeer === false
        ? undefined
        : new HostilePeer({
            senderId,
            keyId: hostileKeyId,
            secret,
            parameters,
            random: random.fork('peer'),
            victims: this.#world.lows.map((low, index) => this.#victim(low, index)),
            inject: (datagrams) => this.#world.inject(datagrams),
            wallMs: () => this.#world.high.clock.wallMs(),
          });
    this.#world.sees = (datagram) => this.#peer?.sees(datagram);
    this.#account = new HostileAccount({
      world: this.#world,
      hostileId: senderId,
      contested: this.#peer?.contested ?? new Set(),
      tooExpensive: this.#peer?.tooExpensive ?? new Set(),
      memoryBytes,
      openObjectsMax,
      deadlineMs,
    });
  }

  play(): ScenarioResult {
    const world = this.#world;
    const plan = this.#plan;
    // Who speaks first under an id is believed to be it, so the honest ones were installed before.
    const isHeard = () =>
      world.lows.every(({ senderId }) => world.high.ledger.senders.get(senderId) !== undefined);
    assert(world.run(60_000, isHeard), 'the beacons of honest senders come through');
    for (let round = 0; round < plan.rounds; round += 1) this.#playRound(round);
    this.#heal();
    if (plan.lost !== undefined) this.#lose(plan.lost);
    if (plan.fallsSilent) this.#fallSilent();
    this.#account.check(plan, this.#seed % 2 === 0);
    return {
      seed: this.#seed,
      files: world.expected.length,
      released: world.expected.length - world.unreleased().length,
      ...world.account,
      repaired: world.high.pipeline.assembler.counters.symbolsRepaired,
      virtualMs: world.clock.monotonicMs(),
      plain: false,
    };
  }

  #playRound(round: number): void {
    const world = this.#world;
    const random = this.#random;
    if (random.chance(0.5)) this.#act();
    for (const file of this.#plan.files.filter((planned) => planned.round === round)) {
      this.#take(file);
      if (random.chance(0.3)) this.#runFor(random.integer(200));
    }
    // In the middle of what crosses, and behind it.
    this.#runFor(random.integer(1500));
    this.#act();
    this.#runFor(random.integer(3000));
    if (random.chance(0.5)) this.#act();
    const end = this.#plan.restarts.get(round);
    if (end !== undefined) world.restartHigh(end);
    if (end !== undefined && random.chance(0.5)) this.#act();
    this.#account.look();
  }

  /** The honest links are as links are; the peer goes on now and then. */
  #heal(): void {
    const world = this.#world;
    world.changeChannel({ lossProbability: 0.03, latencyMs: 1 });
    const endMs = world.clock.monotonicMs() + healingMs;
    const isDone = () => world.lows.every((low) => low.done) && this.#account.isSettled(this.#plan.files);
    // At least so long that what waits for a deadline is seen.
    let untilMs = world.clock.monotonicMs() + deadlineMs + 2000;
    for (let acts = 0; ; acts += 1) {
      const isThrough = this.#runFor(actsApartMs, () => world.clock.monotonicMs() >= untilMs && isDone());
      if (isThrough) return;
      if (world.clock.monotonicMs() >= endMs) {
        this.#account.checkOutcomes(this.#plan.files);
        throw new Error('the honest senders did not come to an end');
      }
      if (acts < 3 || acts % 20 === 0) this.#act();
      untilMs = Math.min(untilMs, endMs);
    }
  }

  /** Nothing crosses of one honest study but that there is one. */
  #lose(file: PlannedFile): void {
    const world = this.#world;
    const loser = present(world.lows[file.sender], 'the sender of a file');
    world.loses = (low, datagram) => low === loser && (datagram[5] === 1 || datagram[5] === 2);
    this.#take(file);
    this.#runFor(deadlineMs);
    this.#act();
    // What the roll tells is looked at every ten seconds.
    this.#runFor(deadlineMs + 14_000);
  }

  #fallSilent(): void {
    const low = present(this.#world.lows[1], 'there are two');
    low.pace = {
      ...pace,
      beaconIntervalMs: Number.POSITIVE_INFINITY,
      rollIntervalMs: Number.POSITIVE_INFINITY,
    };
    this.#runFor(silenceMs / 2);
    this.#act();
    this.#runFor(silenceMs);
  }

  #take(file: PlannedFile): void {
    const low = present(this.#world.lows[file.sender], 'the sender of a file');
    this.#world.take(file, file.urgency, low);
  }

  #runFor(ms: number, until?: () => boolean): boolean {
    const through = this.#world.run(this.#world.clock.monotonicMs() + ms, until);
    this.#peer?.goOn();
    return through;
  }

  /** The peer uses its next power. */
  #act(): void {
    const { isFull } = this.#options;
    const name = this.#powers[this.#acts % this.#powers.length];
    this.#acts += 1;
    const size = this.#random.fork(`size ${this.#acts}`);
    const isSpent = this.#acts > (this.#options.acts ?? Number.POSITIVE_INFINITY);
    if (name === undefined || this.#peer === undefined || isSpent) return;
    const isLarge = isFull ?? size.chance(0.005);
    // One of many in a seed need not be as large as one alone.
    const share = this.#options.powers !== undefined || size.chance(0.15) ? 1 : 0.2;
    hostilePowers[name](this.#peer, (few, most) => (isLarge ? most : Math.ceil(few * share)));
    this.#account.look();
    this.#world.run(this.#world.clock.monotonicMs() + size.integer(100));
    this.#account.look();
  }

  /** One to all of them, in any order, some again. */
  #drawPowers(random: Random): PowerName[] {
    const shuffled = random.shuffle([...powerNames]);
    const drawn = shuffled.slice(0, 1 + random.integer(powerNames.length));
    return random.shuffle([...drawn, ...drawn.filter(() => random.chance(0.3))]);
  }

  #victim(low: LowSide, index: number) {
    const recorded = () => this.#world.recordedOf(low);
    return {
      senderId: low.senderId,
      keyId: index + 1,
      files: this.#plan.files.filter(({ sender }) => sender === index),
      get recorded() {
        return recorded();
      },
    };
  }
}
