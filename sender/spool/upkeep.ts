/**
 * What the sender does beside its work, a little at a time: keeps its running time, lets studies expire, and
 * after a start compares the spool with the ledger.
 */
import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Disk } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { RunningTime } from '../../shared/running-time.ts';
import type { WaterMarks } from '../../shared/water-marks.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import { reconcileSpool, type SpoolReconciliation } from './reconcile.ts';
import { Retention } from './retention.ts';
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

const retentionIntervalMs = 1000;

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #retention: Retention;
  #reconciling: Generator<void, SpoolReconciliation> | undefined;
  #retainedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#retention = new Retention(options);
    this.#reconciling = reconcileSpool(options);
  }

  /** A bounded step. Call it often. */
  step(): void {
    const { ledger, clock, runningTime, alarms } = this.#options;
    try {
      this.#reconcile();
      const now = clock.monotonicMs();
      if (now - this.#retainedAtMs >= retentionIntervalMs) {
        this.#retainedAtMs = now;
        runningTime.keep();
        this.#retention.step();
        alarms.set(ledger.totals.unreadableObjects() > 0, 'E_SPOOL_DAMAGED', 'spool');
      }
      alarms.clear('E_DISK', 'upkeep');
    } catch (error) {
      // A full disk can't write the ledger: it is tried again, and what is kept stays kept meanwhile.
      if (!(error instanceof DiodeError)) throw error;
      alarms.raise('E_DISK', 'upkeep', error.message);
    }
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
