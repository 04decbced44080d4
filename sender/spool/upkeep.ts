/**
 * The sender's housekeeping, a little at a time: keeps its running time, lets studies expire, and after a
 * start compares the spool with the ledger.
 */

import type { Clock } from '../../shared/clock.ts';
import type { Disk } from '../../shared/disk.ts';
import { DiodeError, isStorageCode, storageCodes } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { RunningTime } from '../../shared/running-time.ts';
import type { WaterMarks } from '../../shared/water-marks.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import { reconcileSpool, type SpoolReconciliation } from './reconcile.ts';
import { Retention } from './retention.ts';
import { SpoolRoom } from './room.ts';
import type { Spool } from './spool.ts';

export interface UpkeepOptions {
  readonly ledger: SenderLedger;
  readonly spool: Spool;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly runningTime: RunningTime;
  readonly passCount: number;
  readonly retainForMs: number;
  readonly tombstoneMs: number;
  readonly waterMarks: WaterMarks;
  readonly onExpired: (study: { readonly studyUid: string; readonly early: boolean }) => void;
  /** The spool was compared with the ledger. Files that were adopted wait in arriving/. */
  readonly onReconciled: (found: SpoolReconciliation) => void;
}

const intervalMs = 1000;
/** A full disk is said soon after intake stops for it. */
const roomIntervalMs = 100;

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #desk: AlarmDesk;
  readonly #room: SpoolRoom;
  readonly #retention: Retention;
  #reconciling: Generator<void, SpoolReconciliation> | undefined;
  #retainedAtMs = Number.NEGATIVE_INFINITY;
  #roomAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('upkeep');
    this.#room = new SpoolRoom(options);
    this.#retention = new Retention(options);
    this.#reconciling = reconcileSpool(options);
  }

  /** A bounded step. Call it often. */
  step(): void {
    const now = this.#options.clock.monotonicMs();
    if (this.#reconciling !== undefined) this.#during('comparison of the spool', () => this.#reconcile());
    if (now - this.#retainedAtMs >= intervalMs) {
      this.#retainedAtMs = now;
      this.#during('upkeep', () => this.#retain());
    }
    // Behind it: what expired early made room.
    if (now - this.#roomAtMs < roomIntervalMs) return;
    this.#roomAtMs = now;
    this.#room.look();
  }

  #retain(): void {
    this.#options.runningTime.keep();
    this.#retention.step();
    const damaged = this.#options.ledger.totals.unreadableObjects();
    this.#desk.set(damaged > 0, 'E_SPOOL_DAMAGED', 'spool');
  }

  /** A full disk can't write the ledger: it is tried again, and what is kept stays kept meanwhile. */
  #during(subject: string, act: () => void): void {
    this.#desk.during(subject, storageCodes, () => {
      try {
        act();
      } catch (error) {
        if (!(error instanceof DiodeError) || isStorageCode(error.code)) throw error;
        throw new DiodeError('E_DISK', error.message, { cause: error });
      }
    });
  }

  #reconcile(): void {
    if (this.#reconciling === undefined) return;
    const { onReconciled } = this.#options;
    try {
      const step = this.#reconciling.next();
      if (step.done !== true) return;
      this.#reconciling = undefined;
      onReconciled(step.value);
    } catch (error) {
      this.#reconciling = reconcileSpool(this.#options);
      throw error;
    }
  }
}
