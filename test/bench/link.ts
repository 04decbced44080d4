/**
 * The speed of the pair on a link that is as real as one machine allows: everything spooled on disk, then from the
 * first datagram to the last instance verified and durable in the vault; the whole way from folder to inbox; and
 * udpcast and iperf3 on the same veth pair in the same run. Nothing is lost at the rates claimed, by anybody.
 */
import { appendFileSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { rateText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { writeInstances } from './instances.ts';
import { compareLinks, type LinksCompared } from './link-against.ts';
import { fsyncMs, packageVersion, requireTools } from './machine.ts';
import { highAddress, NamespacePair, namespaceTools } from './namespaces.ts';
import type { BenchmarkOptions } from './options.ts';
import { Pair } from './pair.ts';
import { measureIperf3, measureUdpcast, notMeasured, peerTools } from './peers.ts';
import { profileText } from './profile.ts';
import { Scratch } from './scratch.ts';
import { median, searchHighest, type Verdict } from './statistics.ts';
import { instanceBytes, port, studyBytes, type Transfer, Transfers } from './transfer.ts';

export interface LinkResult {
  /** Of instance bytes: from the first datagram to the last instance in the vault. */
  readonly goodputBitsPerSecond: number;
  /** From the rename into the watch folder to the study in the inbox. */
  readonly wholeWayBitsPerSecond: number;
  readonly udpcastBitsPerSecond: number;
  readonly iperf3BitsPerSecond: number;
  readonly vsUdpcast: number;
  readonly vsIperf3: number;
  /** At the rate claimed, over all its runs. */
  readonly instancesLost: number;
}

/** The search for the rate goes on upward while that brings so much more. */
const worthwhile = 1.03;
const stepsDownMax = 10;
const stepDown = 0.95;
/** What is prepared, spooled, copied for udpcast and received, twice where a new one begins. */
const foldersMax = 8;
/** What a watch folder waits for by configuration: part of the whole way, and told with it. */
const waits = { 'watch.scanIntervalMs': 100, 'watch.settleScans': 1, 'watch.quietSeconds': 1 } as const;

export async function run(options: BenchmarkOptions): Promise<LinkResult | LinksCompared> {
  requireTools([...namespaceTools, ...peerTools]);
  if (options.against !== undefined) return await compareLinks(options, options.against);
  const bytes = studyBytes * options.scale;
  const scratch = new Scratch(options.folder, foldersMax * bytes + 1e9);
  let namespaces: NamespacePair | undefined;
  try {
    namespaces = new NamespacePair();
    return await new LinkBenchmark(options, scratch, namespaces).run(bytes);
  } finally {
    namespaces?.remove();
    scratch.remove();
  }
}

class LinkBenchmark {
  readonly #options: BenchmarkOptions;
  readonly #scratch: Scratch;
  readonly #namespaces: NamespacePair;
  readonly #pair: Pair;
  #transfers: Transfers | undefined;
  #count = 0;
  #bytes = 0;

  constructor(options: BenchmarkOptions, scratch: Scratch, namespaces: NamespacePair) {
    this.#options = options;
    this.#scratch = scratch;
    this.#namespaces = namespaces;
    this.#pair = new Pair({
      folder: scratch.path('pair'),
      low: namespaces.low,
      high: namespaces.high,
      address: highAddress,
      port,
      profile: options.profile,
    });
  }

  async run(bytes: number): Promise<LinkResult> {
    const { runs, seed } = this.#options;
    console.log(`udpcast ${packageVersion('udpcast')}, iperf3 ${packageVersion('iperf3')}`);
    console.log(`fsync ${fsyncMs(this.#scratch.folder).toFixed(2)} ms in ${this.#options.folder}`);
    console.log(`offloads: ${this.#namespaces.offloads()}`);
    console.log(
      'sender on core 0, receiver on core 1, as their peers; 1472-byte datagrams; all protections on',
    );
    this.#count = Math.max(1, Math.round(bytes / instanceBytes));
    const prepared = this.#scratch.path('prepared');
    const files = {
      count: this.#count,
      approximateBytes: instanceBytes,
      pixels: 'random',
      studyNumber: 1,
      seed,
    };
    this.#bytes = writeInstances({ ...files, folder: prepared, pixels: 'random' }).bytes;
    try {
      const alone = this.#options.rate !== undefined;
      const udpcastInput = alone ? '' : this.#concatenate(prepared);
      const udpcast = alone ? notMeasured : await measureUdpcast(this.#namespaces, udpcastInput, runs);
      const iperf3 = alone ? notMeasured : await measureIperf3(this.#namespaces, runs);
      const { rate, transfers } = await this.#spooledToVault(prepared);
      const goodput = medianOf(transfers);
      const { profile } = this.#options;
      if (profile !== undefined) console.log(profileText(profile, this.#bytes));
      const wholeWay = await this.#wholeWay(prepared, rate);
      const result: LinkResult = {
        goodputBitsPerSecond: goodput,
        wholeWayBitsPerSecond: wholeWay,
        udpcastBitsPerSecond: udpcast.bitsPerSecond,
        iperf3BitsPerSecond: iperf3.bitsPerSecond,
        vsUdpcast: goodput / udpcast.bitsPerSecond,
        vsIperf3: goodput / iperf3.bitsPerSecond,
        instancesLost: transfers.reduce((sum, { lost }) => sum + lost, 0),
      };
      const told = (megabits: number) => (megabits === 0 ? 'no limit' : `${megabits} Mb/s`);
      console.log(
        table(
          [`medians of ${runs}`, 'payload', 'told', 'this pair against it'],
          [
            ['spooled to vault', rateText(goodput), told(Math.round(rate)), ''],
            ['folder to inbox', rateText(wholeWay), told(Math.round(rate)), ''],
            [
              udpcast.how,
              rateText(udpcast.bitsPerSecond),
              told(udpcast.rateMegabits),
              ratio(result.vsUdpcast),
            ],
            [iperf3.how, rateText(iperf3.bitsPerSecond), told(iperf3.rateMegabits), ratio(result.vsIperf3)],
          ],
        ),
      );
      return result;
    } finally {
      await this.#pair.processes.cleanUp();
    }
  }

  /** The highest rate at which nothing is lost, then the runs at it. */
  async #spooledToVault(prepared: string): Promise<{ rate: number; transfers: Transfer[] }> {
    await this.#pair.prepare();
    await this.#pair.spool(this.#linkedCopy(prepared), this.#count);
    const ledger = this.#pair.senderLedger();
    console.log(`intake, folder to spool: ${rateText((this.#bytes * 8000) / ledger.intakeMs())}`);
    ledger.close();
    if (this.#options.rate !== undefined) return this.#measureAt(this.#options.rate);
    const search = { start: 1000, min: 20, max: 40_000, factor: 1.5, refinements: 3 };
    let best = 0;
    const found = await searchHighest(search, async (megabits): Promise<Verdict> => {
      const { lost, goodputBitsPerSecond } = await this.#send(megabits, 'searching');
      if (lost > 0) return 'fails';
      const isMore = goodputBitsPerSecond > worthwhile * best;
      best = Math.max(best, goodputBitsPerSecond);
      return isMore ? 'keeps' : 'saturated';
    });
    return this.#measureAt(found ?? search.min);
  }

  /** Some runs at a rate; where something was lost after all, at the next lower one. */
  async #measureAt(startRate: number): Promise<{ rate: number; transfers: Transfer[] }> {
    let rate = startRate;
    let transfers: Transfer[] = [];
    for (let step = 0; step <= stepsDownMax; step++) {
      transfers = [];
      while (transfers.length < this.#options.runs && transfers.every(({ lost }) => lost === 0))
        transfers.push(await this.#send(rate, 'measuring'));
      if (transfers.every(({ lost }) => lost === 0)) break;
      rate *= stepDown;
    }
    return { rate, transfers };
  }

  #send(rateMegabits: number, why: string): Promise<Transfer> {
    const spool = { pair: this.#pair, bytes: this.#bytes, count: this.#count };
    this.#transfers ??= new Transfers(spool, { notSent: 0 });
    return this.#transfers.send(rateMegabits, why);
  }

  /** From folder to inbox, everything included. */
  async #wholeWay(prepared: string, rateMegabits: number): Promise<number> {
    const results: number[] = [];
    for (let run = 0; run < this.#options.runs; run++) {
      await this.#pair.prepare();
      const copy = this.#linkedCopy(prepared);
      const receiver = await this.#pair.startReceiver();
      const rate = { 'link.rateMegabitsPerSecond': rateMegabits };
      const sender = await this.#pair.startSender({ ...rate, ...waits, 'passes.carouselPercent': 0 });
      const ledger = this.#pair.receiverLedger();
      try {
        const startedAtMs = Date.now();
        renameSync(copy, this.#pair.path('low/watch/study'));
        const limitMs = 60_000 + (this.#bytes * 8 * 5) / (rateMegabits * 1000);
        await this.#pair.until(
          'the study in the inbox',
          limitMs,
          () => ledger.releasedAtMs() !== undefined,
          100,
        );
        results.push((this.#bytes * 8000) / ((ledger.releasedAtMs() ?? Number.NaN) - startedAtMs));
      } finally {
        ledger.close();
        await sender.stop();
        await receiver.stop();
      }
    }
    console.log(
      `folder to inbox waits by configuration: ${waits['watch.quietSeconds']} s of quiet, ` +
        `${2 * waits['watch.scanIntervalMs']} ms for files to come to rest`,
    );
    return median(results);
  }

  /** Taken in by renaming, so each time another set of names for the same files. */
  #linkedCopy(prepared: string): string {
    const copy = this.#scratch.path('copy');
    mkdirSync(copy);
    for (const name of readdirSync(prepared)) linkSync(join(prepared, name), join(copy, name));
    return copy;
  }

  /** The same bytes as one file, since udpcast sends one. */
  #concatenate(prepared: string): string {
    const target = this.#scratch.path('udpcast.input');
    for (const name of readdirSync(prepared)) appendFileSync(target, readFileSync(join(prepared, name)));
    return target;
  }
}

function medianOf(transfers: readonly Transfer[]): number {
  return median(transfers.map(({ goodputBitsPerSecond }) => goodputBitsPerSecond));
}

const ratio = (value: number): string => `${value.toFixed(2)} x`;
