/**
 * Ways to lose datagrams of a pass, as spans of positions. They are the harness's channel (channel.ts) drawn by the
 * lengths of its gaps instead of datagram by datagram: the same distribution, at the cost of the losses alone.
 */
import { wireTimeMs } from '../../shared/wire/wire-time.ts';
import { burstLoss, type ChannelOptions } from '../harness/channel.ts';
import type { Random } from '../harness/random.ts';
import type { RecordedPass } from './recorded-pass.ts';

export interface LossModel {
  readonly name: 'random-loss' | 'bursts' | 'one-burst' | 'blackout' | 'blackout-anywhere';
  readonly parameter: number;
  /** What the parameter is. */
  readonly unit: string;
}

/** Loss over all of `bursts`. */
const burstsLoss = 0.01;
const linkMegabits = 1000;
const datagramMs = wireTimeMs(1472, linkMegabits);

const points = (name: LossModel['name'], unit: string, parameters: readonly number[]): LossModel[] =>
  parameters.map((parameter) => ({ name, unit, parameter }));

export const lossModels: readonly LossModel[] = [
  ...points('random-loss', '% of datagrams, independent', [0.5, 1, 2, 3, 4, 5]),
  ...points('bursts', 'datagrams a burst in the mean, 1 % lost over all', [8, 32, 100, 300, 1000]),
  ...points('one-burst', 'datagrams in a row, pipeline full', [500, 1000, 1500, 1800, 2000, 3000]),
  ...points('blackout', 'ms at 1 Gb/s, pipeline full', [5, 10, 15, 20, 25]),
  ...points('blackout-anywhere', 'ms at 1 Gb/s, the tail too', [20]),
];

/** Those that are also run with real bytes. */
export const realModels: readonly LossModel[] = lossModels.filter(
  ({ name, parameter }) =>
    (name === 'random-loss' && parameter === 3) ||
    (name === 'bursts' && parameter === 32) ||
    (name === 'blackout' && parameter === 20),
);

/** Whether every block of the pass has enough symbols left. */
export function survives(model: LossModel, pass: RecordedPass, random: Random): boolean {
  return isComplete(pass, losses(model, pass, random));
}

/** The same for losses from elsewhere, as spans of positions. */
export function isComplete({ blockOf, spare }: RecordedPass, lostSpans: Iterable<Span>): boolean {
  const lost = new Uint16Array(spare.length);
  for (const { from, to } of lostSpans) {
    for (let position = from; position < to; position++) {
      const block = blockOf[position] ?? 0;
      const count = (lost[block] ?? 0) + 1;
      if (count > (spare[block] ?? 0)) return false;
      lost[block] = count;
    }
  }
  return true;
}

/** Positions from `from` on, without `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

function* losses(model: LossModel, pass: RecordedPass, random: Random): Generator<Span> {
  const end = pass.blockOf.length;
  const { name, parameter } = model;
  if (name === 'random-loss') {
    for (let at = failures(parameter / 100, random); at < end; at += 1 + failures(parameter / 100, random)) {
      yield { from: at, to: at + 1 };
    }
  } else if (name === 'bursts') {
    const { bursts } = burstLoss(parameter, burstsLoss);
    const enter = bursts?.enterProbability ?? 0;
    const leave = bursts?.leaveProbability ?? 1;
    for (let from = failures(enter, random); from < end; ) {
      const to = from + 1 + failures(leave, random);
      yield { from, to: Math.min(to, end) };
      // The datagram with which the burst is over has arrived.
      from = to + 1 + failures(enter, random);
    }
  } else {
    yield oneSpan(model, pass, random);
  }
}

/** One stretch of losses, and where it is. */
function oneSpan({ name, parameter }: LossModel, pass: RecordedPass, random: Random): Span {
  const length = name === 'one-burst' ? parameter : Math.round(parameter / datagramMs);
  const { from, to } = name === 'blackout-anywhere' ? { from: 0, to: pass.blockOf.length } : pass.full;
  const start = from + random.integer(Math.max(1, to - length - from));
  return { from: start, to: Math.min(start + length, pass.blockOf.length) };
}

/** Failures before a success of this probability (geometric), by inversion. */
function failures(probability: number, random: Random): number {
  return Math.floor(Math.log(1 - random.next()) / Math.log1p(-probability));
}

/** The same model for the channel, which is given each datagram at its time on the wire. */
export function channelOptions(model: LossModel, pass: RecordedPass, random: Random): ChannelOptions {
  if (model.name === 'random-loss') return { lossProbability: model.parameter / 100 };
  if (model.name === 'bursts') return burstLoss(model.parameter, burstsLoss);
  const { from, to } = oneSpan(model, pass, random);
  return { blackouts: [{ fromMs: timeOf(from), toMs: timeOf(to) }] };
}

/** When a datagram is on the wire; the half keeps the edges of a blackout between two datagrams. */
export function timeOf(position: number): number {
  return (position - 0.5) * datagramMs;
}
