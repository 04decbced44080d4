/**
 * What an honest sender pays for a hostile one beside it that has a key: the same study crosses alone and beside the
 * attacks, in turn, so that a machine that changes shows. Told are both goodputs, the most memory that either program
 * ever had, and how full the vault's disk became.
 */
import { readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { rateText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { protection } from '../../shared/wire/datagram.ts';
import type { AttackerOptions } from '../harness/attacker.ts';
import type { RunningProgram } from '../harness/processes.ts';
import { freePort } from './free-port.ts';
import { writeInstances } from './instances.ts';
import type { BenchmarkOptions } from './options.ts';
import { Pair } from './pair.ts';
import { peakResidentMB } from './process-usage.ts';
import { Scratch } from './scratch.ts';
import { median } from './statistics.ts';

export interface HostileResult {
  readonly aloneBitsPerSecond: readonly number[];
  readonly besideBitsPerSecond: readonly number[];
  /** Of the medians. */
  readonly share: number;
  readonly senderPeakRssMB: number;
  readonly receiverPeakRssMB: number;
  /** The largest share of the vault's disk that was ever in use. */
  readonly diskPercentMost: number;
  readonly released: number;
  readonly instances: number;
  /** Datagrams of each attack. */
  readonly attacks: Readonly<Record<string, number>>;
}

interface Crossing {
  readonly bitsPerSecond: number;
  readonly released: number;
  readonly senderPeakRssMB: number;
  readonly receiverPeakRssMB: number;
  readonly diskPercentMost: number;
  readonly attacks: Readonly<Record<string, number>>;
}

const address = '127.0.0.1';
const instanceBytes = 512 * 1024;
const studyBytes = 2e9;
const honestMegabits = 300;
/** Of the attacks before the honest sender begins: everything that has a limit is full by then. */
const aheadMs = 30_000;
const limitMs = 1_200_000;
const lookMs = 200;
const attackMegabits = 100;

export async function run(options: BenchmarkOptions): Promise<HostileResult> {
  const scratch = new Scratch(options.folder, 6 * studyBytes * options.scale + 6e9);
  try {
    return await new HostileBenchmark(options, scratch, await freePort()).run();
  } finally {
    scratch.remove();
  }
}

export class HostileBenchmark {
  readonly #options: BenchmarkOptions;
  readonly #scratch: Scratch;
  readonly #pair: Pair;
  readonly #port: number;
  #count = 0;
  #bytes = 0;

  constructor(options: BenchmarkOptions, scratch: Scratch, port: number) {
    this.#options = options;
    this.#scratch = scratch;
    this.#port = port;
    this.#pair = new Pair({ folder: scratch.path('pair'), address, port, profile: undefined });
  }

  async run(): Promise<HostileResult> {
    const { scale, seed, runs } = this.#options;
    console.log(
      `loopback; honest ${honestMegabits} Mb/s, attacks ${attackMegabits} Mb/s, told; two keys in the ring`,
    );
    this.#count = Math.max(2, Math.round((studyBytes * scale) / instanceBytes));
    const prepared = this.#scratch.path('prepared');
    const files = { count: this.#count, approximateBytes: instanceBytes, studyNumber: 1, seed };
    this.#bytes = writeInstances({ ...files, folder: prepared, pixels: 'random' }).bytes;
    try {
      await this.#pair.prepare();
      await this.#pair.addAttackerKey();
      await this.#pair.spool(prepared, this.#count, { 'watch.quietSeconds': 1 });
      const alone: Crossing[] = [];
      const beside: Crossing[] = [];
      for (let turn = 0; turn < runs; turn += 1) {
        alone.push(await this.#cross(false));
        beside.push(await this.#cross(true));
      }
      return told(alone, beside, this.#count);
    } finally {
      await this.#pair.processes.cleanUp();
    }
  }

  /** The study crosses once, to a receiver that begins with nothing. */
  async #cross(isAttacked: boolean): Promise<Crossing> {
    const pair = this.#pair;
    pair.restoreSpool();
    pair.renewHigh();
    const receiver = await pair.startReceiver({ keyFile: pair.path('ring') });
    const disk = new DiskWatch(pair.inboxFolder);
    const attacker = isAttacked ? await this.#startAttacker() : undefined;
    if (attacker !== undefined) await sleep(aheadMs * Math.min(1, this.#options.scale));
    const startedAtMs = Date.now();
    const sender = await pair.startSender({
      'link.rateMegabitsPerSecond': honestMegabits,
      'watch.quietSeconds': 1,
      'passes.carouselPercent': 25,
    });
    const ledger = pair.receiverLedger();
    try {
      const programs = [receiver, sender];
      await pair.until('the honest study in the inbox', limitMs, () => {
        const ended = programs.find((program) => program.exit !== undefined);
        if (ended !== undefined) throw new Error(`${ended.name} ended: ${ended.text('stderr')}`);
        return releasedFiles(pair.inboxFolder, this.#count);
      });
      const seconds = (Date.now() - startedAtMs) / 1000;
      const crossing = {
        bitsPerSecond: (this.#bytes * 8) / seconds,
        released: this.#count,
        senderPeakRssMB: peakResidentMB(sender.pid ?? 0),
        receiverPeakRssMB: peakResidentMB(receiver.pid ?? 0),
        diskPercentMost: disk.stop(),
        attacks: await attacksOf(attacker),
      };
      console.log(
        `${isAttacked ? 'beside attacks' : 'alone'}: ${rateText(crossing.bitsPerSecond)}, ` +
          `sender ${crossing.senderPeakRssMB} MB, receiver ${crossing.receiverPeakRssMB} MB, ` +
          `disk ${crossing.diskPercentMost.toFixed(1)} %`,
      );
      return crossing;
    } finally {
      disk.stop();
      ledger.close();
      await attacker?.stop();
      await sender.stop();
      await receiver.stop();
    }
  }

  async #startAttacker(): Promise<RunningProgram> {
    const options: AttackerOptions = {
      address,
      port: this.#port,
      keyFile: this.#pair.path('attacker-key'),
      parameters: {
        datagramBytes: 1472,
        sourceSymbols: 200,
        repairSymbols: 24,
        protection: protection.sealed,
      },
      rateMegabitsPerSecond: attackMegabits,
      seed: this.#options.seed,
      limitMs,
    };
    const attacker = this.#pair.processes.startScript('dist/test/harness/attacker.js', {
      arguments: [JSON.stringify(options)],
    });
    await attacker.waitForLine(/attacking/);
    return attacker;
  }
}

function told(alone: readonly Crossing[], beside: readonly Crossing[], instances: number): HostileResult {
  const rates = (crossings: readonly Crossing[]) => crossings.map(({ bitsPerSecond }) => bitsPerSecond);
  const most = (of: (crossing: Crossing) => number) => Math.max(...[...alone, ...beside].map(of));
  const result: HostileResult = {
    aloneBitsPerSecond: rates(alone),
    besideBitsPerSecond: rates(beside),
    share: median(rates(beside)) / median(rates(alone)),
    senderPeakRssMB: most(({ senderPeakRssMB }) => senderPeakRssMB),
    receiverPeakRssMB: most(({ receiverPeakRssMB }) => receiverPeakRssMB),
    diskPercentMost: most(({ diskPercentMost }) => diskPercentMost),
    released: Math.min(...beside.map(({ released }) => released)),
    instances,
    attacks: beside.at(-1)?.attacks ?? {},
  };
  const spread = (values: readonly number[]) => values.map((value) => rateText(value)).join(', ');
  console.log(
    table(
      ['', 'median', 'each run'],
      [
        ['alone', rateText(median(result.aloneBitsPerSecond)), spread(result.aloneBitsPerSecond)],
        ['beside attacks', rateText(median(result.besideBitsPerSecond)), spread(result.besideBitsPerSecond)],
      ],
    ),
  );
  console.log(`the honest sender keeps ${(100 * result.share).toFixed(1)} % of its goodput`);
  console.log(
    `attacks of the last run: ${Object.entries(result.attacks)
      .map(([name, datagrams]) => `${name} ${Math.round(datagrams)}`)
      .join(', ')} datagrams`,
  );
  return result;
}

/** How full a disk becomes, looked at now and then. */
class DiskWatch {
  #most = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(folder: string) {
    const look = () => {
      const { bavail, blocks } = statfsSync(folder);
      this.#most = Math.max(this.#most, 100 * (1 - bavail / blocks));
    };
    look();
    this.#timer = setInterval(look, lookMs);
  }

  stop(): number {
    clearInterval(this.#timer);
    return this.#most;
  }
}

/** The honest study has its own UID; what the attacker gets released is beside it. */
function releasedFiles(inboxFolder: string, count: number): boolean {
  const study = readdirSync(inboxFolder).find((name) => name.startsWith('2.25.1000001000000000'));
  if (study === undefined) return false;
  const folder = join(inboxFolder, study);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.length === count;
}

async function attacksOf(attacker: RunningProgram | undefined): Promise<Record<string, number>> {
  await attacker?.stop();
  return JSON.parse(attacker?.lines.at(-1)?.text ?? '{"sent":{}}').sent;
}
