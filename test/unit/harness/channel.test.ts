import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type Arrival,
  burstLoss,
  Channel,
  type ChannelOptions,
  channelPresets,
  isChannelPreset,
} from '../../harness/channel.ts';
import { Random } from '../../harness/random.ts';

const datagrams = 200_000;

/** Datagrams numbered by their first four bytes, 0.1 ms apart. */
function numbered(number: number, bytes = 64): Uint8Array {
  const datagram = new Uint8Array(bytes);
  new DataView(datagram.buffer).setUint32(0, number);
  return datagram;
}

const numberOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);

function run(
  options: ChannelOptions,
  count = datagrams,
  seed = 1,
): { channel: Channel; arrivals: Arrival[] } {
  const channel = new Channel(options, new Random(seed));
  const arrivals: Arrival[] = [];
  for (let number = 0; number < count; number++) {
    arrivals.push(...channel.transmit(numbered(number), number / 10));
  }
  return { channel, arrivals };
}

/** Lengths of the runs of numbers that never arrived. */
function lostRuns(arrivals: readonly Arrival[], count = datagrams): number[] {
  const arrived = new Set(arrivals.map(({ bytes }) => numberOf(bytes)));
  const runs: number[] = [];
  let current = 0;
  for (let number = 0; number < count; number++) {
    if (!arrived.has(number)) current++;
    else if (current > 0) {
      runs.push(current);
      current = 0;
    }
  }
  return runs;
}

/** All of some arrivals, to compare two runs quickly. */
function digest(arrivals: readonly Arrival[]): string {
  const hash = createHash('sha256');
  for (const { bytes, atMs } of arrivals) hash.update(`${atMs} ${bytes.byteLength} `).update(bytes);
  return hash.digest('hex');
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a perfect channel', () => {
  it('hands on the datagram itself, at once', () => {
    const datagram = numbered(7);
    expect(new Channel({}, new Random(1)).transmit(datagram, 5)).toEqual([{ bytes: datagram, atMs: 5 }]);
    const [arrival] = new Channel({ latencyMs: 2 }, new Random(1)).transmit(datagram, 5);
    expect(arrival?.bytes).toBe(datagram);
    expect(arrival?.atMs).toBe(7);
  });
});

describe('loss', () => {
  it('loses single datagrams independently', () => {
    const { channel, arrivals } = run({ lossProbability: 0.03 });
    // 6000 expected, standard deviation 76.
    expect(channel.counters.lost).toBe(6040);
    expect(arrivals.length).toBe(datagrams - channel.counters.lost);
    // Of independent losses, runs are 1 / 0.97 long.
    expect(mean(lostRuns(arrivals))).toBeCloseTo(1.03, 2);
  });

  it.each([
    [2, 0.03],
    [8, 0.03],
    [50, 0.03],
    [200, 0.1],
  ])('loses in bursts of mean length %i, %f over all', (length, loss) => {
    const channel = new Channel(burstLoss(length, loss), new Random(1));
    const datagram = numbered(1);
    let bursts = 0;
    let losing = false;
    for (let number = 0; number < 1_000_000; number++) {
      const lost = channel.transmit(datagram, 0).length === 0;
      if (lost && !losing) bursts++;
      losing = lost;
    }
    const { lost, lostInBurst } = channel.counters;
    expect(lost).toBe(0);
    // Within a tenth: the longest bursts are the fewest, 500.
    expect(Math.abs(lostInBurst / 1_000_000 / loss - 1)).toBeLessThan(0.1);
    expect(Math.abs(lostInBurst / bursts / length - 1)).toBeLessThan(0.1);
  });

  it('loses the same datagrams by chance, whatever else happens', () => {
    const alone = lostRuns(run({ lossProbability: 0.01 }, 5000).arrivals, 5000);
    const damaged = run({ lossProbability: 0.01, reordering: { probability: 0.5, windowMs: 9 } }, 5000);
    expect(lostRuns(damaged.arrivals, 5000)).toEqual(alone);
  });
});

describe('blackouts', () => {
  it('loses what is sent from the first millisecond on and before the last', () => {
    const channel = new Channel(
      {
        blackouts: [
          { fromMs: 10, toMs: 20 },
          { fromMs: 20, toMs: 21 },
          { fromMs: 30, toMs: 31 },
        ],
      },
      new Random(1),
    );
    const arrived = [9, 9.9, 10, 19.9, 20, 20.9, 21, 29, 30, 31, 1e9].filter(
      (nowMs) => channel.transmit(numbered(1), nowMs).length > 0,
    );
    expect(arrived).toEqual([9, 9.9, 21, 29, 31, 1e9]);
    expect(channel.counters).toMatchObject({ offered: 11, delivered: 6, lostInBlackout: 5 });
  });

  it('draws random ones with the mean gap and the length asked for', () => {
    // 20 s: cycles of 100 + 25 ms.
    const { channel, arrivals } = run({ randomBlackouts: { meanGapMs: 100, lengthMs: 25 } });
    const runs = lostRuns(arrivals);
    expect(new Set(runs)).toEqual(new Set([250]));
    // 160 expected.
    expect(runs.length).toBe(166);
    expect(channel.counters.lostInBlackout).toBe(166 * 250);
  });

  it('survives a jump of a year', () => {
    const channel = new Channel({ randomBlackouts: { meanGapMs: 5000, lengthMs: 150 } }, new Random(1));
    channel.transmit(numbered(1), 0);
    channel.transmit(numbered(1), 365 * 86_400_000);
    expect(channel.counters.offered).toBe(2);
  });
});

describe('order and copies', () => {
  it('delays the asked share, inside the window', () => {
    const { channel, arrivals } = run({ latencyMs: 3, reordering: { probability: 0.2, windowMs: 20 } });
    expect(arrivals.length).toBe(datagrams);
    // 40000 expected, standard deviation 179.
    expect(channel.counters.reordered).toBe(40_053);
    const delays = arrivals.map(({ bytes, atMs }) => atMs - numberOf(bytes) / 10 - 3);
    expect(Math.min(...delays.slice(0, 1000))).toBeGreaterThan(-1e-6);
    expect(delays.every((delay) => delay < 20 + 1e-6)).toBe(true);
    expect(mean(delays.filter((delay) => delay > 1e-6))).toBeCloseTo(10, 0);
  });

  it('duplicates inside its window, and never what was lost', () => {
    const { channel, arrivals } = run({
      ...burstLoss(4, 0.5),
      lossProbability: 0.5,
      duplication: { probability: 0.1, windowMs: 4 },
    });
    const { lost, lostInBurst, duplicated } = channel.counters;
    // 5000 expected, standard deviation 70.
    expect(duplicated).toBe(4997);
    expect(arrivals.length).toBe(datagrams - lost - lostInBurst + duplicated);
    expect(channel.counters.delivered).toBe(arrivals.length);
    expect(arrivals.every(({ bytes, atMs }) => atMs - numberOf(bytes) / 10 < 4 + 1e-6)).toBe(true);
  });

  it('replays from a bounded history, also what was lost before', () => {
    const { channel, arrivals } = run({
      lossProbability: 0.5,
      replay: { probability: 0.1, historyDatagrams: 100 },
    });
    // 20000 expected, standard deviation 134.
    expect(channel.counters.replayed).toBe(20_150);
    const ages = arrivals.map(({ bytes, atMs }) => Math.round(atMs * 10) - numberOf(bytes));
    expect(Math.max(...ages.slice(0, 50_000))).toBe(100);
    expect(ages.filter((age) => age > 0).length).toBe(channel.counters.replayed);
  });

  it('keeps its own copies for replay', () => {
    const channel = new Channel({ replay: { probability: 1, historyDatagrams: 8 } }, new Random(1));
    const reused = numbered(1);
    channel.transmit(reused, 0);
    reused.fill(0xff);
    const [, replayed] = channel.transmit(reused, 1);
    expect(replayed?.bytes).toEqual(numbered(1));
  });
});

describe('damage', () => {
  it('flips one to the asked number of bits, all different', () => {
    const { channel, arrivals } = run({ bitFlips: { probability: 0.1, bitsMax: 8 } }, 20_000);
    const distances = arrivals.map(({ bytes }, number) => {
      const original = numbered(number);
      return bytes.reduce((sum, byte, index) => {
        const changed = byte ^ (original[index] ?? 0);
        return sum + changed.toString(2).replaceAll('0', '').length;
      }, 0);
    });
    const damaged = distances.filter((distance) => distance > 0);
    expect(damaged.length).toBe(channel.counters.flipped);
    expect(new Set(damaged)).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));
    // 2000 expected, standard deviation 42.
    expect(channel.counters.flipped).toBe(1985);
  });

  it('flips all bits there are, at most', () => {
    const channel = new Channel({ bitFlips: { probability: 1, bitsMax: 1000 } }, new Random(1));
    for (let nowMs = 0; nowMs < 100; nowMs++) {
      expect(channel.transmit(Uint8Array.of(0), nowMs)[0]?.bytes.byteLength).toBe(1);
    }
    expect(channel.transmit(new Uint8Array(0), 100)[0]?.bytes.byteLength).toBe(0);
  });

  it('cuts to any shorter length and extends by random bytes, the rest unchanged', () => {
    const cut = run({ truncation: { probability: 1 } }, 5000).arrivals.map(({ bytes }) => bytes.byteLength);
    expect(Math.min(...cut)).toBe(0);
    expect(Math.max(...cut)).toBe(63);
    const extended = run({ extension: { probability: 1, bytesMax: 16 } }, 5000).arrivals;
    expect(Math.min(...extended.map(({ bytes }) => bytes.byteLength))).toBe(65);
    expect(Math.max(...extended.map(({ bytes }) => bytes.byteLength))).toBe(80);
    expect(extended.every(({ bytes }, number) => numberOf(bytes) === number)).toBe(true);
  });

  it('never changes the datagram it is given', () => {
    const channel = new Channel(
      { ...channelPresets.hostile, bitFlips: { probability: 0.5, bitsMax: 8 } },
      new Random(1),
    );
    const datagram = new Random(2).bytes(200);
    const before = datagram.slice();
    for (let nowMs = 0; nowMs < 2000; nowMs++) {
      // The owner of an arrival may do as it likes with damaged copies.
      for (const { bytes } of channel.transmit(datagram, nowMs)) if (bytes !== datagram) bytes.fill(0);
    }
    expect(datagram).toEqual(before);
  });
});

describe('a channel', () => {
  it.each(Object.entries(channelPresets))(
    '%s: replays exactly from its seed, and counts everything',
    (_, options) => {
      const first = run(options, 20_000, 7);
      const second = run(options, 20_000, 7);
      expect(digest(second.arrivals)).toBe(digest(first.arrivals));
      const { offered, delivered, lost, lostInBurst, lostInBlackout, duplicated, replayed } =
        first.channel.counters;
      expect(offered + duplicated + replayed - lost - lostInBurst - lostInBlackout).toBe(delivered);
      expect(first.arrivals.length).toBe(delivered);
    },
  );

  it('knows its presets by name', () => {
    expect(isChannelPreset('hostile')).toBe(true);
    expect(isChannelPreset('toString')).toBe(false);
  });

  it.each<[string, ChannelOptions]>([
    ['a probability above 1', { lossProbability: 1.5 }],
    ['a probability that is no number', { bitFlips: { probability: Number.NaN, bitsMax: 1 } }],
    ['a negative time', { latencyMs: -1 }],
    ['an empty history', { replay: { probability: 1, historyDatagrams: 0 } }],
    [
      'overlapping blackouts',
      {
        blackouts: [
          { fromMs: 0, toMs: 9 },
          { fromMs: 8, toMs: 10 },
        ],
      },
    ],
  ])('refuses %s', (_, options) => {
    expect(() => new Channel(options, new Random(1))).toThrow();
  });

  it('refuses a time that goes back', () => {
    const channel = new Channel({}, new Random(1));
    channel.transmit(numbered(1), 5);
    expect(() => channel.transmit(numbered(1), 4)).toThrow();
  });
});
