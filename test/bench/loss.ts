/**
 * How often one pass is enough: the sender's real order of datagrams against losses of many kinds. Symbols are
 * counted in many trials; in a few, real bytes go through sender, channel and assembler, to compare the count with.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Assembler } from '../../receiver/assemble/assembler.ts';
import { MemorySink } from '../../receiver/assemble/memory-sink.ts';
import { Admission } from '../../receiver/link/admission.ts';
import { transmissionBytes } from '../../sender/encode/transmission.ts';
import { table } from '../../shared/console/table.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import { Channel } from '../harness/channel.ts';
import { Random } from '../harness/random.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import {
  channelOptions,
  isComplete,
  type LossModel,
  lossModels,
  realModels,
  type Span,
  survives,
  timeOf,
} from './loss-model.ts';
import { lossPlot } from './loss-plot.ts';
import type { BenchmarkOptions } from './options.ts';
import {
  openBlocks,
  type RecordedPass,
  recordPass,
  StudyPass,
  studyIdentity,
  studyObjects,
} from './recorded-pass.ts';

export interface LossPoint {
  readonly model: LossModel['name'];
  readonly parameter: number;
  readonly unit: string;
  readonly instanceKB: number;
  /** Whether bytes were sent, or only symbols counted. */
  readonly realBytes: boolean;
  readonly trials: number;
  /** Share of the trials in which the study was complete after one pass, 0 to 1. */
  readonly firstPassSuccess: number;
}

const studyBytes = 1e9;
const instanceSizesKB = [512, 80];
const realTrials = 3;
/** A plot of fewer trials would say more than it knows. */
const trialsForResults = 200;

export async function run(options: BenchmarkOptions): Promise<{ points: LossPoint[] }> {
  const random = new Random(options.seed).fork('loss');
  const points: LossPoint[] = [];
  for (const instanceKB of instanceSizesKB) {
    const instances = Math.max(1, Math.round((studyBytes * options.scale) / (instanceKB * 1000)));
    const pass = recordPass(instances, instanceKB * 1000);
    const { blockOf, spare, full } = pass;
    console.log(
      `${instances} instances of ${instanceKB} kB and their manifest: ${spare.length} blocks, ${blockOf.length} ` +
        `datagrams in a pass; for ${full.to - full.from} of them the pipeline is full, with ${full.openBlocks} blocks open`,
    );
    points.push(...countedPoints(options, instanceKB, pass, random.fork(instanceKB)));
    if (instanceKB === 512) points.push(...realPoints(instances, instanceKB, pass, random.fork(instanceKB)));
  }
  const rows = points.map((point) => [
    point.model,
    point.parameter,
    point.unit,
    point.instanceKB,
    point.realBytes ? 'sent' : 'counted',
    point.trials,
    point.firstPassSuccess.toFixed(3),
  ]);
  const headings = ['model', 'parameter', 'unit', 'kB', 'symbols', 'trials', 'first pass enough'];
  console.log(table(headings, rows));
  writeResults(options, points);
  return { points };
}

function countedPoints(
  options: BenchmarkOptions,
  instanceKB: number,
  pass: RecordedPass,
  random: Random,
): LossPoint[] {
  const { trials } = options;
  return lossModels.map((model) => {
    const { name, parameter, unit } = model;
    const draws = random.fork(name).fork(parameter);
    let complete = 0;
    for (let trial = 0; trial < trials; trial++) {
      if (survives(model, pass, draws.fork(trial))) complete += 1;
    }
    const firstPassSuccess = complete / trials;
    return { model: name, parameter, unit, instanceKB, realBytes: false, trials, firstPassSuccess };
  });
}

function realPoints(instances: number, instanceKB: number, pass: RecordedPass, random: Random): LossPoint[] {
  return realModels.map((model) => {
    const { name, parameter, unit } = model;
    let complete = 0;
    for (let trial = 0; trial < realTrials; trial++) {
      const draws = random.fork(name).fork(parameter).fork('sent').fork(trial);
      const channel = new Channel(channelOptions(model, pass, draws), draws);
      const { arrivedWhole, lost } = sendOnce(instances, instanceKB * 1000, channel);
      if (arrivedWhole) complete += 1;
      // What counting says of the very same losses: when the two differ, one of them is wrong.
      if (arrivedWhole !== isComplete(pass, lost))
        console.log(`${name} ${parameter}: the bytes and the count of trial ${trial} DIFFER`);
    }
    const firstPassSuccess = complete / realTrials;
    return {
      model: name,
      parameter,
      unit,
      instanceKB,
      realBytes: true,
      trials: realTrials,
      firstPassSuccess,
    };
  });
}

/** Sends a study once. It arrived whole when every object of it came out of the assembler, its hash verified. */
function sendOnce(
  instances: number,
  bytes: number,
  channel: Channel,
): { arrivedWhole: boolean; lost: readonly Span[] } {
  const { parameters, secret, keyId } = studyIdentity;
  const code = createErasureCode('auto', transmissionBytes(parameters, openBlocks) + 2 ** 16);
  const pass = new StudyPass(studyObjects(instances, bytes, true), code);
  const secrets = new Map([[keyId, secret]]);
  const admission = new Admission(parameters.datagramBytes, secrets);
  let whole = 0;
  const assembler = new Assembler({
    datagramBytes: parameters.datagramBytes,
    protection: parameters.protection,
    secrets,
    code: createErasureCode(),
    memoryBytes: 128e6,
    openObjectsMax: 4096,
    sinkFor: ({ objectBytes }) => new MemorySink(objectBytes),
    spill: { store: () => false, take: () => undefined, drop: () => {} },
    onObject: () => {
      whole += 1;
    },
    onProblem: (error) => {
      throw error;
    },
  });
  const datagram = new Uint8Array(parameters.datagramBytes);
  const lost: Span[] = [];
  for (let position = 0; pass.next(datagram); position++) {
    const arrivals = channel.transmit(datagram, Math.max(0, timeOf(position + 0.5)));
    if (arrivals.length === 0) lost.push({ from: position, to: position + 1 });
    for (const arrival of arrivals) {
      if (admission.admit(arrival.bytes)) assembler.receive(arrival.bytes, arrival.atMs);
    }
    while (assembler.work());
  }
  return { arrivedWhole: whole === instances + 1, lost };
}

/** The table and the plot; those in docs/ are of a run in full. */
function writeResults({ results, scale, trials }: BenchmarkOptions, points: readonly LossPoint[]): void {
  const isInFull = scale === 1 && trials >= trialsForResults;
  if (results === undefined && !isInFull) return;
  const folder = results ?? join(repositoryRoot(), 'docs');
  mkdirSync(folder, { recursive: true });
  const lines = points.map(
    ({ model, parameter, unit, instanceKB, realBytes, trials: count, firstPassSuccess }) =>
      `${model},${parameter},"${unit}",${instanceKB},${realBytes ? 'sent' : 'counted'},${count},${firstPassSuccess}\n`,
  );
  const heading = 'model,parameter,unit,instance_kB,symbols,trials,first_pass_success\n';
  writeFileSync(join(folder, 'loss.csv'), heading + lines.join(''));
  writeFileSync(join(folder, 'loss.svg'), lossPlot(points));
  console.log(`written: ${join(folder, 'loss.csv')}, ${join(folder, 'loss.svg')}`);
}
