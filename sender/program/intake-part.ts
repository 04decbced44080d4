/** What comes in: from the folder that is watched, and from scanners that call. */

import type { Clock } from '../../shared/clock.ts';
import type { Disk } from '../../shared/disk.ts';
import { DiodeError, storageCodes } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Loop } from '../../shared/program/loop.ts';
import type { Part } from '../../shared/program/part.ts';
import type { SenderConfiguration } from '../configuration.ts';
import { objectPlanner, type SenderIdentity } from '../identity.ts';
import type { IntakeOptions } from '../intake/take.ts';
import { Watch } from '../intake/watch.ts';
import type { WatchDisk } from '../intake/watch-disk.ts';
import type { InstanceRow } from '../ledger/instance-records.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import { openScannerPort, type ScannerPort } from '../scanner-port.ts';
import type { Spool } from '../spool/spool.ts';
import type { SenderStatus } from '../status.ts';
import type { Sending } from './sending.ts';

const countsMs = 500;

export interface IntakePartOptions {
  readonly configuration: SenderConfiguration;
  readonly ledger: SenderLedger;
  readonly spool: Spool;
  readonly identity: SenderIdentity;
  readonly sending: Sending;
  readonly alarms: Alarms;
  readonly disk: Disk;
  readonly watchDisk: WatchDisk;
  readonly clock: Clock;
  readonly loop: Loop;
  readonly log: Log;
  readonly hasRoom: () => boolean;
}

/** @throws DiodeError E_CONFIG_VALUE where nothing could come in */
export function checkIntake(configuration: SenderConfiguration): void {
  if (configuration['watch.folder'] === undefined && configuration['dicom.address'] === undefined)
    throw new DiodeError('E_CONFIG_VALUE', 'set watch.folder, dicom.address or both: nothing could come in');
}

export class IntakePart implements Part {
  readonly name = 'intake';
  readonly chores = [{ everyMs: countsMs, act: () => this.#scannerPort?.saveCounts() }];
  readonly watch: Watch;
  readonly #options: IntakePartOptions;
  readonly #desk: AlarmDesk;
  readonly #intake: IntakeOptions;
  #scannerPort: ScannerPort | undefined;

  constructor(options: IntakePartOptions) {
    this.#options = options;
    const { disk, spool, clock, identity, sending, alarms } = options;
    this.#desk = alarms.desk('intake counts');
    this.#intake = { disk, spool, clock, plan: objectPlanner(identity) };
    this.watch = this.#makeWatch(({ entered, duplicates }) => {
      this.#taken(entered, duplicates);
      sending.step();
    });
  }

  /** @throws DiodeError E_DICOM_LISTEN, E_CONFIG_VALUE */
  start(): void | Promise<void> {
    if (this.#options.configuration['dicom.address'] === undefined) return this.watch.start();
    return this.#openScannerPort().then(() => this.watch.start());
  }

  stop(): void | Promise<void> {
    this.watch.stop();
    return this.#scannerPort?.stop();
  }

  status(): Pick<SenderStatus, 'associations' | 'counters'> {
    const counted = this.#options.ledger.counters.all();
    return {
      associations: this.#scannerPort?.associations() ?? [],
      counters: Object.fromEntries(counted.map(({ code, count }) => [code, count])),
    };
  }

  async #openScannerPort(): Promise<void> {
    const { configuration, ledger, sending, alarms, log, clock, hasRoom } = this.#options;
    this.#scannerPort = await openScannerPort({
      ...{ configuration, ledger, alarms, log, clock, hasRoom },
      intake: this.#intake,
      dispatch: sending.dispatch,
      onTaken: (entered, duplicates) => this.#taken(entered, duplicates),
    });
  }

  #makeWatch(onTaken: ConstructorParameters<typeof Watch>[0]['onTaken']): Watch {
    const { configuration, spool, alarms, log, loop, watchDisk, hasRoom } = this.#options;
    return new Watch({
      ...{ spool, alarms, log, loop, hasRoom, onTaken },
      folder: configuration['watch.folder'],
      settleScans: configuration['watch.settleScans'],
      scanIntervalMs: configuration['watch.scanIntervalMs'],
      quietSeconds: configuration['watch.quietSeconds'],
      statQuietSeconds: configuration['watch.statQuietSeconds'],
      intake: this.#intake,
      disk: watchDisk,
    });
  }

  #taken(entered: readonly InstanceRow[], duplicates: number): void {
    const { ledger, sending } = this.#options;
    if (duplicates > 0)
      this.#desk.during('counts', storageCodes, () => ledger.counters.add('duplicate', duplicates));
    sending.dispatch.instancesEntered(entered);
    this.#scannerPort?.instancesEntered(entered);
  }
}
