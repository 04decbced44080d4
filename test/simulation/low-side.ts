/**
 * The sender in a simulation: its real ledger, spool, intake, dispatch and encoder over a simulated disk.
 * What the network and the threads do in the program, the simulation does by calls.
 */
import { join } from 'node:path';
import { Dispatch } from '../../sender/dispatch/dispatch.ts';
import { Transmission } from '../../sender/encode/transmission.ts';
import { Transmitter } from '../../sender/encode/transmitter.ts';
import { objectPlanner, type SenderIdentity, secretsOf } from '../../sender/identity.ts';
import { takeFiles } from '../../sender/intake/take.ts';
import { SenderLedger } from '../../sender/ledger/ledger.ts';
import { beginSession } from '../../sender/ledger/session.ts';
import { replanStale } from '../../sender/spool/replanning.ts';
import { Spool } from '../../sender/spool/spool.ts';
import { Upkeep } from '../../sender/spool/upkeep.ts';
import { Alarms } from '../../shared/alarms.ts';
import { HeaderTags } from '../../shared/crypto/header-tags.ts';
import { DiodeError } from '../../shared/errors.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import { RunningTime } from '../../shared/running-time.ts';
import { WaterMarks } from '../../shared/water-marks.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { type Priority, priority } from '../../shared/wire/manifest.ts';
import type { Random } from '../harness/random.ts';
import { PowerSwitch } from './power-switch.ts';
import { SimulatedDisk } from './simulated-disk.ts';
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
/** The program looks at its watch folder again after this long. */
const scanIntervalMs = 1000;
const normalPace = { beaconIntervalMs: 1000, rollIntervalMs: 30_000 } as const;

/** One shared engine: it holds no state between two calls, and making one takes longer than a short scenario. */
const code = createErasureCode();

export class LowSide {
  readonly power = new PowerSwitch();
  /** Whether the ledger refuses what it is asked to store now. */
  ledgerRefuses: () => boolean = () => false;
  disk = new SimulatedDisk();
  ledger: SenderLedger;
  pace: Pace;
  readonly clock: HostClock;
  /** Studies that expired, in order. */
  readonly expired: string[] = [];
  readonly #options: LowSideOptions;
  readonly #random: Random;
  #alarms: Alarms;
  #spool: Spool;
  #dispatch: Dispatch;
  #transmitter: Transmitter;
  #upkeep: Upkeep;
  #waterMarks: WaterMarks;
  #leftoversDue = false;
  #fileNumber = 0;
  #scannedAtMs = 0;
  #images = 0;
  #keys: LowSideKeys;

  constructor(options: LowSideOptions, clock: HostClock, random: Random) {
    this.#options = options;
    this.#keys = { keyId: options.keyId, secret: options.secret };
    this.clock = clock;
    this.#random = random;
    this.pace = this.normalPace;
    this.disk.power = this.power;
    this.disk.makeFolder(watchFolder);
    this.ledger = new SenderLedger(options.ledgerPath ?? ':memory:', () => this.#store());
    [this.#alarms, this.#spool, this.#dispatch, this.#transmitter, this.#upkeep, this.#waterMarks] =
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

  get alarms(): Alarms {
    return this.#alarms;
  }

  get dispatch(): Dispatch {
    return this.#dispatch;
  }

  /** A scanner writes a file into the watch folder, durably, and it has come to rest. */
  put(bytes: Uint8Array, urgency: Priority): void {
    this.power.aside(() => {
      this.#fileNumber += 1;
      const path = join(
        watchFolder,
        `file-${this.#fileNumber}.${urgency === priority.stat ? 'stat' : 'dcm'}`,
      );
      const capacityBytes = this.disk.capacityBytes;
      // The scanner's folder has a disk of its own.
      this.disk.capacityBytes = Number.POSITIVE_INFINITY;
      const file = this.disk.open(path, 'create');
      file.writeAt(bytes, 0);
      file.sync();
      this.disk.syncFolder(watchFolder);
      this.disk.capacityBytes = capacityBytes;
    });
  }

  /** Takes in what lies in the watch folder. @throws PowerCut */
  scan(): void {
    this.#scannedAtMs = this.clock.monotonicMs();
    if (this.#waterMarks.update(this.#spool.freeBytes())) return;
    if (this.#leftoversDue) this.#takeLeftovers();
    for (const name of this.disk.list(watchFolder)) {
      const urgency = name.endsWith('.stat') ? priority.stat : priority.routine;
      this.#takeAll([
        {
          path: join(watchFolder, name),
          relativePath: name,
          priority: urgency,
          quietSeconds: this.#options.quietSeconds,
          arrived: false,
        },
      ]);
    }
  }

  /** @throws PowerCut */
  step(): void {
    if (this.clock.monotonicMs() - this.#scannedAtMs >= scanIntervalMs) this.scan();
    this.#upkeep.step();
    this.#dispatch.step();
  }

  /** Writes the next datagram. @returns false when the encoder has none. @throws PowerCut */
  next(target: Uint8Array): boolean {
    const produced = this.#transmitter.next(target);
    const ended = this.#transmitter.takeEnded();
    if (ended.length > 0) this.#dispatch.passesEnded(ended);
    return produced;
  }

  /** Whether everything taken in has had its planned passes and every study is closed. */
  get done(): boolean {
    return (
      this.ledger.studies.open().length === 0 &&
      this.ledger.totals.queue(this.#options.passCount).objects === 0 &&
      this.disk.list(watchFolder).length === 0
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
    [this.#alarms, this.#spool, this.#dispatch, this.#transmitter, this.#upkeep, this.#waterMarks] =
      this.#start();
    this.#leftoversDue = true;
    this.scan();
  }

  /** What a stop left between two steps. */
  #takeLeftovers(): void {
    this.#leftoversDue = false;
    this.#takeAll(
      this.#spool.leftovers().map((leftover) => ({
        ...leftover,
        relativePath: 'leftover',
        quietSeconds: this.#options.quietSeconds,
        arrived: true,
      })),
    );
  }

  #takeAll(batch: Parameters<typeof takeFiles>[1]): void {
    const plan = objectPlanner(this.#identity);
    const steps = takeFiles({ disk: this.disk, spool: this.#spool, clock: this.clock, plan }, batch);
    for (;;) {
      const step = steps.next();
      if (step.done !== true) continue;
      if (step.value.postponed.length > 0) this.#leftoversDue = true;
      this.#dispatch.instancesEntered(step.value.entered);
      return;
    }
  }

  get #identity(): SenderIdentity {
    const senderId = new Uint8Array(Buffer.from(this.senderId, 'hex'));
    return { parameters: this.#options.parameters, senderId, ...this.#keys };
  }

  #start(): [Alarms, Spool, Dispatch, Transmitter, Upkeep, WaterMarks] {
    const { parameters, openBlocks, passCount, passGapMs, carouselShare, linkBytesPerMs } = this.#options;
    this.ledger.facts.once('senderId', () => this.#firstId);
    const session = beginSession(this.ledger, (count) => this.#random.bytes(count));
    const runningTime = new RunningTime(this.ledger.savedTime, this.clock);
    const runningMs = () => runningTime.nowMs();
    const spool = new Spool({ folder: spoolFolder, disk: this.disk, ledger: this.ledger, runningMs });
    const waterMarks = new WaterMarks({ highPercent: 90, lowPercent: 80 });
    replanStale({
      ledger: this.ledger,
      disk: this.disk,
      objectsFolder: spool.objects.path,
      identity: this.#identity,
      passesPlanned: passCount,
    });
    const transmission = new Transmission({
      identity: this.#identity,
      session,
      code,
      tag: new HeaderTags(secretsOf(this.#identity)),
      openBlocks,
      allocate: (byteLength) => new Uint8Array(byteLength),
    });
    const transmitter = new Transmitter(transmission, this.disk);
    const alarms = new Alarms(
      () => this.clock.wallMs(),
      () => {},
    );
    const side = this;
    const dispatch = new Dispatch({
      ledger: this.ledger,
      spool,
      clock: this.clock,
      runningMs,
      alarms,
      identity: this.#identity,
      session,
      schedule: {
        passCount,
        passGapMs,
        carouselShare,
        get carouselGapMs() {
          return side.pace.carouselGapMs;
        },
        linkBytesPerMs,
      },
      get beaconIntervalMs() {
        return side.pace.beaconIntervalMs;
      },
      get rollIntervalMs() {
        return side.pace.rollIntervalMs;
      },
      waitingBlocksMax: parameters.datagramBytes > 1000 ? openBlocks : openBlocks * 2,
      transmit: (order) => transmitter.add(order),
      onClosed: () => {},
    });
    dispatch.reissueManifests();
    const upkeep = new Upkeep({
      ledger: this.ledger,
      spool,
      disk: this.disk,
      clock: this.clock,
      alarms,
      runningTime,
      passCount,
      retainForMs: this.#options.retainForMs,
      tombstoneMs: this.#options.tombstoneMs,
      waterMarks,
      onExpired: ({ studyUid }) => this.expired.push(studyUid),
      onReconciled: ({ adopted }) => {
        if (adopted > 0) this.#leftoversDue = true;
      },
    });
    return [alarms, spool, dispatch, transmitter, upkeep, waterMarks];
  }
}
