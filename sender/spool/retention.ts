/**
 * Lets studies expire: after they were kept for `retainFor` of running time, or earlier, the oldest first, if the disk is
 * above its high-water mark. Nothing expires before its planned passes are done, however full the disk is: then intake
 * stops, and the scanner keeps its files.
 *
 * The row goes first and the files after it; a stop in between leaves files that `reconcile.ts` removes.
 */

import type { Clock } from '../../shared/clock.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { RunningTime } from '../../shared/running-time.ts';
import type { WaterMarks } from '../../shared/water-marks.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import type { Spool } from './spool.ts';

export interface RetentionOptions {
  readonly ledger: SenderLedger;
  readonly spool: Spool;
  readonly runningTime: RunningTime;
  readonly clock: Clock;
  readonly alarms: Alarms;
  /** Planned passes of each object. */
  readonly passCount: number;
  readonly retainForMs: number;
  /** How long the roll lists a study that has expired. */
  readonly tombstoneMs: number;
  readonly waterMarks: WaterMarks;
  readonly onExpired: (study: { readonly studyUid: string; readonly early: boolean }) => void;
}

/** Studies per step: each costs one sync of the ledger. */
const studiesPerStep = 8;
/** The alarm about early expiry stays up until none has happened for this long. */
const earlyAlarmMs = 24 * 3_600_000;

export class Retention {
  readonly #options: RetentionOptions;
  readonly #desk: AlarmDesk;
  #earlyAtMs: number | undefined;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('retention', { settleMs: earlyAlarmMs });
  }

  /** A bounded step. Call it every second or so. */
  step(): void {
    const { ledger, runningTime, retainForMs, tombstoneMs } = this.#options;
    const now = runningTime.nowMs();
    this.#expire(now - retainForMs, false);
    this.#relieve(now);
    ledger.retained.prune(now - tombstoneMs, studiesPerStep);
  }

  /** Above high water the oldest expire early, one by one, down to low water. */
  #relieve(now: number): void {
    const { waterMarks, spool } = this.#options;
    for (let left = studiesPerStep; left > 0 && waterMarks.update(spool.freeBytes()); left -= 1) {
      if (this.#expire(now, true, 1) === 0) break;
      this.#earlyAtMs = now;
    }
    const recently = this.#earlyAtMs !== undefined && now - this.#earlyAtMs < earlyAlarmMs;
    this.#desk.set(recently, 'E_RETENTION_SHORT', 'spool');
  }

  #expire(closedUntilMs: number, early: boolean, limit = studiesPerStep): number {
    const { ledger, spool, runningTime, clock, passCount, onExpired } = this.#options;
    const studies = ledger.retained.expirable(closedUntilMs, passCount, limit);
    for (const studyUid of studies) {
      const objectIds = ledger.transaction(() => {
        const expired = ledger.retained.expire(studyUid, runningTime.nowMs());
        const instances = expired.length;
        ledger.events.enter({ kind: 'expired', studyUid, instances, early }, clock.wallMs());
        return expired;
      });
      for (const objectId of objectIds) spool.removeObject(objectId);
      onExpired({ studyUid, early });
    }
    return studies.length;
  }
}
