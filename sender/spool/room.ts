/**
 * The room of the spool's disk, and the only one that says when it is full: intake, ledger and scanner port are on it, and
 * tell it here what a full disk refused them.
 */
import type { Clock } from '../../shared/clock.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { WaterMarks } from '../../shared/water-marks.ts';
import type { Spool } from './spool.ts';

export interface SpoolRoomOptions {
  readonly spool: Pick<Spool, 'freeBytes'>;
  readonly waterMarks: WaterMarks;
  readonly clock: Clock;
  readonly alarms: Alarms;
}

/** An operation was refused: so long it counts as full, whatever is measured. Nothing is tried less often. */
const refusedMs = 30_000;
const subject = 'spool';

export class SpoolRoom {
  readonly #options: SpoolRoomOptions;
  readonly #desk: AlarmDesk;
  #refusedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: SpoolRoomOptions) {
    this.#options = options;
    const tell = () => {
      this.#refusedAtMs = options.clock.monotonicMs();
    };
    this.#desk = options.alarms.desk('room of the spool', { owns: { E_DISK_FULL: tell } });
  }

  /** Measures the disk, and says whether it is full. Call it every second or so. */
  look(): void {
    const { spool, waterMarks, clock } = this.#options;
    this.#desk.during(subject, ['E_DISK'], () => {
      waterMarks.update(spool.freeBytes());
    });
    const wasRefused = clock.monotonicMs() - this.#refusedAtMs < refusedMs;
    this.#desk.set(waterMarks.above || wasRefused, 'E_DISK_FULL', subject);
  }
}
