/**
 * What the running program reports about itself, twice a second, for `status`, scripts and consoles: one section from each
 * part. No PHI.
 */

import { storageCodes } from '../errors.ts';
import type { AlarmDesk } from './alarm-desk.ts';
import type { Alarms } from './alarms.ts';
import type { Host } from './host.ts';
import type { Measure } from './measure.ts';
import type { Part } from './part.ts';
import type { RunningParts } from './run-parts.ts';

/** The version of the layout: readers refuse any other. `version` and `atMs` are in every layout. */
export const statusVersion = 1;

/** What every program reports. */
export interface ProgramStatus {
  readonly version: typeof statusVersion;
  readonly atMs: number;
  readonly pid: number;
  readonly upMs: number;
  readonly measures: readonly Measure[];
}

const writeMs = 500;

export interface StatusPartOptions {
  readonly host: Pick<Host, 'clock' | 'writeStatus'>;
  readonly alarms: Alarms;
  readonly parts: Pick<RunningParts, 'status'>;
}

export class StatusPart implements Part {
  readonly name = 'status';
  readonly chores = [{ everyMs: writeMs, act: () => this.#write() }];
  readonly #options: StatusPartOptions;
  readonly #desk: AlarmDesk;
  readonly #startedMs: number;
  #isWritten = false;

  constructor(options: StatusPartOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('status');
    this.#startedMs = options.host.clock.monotonicMs();
  }

  /** Writes at once: until the status is there, the command line takes the program for stopped. */
  started(): void {
    this.#isWritten = true;
    this.#write();
  }

  /** Writes the last one, unless there never was one. */
  stop(): void {
    if (this.#isWritten) this.#write();
  }

  #write(): void {
    const { host, parts } = this.#options;
    this.#desk.during('status', storageCodes, () => {
      const program: Omit<ProgramStatus, 'measures'> = {
        version: statusVersion,
        atMs: host.clock.wallMs(),
        pid: process.pid,
        upMs: Math.round(host.clock.monotonicMs() - this.#startedMs),
      };
      host.writeStatus({ ...program, ...parts.status() });
    });
  }
}
