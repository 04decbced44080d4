/** A real sender with its port for scanners, in a folder of its own; nobody listens at the far end of its link. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SenderStatus } from '../../sender/status.ts';
import { dataSetHashes } from './instance-files.ts';
import type { Processes, RunningProgram } from './processes.ts';
import { freeTcpPort } from './transfer.ts';

const script = 'dist/sender/main.js';

export interface ScannerSideOptions {
  /** Lines of TOML, keys with their full path. */
  readonly settings?: readonly string[];
  /** `[[dicom.titles]]` and the like. */
  readonly tables?: readonly string[];
}

export class ScannerSide {
  readonly folder: string;
  readonly spool: string;
  readonly port: number;
  readonly #processes: Processes;
  #program: RunningProgram | undefined;

  private constructor(processes: Processes, folder: string, port: number) {
    this.#processes = processes;
    this.folder = folder;
    this.spool = join(folder, 'spool');
    this.port = port;
  }

  /** Writes key and configuration, and starts the sender. */
  static async start(processes: Processes, options: ScannerSideOptions = {}): Promise<ScannerSide> {
    const folder = processes.temporaryFolder();
    const side = new ScannerSide(processes, folder, await freeTcpPort());
    mkdirSync(join(folder, 'watch'));
    const key = processes.startScript(script, { arguments: ['keygen', join(folder, 'key')] });
    await key.waitForExit();
    const lines = [
      'keyFile = "key"',
      'watch.folder = "watch"',
      'watch.scanIntervalMs = 100',
      'spool.folder = "spool"',
      'link.address = "127.0.0.1"',
      `link.port = ${await freeTcpPort()}`,
      'dicom.address = "127.0.0.1"',
      `dicom.port = ${side.port}`,
      ...(options.settings ?? []),
      ...(options.tables ?? []),
    ];
    writeFileSync(join(folder, 'sender.toml'), `${lines.join('\n')}\n`);
    await side.run();
    return side;
  }

  get program(): RunningProgram {
    if (this.#program === undefined) throw new Error('the sender was started');
    return this.#program;
  }

  /** Starts it, again after it has ended. */
  async run(): Promise<void> {
    this.#program = this.#processes.startScript(script, { arguments: ['run', ...this.#configuration] });
    await this.#program.waitForLine(/sender started/);
  }

  /** Runs a command of the sender to its end. */
  async command(
    ...words: readonly string[]
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const program = this.#processes.startScript(script, { arguments: [...words, ...this.#configuration] });
    const { code } = await program.waitForExit(120_000);
    return { code, stdout: program.text('stdout'), stderr: program.text('stderr') };
  }

  async status(): Promise<SenderStatus & { readonly studies: readonly Record<string, unknown>[] }> {
    return JSON.parse((await this.command('status', '--json')).stdout);
  }

  /** What the running sender says of itself twice a second. */
  snapshot(): SenderStatus {
    return JSON.parse(readFileSync(join(this.spool, 'status.json'), 'utf8'));
  }

  /** Names of what is on its way into the spool. */
  arriving(): string[] {
    return readdirSync(join(this.spool, 'arriving'));
  }

  /** SHA-256 of the data sets in the spool by SOP Instance UID, all where one UID has several. */
  spooled(): Promise<Map<string, string[]>> {
    return dataSetHashes(join(this.spool, 'objects'), false);
  }

  get #configuration(): string[] {
    return ['--config', join(this.folder, 'sender.toml')];
  }
}
