/** The steps of a calibration by rate: what was sent at it in all rounds, how much of that was lost, and where. */
import { keptShare } from '../../shared/wire/calibration.ts';
import type { StepResult } from './calibration-run.ts';

/** Datagrams that reached this host and were lost in it during one step, by the kernel's and the program's counters. */
export interface HostDrops {
  readonly nic: number;
  readonly socket: number;
  readonly ring: number;
}

export interface Rung {
  /** On the wire: the rate requested, or the most that the sender kept of it in any round. */
  readonly rateKilobitsPerSecond: number;
  readonly askedKilobitsPerSecond: number;
  /** Whether the sender kept the rate, or did not say. */
  readonly kept: boolean;
  readonly rounds: number;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  /** Losses in this host; anything beyond them was lost before it. */
  readonly hostDrops: HostDrops;
  readonly longestBurst: number;
  readonly bursts: number;
  /** Rounds from which no measured datagram came. */
  readonly absentRounds: number;
}

/** One rung for each rate, the lowest first. Steps from which nothing came are known by the rate the sender kept. */
export function rungsOf(steps: readonly StepResult[], dropsOf: (step: number) => HostDrops): Rung[] {
  const byRate = new Map<number, StepResult[]>();
  const known = [
    ...new Set(steps.flatMap(({ rateKilobitsPerSecond: rate }) => (rate === undefined ? [] : [rate]))),
  ];
  for (const step of steps) {
    const kept = step.keptKilobitsPerSecond ?? 0;
    const rate = step.rateKilobitsPerSecond ?? nearest(known, kept) ?? kept;
    if (rate > 0) byRate.set(rate, [...(byRate.get(rate) ?? []), step]);
  }
  return [...byRate].sort(([a], [b]) => a - b).map(([rate, rounds]) => rung(rate, rounds, dropsOf));
}

/** The share of a rung's datagrams that did not come. */
export function lossOf({ lost, sent }: Rung): number {
  return sent === 0 ? 1 : lost / sent;
}

export function dropsIn({ hostDrops: { nic, socket, ring } }: Rung): number {
  return nic + socket + ring;
}

/** No datagram of any round was lost. */
export function isClean(rung: Rung): boolean {
  return rung.lost === 0 && rung.absentRounds === 0;
}

function rung(asked: number, rounds: readonly StepResult[], dropsOf: (step: number) => HostDrops): Rung {
  const told = rounds.flatMap(({ keptKilobitsPerSecond: kept }) => (kept === undefined ? [] : [kept]));
  const rate = told.length === 0 ? asked : Math.min(asked, Math.max(...told));
  // A round that never came was as long as the others.
  const length = Math.max(0, ...rounds.map(({ datagrams }) => datagrams ?? 0));
  const sent = rounds.length * length;
  const received = rounds.reduce((sum, round) => sum + round.received, 0);
  const drops = rounds.map(({ step }) => dropsOf(step));
  const sum = (place: keyof HostDrops) => drops.reduce((all, each) => all + each[place], 0);
  const lost = sent - received;
  const [socket, ring] = [sum('socket'), sum('ring')];
  // An interface also drops what was never ours, such as frames for its neighbors.
  const nic = Math.min(sum('nic'), Math.max(0, lost - socket - ring));
  const absent = rounds.filter((round) => round.received === 0).length;
  const lengths = rounds.flatMap(({ bursts }) => [...bursts.keys()]);
  return {
    rateKilobitsPerSecond: rate,
    askedKilobitsPerSecond: asked,
    kept: rate >= asked * keptShare,
    rounds: rounds.length,
    sent,
    received,
    lost,
    hostDrops: { nic, socket, ring },
    longestBurst: lengths.reduce((longest, each) => Math.max(longest, each), 0),
    bursts: rounds.reduce((all, { bursts }) => all + [...bursts.values()].reduce((a, b) => a + b, 0), 0),
    absentRounds: absent,
  };
}

/** A rate that was seen in another round, within the sender's own variation. */
function nearest(rates: readonly number[], kept: number): number | undefined {
  const near = rates.filter((rate) => kept <= rate * 1.001 && kept >= rate * keptShare);
  return near.length === 0 ? undefined : Math.min(...near);
}
