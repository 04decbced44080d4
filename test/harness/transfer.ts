/**
 * Two appliances with a lossy link between them as real processes, the studies that were put in, and the account of
 * what came out: for tests that end processes, fill disks and cut links.
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReceiverStatus } from '../../receiver/status.ts';
import type { SenderStatus } from '../../sender/status.ts';
import { readSnapshot } from '../../shared/console/command-line.ts';
import type { RelayReport } from './datagram-relay.ts';
import type { Exit, Processes, RunningProgram } from './processes.ts';
import { Random } from './random.ts';
import { repositoryRoot } from './repository-root.ts';
import { smallInstance } from './small-instance.ts';

export type Settings = Record<string, string | number | boolean>;

export interface TransferOptions {
  readonly processes: Processes;
  readonly seed: number;
  /** Default: a temporary folder each. What is on a disk of its own is made by the caller. */
  readonly lowFolder?: string;
  readonly highFolder?: string;
  /** What stands before the commands of a side, such as its network namespace. */
  readonly low?: readonly string[];
  readonly high?: readonly string[];
  /** The receiver's address; default loopback. */
  readonly address?: string;
}

/** What became of everything that was put in. */
export interface TransferAccount {
  readonly instances: number;
  readonly released: number;
  /** Not in the inbox. */
  readonly absent: number;
  /** In the inbox more than once. */
  readonly twice: number;
  /** In the inbox, and nobody put it in like that: other bytes, or in the folder of another study. */
  readonly wrong: number;
}

interface Source {
  readonly studyUid: string;
  readonly sha256: string;
}

const startMs = 30_000;
const lookMs = 50;

export class Transfer {
  readonly lowFolder: string;
  readonly highFolder: string;
  readonly senderSettings: Settings;
  readonly receiverSettings: Settings;
  /** Lines of TOML behind the settings: lists of tables. */
  receiverTables: readonly string[] = [];
  senderTables: readonly string[] = [];
  sender: RunningProgram | undefined;
  receiver: RunningProgram | undefined;
  relay: RunningProgram | undefined;
  readonly #options: TransferOptions;
  readonly #random: Random;
  /** By SOP Instance UID. */
  readonly #sources = new Map<string, Source>();
  #studies = 0;

  constructor(options: TransferOptions) {
    this.#options = options;
    this.#random = new Random(options.seed).fork('transfer');
    this.lowFolder = options.lowFolder ?? options.processes.temporaryFolder();
    this.highFolder = options.highFolder ?? options.processes.temporaryFolder();
    for (const folder of [this.low('watch', 'stat'), this.low('spool'), this.low('prepared')])
      mkdirSync(folder, { recursive: true });
    for (const folder of [this.high('vault'), this.high('inbox')]) mkdirSync(folder, { recursive: true });
    const address = options.address ?? '127.0.0.1';
    this.senderSettings = {
      keyFile: this.low('key'),
      'watch.folder': this.low('watch'),
      'watch.scanIntervalMs': 100,
      'watch.settleScans': 1,
      'watch.quietSeconds': 1,
      'watch.statQuietSeconds': 0.5,
      'spool.folder': this.low('spool'),
      'link.address': address,
      'link.rateMegabitsPerSecond': 200,
      'passes.carouselGapSeconds': 1,
      'beacon.intervalMs': 200,
      'beacon.rollSeconds': 1,
    };
    this.receiverSettings = {
      keyFile: this.high('key'),
      'link.address': address,
      'vault.folder': this.high('vault'),
      'inbox.folder': this.high('inbox'),
      'assemble.memoryMegabytes': 64,
      'assemble.spillMegabytes': 64,
      'studies.deadlineMinutes': 0.05,
    };
  }

  low(...names: readonly string[]): string {
    return join(this.lowFolder, ...names);
  }

  high(...names: readonly string[]): string {
    return join(this.highFolder, ...names);
  }

  /** Makes the key, carries it over, and chooses the ports; with a relay between the two when flags for it are given. */
  async prepare(relayFlags?: readonly string[]): Promise<void> {
    const { code, output } = await this.command('sender', ['keygen', this.low('key')]);
    if (code !== 0) throw new Error(`keygen failed: ${output}`);
    writeFileSync(this.high('key'), readFileSync(this.low('key')), { mode: 0o600 });
    const port = await freePort();
    this.senderSettings['link.port'] = port;
    this.receiverSettings['link.port'] = port;
    if (relayFlags === undefined) return;
    this.relay = this.#options.processes.startScript('dist/test/harness/relay.js', {
      arguments: [
        ...['--listen', '127.0.0.1:0', '--target', `127.0.0.1:${port}`, '--seed', String(this.#options.seed)],
        ...relayFlags,
      ],
    });
    const listening = await this.relay.waitForLine(/"listening"/);
    this.senderSettings['link.port'] = JSON.parse(listening.text).listening;
  }

  async startSender(): Promise<RunningProgram> {
    this.sender = this.#start('sender');
    await this.sender.waitForLine(/sender started/, { timeoutMs: startMs });
    return this.sender;
  }

  async startReceiver(): Promise<RunningProgram> {
    this.receiver = this.#start('receiver');
    await this.receiver.waitForLine(/receiver started/, { timeoutMs: startMs });
    return this.receiver;
  }

  /** Starts a side without waiting for it to be ready. */
  begin(side: 'sender' | 'receiver'): RunningProgram {
    const program = this.#start(side);
    if (side === 'sender') this.sender = program;
    else this.receiver = program;
    return program;
  }

  /** Writes a study beside the watch folder and moves it in with one rename. @returns its Study Instance UID */
  putStudy(study: { instances: number; bytes: number; stat?: boolean }): string {
    const { studyUid, moveIn } = this.prepareStudy(study);
    moveIn();
    return studyUid;
  }

  /** The same in two steps: moving in needs no room on the disk. */
  prepareStudy(study: { instances: number; bytes: number; stat?: boolean }): {
    readonly studyUid: string;
    readonly moveIn: () => void;
  } {
    this.#studies += 1;
    const name = `study-${this.#studies}`;
    const random = this.#random.fork(name);
    const studyUid = `1.2.826.0.1.3680043.10.2.${this.#options.seed}.${this.#studies}`;
    const folder = this.low('prepared', name);
    mkdirSync(folder);
    for (let number = 1; number <= study.instances; number += 1) {
      const sopInstanceUid = `${studyUid}.1.${number}`;
      const bytes = smallInstance({
        studyUid,
        seriesUid: `${studyUid}.1`,
        sopInstanceUid,
        patientId: `SYNTHETIC-${this.#studies}`,
        patientName: 'SYNTHETIC^ONE',
        approximateBytes: study.bytes,
        random: random.fork(number),
      });
      writeFileSync(join(folder, `${number}.dcm`), bytes);
      this.#sources.set(sopInstanceUid, { studyUid, sha256: sha256Of(bytes) });
    }
    const target = this.low('watch', ...(study.stat === true ? ['stat'] : []), name);
    return { studyUid, moveIn: () => renameSync(folder, target) };
  }

  senderStatus(): SenderStatus | undefined {
    return readSnapshot<SenderStatus>(this.low('spool', 'status.json'));
  }

  receiverStatus(): ReceiverStatus | undefined {
    return readSnapshot<ReceiverStatus>(this.high('vault', 'status.json'));
  }

  relayReport(): RelayReport | undefined {
    const line = this.relay?.lines.findLast(({ text }) => text.includes('"received"'));
    return line === undefined ? undefined : JSON.parse(line.text);
  }

  /** Makes the link dark, or light again. */
  toggleDark(): void {
    this.relay?.signal('SIGUSR2');
  }

  account(): TransferAccount {
    const seen = new Map<string, number>();
    let wrong = 0;
    for (const path of filesBelow(this.high('inbox'))) {
      const [folder = '', , file = ''] = path.split('/');
      const sopInstanceUid = file.replace(/\.dcm$/, '');
      const source = this.#sources.get(sopInstanceUid);
      const bytes = readFileSync(this.high('inbox', path));
      if (
        source === undefined ||
        sha256Of(bytes) !== source.sha256 ||
        folder.split('.rev')[0] !== source.studyUid
      )
        wrong += 1;
      else seen.set(sopInstanceUid, (seen.get(sopInstanceUid) ?? 0) + 1);
    }
    return {
      instances: this.#sources.size,
      released: seen.size,
      absent: this.#sources.size - seen.size,
      twice: [...seen.values()].filter((count) => count > 1).length,
      wrong,
    };
  }

  /** Files in the inbox: cheap enough to wait for. */
  releasedFiles(): number {
    return filesBelow(this.high('inbox')).length;
  }

  get instances(): number {
    return this.#sources.size;
  }

  /** Runs a command of a side's command line. */
  async command(
    side: 'sender' | 'receiver',
    flags: readonly string[],
  ): Promise<{ code: Exit['code']; output: string }> {
    const program = this.#options.processes.startScript(`dist/${side}/main.js`, { arguments: flags });
    const { code } = await program.waitForExit();
    return { code, output: `${program.text('stdout')}${program.text('stderr')}` };
  }

  /** The same with the configuration of the running program. */
  configured(side: 'sender' | 'receiver', ...flags: readonly string[]) {
    return this.command(side, [...flags, '--config', this.#configuration(side)]);
  }

  /** Waits until something is so. @throws Error when it is not in time */
  async until(what: string, isSo: () => boolean, timeoutMs = 60_000): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    while (!isSo()) {
      if (performance.now() > endMs)
        throw new Error([`not in ${timeoutMs} ms: ${what}`, ...this.#lastWords()].join('\n'));
      await sleep(lookMs);
    }
  }

  #lastWords(): string[] {
    return (['sender', 'receiver'] as const).flatMap((side) => {
      const program = this[side];
      const end = program?.exit === undefined ? '' : `, ended (${program.exit.code ?? program.exit.signal})`;
      return [`${side}${end}:`, ...(program?.lines.slice(-8).map(({ text }) => `  ${text}`) ?? [])];
    });
  }

  async untilAllReleased(timeoutMs = 60_000): Promise<void> {
    await this.until('everything is released', () => this.releasedFiles() >= this.instances, timeoutMs);
  }

  #configuration(side: 'sender' | 'receiver'): string {
    const path = side === 'sender' ? this.low('sender.toml') : this.high('receiver.toml');
    const settings = side === 'sender' ? this.senderSettings : this.receiverSettings;
    const tables = side === 'sender' ? this.senderTables : this.receiverTables;
    const lines = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    writeFileSync(path, [...lines, ...tables, ''].join('\n'));
    return path;
  }

  #start(side: 'sender' | 'receiver'): RunningProgram {
    const { processes, low = [], high = [] } = this.#options;
    const script = join(repositoryRoot(), `dist/${side}/main.js`);
    const before = side === 'sender' ? low : high;
    const [command = process.execPath, ...rest] = [...before, process.execPath, script];
    return processes.start(side, command, {
      arguments: [...rest, 'run', '--config', this.#configuration(side)],
    });
  }
}

/** Paths below a folder, relative to it. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A TCP port of the loopback interface that nobody uses now. */
export async function freeTcpPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a server has a port');
  return address.port;
}

/** A UDP port of the loopback interface that nobody uses now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const { port } = socket.address();
  await new Promise<void>((closed) => socket.close(closed));
  return port;
}
