/**
 * Watches the scanner's folder: settled files are taken in in small groups, the urgent ones first.
 * Above the high-water mark of the disk everything is left where it is.
 */
import { relative } from 'node:path';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Cancel, Loop } from '../../shared/program/loop.ts';
import { priority } from '../../shared/wire/manifest.ts';
import type { Spool } from '../spool/spool.ts';
import { RareLines } from './rare-lines.ts';
import { type Candidate, type IntakeOptions, passing, type TakeOutcome, takeFiles } from './take.ts';
import type { WatchDisk } from './watch-disk.ts';
import { WatchFolder } from './watch-folder.ts';

export interface WatchOptions {
  /** Left out: only what is in arriving/ is taken in. */
  readonly folder: string | undefined;
  readonly settleScans: number;
  /** As of the watch folder. */
  readonly trackedMax?: number;
  readonly scanIntervalMs: number;
  readonly quietSeconds: number;
  readonly statQuietSeconds: number;
  readonly intake: IntakeOptions;
  readonly spool: Spool;
  readonly alarms: Alarms;
  readonly log: Log;
  readonly loop: Loop;
  /** Where the folder is; this host's file system when left out. */
  readonly disk?: WatchDisk | undefined;
  /** Whether the disk has room for more. */
  readonly hasRoom: () => boolean;
  readonly onTaken: (outcome: TakeOutcome) => void;
}

const groupFiles = 64;
/** How soon other work gets a turn. */
const sliceMs = 5;

export class Watch {
  readonly #options: WatchOptions;
  readonly #watched: WatchFolder | undefined;
  readonly #desk: AlarmDesk;
  readonly #lines: RareLines;
  /** What failed in this turn, by code. */
  readonly #failures = new Map<ErrorCode, string>();
  #stopped = false;
  #pending: Cancel = () => {};
  #leftoversDue = true;
  #turn: Generator<void, void> | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('intake');
    const { folder, settleScans, trackedMax, intake, disk } = options;
    this.#lines = new RareLines(intake.clock);
    this.#watched =
      folder === undefined
        ? undefined
        : new WatchFolder({ folder, settleScans, trackedMax, ...(disk !== undefined && { disk }) });
  }

  start(): void {
    this.#go();
  }

  /** Files wait in arriving/ that did not come from the folder. */
  takeUp(): void {
    this.#leftoversDue = true;
  }

  /** Stops within one step of the current file. */
  stop(): void {
    this.#stopped = true;
    this.#pending();
    this.finishTurn();
  }

  /** Goes through what is left of a look at everything, or through a whole one. */
  finishTurn(): void {
    const turn = this.#turn ?? this.#beginTurn();
    while (turn.next().done !== true);
    this.#turn = undefined;
  }

  /** Goes on for a slice of time, and again behind the other work. */
  #go(): void {
    const { intake, loop, scanIntervalMs } = this.#options;
    const turn = this.#turn ?? this.#beginTurn();
    const untilMs = intake.clock.monotonicMs() + sliceMs;
    while (turn.next().done !== true) {
      if (intake.clock.monotonicMs() < untilMs) continue;
      this.#pending = loop.soon(() => this.#go());
      return;
    }
    this.#turn = undefined;
    if (!this.#stopped) this.#pending = loop.after(scanIntervalMs, () => this.#go());
  }

  #beginTurn(): Generator<void, void> {
    this.#turn = this.#look();
    return this.#turn;
  }

  /** One turn of everything. Whatever the disk refuses is an alarm until a turn passes without a refusal. */
  *#look(): Generator<void, void> {
    if (this.#stopped) return;
    this.#failures.clear();
    try {
      yield* this.#lookAround();
    } catch (error) {
      if (!(error instanceof DiodeError)) throw error;
      this.#failures.set(error.code, error.message);
      this.#leftoversDue = true;
    }
    for (const code of passing)
      this.#desk.set(this.#failures.has(code), code, 'intake', this.#failures.get(code));
  }

  *#lookAround(): Generator<void, void> {
    if (!this.#options.hasRoom()) return;
    yield* this.#takeArrived(this.#leftoversDue);
    yield* this.#takeSettled();
  }

  *#takeSettled(): Generator<void, void> {
    const { hasRoom, folder, log } = this.#options;
    if (this.#watched === undefined || folder === undefined) return;
    const { settled, problems, waiting, isCrowded } = this.#watched.scan();
    this.#desk.set(isCrowded, 'E_WATCH_CROWDED', 'intake');
    for (const { code, message } of problems) {
      const fields = this.#lines.next(code, message);
      if (fields !== undefined) log.warn('watch folder', fields);
    }
    // What waits longer than a turn is a failure of this turn, too.
    for (const code of waiting) this.#failures.set(code, 'files in the watch folder are waiting');
    const urgentFirst = [...settled].sort(
      (a, b) => Number(b.priority === 'stat') - Number(a.priority === 'stat'),
    );
    for (let first = 0; first < urgentFirst.length && !this.#stopped && hasRoom(); first += groupFiles) {
      const group = urgentFirst.slice(first, first + groupFiles);
      yield* this.#take(
        group.map((file) => ({
          path: file.path,
          relativePath: relative(folder, file.path),
          ...this.#urgency(file.priority),
          arrived: false,
        })),
      );
    }
  }

  /** Takes in what is in arriving/, and what a stop left elsewhere. */
  *#takeArrived(leftoversDue: boolean): Generator<void, void> {
    const { spool } = this.#options;
    this.#leftoversDue = false;
    const arrived = leftoversDue ? spool.leftovers() : spool.arrived();
    for (let first = 0; first < arrived.length && !this.#stopped; first += groupFiles) {
      yield* this.#take(
        arrived.slice(first, first + groupFiles).map((file) => ({
          path: file.path,
          relativePath: 'arrived',
          ...this.#urgency(file.priority === priority.stat ? 'stat' : 'routine'),
          arrived: true,
        })),
      );
    }
  }

  *#take(group: readonly Candidate[]): Generator<void, void> {
    const steps = takeFiles(this.#options.intake, group);
    for (;;) {
      const step = steps.next();
      if (step.done === true) {
        this.#report(step.value);
        this.#options.onTaken(step.value);
        return;
      }
      if (this.#stopped) {
        // The group's copies are dropped at the next start, and its files are where they were.
        steps.return({ entered: [], duplicates: 0, rejected: [], postponed: [], waiting: [] });
        return;
      }
      yield;
    }
  }

  #report({ rejected, postponed, waiting }: TakeOutcome): void {
    for (const { code } of rejected) {
      const fields = this.#lines.next(code);
      if (fields !== undefined) this.#options.log.warn('file rejected', fields);
    }
    for (const { code, message } of postponed) this.#failures.set(code, message);
    for (const { path, code } of waiting) this.#watched?.postpone(path, code);
    // What failed between two steps is in arriving/ and is taken in from there.
    if (postponed.length > 0) this.#leftoversDue = true;
  }

  #urgency(urgency: 'stat' | 'routine'): Pick<Candidate, 'priority' | 'quietSeconds'> {
    const { quietSeconds, statQuietSeconds } = this.#options;
    return urgency === 'stat'
      ? { priority: priority.stat, quietSeconds: statQuietSeconds }
      : { priority: priority.routine, quietSeconds };
  }
}
