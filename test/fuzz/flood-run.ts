/** One transfer of a study between the real programs, with a flood of forged datagrams beside it or without. */
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { present } from '../../shared/assert.ts';
import { readKeyFile } from '../../shared/crypto/key-file.ts';
import { protection } from '../../shared/wire/datagram.ts';
import { writeInstances } from '../bench/instances.ts';
import { Pair } from '../bench/pair.ts';
import type { RunningProgram } from '../harness/processes.ts';
import { datagramsOf } from '../unit/receiver/assemble/datagrams.ts';
import type { FloodOptions } from './flooder.ts';

export interface FloodRunOptions {
  readonly folder: string;
  readonly port: number;
  readonly instances: number;
  readonly instanceBytes: number;
  readonly rateMegabitsPerSecond: number;
  readonly seed: number;
  /** Ends a run that hangs. */
  readonly limitMs: number;
}

export interface TransferResult {
  readonly goodputBitsPerSecond: number;
  readonly seconds: number;
  /** Datagrams of the sender that the receiver let in. */
  readonly admitted: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly forgedSent: number;
  /** Files in the inbox that are the source, byte for byte, and those that are not. */
  readonly right: number;
  readonly wrong: number;
  /** Of the receiver: at a fifth of the transfer, at its end, and the most at any time. */
  readonly residentBytes: readonly [early: number, late: number, most: number];
  /** Codes of the alarms that were raised, once for each time. */
  readonly alarms: readonly string[];
}

const datagramBytes = 1472;
const lookMs = 200;
const recordedBytes = 2e6;

/** Two programs, a study spooled once, and transfers of it. */
export class FloodRun {
  readonly #options: FloodRunOptions;
  readonly #pair: Pair;
  #sources = new Map<string, string>();
  #bytes = 0;

  constructor(options: FloodRunOptions) {
    this.#options = options;
    this.#pair = new Pair({
      folder: join(options.folder, 'pair'),
      address: '127.0.0.1',
      port: options.port,
      profile: undefined,
    });
  }

  /** Writes the study and takes it into the spool. */
  async prepare(): Promise<void> {
    const { folder, instances, instanceBytes, seed } = this.#options;
    const prepared = join(folder, 'prepared');
    const files = { count: instances, approximateBytes: instanceBytes, studyNumber: 1, seed };
    this.#bytes = writeInstances({ ...files, folder: prepared, pixels: 'random' }).bytes;
    for (const name of readdirSync(prepared)) {
      const bytes = readFileSync(join(prepared, name));
      this.#sources.set(createHash('sha256').update(bytes).digest('hex'), name);
    }
    await this.#pair.prepare();
    const copy = join(folder, 'copy');
    mkdirSync(copy);
    for (const name of readdirSync(prepared)) linkSync(join(prepared, name), join(copy, name));
    await this.#pair.spool(copy, instances, { 'watch.quietSeconds': 1 });
    await this.#record(present(readdirSync(prepared)[0], 'a study has a file'), prepared);
  }

  /** Sends the study once. @throws Error when it is not in the inbox in time */
  async transfer(flood: { readonly datagramsMax: number } | undefined): Promise<TransferResult> {
    const { rateMegabitsPerSecond, instances, limitMs } = this.#options;
    const pair = this.#pair;
    pair.restoreSpool();
    pair.renewHigh();
    const receiver = await pair.startReceiver();
    const resident: number[] = [];
    const watch = setInterval(() => resident.push(residentBytes(receiver)), lookMs);
    const flooder = flood === undefined ? undefined : await this.#startFlooder(flood.datagramsMax);
    const startedMs = performance.now();
    const sender = await pair.startSender({
      'link.rateMegabitsPerSecond': rateMegabitsPerSecond,
      'watch.quietSeconds': 1,
      'passes.carouselPercent': 25,
    });
    const ledger = pair.receiverLedger();
    const startedAtMs = Date.now();
    try {
      await pair.until('the study in the inbox', limitMs, () => ledger.releasedAtMs() !== undefined, lookMs);
      const seconds = (ledger.vaultCount().newestAtMs - startedAtMs || 1) / 1000;
      // The second pass belongs to it.
      const low = pair.senderLedger();
      await pair.until('both passes', limitMs, () => low.instancesWithPasses(2) >= instances, lookMs);
      low.close();
      await flooder?.stop();
      const forgedSent = JSON.parse(flooder?.lines.at(-1)?.text ?? '{"sent":0}').sent;
      await sleep(1500);
      clearInterval(watch);
      const snapshot = present(pair.receiverSnapshot(), 'a running receiver tells of itself');
      return {
        goodputBitsPerSecond: (this.#bytes * 8) / seconds,
        seconds: (performance.now() - startedMs) / 1000,
        admitted: snapshot.link.admitted,
        refused: snapshot.link.refused,
        lost: snapshot.link.lost,
        forgedSent,
        ...this.#compare(),
        residentBytes: [
          resident[Math.floor(resident.length / 5)] ?? 0,
          resident.at(-1) ?? 0,
          Math.max(...resident),
        ],
        alarms: alarmsIn(receiver),
      };
    } finally {
      clearInterval(watch);
      ledger.close();
      await flooder?.stop();
      await sender.stop();
      await receiver.stop();
    }
  }

  async cleanUp(): Promise<void> {
    await this.#pair.processes.cleanUp();
    rmSync(this.#options.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Datagrams as the sender sends them, for the flooder to change: a recording of the link. */
  async #record(name: string, prepared: string): Promise<void> {
    const [key] = readKeyFile(this.#pair.path('key'));
    const bytes = readFileSync(join(prepared, name)).subarray(0, recordedBytes);
    const sent = datagramsOf(bytes, {
      from: {
        senderId: new Uint8Array(8).fill(1),
        keyId: key.id,
        secret: key.secret,
        parameters: { datagramBytes, sourceSymbols: 200, repairSymbols: 24, protection: protection.sealed },
      },
    });
    writeFileSync(this.#recording, Buffer.concat(sent.datagrams));
  }

  get #recording(): string {
    return join(this.#options.folder, 'recording');
  }

  async #startFlooder(datagramsMax: number): Promise<RunningProgram> {
    const { port, rateMegabitsPerSecond, seed } = this.#options;
    const options: FloodOptions = {
      address: '127.0.0.1',
      port,
      datagramBytes,
      rateMegabitsPerSecond,
      recording: this.#recording,
      seed,
      datagramsMax,
    };
    const flooder = this.#pair.processes.startScript('dist/test/fuzz/flooder.js', {
      arguments: [JSON.stringify(options)],
    });
    await flooder.waitForLine(/flooding/);
    return flooder;
  }

  #compare(): { right: number; wrong: number } {
    const left = new Map(this.#sources);
    let wrong = 0;
    for (const path of filesBelow(this.#pair.inboxFolder)) {
      const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
      if (!left.delete(sha256)) wrong += 1;
    }
    return { right: this.#sources.size - left.size, wrong };
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).isFile());
}

/** Pages in memory (proc(5), statm), of 4096 bytes. */
function residentBytes({ pid }: RunningProgram): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return 0;
  }
}

/** From its log: an alarm may be over when the transfer is. */
function alarmsIn(receiver: RunningProgram): string[] {
  return receiver.lines
    .filter(({ text }) => text.includes('alarm raised'))
    .map(({ text }) => /"code":"(E_[A-Z_]+)"/.exec(text)?.[1] ?? 'unreadable');
}
