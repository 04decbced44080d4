/**
 * The sender in a simulation: the program itself, on a simulated disk, clock and link. What its threads do in earnest, the
 * simulation does by calls.
 */
import { join } from 'node:path';
import { type SenderConfiguration, senderSettings } from '../../sender/configuration.ts';
import type { Dispatch } from '../../sender/dispatch/dispatch.ts';
import type { SenderIdentity } from '../../sender/identity.ts';
import { watchDiskOver } from '../../sender/intake/watch-disk.ts';
import { SenderLedger } from '../../sender/ledger/ledger.ts';
import type { SenderHost } from '../../sender/program/host.ts';
import { listSender, type Sender } from '../../sender/program/sender.ts';
import type { SenderStatus } from '../../sender/status.ts';
import { assert, present } from '../../shared/assert.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { Log, LogFields } from '../../shared/log.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import { Requests } from '../../shared/program/requests.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { type Priority, priority } from '../../shared/wire/manifest.ts';
import type { Random } from '../harness/random.ts';
import { configurationWith } from '../harness/settings.ts';
import { PowerSwitch } from './power-switch.ts';
import { SimulatedDataPlane } from './simulated-data-plane.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import { linkSettingsOf, ringOf, simulatedHost } from './simulated-host.ts';
import { SimulatedLoop } from './simulated-loop.ts';
import type { HostClock } from './virtual-clock.ts';

export interface LowSideOptions {
  readonly parameters: LinkParameters;
  readonly openBlocks: number;
  readonly passCount: number;
  readonly passGapMs: number;
  readonly carouselShare: number;
  readonly carouselGapMs: number;
  readonly quietSeconds: number;
  readonly linkBytesPerMs: number;
  readonly secret: Uint8Array;
  readonly keyId: number;
  readonly senderId: Uint8Array;
  readonly retainForMs: number;
  readonly tombstoneMs: number;
  /** Where copies of the ledger go that disk images have. */
  readonly imagesFolder: string;
  /** In memory when left out. */
  readonly ledgerPath?: string;
}

/** The sender's key ring. */
export type LowSideKeys = Pick<SenderIdentity, 'keyId' | 'secret' | 'otherSecrets'>;

/** A copy of the sender's disk at one moment. */
export interface DiskImage {
  readonly disk: SimulatedDisk;
  readonly ledgerCopyPath: string;
}

/** What happens seldom enough in a long darkness that days of it are played in a moment. */
export interface Pace {
  readonly beaconIntervalMs: number;
  readonly rollIntervalMs: number;
  readonly carouselGapMs: number;
}

const watchFolder = '/low/watch';
const spoolFolder = '/low/spool';
const normalPace = { beaconIntervalMs: 1000, rollIntervalMs: 30_000 } as const;

export class LowSide {
  readonly power = new PowerSwitch();
  /** Whether the ledger refuses what it is asked to store now. */
  ledgerRefuses: () => boolean = () => false;
  disk = new SimulatedDisk();
  ledger: SenderLedger;
  readonly requests: Requests;
  pace: Pace;
  readonly clock: HostClock;
  /** Studies that expired, in order. */
  readonly expired: string[] = [];
  /** What the program told of itself last, as `status` reads it. */
  status: SenderStatus | undefined;
  readonly #options: LowSideOptions;
  readonly #configuration: SenderConfiguration;
  readonly #random: Random;
  readonly #loop: SimulatedLoop;
  #program: Sender | undefined;
  #plane: SimulatedDataPlane | undefined;
  #fileNumber = 0;
  #images = 0;
  #keys: LowSideKeys;

  constructor(options: LowSideOptions, clock: HostClock, random: Random) {
    this.#options = options;
    this.#keys = { keyId: options.keyId, secret: options.secret };
    this.clock = clock;
    this.#loop = new SimulatedLoop(clock);
    this.#random = random;
    this.pace = this.normalPace;
    this.#configuration = this.#makeConfiguration();
    this.disk.power = this.power;
    for (const folder of [watchFolder, join(watchFolder, 'stat')]) this.disk.makeFolder(folder);
    this.ledger = new SenderLedger(options.ledgerPath ?? ':memory:', () => this.#store());
    this.requests = new Requests(':memory:', () => this.power.step());
    this.#start();
  }

  get normalPace(): Pace {
    return { ...normalPace, carouselGapMs: this.#options.carouselGapMs };
  }

  get senderId(): string {
    return this.ledger.facts.get('senderId') ?? this.#firstId;
  }

  get #firstId(): string {
    return Buffer.from(this.#options.senderId).toString('hex');
  }

  /** The running program. */
  get program(): Sender {
    return present(this.#program, 'the sender runs');
  }

  get alarms(): Alarms {
    return this.program.alarms;
  }

  get dispatch(): Dispatch {
    return this.program.sending.dispatch;
  }

  /** A scanner writes a file into the watch folder, durably, and it has come to rest. */
  put(bytes: Uint8Array, urgency: Priority): void {
    this.power.aside(() => {
      this.#fileNumber += 1;
      const folder = urgency === priority.stat ? join(watchFolder, 'stat') : watchFolder;
      const path = join(folder, `file-${this.#fileNumber}.dcm`);
      const capacityBytes = this.disk.capacityBytes;
      // The scanner's folder has a disk of its own.
      this.disk.capacityBytes = Number.POSITIVE_INFINITY;
      const file = this.disk.open(path, 'create');
      file.writeAt(bytes, 0);
      file.sync();
      this.disk.syncFolder(folder);
      this.disk.capacityBytes = capacityBytes;
    });
  }

  /** Looks at the watch folder until what has come to rest is taken in. @throws PowerCut */
  scan(): void {
    const { watch } = this.program.intake;
    // A file has to be found unchanged once.
    for (let looks = 0; looks < 2; looks += 1) watch.finishTurn();
  }

  /** @throws PowerCut */
  step(): void {
    this.#loop.run();
    this.program.spoolPart.upkeep.step();
    this.program.sending.step();
  }

  /** Writes the next datagram. @returns false when the encoder has none. @throws PowerCut */
  next(target: Uint8Array): boolean {
    return present(this.#plane, 'the sender has its link').next(target);
  }

  /** Whether everything taken in has had its planned passes and every study is closed. */
  get done(): boolean {
    return (
      this.ledger.studies.open().length === 0 &&
      this.ledger.totals.queue(this.#options.passCount).objects === 0 &&
      this.#waiting === 0
    );
  }

  /** Copies the disk, as a backup would. */
  takeImage(): DiskImage {
    this.#images += 1;
    const ledgerCopyPath = join(this.#options.imagesFolder, `${this.senderId}-${this.#images}.sqlite`);
    this.ledger.copyTo(ledgerCopyPath);
    return { disk: this.disk.image(), ledgerCopyPath };
  }

  /** Starts from an old copy of the disk: what was taken in since is gone. */
  restoreImage(image: DiskImage): void {
    this.ledger.close();
    this.ledger = new SenderLedger(image.ledgerCopyPath, () => this.#store());
    this.disk = image.disk;
    this.disk.power = this.power;
    this.restart(false);
  }

  /** The key file is another one: the sender starts with it. @throws PowerCut */
  useKeys(keys: LowSideKeys): void {
    this.#keys = keys;
    this.#begin();
  }

  /** The process ends and starts again, with or without a power cut. @throws PowerCut when it is cut again */
  restart(powerCut: boolean): void {
    this.power.restore();
    if (powerCut) this.disk.crash(this.#random);
    this.#begin();
  }

  #store(): void {
    this.power.step();
    if (this.ledgerRefuses()) throw new DiodeError('E_DISK_FULL');
  }

  #begin(): void {
    this.#loop.clear();
    this.#start();
    this.scan();
  }

  /** Files in the watch folder. */
  get #waiting(): number {
    return this.disk.contents(watchFolder).size;
  }

  #start(): void {
    this.ledger.facts.once('senderId', () => this.#firstId);
    this.#program = listSender(this.#configuration, this.#host());
    assert(this.#program.parts.start() === undefined, 'nothing of it waits for anything');
  }

  #host(): SenderHost {
    const { clock, disk } = this;
    const { keyId, secret, otherSecrets = new Map() } = this.#keys;
    return {
      ...simulatedHost({
        ...{ clock, disk, loop: this.#loop, random: this.#random, log: this.#log() },
        readKeys: () => ringOf(new Map([[keyId, secret], ...otherSecrets])),
        writeStatus: (status) => {
          this.status = status as SenderStatus;
        },
      }),
      watchDisk: watchDiskOver(disk),
      // The file it stands for survives each end of the program.
      openStore: () => ({ ledger: this.ledger, requests: this.requests, close: () => {} }),
      openDataPlane: (identity, session) => {
        this.#plane = new SimulatedDataPlane(identity, session, this.#options.openBlocks, disk);
        return this.#plane;
      },
    };
  }

  #log(): Log {
    const line = (message: string, { studyUid }: LogFields = {}) => {
      if (message === 'study expired' && studyUid !== undefined) this.expired.push(studyUid);
    };
    return { error: line, warn: line, info: line, debug: line };
  }

  #makeConfiguration(): SenderConfiguration {
    const options = this.#options;
    const side = this;
    const dayMs = 86_400_000;
    return configurationWith(senderSettings, {
      ...linkSettingsOf(options.parameters),
      keyFile: '/low/key',
      'watch.folder': watchFolder,
      'watch.settleScans': 1,
      'watch.quietSeconds': options.quietSeconds,
      'watch.statQuietSeconds': options.quietSeconds,
      'spool.folder': spoolFolder,
      'spool.retainForDays': options.retainForMs / dayMs,
      'spool.tombstoneDays': options.tombstoneMs / dayMs,
      'link.rateMegabitsPerSecond': options.linkBytesPerMs / 125,
      // In half: what waits at the encoder is twice as much.
      'code.openBlocks':
        options.parameters.datagramBytes > 1000 ? options.openBlocks / 2 : options.openBlocks,
      'passes.count': options.passCount,
      'passes.gapMs': options.passGapMs,
      'passes.carouselPercent': options.carouselShare * 100,
      get 'passes.carouselGapSeconds'() {
        return side.pace.carouselGapMs / 1000;
      },
      get 'beacon.intervalMs'() {
        return side.pace.beaconIntervalMs;
      },
      get 'beacon.rollSeconds'() {
        return side.pace.rollIntervalMs / 1000;
      },
    });
  }
}
