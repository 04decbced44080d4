/**
 * Real programs under test: started, watched by their output, stopped by their process id. Output kept and every wait
 * are bounded, and nothing that was started outlives the process that started it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from './repository-root.ts';

/** Lines kept of each program: the last ones. */
const linesMax = 5000;
/** A longer line is cut into several. */
const lineCharactersMax = 64 * 1024;
/** A wait that takes longer has failed; nothing here is expected to take a tenth of it. */
const waitMsDefault = 30_000;
/** After the end of a program: for the last output, should a child of its own keep that open. */
const drainMs = 5_000;
/** From SIGTERM to SIGKILL. */
const graceMs = 3_000;

export interface OutputLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  /** Position among all lines of this program, from 0. */
  readonly number: number;
}

/** How a program ended: a code, or the signal that ended it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LineWait {
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /** Only lines from this number on, for instance the {@link RunningProgram.lineCount} of before. Default 0. */
  readonly fromLine?: number;
}

interface Waiter {
  readonly matches: (line: OutputLine) => boolean;
  readonly fromLine: number;
  readonly found: (line: OutputLine) => void;
  readonly failed: (error: Error) => void;
}

/** One program that runs or has run. */
export class RunningProgram {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #lines: OutputLine[] = [];
  readonly #partial = { stdout: '', stderr: '' };
  readonly #waiters = new Set<Waiter>();
  readonly #ended: Promise<Exit>;
  #lineCount = 0;
  #exit: Exit | undefined;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => this.#take(stream, text));
    }
    // 'close' comes after the last output, 'exit' may come before.
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        setTimeout(() => {
          child.stdout?.destroy();
          child.stderr?.destroy();
        }, drainMs).unref();
      });
      child.once('close', (code, signal) => resolve(this.#close({ code, signal })));
      child.once('error', (error) => {
        this.#add('stderr', String(error));
        resolve(this.#close({ code: null, signal: null }));
      });
    });
  }

  /** The process id; undefined where the program could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** The last lines of both streams, in the order they came. */
  get lines(): readonly OutputLine[] {
    return this.#lines;
  }

  /** Lines so far, the forgotten ones too. */
  get lineCount(): number {
    return this.#lineCount;
  }

  /** The lines of one stream as one text, to look for what must or must not be there. */
  text(stream: 'stdout' | 'stderr'): string {
    return this.#lines
      .filter((line) => line.stream === stream)
      .map((line) => line.text)
      .join('\n');
  }

  /**
   * The first line, of those kept and those to come, that matches. Fails, with the last output, when the time is up
   * or the program ends without it.
   */
  waitForLine(match: RegExp | ((line: OutputLine) => boolean), wait: LineWait = {}): Promise<OutputLine> {
    const fromLine = wait.fromLine ?? 0;
    const matches = match instanceof RegExp ? (line: OutputLine) => match.test(line.text) : match;
    const known = this.#lines.find((line) => line.number >= fromLine && matches(line));
    if (known !== undefined) return Promise.resolve(known);
    if (this.#exit !== undefined) return Promise.reject(this.#failure('ended without the line', match));
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        matches,
        fromLine,
        found: (line) => {
          done();
          resolve(line);
        },
        failed: (error) => {
          done();
          reject(error);
        },
      };
      const timer = setTimeout(
        () => waiter.failed(this.#failure('did not print the line in time', match)),
        wait.timeoutMs ?? waitMsDefault,
      );
      this.#waiters.add(waiter);
    });
  }

  /** How it ends; fails when it doesn't within the time. */
  async waitForExit(timeoutMs = waitMsDefault): Promise<Exit> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#failure('did not end in time')), timeoutMs);
    });
    try {
      return await Promise.race([this.#ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal to this very process; nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void {
    if (this.#exit === undefined) this.#child.kill(signal);
  }

  /** SIGTERM, and SIGKILL when that takes too long. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    try {
      return await this.waitForExit(graceMs + waitMsDefault);
    } finally {
      clearTimeout(timer);
    }
  }

  #take(stream: 'stdout' | 'stderr', text: string): void {
    const parts = (this.#partial[stream] + text).split('\n');
    let rest = parts.pop() ?? '';
    for (const part of parts) this.#add(stream, part);
    for (; rest.length > lineCharactersMax; rest = rest.slice(lineCharactersMax)) {
      this.#add(stream, rest.slice(0, lineCharactersMax));
    }
    this.#partial[stream] = rest;
  }

  #add(stream: 'stdout' | 'stderr', text: string): void {
    const line: OutputLine = { stream, text, number: this.#lineCount++ };
    this.#lines.push(line);
    // A batch at a time: shifting one by one would move the whole list for each line.
    if (this.#lines.length >= 2 * linesMax) this.#lines.splice(0, linesMax);
    for (const waiter of this.#waiters) {
      if (line.number >= waiter.fromLine && waiter.matches(line)) waiter.found(line);
    }
  }

  #close(exit: Exit): Exit {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#partial[stream] !== '') this.#add(stream, this.#partial[stream]);
      this.#partial[stream] = '';
    }
    this.#exit ??= exit;
    for (const waiter of this.#waiters) waiter.failed(this.#failure('ended without the line'));
    return this.#exit;
  }

  #failure(what: string, match?: unknown): Error {
    const exit = this.#exit === undefined ? '' : ` (code ${this.#exit.code}, signal ${this.#exit.signal})`;
    const looked = match instanceof RegExp ? ` ${match}` : '';
    const last = this.#lines.slice(-20).map((line) => `  ${line.stream}: ${line.text}`);
    return new Error([`${this.name} ${what}${looked}${exit}; its last lines:`, ...last].join('\n'));
  }
}

export interface StartOptions {
  readonly arguments?: readonly string[];
  readonly folder?: string;
  /** Added to the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Programs and folders of one test, ended and removed together. */
export class Processes {
  readonly #programs: RunningProgram[] = [];
  readonly #folders: string[] = [];
  readonly #killAll = (): void => {
    for (const program of this.#programs) program.signal('SIGKILL');
  };

  /** Starts any program. */
  start(name: string, command: string, options: StartOptions = {}): RunningProgram {
    if (this.#programs.length === 0) process.once('exit', this.#killAll);
    const child = spawn(command, options.arguments ?? [], {
      cwd: options.folder ?? repositoryRoot(),
      env: { ...process.env, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const program = new RunningProgram(name, child);
    this.#programs.push(program);
    return program;
  }

  /** Starts a built script of this repository, such as `dist/sender/main.js`, in the Node that runs this. */
  startScript(script: string, options: StartOptions = {}): RunningProgram {
    const path = join(repositoryRoot(), script);
    return this.start(script, process.execPath, {
      ...options,
      arguments: [path, ...(options.arguments ?? [])],
    });
  }

  /** A new empty folder in the system's folder for such. */
  temporaryFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'dicom-diode-'));
    this.#folders.push(folder);
    return folder;
  }

  /** Stops what still runs, last started first, then removes the folders. To be called when a test is over. */
  async cleanUp(): Promise<void> {
    try {
      for (const program of this.#programs.toReversed()) await program.stop();
    } finally {
      this.#killAll();
      this.#programs.length = 0;
      process.removeListener('exit', this.#killAll);
      for (const folder of this.#folders.splice(0))
        rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  }
}
