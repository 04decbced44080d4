/**
 * The most memory that sender and receiver ever have in use: one large object, and a study of many instances, over a
 * link that loses nothing and over one that loses a tenth, until the study is in the inbox. The pixels are holes in
 * files on the low side, which changes nothing for what is measured here and saves the disk.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { bytesText, durationText, rateText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import type { RunningProgram } from '../harness/processes.ts';
import { freePort } from './free-port.ts';
import { type HostileResult, run as runHostile } from './hostile.ts';
import { writeInstances } from './instances.ts';
import type { BenchmarkOptions } from './options.ts';
import { Pair } from './pair.ts';
import { peakResidentMB } from './process-usage.ts';
import { Scratch } from './scratch.ts';

export interface MemoryCase {
  readonly name: string;
  readonly instances: number;
  readonly bytes: number;
  readonly lossPercent: number;
  readonly senderPeakRssMB: number;
  readonly receiverPeakRssMB: number;
  /** From the watch folder to the inbox; undefined when it did not get there in {@link passesMax} passes. */
  readonly seconds: number | undefined;
  /** Passes that all instances had had by then. */
  readonly passes: number;
  /** Blocks that waited on the receiver's disk for a later pass, and those for which there was no room. */
  readonly blocksSpilled: number;
  readonly blocksEvicted: number;
}

const cases = [
  { what: 'one object', instances: 1, bytes: 2 * 2 ** 30 },
  { what: 'a study', instances: 20_000, bytes: 10 * 2 ** 30 },
] as const;
const lossPercents = [0, 10];
/** What the relay, a plain program, carries without losses of its own. */
const rateMegabits = 500;
/** Passes that a study may take at most before the case is given up; on a busy machine they take long. */
const passesMax = 6;
const limitMs = 3_600_000;
const address = '127.0.0.1';

export async function run(options: BenchmarkOptions): Promise<{ cases: MemoryCase[] } | HostileResult> {
  if (options.hostile) return await runHostile(options);
  const { scale } = options;
  const largest = Math.max(...cases.map(({ bytes }) => bytes)) * scale;
  const scratch = new Scratch(options.folder, 1.5 * largest + 2e9);
  const results: MemoryCase[] = [];
  try {
    if (scale !== 1) console.log(`NOT the sizes of the results page, but ${scale} of them: --scale 1`);
    console.log(`loopback through the relay at ${rateMegabits} Mb/s`);
    for (const { what, instances, bytes } of cases) {
      for (const lossPercent of lossPercents) {
        const count = instances === 1 ? 1 : Math.max(2, Math.round(instances * scale));
        const size = instances === 1 ? bytes * scale : (bytes / instances) * count;
        const name = `${what} of ${bytesText(size)}, ${lossPercent} % loss`;
        const measured = await measure(options, scratch, { name, count, bytes: size, lossPercent });
        console.log(resultText(measured));
        results.push(measured);
      }
    }
  } finally {
    scratch.remove();
  }
  const rows = results.map((row) => [row.name, row.instances, row.senderPeakRssMB, row.receiverPeakRssMB]);
  console.log(table(['case', 'instances', 'sender peak, MB', 'receiver peak, MB'], rows));
  return { cases: results };
}

async function measure(
  options: BenchmarkOptions,
  scratch: Scratch,
  { name, count, bytes, lossPercent }: { name: string; count: number; bytes: number; lossPercent: number },
): Promise<MemoryCase> {
  const folder = scratch.path('pair');
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const relayPort = await freePort();
  const pair = new Pair({ folder, address, port, sendTo: relayPort, profile: undefined });
  try {
    await pair.prepare();
    const prepared = pair.path('low/prepared');
    const approximateBytes = Math.floor(bytes / count);
    const files = { count, approximateBytes, pixels: 'hole', studyNumber: 1, seed: options.seed } as const;
    const written = writeInstances({ ...files, folder: prepared });
    const receiver = await pair.startReceiver();
    const relay = ['--listen', `${address}:${relayPort}`, '--target', `${address}:${port}`];
    const loss = ['--seed', String(options.seed), '--loss', String(lossPercent / 100)];
    const between = pair.processes.startScript('dist/test/harness/relay.js', {
      arguments: [...relay, ...loss],
    });
    await between.waitForLine(/"listening"/);
    const sender = await pair.startSender({
      'watch.scanIntervalMs': 250,
      'watch.quietSeconds': 3,
      'link.rateMegabitsPerSecond': rateMegabits,
      'passes.carouselGapSeconds': 1,
    });
    const startedMs = performance.now();
    renameSync(prepared, pair.path('low/watch/study'));
    const { arrived, passes } = await isReleased(pair, count, [receiver, between, sender]);
    const seconds = arrived ? (performance.now() - startedMs) / 1000 : undefined;
    const { blocksSpilled = 0, blocksEvicted = 0 } = pair.receiverSnapshot()?.assemble ?? {};
    return {
      name,
      instances: count,
      bytes: written.bytes,
      lossPercent,
      senderPeakRssMB: peakResidentMB(sender.pid ?? 0),
      receiverPeakRssMB: peakResidentMB(receiver.pid ?? 0),
      seconds,
      passes,
      blocksSpilled,
      blocksEvicted,
    };
  } finally {
    await pair.processes.cleanUp();
    pair.remove();
  }
}

/** Waits for the study in the inbox. It may not come in so many passes; memory has been used by then as well. */
async function isReleased(
  pair: Pair,
  instances: number,
  programs: readonly RunningProgram[],
): Promise<{ arrived: boolean; passes: number }> {
  const ledger = pair.receiverLedger();
  const low = pair.senderLedger();
  let arrived = false;
  let passes = 0;
  try {
    await pair.until(
      'the study in the inbox',
      limitMs,
      () => {
        const ended = programs.find((program) => program.exit !== undefined);
        if (ended !== undefined) throw new Error(`${ended.name} ended: ${ended.text('stderr')}`);
        arrived = ledger.releasedAtMs() !== undefined;
        if (low.instancesWithPasses(passes + 1) >= instances) passes += 1;
        return arrived || passes >= passesMax;
      },
      500,
    );
  } finally {
    low.close();
    ledger.close();
  }
  return { arrived, passes };
}

function resultText(result: MemoryCase): string {
  const { name, senderPeakRssMB, receiverPeakRssMB, seconds, bytes, passes } = result;
  const how =
    seconds === undefined
      ? `NOT in the inbox within ${passes} passes`
      : `in the inbox after ${durationText(seconds * 1000)}, ${rateText((bytes * 8) / seconds)}, ${passes} whole passes`;
  const spilled = `${result.blocksSpilled} blocks spilled, ${result.blocksEvicted} dropped`;
  return `${name}: sender ${senderPeakRssMB} MB, receiver ${receiverPeakRssMB} MB; ${how}; ${spilled}`;
}
