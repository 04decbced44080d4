/**
 * A hostile scanner at the port and a hostile writer in the watch folder of a real sender, beside honest ones, with a real
 * receiver behind it: what has to be true for the honest ones, for both programs and for what is none of a writer's business.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HonestScanner } from './honest-scanner.ts';
import { type HostileAct, HostileActs } from './hostile-acts.ts';
import { HostileScanner } from './hostile-scanner.ts';
import { HostileWriter } from './hostile-writer.ts';
import type { Processes } from './processes.ts';
import { Random } from './random.ts';
import { fileHas, linksBelow } from './search-files.ts';
import { filesBelow, freeTcpPort, Transfer } from './transfer.ts';
import { ctImage, encodePart10 } from './unchecked-writer.ts';

export interface HostileRunOptions {
  readonly processes: Processes;
  readonly seed: number;
  readonly loadMs: number;
  /** What is released after the load is over has to be so within this. */
  readonly settleMs: number;
  /** Names of kinds; all when left out. */
  readonly only?: readonly string[] | undefined;
  readonly without?: readonly string[];
  readonly onProgress?: (line: string) => void;
}

export interface HostileReport {
  readonly seed: number;
  /** Acts by kind. */
  readonly acts: HostileActs['counts'];
  readonly honestFiles: number;
  readonly honestStores: number;
  readonly refusedStores: number;
  readonly echoes: number;
  readonly slowestEchoMs: number;
  readonly peakMB: { readonly sender: number; readonly receiver: number };
  readonly diskMB: number;
  readonly stopMs: { readonly sender: number; readonly receiver: number };
  /** What is not so; empty when all is well. */
  readonly problems: readonly string[];
}

const residentMBMax = 400;
const stopMsMax = 10_000;
/** Honest studies on their way at most. */
const waitingMax = 12;
/** Beside what was written into it by all, four times over: spool, vault, and what waits in each. */
const diskSlackBytes = 500e6;
const workers = { scanner: 3, writer: 2 } as const;
/** The load goes on so much longer at most, for kinds that have not succeeded yet. */
const provingMs = 60_000;

export class HostileRun {
  readonly #options: HostileRunOptions;
  readonly #transfer: Transfer;
  readonly #random: Random;
  /** Of the scanner and of the writer. */
  #acts: readonly HostileActs[] = [];
  readonly #problems: string[] = [];
  #honest: HonestScanner | undefined;
  /** In files that no writer and no scanner was given. */
  readonly #canary: string;
  readonly #peakMB = { sender: 0, receiver: 0 };
  #isOver = false;
  #port = 0;

  constructor(options: HostileRunOptions) {
    this.#options = options;
    this.#random = new Random(options.seed).fork('hostile');
    this.#transfer = new Transfer({ processes: options.processes, seed: options.seed });
    this.#canary = `CANARY-${Buffer.from(this.#random.fork('canary').bytes(12)).toString('hex')}`;
  }

  async run(): Promise<HostileReport> {
    const transfer = this.#transfer;
    await this.#prepare();
    const { receiver, sender } = {
      receiver: await transfer.startReceiver(),
      sender: await transfer.startSender(),
    };
    const writer = new HostileWriter({
      watchFolder: transfer.low('watch'),
      outside: transfer.low('prepared'),
      secrets: [transfer.low('secret', 'text'), transfer.low('secret', 'image.dcm'), transfer.low('key')],
    });
    const scanner = new HostileScanner(this.#port);
    const sampling = setInterval(() => this.#sample(), 500);
    try {
      const scannerBeside = new HonestScanner({
        port: this.#port,
        seed: this.#options.seed,
        random: this.#random.fork('stores'),
        isOver: () => this.#isOver,
      });
      this.#honest = scannerBeside;
      const honest = [this.#files(), scannerBeside.stores(), scannerBeside.echo()];
      const hostile = [...this.#harm('scanner', scanner.acts()), ...this.#harm('writer', writer.acts())];
      const endMs = performance.now() + this.#options.loadMs;
      const goesOn = () =>
        performance.now() < endMs || (performance.now() < endMs + provingMs && this.#unproven().length > 0);
      while (goesOn() && sender.exit === undefined && receiver.exit === undefined) {
        await sleep(Math.min(1000, Math.max(100, endMs - performance.now())));
        this.#options.onProgress?.(this.#progress());
      }
      this.#isOver = true;
      await Promise.all([...honest, ...hostile]);
      await this.#settle();
    } finally {
      clearInterval(sampling);
      writer.tidyUp();
    }
    if (sender.exit !== undefined || receiver.exit !== undefined)
      this.#problems.push('a program has ended by itself');
    await this.#lookAtMissing();
    const stopMs = { sender: await this.#stop('sender'), receiver: await this.#stop('receiver') };
    this.#compare();
    this.#lookForCanary();
    this.#problems.push(...(this.#honest?.problems ?? []));
    return {
      seed: this.#options.seed,
      acts: Object.assign({}, ...this.#acts.map(({ counts }) => counts)),
      honestFiles: transfer.instances,
      honestStores: this.#storedHashes.size,
      refusedStores: this.#honest?.refused ?? 0,
      echoes: this.#honest?.echoes ?? 0,
      slowestEchoMs: Math.round(this.#honest?.slowestEchoMs ?? 0),
      peakMB: this.#peakMB,
      diskMB: this.#diskMB(),
      stopMs,
      problems: this.#problems,
    };
  }

  async #prepare(): Promise<void> {
    const transfer = this.#transfer;
    this.#port = await freeTcpPort();
    Object.assign(transfer.senderSettings, {
      'dicom.address': '127.0.0.1',
      'dicom.port': this.#port,
      'dicom.procedureSteps': true,
      'dicom.idleSeconds': 20,
      'dicom.associationSeconds': 2,
      'dicom.pduSeconds': 2,
      'beacon.rollSeconds': 5,
      'passes.carouselGapSeconds': 5,
    });
    transfer.senderTables = ['[[dicom.titles]]', 'title = "DIODE"', 'quietSeconds = 2'];
    await transfer.prepare();
    mkdirSync(transfer.low('secret'));
    writeFileSync(transfer.low('secret', 'text'), `${this.#canary}\n`.repeat(200));
    const image = ctImage({ patientName: this.#canary, studyUid: '2.25.66', sopInstanceUid: '2.25.66.1' });
    writeFileSync(transfer.low('secret', 'image.dcm'), encodePart10({ dataSet: image }));
  }

  /** What its workers do. */
  #harm(who: keyof typeof workers, all: Readonly<Record<string, HostileAct>>): Promise<void>[] {
    const { only, without = [] } = this.#options;
    const chosen = Object.entries(all).filter(
      ([kind]) => (only?.includes(kind) ?? true) && !without.includes(kind),
    );
    if (chosen.length === 0) return [];
    const acts = new HostileActs(Object.fromEntries(chosen), this.#random.fork(who));
    this.#acts = [...this.#acts, acts];
    return Array.from({ length: workers[who] }, async () => {
      while (!this.#isOver) {
        await acts.doNext();
        await sleep(20);
      }
    });
  }

  #unproven(): string[] {
    return this.#acts.flatMap((acts) => acts.unproven());
  }

  #actsDone(): number {
    return this.#acts.reduce((sum, { done }) => sum + done, 0);
  }

  /** The honest writer. */
  async #files(): Promise<void> {
    const random = this.#random.fork('files');
    const underway = new Set<string>();
    while (!this.#isOver) {
      for (const studyUid of underway)
        if (existsSync(this.#transfer.high('inbox', studyUid))) underway.delete(studyUid);
      if (underway.size < waitingMax) {
        const study = { instances: random.between(1, 8), bytes: random.between(3000, 80_000) };
        underway.add(this.#transfer.putStudy({ ...study, stat: random.chance(0.1) }));
      }
      await sleep(500);
    }
  }

  /** Waits until what honest ones sent is there. */
  async #settle(): Promise<void> {
    const endMs = performance.now() + this.#options.settleMs;
    const isThere = () => this.#transfer.account().absent === 0 && this.#storedAbsent().length === 0;
    while (performance.now() < endMs && this.#transfer.sender?.exit === undefined) {
      if (isThere()) return;
      await sleep(1000);
    }
  }

  get #storedHashes(): ReadonlyMap<string, string> {
    return this.#honest?.stored ?? new Map();
  }

  #storedAbsent(): string[] {
    const inbox = this.#transfer.high('inbox');
    const released = new Set(
      filesBelow(inbox).flatMap((path) => {
        const uid =
          path
            .split('/')
            .at(-1)
            ?.replace(/\.dcm$/, '') ?? '';
        const sha256 = this.#storedHashes.get(uid);
        return sha256 !== undefined && sha256 === dataSetHash(join(inbox, path)) ? [uid] : [];
      }),
    );
    return [...this.#storedHashes.keys()].filter((uid) => !released.has(uid));
  }

  #compare(): void {
    this.#problems.push(...this.#unproven());
    const { absent, twice } = this.#transfer.account();
    if (absent > 0) this.#problems.push(`${absent} honest files are not released, byte for byte`);
    if (twice > 0) this.#problems.push(`${twice} honest files are released twice`);
    const stored = this.#storedAbsent();
    if (stored.length > 0) this.#problems.push(`${stored.length} honestly stored instances are not released`);
    if (this.#diskMB() * 1e6 > 4 * this.#givenBytes() + diskSlackBytes)
      this.#problems.push(`the disk has ${this.#diskMB()} MB`);
    for (const side of ['sender', 'receiver'] as const)
      if (this.#peakMB[side] > residentMBMax)
        this.#problems.push(`the ${side} had ${this.#peakMB[side]} MB resident, more than ${residentMBMax}`);
  }

  async #lookAtMissing(): Promise<void> {
    const { output } = await this.#transfer.configured('receiver', 'missing', '--json');
    const named = readdirSync(this.#transfer.high('inbox')).filter((uid) => output.includes(`"${uid}"`));
    const honest = named.filter((uid) => uid.startsWith('1.2.826.') || uid.startsWith('2.25.55.'));
    if (honest.length > 0)
      this.#problems.push(`missing names ${honest.length} honest studies that are released`);
  }

  async #stop(side: 'sender' | 'receiver'): Promise<number> {
    const program = this.#transfer[side];
    if (program === undefined || program.exit !== undefined) return 0;
    const askedMs = performance.now();
    const { code } = await program.stop();
    const tookMs = Math.round(performance.now() - askedMs);
    if (code !== 0 || tookMs > stopMsMax)
      this.#problems.push(`the ${side} did not end by SIGTERM within seconds`);
    return tookMs;
  }

  /** In whatever the programs keep, made or said, but for the files themselves. */
  #lookForCanary(): void {
    const { low, high, sender, receiver } = {
      low: this.#transfer.low('spool'),
      high: this.#transfer.highFolder,
      sender: this.#transfer.sender,
      receiver: this.#transfer.receiver,
    };
    const key = readFileSync(this.#transfer.low('key'), 'latin1').trim();
    for (const words of [this.#canary, key]) {
      const found = [low, high]
        .flatMap((folder) => filesBelow(folder).map((path) => join(folder, path)))
        .filter((path) => path !== this.#transfer.high('key') && fileHas(path, words));
      const said = [sender, receiver].some((program) =>
        program?.lines.some(({ text }) => text.includes(words)),
      );
      const what = words === key ? 'the key' : 'the canary';
      const links = [low, high].flatMap((folder) => linksBelow(folder));
      if (words === key && links.length > 0) this.#problems.push(`${links.length} links are in the spool`);
      if (found.length > 0 || said)
        this.#problems.push(`${what} is in ${found.length} files${said ? ' and logs' : ''}`);
    }
  }

  #sample(): void {
    for (const side of ['sender', 'receiver'] as const) {
      const program = this.#transfer[side];
      if (program?.pid === undefined || program.exit !== undefined) continue;
      const status = textOf(`/proc/${program.pid}/status`);
      const kilobytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
      this.#peakMB[side] = Math.max(this.#peakMB[side], Math.round((kilobytes * 1024) / 1e6));
    }
  }

  #progress(): string {
    return `${this.#actsDone()} hostile acts, ${this.#transfer.instances} honest files, ${this.#storedHashes.size} stored, ${this.#honest?.echoes ?? 0} echoes, resident ${this.#peakMB.sender} and ${this.#peakMB.receiver} MB`;
  }

  /** What honest ones gave, and a bound for what hostile ones do in an act. */
  #givenBytes(): number {
    return this.#transfer.instances * 80_000 + this.#storedHashes.size * 60_000 + this.#actsDone() * 1e6;
  }

  #diskMB(): number {
    const folders = [this.#transfer.low('spool'), this.#transfer.high('vault'), this.#transfer.high('inbox')];
    const bytes = folders.flatMap((folder) => filesBelow(folder).map((path) => sizeOf(join(folder, path))));
    return Math.round(bytes.reduce((a, b) => a + b, 0) / 1e6);
  }
}

/** Of what stands behind the file meta information: that is the sender's own. */
function dataSetHash(path: string): string {
  const file = readFileSync(path);
  const start = 144 + file.readUInt32LE(140);
  return createHash('sha256').update(file.subarray(start)).digest('hex');
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
