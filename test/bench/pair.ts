/** Sender and receiver as the real programs, configured, started, watched and stopped. */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReceiverStatus } from '../../receiver/status.ts';
import type { SenderStatus } from '../../sender/status.ts';
import { Processes, type RunningProgram } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { LedgerReader } from './ledgers.ts';

export type Settings = Readonly<Record<string, string | number>>;

export interface PairOptions {
  /** Everything of the two is below it. */
  readonly folder: string;
  /** What stands before each command: namespace and core. */
  readonly low?: readonly string[];
  readonly high?: readonly string[];
  /** The receiver's address, for both. */
  readonly address: string;
  readonly port: number;
  /** Where the sender sends to, if not to the receiver itself. */
  readonly sendTo?: number;
  /** The checkout whose programs these are; this one when left out. */
  readonly programs?: string;
  /** Where processor profiles go. */
  readonly profile: string | undefined;
}

const startMs = 60_000;
const lookMs = 50;

export class Pair {
  readonly processes = new Processes();
  readonly #options: PairOptions;
  #highNumber = 0;

  constructor(options: PairOptions) {
    this.#options = options;
  }

  path(...names: readonly string[]): string {
    return join(this.#options.folder, ...names);
  }

  /** Begins with nothing on either side, and makes a key. */
  async prepare(): Promise<void> {
    rmSync(this.path('low'), { recursive: true, force: true });
    for (const folder of ['low/watch/stat', 'low/spool']) mkdirSync(this.path(folder), { recursive: true });
    this.renewHigh();
    rmSync(this.path('key'), { force: true });
    await this.#makeKey('key');
  }

  /** Makes a key for another sender, and a ring that has both: what a receiver of several senders has. */
  async addAttackerKey(): Promise<void> {
    await this.#makeKey('attacker-key');
    const ring = ['key', 'attacker-key'].map((name) => readFileSync(this.path(name), 'utf8')).join('');
    writeFileSync(this.path('ring'), ring, { mode: 0o600 });
  }

  async #makeKey(name: string): Promise<void> {
    const keygen = this.processes.start('keygen', process.execPath, {
      arguments: [this.#script('sender'), 'keygen', this.path(name)],
    });
    if ((await keygen.waitForExit()).code !== 0) throw new Error(`keygen failed: ${keygen.text('stderr')}`);
  }

  /**
   * Gives the receiver new folders, and takes the old ones away: a virtual machine's memory that was not in use for a
   * while is slow at its next use, and the page cache then takes what was free last. (An ext4 without a journal is no
   * place for this benchmark: it looks at each inode deleted in the last minutes whenever it creates a file.)
   */
  renewHigh(): void {
    rmSync(this.#high(), { recursive: true, force: true });
    this.#highNumber += 1;
    for (const name of ['vault', 'inbox']) mkdirSync(this.#high(name), { recursive: true });
  }

  /** Removes all of it. Stop the programs first. */
  remove(): void {
    rmSync(this.#options.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async startReceiver(settings: Settings = {}): Promise<RunningProgram> {
    const { address, port, high = [] } = this.#options;
    const program = this.#start('receiver', high, {
      keyFile: this.path('key'),
      'link.address': address,
      'link.port': port,
      'vault.folder': this.#high('vault'),
      'inbox.folder': this.#high('inbox'),
      ...settings,
    });
    await program.waitForLine(/receiver started/, { timeoutMs: startMs });
    return program;
  }

  async startSender(settings: Settings = {}): Promise<RunningProgram> {
    const { address, port, sendTo, low = [] } = this.#options;
    const program = this.#start('sender', low, {
      keyFile: this.path('key'),
      'watch.folder': this.path('low/watch'),
      'spool.folder': this.path('low/spool'),
      'link.address': address,
      'link.port': sendTo ?? port,
      ...settings,
    });
    await program.waitForLine(/sender started/, { timeoutMs: startMs });
    return program;
  }

  /**
   * Takes a folder of instances in while next to nothing is sent, and stops the sender: what is measured later starts
   * with everything spooled. The ledger is kept, to start from again with {@link restoreSpool}.
   */
  async spool(prepared: string, count: number, settings: Settings = {}): Promise<void> {
    renameSync(prepared, this.path('low/watch/prepared'));
    const sender = await this.startSender({
      'watch.scanIntervalMs': 100,
      'watch.settleScans': 1,
      'watch.quietSeconds': 86_400,
      'link.rateMegabitsPerSecond': 0.1,
      'passes.count': 1,
      'passes.carouselPercent': 0,
      ...settings,
    });
    const ledger = this.senderLedger();
    try {
      await this.until(`${count} instances in the spool`, 1_800_000, () => {
        if (sender.exit !== undefined) throw new Error(`the sender ended: ${sender.text('stderr')}`);
        return ledger.instancesWithPasses(0) >= count;
      });
    } finally {
      ledger.close();
    }
    await sender.stop();
    copyFileSync(this.path('low/spool/ledger.sqlite'), this.path('low/spooled.sqlite'));
  }

  /** Nothing in the spool has been sent. */
  restoreSpool(): void {
    for (const end of ['', '-wal', '-shm'])
      rmSync(this.path(`low/spool/ledger.sqlite${end}`), { force: true });
    copyFileSync(this.path('low/spooled.sqlite'), this.path('low/spool/ledger.sqlite'));
  }

  senderLedger(): LedgerReader {
    return new LedgerReader(this.path('low/spool/ledger.sqlite'));
  }

  receiverLedger(): LedgerReader {
    return new LedgerReader(this.#high('vault', 'ledger.sqlite'));
  }

  get inboxFolder(): string {
    return this.#high('inbox');
  }

  senderSnapshot(): SenderStatus | undefined {
    return statusAt<SenderStatus>(this.path('low/spool/status.json'));
  }

  receiverSnapshot(): ReceiverStatus | undefined {
    return statusAt<ReceiverStatus>(this.#high('vault', 'status.json'));
  }

  /** Waits until something is so. @throws Error when it is not in time */
  async until(what: string, timeoutMs: number, isSo: () => boolean, everyMs = lookMs): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    while (!isSo()) {
      if (performance.now() > endMs) throw new Error(`not in ${timeoutMs} ms: ${what}`);
      await sleep(everyMs);
    }
  }

  #high(...names: readonly string[]): string {
    return this.path(`high-${this.#highNumber}`, ...names);
  }

  #start(side: 'sender' | 'receiver', before: readonly string[], settings: Settings): RunningProgram {
    const configuration = this.path(`${side}.toml`);
    const lines = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    writeFileSync(configuration, lines.join(''));
    const { profile } = this.#options;
    const flags = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', join(profile, side)];
    const [command = process.execPath, ...rest] = [...before, process.execPath, ...flags, this.#script(side)];
    return this.processes.start(side, command, { arguments: [...rest, 'run', '--config', configuration] });
  }

  #script(side: 'sender' | 'receiver'): string {
    return join(this.#options.programs ?? repositoryRoot(), `dist/${side}/main.js`);
  }
}

/** Of whatever version: another build may be measured against this one. Undefined where it is not there, or half written. */
function statusAt<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
