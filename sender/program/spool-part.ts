/** The spool: what was taken in, how long it stays, and whether its disk has room for more. */

import type { Clock } from '../../shared/clock.ts';
import type { Disk } from '../../shared/disk.ts';
import type { Log } from '../../shared/log.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Measure } from '../../shared/program/measure.ts';
import type { Part } from '../../shared/program/part.ts';
import { RunningTime } from '../../shared/running-time.ts';
import { WaterMarks } from '../../shared/water-marks.ts';
import type { SenderConfiguration } from '../configuration.ts';
import type { SenderIdentity } from '../identity.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import { spoolFolderOf } from '../places.ts';
import { replanStale } from '../spool/replanning.ts';
import { Spool } from '../spool/spool.ts';
import { Upkeep } from '../spool/upkeep.ts';
import type { SenderStatus } from '../status.ts';

const stepMs = 20;
const dayMs = 86_400_000;

export interface SpoolPartOptions {
  readonly configuration: SenderConfiguration;
  readonly ledger: SenderLedger;
  readonly identity: SenderIdentity;
  readonly alarms: Alarms;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  /** Files that nobody had entered wait in arriving/. */
  readonly onAdopted: () => void;
}

type SpoolStatus = Pick<SenderStatus, 'queue' | 'openStudies' | 'highestStudyNumber' | 'spool'>;

export class SpoolPart implements Part<SpoolStatus> {
  readonly name = 'spool';
  readonly chores = [{ everyMs: stepMs, act: () => this.upkeep.step() }];
  readonly spool: Spool;
  readonly upkeep: Upkeep;
  readonly runningTime: RunningTime;
  readonly #waterMarks: WaterMarks;
  readonly #options: SpoolPartOptions;

  constructor(options: SpoolPartOptions) {
    this.#options = options;
    const { configuration, ledger, disk, clock } = options;
    const rejectedFolder = configuration['watch.rejectedFolder'];
    this.runningTime = new RunningTime(ledger.savedTime, clock);
    this.spool = new Spool({
      folder: spoolFolderOf(configuration),
      disk,
      ledger,
      runningMs: () => this.runningTime.nowMs(),
      ...(rejectedFolder === undefined ? {} : { rejectedFolder }),
    });
    this.#waterMarks = new WaterMarks({
      highPercent: configuration['spool.highWaterPercent'],
      lowPercent: configuration['spool.lowWaterPercent'],
    });
    this.upkeep = this.#makeUpkeep();
    this.#planAgain();
  }

  /** Whether more may be taken in. */
  hasRoom(): boolean {
    return !this.#waterMarks.update(this.spool.freeBytes());
  }

  status(): SpoolStatus {
    const { configuration, ledger } = this.#options;
    const { objects, bytes, oldestTakenRunningMs } = ledger.totals.queue(configuration['passes.count']);
    const oldestMs =
      oldestTakenRunningMs === undefined ? 0 : Math.max(0, this.runningTime.nowMs() - oldestTakenRunningMs);
    return {
      queue: { objects, bytes, oldestMs },
      openStudies: ledger.studies.open().length,
      highestStudyNumber: ledger.studies.highestNumber(),
      spool: {
        bytes: ledger.totals.keptBytes(),
        freeBytes: this.spool.freeBytes().free,
        unreadable: ledger.totals.unreadableObjects(),
      },
    };
  }

  measures({ queue, spool }: SpoolStatus): readonly Measure[] {
    return [
      { name: 'diode_sender_queue_objects', value: queue.objects },
      { name: 'diode_sender_queue_bytes', value: queue.bytes },
      { name: 'diode_sender_queue_oldest_seconds', value: queue.oldestMs / 1000 },
      { name: 'diode_sender_spool_bytes', value: spool.bytes },
      { name: 'diode_sender_spool_free_bytes', value: spool.freeBytes },
    ];
  }

  #makeUpkeep(): Upkeep {
    const { configuration, ledger, disk, clock, alarms, log, onAdopted } = this.#options;
    return new Upkeep({
      ...{ ledger, disk, clock, alarms },
      spool: this.spool,
      runningTime: this.runningTime,
      passCount: configuration['passes.count'],
      retainForMs: configuration['spool.retainForDays'] * dayMs,
      tombstoneMs: configuration['spool.tombstoneDays'] * dayMs,
      waterMarks: this.#waterMarks,
      onExpired: ({ studyUid, early }) =>
        log.info('study expired', { studyUid, kind: early ? 'early' : 'in time' }),
      onReconciled: ({ adopted, unreadable }) => {
        log.info('spool compared with its ledger', { adopted, unreadable });
        if (adopted > 0) onAdopted();
      },
    });
  }
  /** Plans again what can't be sent under this identity, before anything reads what is to be sent. */
  #planAgain(): void {
    const { configuration, ledger, disk, identity, log } = this.#options;
    const files = replanStale({
      ledger,
      disk,
      objectsFolder: this.spool.objects.path,
      identity,
      passesPlanned: configuration['passes.count'],
    });
    if (files > 0) log.info('objects planned again', { files, keyId: identity.keyId });
  }
}
