/**
 * How long one instance takes on an idle link, from intake (it is hashed and about to be made durable in the spool)
 * to its row in the vault; and how soon the first datagram of a STAT instance is on the wire when a backlog is being
 * sent. Both ends are on one clock here: the ledgers' own times are compared, to a millisecond.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesText } from '../../shared/console/quantities.ts';
import { freePort } from './free-port.ts';
import { type WrittenFiles, writeInstances } from './instances.ts';
import { LinkTap } from './link-tap.ts';
import { fsyncMs } from './machine.ts';
import type { BenchmarkOptions } from './options.ts';
import { Pair } from './pair.ts';
import { Scratch } from './scratch.ts';
import { median, quantile } from './statistics.ts';

export interface LatencyResult {
  readonly medianMs: number;
  readonly p99Ms: number;
  /** The worst of all. */
  readonly statFirstDatagramMs: number;
  readonly statFirstDatagramMedianMs: number;
  readonly backlogBytes: number;
}

const instanceBytes = 512 * 1024;
const idleInstances = 100;
const statInstances = 20;
const backlogBytes = 10e9;
const rateMegabits = 1000;
const limitMs = 30_000;
const address = '127.0.0.1';
const watching = { 'watch.scanIntervalMs': 50, 'watch.settleScans': 1 } as const;

export async function run(options: BenchmarkOptions): Promise<LatencyResult> {
  const scratch = new Scratch(options.folder, 3e9);
  try {
    console.log(`fsync ${fsyncMs(scratch.folder).toFixed(2)} ms; loopback, ${rateMegabits} Mb/s on the wire`);
    const idle = await idleLink(options, scratch);
    const [medianMs, p99Ms] = [median(idle), quantile(idle, 0.99)];
    console.log(
      `idle link, ${idle.length} instances of 512 KiB, intake to vault: median ${medianMs} ms, p99 ${p99Ms} ms`,
    );
    const stat = await statBehindBacklog(options, scratch);
    const [worst, middle] = [quantile(stat.delaysMs, 1), median(stat.delaysMs)];
    console.log(
      `${stat.delaysMs.length} STAT instances behind a backlog of ${bytesText(stat.backlogBytes)}, intake to first ` +
        `datagram: median ${middle} ms, worst ${worst} ms`,
    );
    return {
      medianMs,
      p99Ms,
      statFirstDatagramMs: worst,
      statFirstDatagramMedianMs: middle,
      backlogBytes: stat.backlogBytes,
    };
  } finally {
    scratch.remove();
  }
}

async function idleLink(options: BenchmarkOptions, scratch: Scratch): Promise<number[]> {
  const folder = scratch.path('idle');
  mkdirSync(folder);
  const pair = new Pair({ folder, address, port: await freePort(), profile: undefined });
  try {
    await pair.prepare();
    const { files, paths } = prepared(options, pair.path('instances'), idleInstances, 1);
    await pair.startReceiver();
    // Idle is without the carousel; the planned second pass of each instance is over before the next one.
    const link = { 'link.rateMegabitsPerSecond': rateMegabits, 'passes.carouselPercent': 0 };
    await pair.startSender({ ...watching, ...link, 'watch.quietSeconds': 86_400 });
    const low = pair.senderLedger();
    const high = pair.receiverLedger();
    const delaysMs: number[] = [];
    try {
      for (const [position, sopInstanceUid] of files.sopInstanceUids.entries()) {
        renameSync(paths[position] ?? '', pair.path('low/watch', `${position}.dcm`));
        const isThere = () => high.receivedAtMs(sopInstanceUid) !== undefined;
        await pair.until('an instance in the vault', limitMs, isThere, 10);
        const taken = low.taken(sopInstanceUid)?.atMs ?? Number.NaN;
        delaysMs.push((high.receivedAtMs(sopInstanceUid) ?? Number.NaN) - taken);
        await sleep(400);
      }
    } finally {
      low.close();
      high.close();
    }
    return delaysMs;
  } finally {
    await pair.processes.cleanUp();
  }
}

async function statBehindBacklog(
  options: BenchmarkOptions,
  scratch: Scratch,
): Promise<{ delaysMs: number[]; backlogBytes: number }> {
  const folder = scratch.path('backlog');
  mkdirSync(folder);
  const tap = await LinkTap.open();
  const pair = new Pair({ folder, address, port: tap.port, profile: undefined });
  try {
    await pair.prepare();
    const count = Math.max(200, Math.round((backlogBytes * options.scale) / instanceBytes));
    const backlog = { count, approximateBytes: instanceBytes, pixels: 'hole', studyNumber: 2 } as const;
    const waiting = pair.path('backlog');
    const { bytes } = writeInstances({ ...backlog, seed: options.seed, folder: waiting });
    await pair.spool(waiting, count);
    const { files, paths } = prepared(options, pair.path('instances'), statInstances, 3);
    await pair.startSender({ ...watching, 'link.rateMegabitsPerSecond': rateMegabits });
    const before = tap.objects;
    await pair.until('the backlog on its way', limitMs, () => tap.objects > before + 90);
    const low = pair.senderLedger();
    const delaysMs: number[] = [];
    try {
      for (const [position, sopInstanceUid] of files.sopInstanceUids.entries()) {
        renameSync(paths[position] ?? '', pair.path('low/watch/stat', `${position}.dcm`));
        await pair.until(
          'a STAT instance taken in',
          limitMs,
          () => low.taken(sopInstanceUid) !== undefined,
          10,
        );
        const { objectId, atMs } = low.taken(sopInstanceUid) ?? { objectId: '', atMs: Number.NaN };
        await pair.until('its first datagram', limitMs, () => tap.firstSeenMs(objectId) !== undefined, 5);
        delaysMs.push((tap.firstSeenMs(objectId) ?? Number.NaN) - atMs);
        await sleep(100);
      }
      if (low.instancesWithPasses(1) >= count) console.log('the backlog was sent before all were measured');
    } finally {
      low.close();
    }
    return { delaysMs, backlogBytes: bytes };
  } finally {
    await pair.processes.cleanUp();
    tap.close();
  }
}

/** Instances to be moved in one by one. */
function prepared(
  { seed }: BenchmarkOptions,
  folder: string,
  count: number,
  studyNumber: number,
): { files: WrittenFiles; paths: string[] } {
  const what = { count, approximateBytes: instanceBytes, pixels: 'random', studyNumber, seed } as const;
  const files = writeInstances({ ...what, folder });
  const paths = files.sopInstanceUids.map((_, index) =>
    join(folder, `${String(index + 1).padStart(6, '0')}.dcm`),
  );
  return { files, paths };
}
