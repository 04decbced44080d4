/**
 * A one-way link that loses, delays and damages: a model without I/O and without a clock. Datagrams and the
 * time go in, arrivals with their times come out; the same seed and the same input give the same arrivals.
 * Each kind of loss draws from a random stream of its own: switching one on loses nothing else than before.
 */
import { assert, present } from '../../shared/assert.ts';
import type { Random } from './random.ts';

/** Loss in bursts (Gilbert and Elliott): a chain of a good and a bad state, stepped once a datagram. */
export interface Bursts {
  /** Probability, per datagram, to go from good to bad. */
  readonly enterProbability: number;
  /** Probability, per datagram, to go from bad to good; 1 / mean burst length. */
  readonly leaveProbability: number;
  /** Probability to lose a datagram in the bad state. Default 1. */
  readonly lossProbability?: number;
}

/** A time in which nothing arrives: `fromMs` is in it, `toMs` is not. */
export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What the link does. All probabilities are per datagram; what is left out doesn't happen. */
export interface ChannelOptions {
  /** Independent loss. */
  readonly lossProbability?: number;
  readonly bursts?: Bursts;
  /** Delays a datagram by up to `windowMs` more than the latency, so that later ones overtake it. */
  readonly reordering?: { readonly probability: number; readonly windowMs: number };
  /** A second copy, up to `windowMs` later. */
  readonly duplication?: { readonly probability: number; readonly windowMs: number };
  /** One of the last `historyDatagrams` datagrams arrives again, right behind this one. */
  readonly replay?: { readonly probability: number; readonly historyDatagrams: number };
  /** Turns over 1 to `bitsMax` bits. */
  readonly bitFlips?: { readonly probability: number; readonly bitsMax: number };
  /** Cuts to any shorter length, zero included. */
  readonly truncation?: { readonly probability: number };
  /** Adds 1 to `bytesMax` random bytes. */
  readonly extension?: { readonly probability: number; readonly bytesMax: number };
  /** From sending to arriving. Default 0. */
  readonly latencyMs?: number;
  /** In order, none overlapping. */
  readonly blackouts?: readonly Interval[];
  /** Blackouts of `lengthMs`, with gaps of any length up to twice `meanGapMs` (at least 1 ms) between them. */
  readonly randomBlackouts?: { readonly meanGapMs: number; readonly lengthMs: number };
}

/** What happened so far. `offered` + `duplicated` + `replayed` - the four kinds of loss = `delivered`. */
export interface ChannelCounters {
  offered: number;
  delivered: number;
  /** Independent loss. */
  lost: number;
  lostInBurst: number;
  lostInBlackout: number;
  reordered: number;
  duplicated: number;
  replayed: number;
  flipped: number;
  truncated: number;
  extended: number;
}

export interface Arrival {
  /** The given datagram itself where nothing changed it; its owner copies it before using that memory again. */
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

/** Throws when an option makes no sense: a test or a command line is wrong, not the link. */
function assertChannelOptions(options: ChannelOptions): void {
  const { bursts, reordering, duplication, replay, bitFlips, truncation, extension } = options;
  const probabilities = [
    options.lossProbability,
    bursts?.enterProbability,
    bursts?.leaveProbability,
    bursts?.lossProbability,
    ...[reordering, duplication, replay, bitFlips, truncation, extension].map((harm) => harm?.probability),
  ];
  for (const probability of probabilities) {
    assert(probability === undefined || (probability >= 0 && probability <= 1), 'a probability is 0 to 1');
  }
  const { latencyMs, randomBlackouts } = options;
  const times = [latencyMs, reordering?.windowMs, duplication?.windowMs, randomBlackouts?.meanGapMs];
  for (const timeMs of [...times, randomBlackouts?.lengthMs]) {
    assert(timeMs === undefined || (timeMs >= 0 && timeMs < Infinity), 'a time is finite and not negative');
  }
  for (const count of [replay?.historyDatagrams, bitFlips?.bitsMax, extension?.bytesMax]) {
    assert(count === undefined || (Number.isInteger(count) && count >= 1), 'a count is at least 1');
  }
  let endMs = Number.NEGATIVE_INFINITY;
  for (const { fromMs, toMs } of options.blackouts ?? []) {
    assert(fromMs >= endMs && toMs > fromMs, 'blackouts are in order and none overlap');
    endMs = toMs;
  }
}

const nothing: readonly Arrival[] = [];

/** Loss in bursts of a mean length, with `lossProbability` over all (default 3 %): the losses of a full buffer. */
export function burstLoss(meanDatagrams: number, lossProbability = 0.03): ChannelOptions {
  assert(meanDatagrams >= 1, 'a burst has at least one datagram');
  assert(lossProbability >= 0 && lossProbability < 1, 'the loss of bursts is at least 0 and below 1');
  const leaveProbability = 1 / meanDatagrams;
  // The chain is in its bad state for enter / (enter + leave) of the datagrams.
  const enterProbability = (lossProbability * leaveProbability) / (1 - lossProbability);
  assert(enterProbability <= 1, 'so much loss needs longer bursts');
  return { bursts: { enterProbability, leaveProbability } };
}

/** Links with a name, for command lines and test tables. */
export const channelPresets = {
  perfect: {},
  /** Three in a hundred, independent: the design loss. */
  'random-loss': { lossProbability: 0.03 },
  'burst-loss': burstLoss(8),
  /** Long bursts, as of a receiver that stalls. */
  stalls: burstLoss(500, 0.01),
  /** A switch or a bonded link in the way: nothing lost, much out of order. */
  disorder: {
    latencyMs: 1,
    reordering: { probability: 0.2, windowMs: 20 },
    duplication: { probability: 0.02, windowMs: 20 },
  },
  /** A loose connector. */
  flapping: { randomBlackouts: { meanGapMs: 5000, lengthMs: 150 } },
  /** Everything at once, damage and recordings included. */
  hostile: {
    lossProbability: 0.01,
    ...burstLoss(8, 0.02),
    latencyMs: 1,
    reordering: { probability: 0.05, windowMs: 10 },
    duplication: { probability: 0.02, windowMs: 50 },
    replay: { probability: 0.02, historyDatagrams: 2048 },
    bitFlips: { probability: 0.01, bitsMax: 8 },
    truncation: { probability: 0.005 },
    extension: { probability: 0.005, bytesMax: 64 },
  },
} as const satisfies Record<string, ChannelOptions>;

export type ChannelPreset = keyof typeof channelPresets;

/** Whether a word is the name of a preset. */
export function isChannelPreset(name: string): name is ChannelPreset {
  return Object.hasOwn(channelPresets, name);
}

/** Not lost; or which counter the loss goes to. */
type Loss = 'lost' | 'lostInBurst' | 'lostInBlackout' | undefined;

export class Channel {
  readonly counters: ChannelCounters = {
    offered: 0,
    delivered: 0,
    lost: 0,
    lostInBurst: 0,
    lostInBlackout: 0,
    reordered: 0,
    duplicated: 0,
    replayed: 0,
    flipped: 0,
    truncated: 0,
    extended: 0,
  };
  readonly #options: ChannelOptions;
  readonly #latencyMs: number;
  readonly #loss: Random;
  readonly #burst: Random;
  readonly #delay: Random;
  readonly #copies: Random;
  readonly #damage: Random;
  readonly #dark: Random;
  /** Copies of what was offered, a ring once it is full. */
  readonly #history: Uint8Array[] = [];
  #historyNext = 0;
  #bad = false;
  #nowMs = Number.NEGATIVE_INFINITY;
  #blackoutsPassed = 0;
  #randomBlackout: Interval | undefined;

  constructor(options: ChannelOptions, random: Random) {
    assertChannelOptions(options);
    this.#options = options;
    this.#latencyMs = options.latencyMs ?? 0;
    this.#loss = random.fork('loss');
    this.#burst = random.fork('burst');
    this.#delay = random.fork('delay');
    this.#copies = random.fork('copies');
    this.#damage = random.fork('damage');
    this.#dark = random.fork('dark');
  }

  /**
   * One datagram at a time that never goes back. Gives what arrives because of it: nothing, it, or several
   * datagrams, each with its time of arrival (not sorted). The given bytes are never changed.
   */
  transmit(datagram: Uint8Array, nowMs: number): readonly Arrival[] {
    assert(nowMs >= this.#nowMs, 'the time of a channel never goes back');
    this.#nowMs = nowMs;
    this.counters.offered++;
    const loss = this.#losesNow(nowMs);
    if (loss !== undefined) this.counters[loss]++;
    const arrivals = loss === undefined ? [this.#arrival(datagram, nowMs)] : nothing;
    const { replay, duplication } = this.#options;
    if (replay === undefined && duplication === undefined) return arrivals;
    return [...arrivals, ...this.#copiesWith(datagram, nowMs, loss)];
  }

  /** The copies that come besides the datagram itself. All is drawn whatever was lost, and used only if not. */
  #copiesWith(datagram: Uint8Array, nowMs: number, loss: Loss): readonly Arrival[] {
    const { replay, duplication } = this.#options;
    const arrivals: Arrival[] = [];
    if (duplication !== undefined && this.#copies.chance(duplication.probability)) {
      const laterMs = this.#copies.next() * duplication.windowMs;
      if (loss === undefined) {
        this.counters.duplicated++;
        arrivals.push(this.#arrival(datagram, nowMs + laterMs));
      }
    }
    if (replay !== undefined) {
      if (this.#history.length > 0 && this.#copies.chance(replay.probability)) {
        const recorded = this.#copies.pick(this.#history);
        // In the dark, a recording doesn't arrive either.
        if (loss !== 'lostInBlackout') {
          this.counters.replayed++;
          arrivals.push(this.#arrival(recorded, nowMs));
        }
      }
      this.#history[this.#historyNext] = new Uint8Array(datagram);
      this.#historyNext = (this.#historyNext + 1) % replay.historyDatagrams;
    }
    return arrivals;
  }

  #losesNow(nowMs: number): Loss {
    const { lossProbability, bursts } = this.#options;
    // Both chains step for every datagram: a blackout doesn't move later losses.
    let loss: Loss;
    if (lossProbability !== undefined && this.#loss.chance(lossProbability)) loss = 'lost';
    if (bursts !== undefined) {
      const turns = this.#bad ? bursts.leaveProbability : bursts.enterProbability;
      if (this.#burst.chance(turns)) this.#bad = !this.#bad;
      if (this.#bad && this.#burst.chance(bursts.lossProbability ?? 1)) loss = 'lostInBurst';
    }
    return this.#isDark(nowMs) ? 'lostInBlackout' : loss;
  }

  #isDark(nowMs: number): boolean {
    const { blackouts, randomBlackouts } = this.#options;
    if (blackouts !== undefined) {
      let next = blackouts[this.#blackoutsPassed];
      while (next !== undefined && next.toMs <= nowMs) next = blackouts[++this.#blackoutsPassed];
      if (next !== undefined && next.fromMs <= nowMs) return true;
    }
    if (randomBlackouts === undefined) return false;
    // Each turn moves on by at least 1 ms of the time that has passed.
    let dark = this.#randomBlackout ?? this.#blackoutAfter(nowMs, randomBlackouts);
    while (dark.toMs <= nowMs) dark = this.#blackoutAfter(dark.toMs, randomBlackouts);
    this.#randomBlackout = dark;
    return dark.fromMs <= nowMs;
  }

  #blackoutAfter(
    afterMs: number,
    { meanGapMs, lengthMs }: { meanGapMs: number; lengthMs: number },
  ): Interval {
    const fromMs = afterMs + Math.max(1, this.#dark.next() * 2 * meanGapMs);
    return { fromMs, toMs: fromMs + lengthMs };
  }

  #arrival(datagram: Uint8Array, nowMs: number): Arrival {
    this.counters.delivered++;
    let atMs = nowMs + this.#latencyMs;
    const { reordering, bitFlips, truncation, extension } = this.#options;
    if (reordering !== undefined && this.#delay.chance(reordering.probability)) {
      this.counters.reordered++;
      atMs += this.#delay.next() * reordering.windowMs;
    }
    let bytes = datagram;
    if (bitFlips !== undefined && bytes.byteLength > 0 && this.#damage.chance(bitFlips.probability)) {
      this.counters.flipped++;
      bytes = this.#flipped(bytes, bitFlips.bitsMax);
    }
    if (truncation !== undefined && bytes.byteLength > 0 && this.#damage.chance(truncation.probability)) {
      this.counters.truncated++;
      bytes = new Uint8Array(bytes.subarray(0, this.#damage.integer(bytes.byteLength)));
    }
    if (extension !== undefined && this.#damage.chance(extension.probability)) {
      this.counters.extended++;
      const added = this.#damage.bytes(this.#damage.between(1, extension.bytesMax));
      const longer = new Uint8Array(bytes.byteLength + added.byteLength);
      longer.set(bytes);
      longer.set(added, bytes.byteLength);
      bytes = longer;
    }
    return { bytes, atMs };
  }

  /** A copy in which 1 to `bitsMax` different bits are turned over. */
  #flipped(datagram: Uint8Array, bitsMax: number): Uint8Array {
    const copy = new Uint8Array(datagram);
    const bits = new Set<number>();
    const wanted = Math.min(this.#damage.between(1, bitsMax), copy.byteLength * 8);
    for (let draw = 0; draw < 16 * bitsMax && bits.size < wanted; draw++) {
      bits.add(this.#damage.integer(copy.byteLength * 8));
    }
    for (const bit of bits) {
      const index = bit >>> 3;
      copy[index] = present(copy[index], 'a bit inside the datagram') ^ (1 << (bit & 7));
    }
    return copy;
  }
}
