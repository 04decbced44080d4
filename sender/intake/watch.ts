/**
 * Watches the folder of the scanner: what has come to rest is taken in small groups, the urgent first.
 * Above the high-water mark of the disk everything is left where it is.
 */
import { relative } from 'node:path';
import type { Alarms } from '../../shared/alarms.ts';
import { systemClock } from '../../shared/clock.ts';
import { type DiodeError, storageCodes } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { priority } from '../../shared/wire/manifest.ts';
import type { Spool } from '../spool/spool.ts';
import { type Candidate, type IntakeOptions, type TakeOutcome, takeFiles } from './take.ts';
import { WatchFolder } from './watch-folder.ts';

export interface WatchOptions {
  /** Left out: only what lies in arriving/ is taken. */
  readonly folder: string | undefined;
  readonly settleScans: number;
  readonly scanIntervalMs: number;
  readonly quietSeconds: number;
  readonly statQuietSeconds: number;
  readonly intake: IntakeOptions;
  readonly spool: Spool;
  readonly alarms: Alarms;
  readonly log: Log;
  /** Whether the disk has room for more. */
  readonly hasRoom: () => boolean;
  readonly onTaken: (outcome: TakeOutcome) => void;
}

const groupFiles = 64;
/** Other work is looked at after so long. */
const sliceMs = 5;

export class Watch {
  readonly #options: WatchOptions;
  readonly #watched: WatchFolder | undefined;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #leftoversDue = true;
  #running: Promise<void> | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    const { folder, settleScans } = options;
    this.#watched = folder === undefined ? undefined : new WatchFolder({ folder, settleScans });
  }

  start(): void {
    this.#running = this.#turn();
  }

  /** Files wait in arriving/ that did not come from the folder. */
  takeUp(): void {
    this.#leftoversDue = true;
  }

  /** Stops after the group at hand. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #turn(): Promise<void> {
    const { alarms, hasRoom, scanIntervalMs } = this.#options;
    if (hasRoom()) {
      await this.#takeArrived(this.#leftoversDue);
      await this.#takeSettled();
    }
    alarms.set(!hasRoom(), 'E_DISK_FULL', 'spool');
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#turn();
    }, scanIntervalMs);
  }

  async #takeSettled(): Promise<void> {
    const { log, hasRoom, folder } = this.#options;
    if (this.#watched === undefined || folder === undefined) return;
    const { settled, problems } = this.#watched.scan();
    for (const problem of problems) log.warn('watch folder', { code: problem.code, detail: problem.message });
    const urgentFirst = [...settled].sort(
      (a, b) => Number(b.priority === 'stat') - Number(a.priority === 'stat'),
    );
    for (let first = 0; first < urgentFirst.length && !this.#stopped && hasRoom(); first += groupFiles) {
      const group = urgentFirst.slice(first, first + groupFiles);
      await this.#take(
        group.map((file) => ({
          path: file.path,
          relativePath: relative(folder, file.path),
          ...this.#urgency(file.priority),
          arrived: false,
        })),
      );
    }
  }

  /** Takes what lies in arriving/, and what a stop left elsewhere. */
  async #takeArrived(leftoversDue: boolean): Promise<void> {
    const { spool } = this.#options;
    this.#leftoversDue = false;
    const arrived = leftoversDue ? spool.leftovers() : spool.arrived();
    for (let first = 0; first < arrived.length && !this.#stopped; first += groupFiles) {
      await this.#take(
        arrived.slice(first, first + groupFiles).map((file) => ({
          path: file.path,
          relativePath: 'arrived',
          ...this.#urgency(file.priority === priority.stat ? 'stat' : 'routine'),
          arrived: true,
        })),
      );
    }
  }

  async #take(group: readonly Candidate[]): Promise<void> {
    const steps = takeFiles(this.#options.intake, group);
    let sliceEndsMs = systemClock.monotonicMs() + sliceMs;
    for (;;) {
      const step = steps.next();
      if (step.done === true) {
        this.#report(step.value);
        this.#options.onTaken(step.value);
        return;
      }
      if (systemClock.monotonicMs() < sliceEndsMs) continue;
      await new Promise((resolve) => setImmediate(resolve));
      sliceEndsMs = systemClock.monotonicMs() + sliceMs;
    }
  }

  #report(outcome: TakeOutcome): void {
    const { alarms, log } = this.#options;
    for (const { code } of outcome.rejected) log.warn('file rejected', { code });
    const codes = new Set(outcome.postponed.map((error: DiodeError) => error.code));
    for (const error of outcome.postponed) alarms.raise(error.code, 'intake', error.message);
    for (const code of [...storageCodes, 'E_FILE_READ'] as const) {
      if (!codes.has(code)) alarms.clear(code, 'intake');
    }
    // What failed between two steps lies in arriving/ and is taken up from there.
    if (outcome.postponed.length > 0) this.#leftoversDue = true;
  }

  #urgency(urgency: 'stat' | 'routine'): Pick<Candidate, 'priority' | 'quietSeconds'> {
    const { quietSeconds, statQuietSeconds } = this.#options;
    return urgency === 'stat'
      ? { priority: priority.stat, quietSeconds: statQuietSeconds }
      : { priority: priority.routine, quietSeconds };
  }
}
