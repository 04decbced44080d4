/**
 * Goal: what a calibration reports is what the link did, and what it proposes suits it. Method: runs written datagram by
 * datagram through links whose losses are drawn from a seed, and compared with what was left out.
 */
import fc from 'fast-check';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { CalibrationRun } from '../../../../receiver/calibrate/calibration-run.ts';
import { analyse, type ProposalFloor } from '../../../../receiver/calibrate/proposal.ts';
import { analysisText, configurationLines, rungTable } from '../../../../receiver/calibrate/report.ts';
import { type HostDrops, rungsOf } from '../../../../receiver/calibrate/rungs.ts';
import { blockFailureProbability } from '../../../../shared/fec/repair-count.ts';
import {
  type CalibrationRunFields,
  writeCalibrationIndex,
  writeCalibrationMarker,
  writeCalibrationStep,
} from '../../../../shared/wire/calibration.ts';
import { protection } from '../../../../shared/wire/datagram.ts';
import { Random } from '../../../harness/random.ts';

const datagramBytes = 512;
const fields: CalibrationRunFields = {
  datagramBytes,
  keyId: 1,
  protection: protection.sealed,
  maximumSourceSymbols: 200,
  senderId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  sessionCounter: 10,
  sessionRandom: 20,
};
const defaults: ProposalFloor = {
  datagramBytes: 1472,
  receiveBufferBytes: 32 * 2 ** 20,
  ringMegabytes: 48,
  memoryMegabytes: 128,
  repairSymbols: 24,
};
const rates = [100_000, 200_000, 400_000, 800_000, 1_600_000, 3_200_000];
const noDrops: HostDrops = { nic: 0, socket: 0, ring: 0 };

interface Sent {
  readonly rates: readonly number[];
  readonly rounds: number;
  readonly datagrams: number;
  /** Whether a datagram of a step is lost; index -1 stands for its markers. */
  readonly isLost: (rate: number, index: number, step: number) => boolean;
  readonly kept?: (rate: number) => number;
  readonly from?: CalibrationRunFields;
}

/** Sends a run into a receiver's end. */
function send(run: CalibrationRun, sent: Sent): void {
  const { rounds, datagrams, isLost, kept = (rate: number) => rate, from = fields } = sent;
  const all = Array.from({ length: rounds }, () => sent.rates).flat();
  const datagram = new Uint8Array(datagramBytes);
  for (const [step, rate] of all.entries()) {
    writeCalibrationStep(datagram, from, {
      step,
      steps: all.length,
      rateKilobitsPerSecond: rate,
      datagrams,
    });
    for (let index = 0; index < datagrams; index += 1) {
      if (isLost(rate, index, step)) continue;
      writeCalibrationIndex(datagram, index);
      run.receive(datagram);
    }
    if (isLost(rate, -1, step)) continue;
    writeCalibrationMarker(datagram, all.slice(0, step + 1).map(kept), step === all.length - 1);
    for (let index = 0; index < 5; index += 1) {
      writeCalibrationIndex(datagram, index);
      run.receive(datagram);
    }
  }
}

function analysed(sent: Partial<Sent>, dropsOf: (rate: number) => HostDrops = () => noDrops) {
  const run = new CalibrationRun();
  const all: Sent = { rates, rounds: 3, datagrams: 4000, isLost: () => false, ...sent };
  send(run, all);
  const results = run.results();
  const rateOf = (step: number) => all.rates[step % all.rates.length] ?? 0;
  const rungs = rungsOf(results, (step) => dropsOf(rateOf(step)));
  return { run, results, rungs, ...analyse(rungs, defaults) };
}

describe('what came', () => {
  it('is counted as it was lost, whatever is lost', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 300 }),
        fc.constantFrom(0, 0.01, 0.3, 1),
        (seed, datagrams, loss) => {
          const random = new Random(seed);
          const lost = Array.from({ length: 4 * datagrams }, () => random.chance(loss));
          const run = new CalibrationRun();
          const isLost = (_: number, index: number, step: number) =>
            index >= 0 && (lost[step * datagrams + index] ?? false);
          send(run, { rates: [100, 200], rounds: 2, datagrams, isLost });
          expect(run.isOver).toBe(true);
          for (const { step, received, bursts, ...result } of run.results()) {
            const mine = lost.slice(step * datagrams, (step + 1) * datagrams);
            const rows = mine
              .map((each) => (each ? 'x' : ' '))
              .join('')
              .split(' ')
              .filter((row) => row !== '');
            expect(result.datagrams).toBe(datagrams);
            expect(received).toBe(mine.filter((each) => !each).length);
            expect([...bursts].flatMap(([length, count]) => Array(count).fill(length)).sort()).toEqual(
              rows.map(({ length }) => length).sort(),
            );
          }
        },
      ),
      { numRuns: 100, seed: 6 },
    );
  });

  it('may overtake and come twice without being lost', () => {
    const run = new CalibrationRun();
    const datagram = new Uint8Array(datagramBytes);
    writeCalibrationStep(datagram, fields, { step: 0, steps: 1, rateKilobitsPerSecond: 9, datagrams: 4 });
    for (const index of [1, 0, 3, 2, 2]) {
      writeCalibrationIndex(datagram, index);
      run.receive(datagram);
    }
    expect(run.results()).toMatchObject([{ received: 4, reordered: 2, bursts: new Map() }]);
  });

  it('is of the newest run only', () => {
    const run = new CalibrationRun();
    const one = { rates: [100], rounds: 1, datagrams: 5, isLost: () => false };
    send(run, { ...one, rates: [300, 400], isLost: (rate) => rate === 400 });
    send(run, { ...one, from: { ...fields, sessionCounter: 11 } });
    send(run, one);
    expect(run.results().map(({ rateKilobitsPerSecond: rate }) => rate)).toEqual([100]);
    expect(run.refused).toBe(10);
  });

  it('tells of a step that never came by a later marker', () => {
    const { rungs, findings, proposal } = analysed({ isLost: (rate) => rate === 1_600_000 });
    expect(rungs.find(({ askedKilobitsPerSecond }) => askedKilobitsPerSecond === 1_600_000)).toMatchObject({
      absentRounds: 3,
      received: 0,
    });
    expect(findings.join()).toMatch(/at 1600 Mb\/s 3 of 3 steps never arrived/);
    expect(proposal?.rateMegabitsPerSecond).toBe(640);
  });
});

describe('the proposal', () => {
  it('keeps the defaults on a clean link, at 0.8 of the highest rate', () => {
    expect(analysed({})).toMatchObject({
      highestCleanKilobitsPerSecond: 3_200_000,
      linkLoss: 0,
      proposal: { sourceSymbols: 200, repairSymbols: 24, openBlocks: 78, rateMegabitsPerSecond: 2550 },
      findings: [],
    });
  });

  it('stays below the rate at which this host loses, and says where', () => {
    const random = new Random(1);
    const { highestCleanKilobitsPerSecond, proposal, findings } = analysed(
      { isLost: (rate, index) => rate >= 800_000 && index >= 0 && random.chance(0.05) },
      (rate) => (rate >= 800_000 ? { nic: 0, socket: 200, ring: 0 } : noDrops),
    );
    expect(highestCleanKilobitsPerSecond).toBe(400_000);
    expect(proposal?.rateMegabitsPerSecond).toBe(320);
    expect(findings.join()).toMatch(
      /at 800 Mb\/s this host lost 600 datagrams in the socket buffer: raise net.core.rmem_max/,
    );
  });

  it('blames the interface for no more than is lost: it also drops what was never ours', () => {
    const neighbours = { nic: 5000, socket: 0, ring: 0 };
    const clean = analysed({}, () => neighbours);
    expect(clean).toMatchObject({ highestCleanKilobitsPerSecond: 3_200_000, findings: [] });
    const { findings } = analysed(
      { isLost: (rate, index) => rate >= 800_000 && index >= 0 && index < 40 },
      () => neighbours,
    );
    expect(findings.join()).toContain('at 800 Mb/s this host lost 120 datagrams in the network interface');
  });

  it('makes m for what the link loses at any rate, and a smaller k where that is much', () => {
    for (const loss of [0.001, 0.03, 0.06, 0.2]) {
      const random = new Random(2);
      const { proposal, linkLoss, designLoss, highestCleanKilobitsPerSecond, findings } = analysed({
        isLost: (_, index) => index >= 0 && random.chance(loss),
      });
      expect(highestCleanKilobitsPerSecond).toBeUndefined();
      expect(linkLoss).toBeGreaterThan(loss * 0.7);
      expect(linkLoss).toBeLessThan(loss * 1.3);
      expect(findings.join()).toMatch(/check the fiber/);
      const { sourceSymbols: k = 0, repairSymbols: m = 0 } = proposal ?? {};
      expect(blockFailureProbability(k, m, designLoss)).toBeLessThanOrEqual(1e-7);
      expect(k + m).toBeLessThanOrEqual(255);
      expect(m).toBeGreaterThanOrEqual(24);
      expect(k).toBe(loss < 0.1 ? 200 : Math.min(k, 190));
      expect(proposal?.rateMegabitsPerSecond).toBe(2550);
    }
  });

  it('makes D for the longest burst, at the proposed rate', () => {
    // 700 datagrams at 100 Mb/s are a pause, which takes 25 times as many at 2560 Mb/s.
    const burst = (rate: number, index: number) => rate === 100_000 && index >= 1000 && index < 1700;
    const { longestBurst, proposal } = analysed({ isLost: burst });
    expect(longestBurst).toBe(17_920);
    const { openBlocks = 0, repairSymbols = 0, memoryMegabytes = 0 } = proposal ?? {};
    expect(repairSymbols).toBe(27);
    expect(openBlocks).toBeLessThanOrEqual(1024);
    expect(openBlocks * repairSymbols).toBeGreaterThanOrEqual(1.5 * longestBurst);
    expect(memoryMegabytes * 1e6).toBeGreaterThanOrEqual(4 * openBlocks * (200 + repairSymbols) * 1472);
  });

  it('is none for a link that loses most', () => {
    const random = new Random(3);
    const { proposal, findings } = analysed({ isLost: (_, index) => index >= 0 && random.chance(0.6) });
    expect(proposal).toBeUndefined();
    expect(findings.join()).toMatch(/no rate is proposed/);
    expect(analyse([], defaults).proposal).toBeUndefined();
  });

  it('says what the sender can not keep', () => {
    const { findings, proposal } = analysed({ kept: (rate) => Math.min(rate, 2_500_000) });
    expect(findings.join()).toMatch(/asked for 3200 Mb\/s, the sender reached 2500 Mb\/s/);
    expect(proposal?.rateMegabitsPerSecond).toBe(2000);
  });

  it('stays within the bounds of both configurations, whatever is seen', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(1, 50, 100_000),
        (seed, loss, scale) => {
          const random = new Random(seed);
          const { proposal } = analysed({
            rates: [1000, 2000, 4000].map((rate) => rate * scale),
            rounds: 2,
            datagrams: 300,
            isLost: (_, index) => index >= 0 && random.chance(loss),
          });
          if (proposal === undefined) return;
          expect(proposal.rateMegabitsPerSecond).toBeGreaterThanOrEqual(0.1);
          expect(proposal.rateMegabitsPerSecond).toBeLessThanOrEqual(0.8 * 4 * scale);
          expect(proposal.sourceSymbols + proposal.repairSymbols).toBeLessThanOrEqual(255);
          expect(proposal.openBlocks).toBeLessThanOrEqual(1024);
          expect(proposal.receiveBufferBytes).toBeLessThanOrEqual(2 ** 30);
          expect(proposal.ringMegabytes).toBeLessThanOrEqual(1024);
          expect(proposal.memoryMegabytes).toBeLessThanOrEqual(65_536);
        },
      ),
      { numRuns: 60, seed: 7 },
    );
  });
});

describe('the report', () => {
  it('has a row for each rate, and lines that are TOML', () => {
    const random = new Random(4);
    const found = analysed({ isLost: (rate, index) => rate > 800_000 && index >= 0 && random.chance(0.1) });
    const rows = rungTable(found.rungs).split('\n');
    expect(rows).toHaveLength(rates.length + 1);
    expect(rows[1]).toMatch(/100 Mb\/s +12000 +0 +clean/);
    expect(rows.at(-1)).toMatch(/3.2 Gb\/s .* 1?[0-9.]+ % .*█{20}/);
    const text = analysisText(found, () => 0.001);
    expect(text).toMatch(/highest clean rate: 800 Mb\/s/);
    const { proposal } = found;
    if (proposal === undefined) return expect.unreachable();
    const { sender, receiver } = configurationLines(proposal);
    expect(parse(sender.join('\n'))).toEqual({
      link: { rateMegabitsPerSecond: 640 },
      code: { sourceSymbols: 200, repairSymbols: 24, openBlocks: 78 },
    });
    expect(Object.keys(parse(receiver.join('\n')))).toEqual(['link', 'code', 'assemble']);
  });
});
