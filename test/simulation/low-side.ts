/**
 * The sender in a simulation: its real ledger, spool, intake, dispatch and encoder over a simulated disk.
 * What the network and the threads do in the program, the simulation does by calls.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { Dispatch } from '../../sender/dispatch.ts';
import { Transmission } from '../../sender/encode/transmission.ts';
import { Transmitter } from '../../sender/encode/transmitter.ts';
import { objectPlanner, type SenderIdentity } from '../../sender/identity.ts';
import { takeFiles } from '../../sender/intake/take.ts';
import { SenderLedger } from '../../sender/ledger.ts';
import { beginSession } from '../../sender/session.ts';
import { Spool } from '../../sender/spool.ts';
import { Alarms } from '../../shared/alarms.ts';
import { deriveTagKey } from '../../shared/crypto/keys.ts';
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { type Priority, priority } from '../../shared/wire/manifest.ts';
import type { Random } from '../harness/random.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { HostClock } from './virtual-clock.ts';

export interface LowSideOptions {
  readonly parameters: LinkParameters;
  readonly openBlocks: number;
  readonly passCount: number;
  readonly passGapMs: number;
  readonly carouselShare: number;
  readonly quietSeconds: number;
  readonly linkBytesPerMs: number;
  readonly secret: Uint8Array;
  readonly keyId: number;
  readonly senderId: Uint8Array;
  /** `:memory:`, or a file where disk images are taken and restored. */
  readonly ledgerPath: string;
  readonly carouselGapMs: number;
}

/** A copy of the sender's disk at one moment. */
export interface DiskImage {
  readonly disk: SimulatedDisk;
  readonly ledgerCopyPath: string;
}

const watchFolder = '/low/watch';
const spoolFolder = '/low/spool';

export class LowSide {
  disk = new SimulatedDisk();
  ledger: SenderLedger;
  readonly #options: LowSideOptions;
  readonly #clock: HostClock;
  readonly #random: Random;
  readonly #code = createErasureCode();
  #spool: Spool;
  #dispatch: Dispatch;
  #transmitter: Transmitter;
  #fileNumber = 0;
  #ledgerPath: string;

  constructor(options: LowSideOptions, clock: HostClock, random: Random) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.disk.makeFolder(watchFolder);
    this.#ledgerPath = options.ledgerPath;
    this.ledger = new SenderLedger(this.#ledgerPath);
    [this.#spool, this.#dispatch, this.#transmitter] = this.#start();
  }

  /** Takes a file as the watch folder would. */
  take(bytes: Uint8Array, urgency: Priority = priority.routine): void {
    this.#fileNumber += 1;
    const relativePath = `file-${this.#fileNumber}`;
    const path = join(watchFolder, relativePath);
    const file = this.disk.open(path, 'create');
    file.writeAt(bytes, 0);
    file.sync();
    this.disk.syncFolder(watchFolder);
    this.#takeAll([
      { path, relativePath, priority: urgency, quietSeconds: this.#options.quietSeconds, arrived: false },
    ]);
  }

  step(): void {
    this.#dispatch.step();
  }

  /** Writes the next datagram. @returns false when the encoder has none */
  next(target: Uint8Array): boolean {
    const produced = this.#transmitter.next(target);
    const ended = this.#transmitter.takeEnded();
    if (ended.length > 0) this.#dispatch.passesEnded(ended);
    return produced;
  }

  /** Whether everything taken in has had its planned passes and every study is closed. */
  get done(): boolean {
    return this.ledger.openStudies().length === 0 && this.ledger.queue(this.#options.passCount).objects === 0;
  }

  /** Copies the disk, as a backup would. */
  takeImage(number: number): DiskImage {
    const ledgerCopyPath = `${this.#options.ledgerPath}.image-${number}`;
    this.ledger.close();
    copyFileSync(this.#ledgerPath, ledgerCopyPath);
    this.ledger = new SenderLedger(this.#ledgerPath);
    this.restart(false);
    return { disk: this.disk.clone(), ledgerCopyPath };
  }

  /** Starts from an old copy of the disk: what was taken in since is gone. */
  restoreImage(image: DiskImage): void {
    this.ledger.close();
    this.#ledgerPath = `${image.ledgerCopyPath}.restored`;
    copyFileSync(image.ledgerCopyPath, this.#ledgerPath);
    this.ledger = new SenderLedger(this.#ledgerPath);
    this.disk = image.disk.clone();
    this.restart(false);
  }

  /** The process ends and starts again, with or without a power cut. */
  restart(powerCut: boolean): void {
    if (powerCut) this.disk.crash(this.#random);
    [this.#spool, this.#dispatch, this.#transmitter] = this.#start();
    const leftovers = this.#spool.leftovers();
    this.#takeAll(
      leftovers.map((leftover) => ({
        ...leftover,
        relativePath: 'leftover',
        quietSeconds: this.#options.quietSeconds,
        arrived: true,
      })),
    );
    // What is still in the watch folder is found by its next scan.
    for (const name of this.disk.list(watchFolder)) {
      const path = join(watchFolder, name);
      this.#takeAll([
        {
          path,
          relativePath: name,
          priority: priority.routine,
          quietSeconds: this.#options.quietSeconds,
          arrived: false,
        },
      ]);
    }
  }

  #takeAll(batch: Parameters<typeof takeFiles>[1]): void {
    const plan = objectPlanner(this.#identity);
    const steps = takeFiles({ disk: this.disk, spool: this.#spool, clock: this.#clock, plan }, batch);
    for (;;) {
      const step = steps.next();
      if (step.done !== true) continue;
      this.#dispatch.instancesEntered(step.value.entered);
      return;
    }
  }

  get #identity(): SenderIdentity {
    const { parameters, secret, keyId, senderId } = this.#options;
    return { parameters, secret, keyId, senderId };
  }

  #start(): [Spool, Dispatch, Transmitter] {
    const { parameters, openBlocks, passCount, passGapMs, carouselShare, linkBytesPerMs, secret } =
      this.#options;
    const session = beginSession(this.ledger, this.#clock, this.#random.integer(2 ** 32));
    const spool = new Spool({ folder: spoolFolder, disk: this.disk, ledger: this.ledger });
    const transmission = new Transmission({
      identity: this.#identity,
      session,
      code: this.#code,
      tag: new DatagramTag(deriveTagKey(secret)),
      openBlocks,
      allocate: (byteLength) => new Uint8Array(byteLength),
    });
    const transmitter = new Transmitter(transmission, this.disk);
    const dispatch = new Dispatch({
      ledger: this.ledger,
      spool,
      clock: this.#clock,
      alarms: new Alarms(
        () => this.#clock.wallMs(),
        () => {},
      ),
      identity: this.#identity,
      session,
      schedule: {
        passCount,
        passGapMs,
        carouselShare,
        carouselGapMs: this.#options.carouselGapMs,
        linkBytesPerMs,
      },
      beaconIntervalMs: 1000,
      rollIntervalMs: 30_000,
      waitingBlocksMax: parameters.datagramBytes > 1000 ? openBlocks : openBlocks * 2,
      transmit: (order) => transmitter.add(order),
      onClosed: () => {},
    });
    return [spool, dispatch, transmitter];
  }
}
