/** The receiver in a simulation: its real admission, pipeline, vault and ledger over a simulated disk. */

import type { MalwareScanner } from '../../receiver/clearance/clearance.ts';
import { defaultGatePolicy, type GatePolicy } from '../../receiver/gate/inspect.ts';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import type { ReleaseRecord } from '../../receiver/ledger/release-records.ts';
import { Admission } from '../../receiver/link/admission.ts';
import { InProcessInspector, type Inspector } from '../../receiver/pipeline/inspector.ts';
import { Pipeline } from '../../receiver/pipeline/pipeline.ts';
import { Room } from '../../receiver/vault/room.ts';
import { SpillArea } from '../../receiver/vault/spill.ts';
import { Vault } from '../../receiver/vault/vault.ts';
import { Alarms } from '../../shared/alarms.ts';
import type { KeyNames } from '../../shared/crypto/key-file.ts';
import { DiodeError } from '../../shared/errors.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import { symbolBytesOf } from '../../shared/wire/datagram.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import type { Random } from '../harness/random.ts';
import { PowerSwitch } from './power-switch.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { HostClock } from './virtual-clock.ts';

export interface HighSideOptions {
  readonly parameters: LinkParameters;
  /** The key ring: one secret for each sender. */
  readonly secrets: ReadonlyMap<number, Uint8Array>;
  /** Whose the keys are; left out: they have no names. */
  readonly keyNames?: KeyNames;
  readonly memoryBytes: number;
  readonly deadlineMs: number;
  readonly spillBytes: number;
  readonly gate?: Partial<GatePolicy>;
  readonly scanner?: MalwareScanner | undefined;
  /** Looks at instances for the gate beside the receiver; in its steps when left out. */
  readonly inspector?: ((inProcess: InProcessInspector) => Inspector) | undefined;
  /** In memory when left out. */
  readonly ledgerPath?: string;
  /** Default 4096. */
  readonly openObjectsMax?: number;
}

/** A key of the receivers' ring, and whose it is. */
export interface RingKey {
  readonly keyId: number;
  readonly secret: Uint8Array;
  readonly name: string;
}

/** Of the disk: above it nothing is collected at all. */
export const fullPercent = 98;

export const inboxFolder = '/high/inbox';
export const partialFolder = '/high/partial';
const vaultFolder = '/high/vault';
export const objectsFolder = `${vaultFolder}/objects`;

/** How a program ends: told to, without warning, or with its host. */
export type End = 'stop' | 'kill' | 'power cut';

const code = createErasureCode();

export class HighSide {
  readonly power = new PowerSwitch();
  /** Whether the ledger refuses what it is asked to store now. */
  ledgerRefuses: () => boolean = () => false;
  readonly disk = new SimulatedDisk();
  readonly ledger: ReceiverLedger;
  readonly releases: ReleaseRecord[] = [];
  /** How often each alarm was raised or cleared, by code and subject: as many lines are in the log. */
  readonly alarmEdges = new Map<string, number>();
  readonly clock: HostClock;
  alarms: Alarms;
  admission: Admission;
  pipeline: Pipeline;
  readonly #options: HighSideOptions;
  readonly #random: Random;
  #secrets: ReadonlyMap<number, Uint8Array>;

  constructor(options: HighSideOptions, clock: HostClock, random: Random) {
    this.#options = options;
    this.#secrets = options.secrets;
    this.clock = clock;
    this.#random = random;
    this.disk.power = this.power;
    this.disk.delaySyncs(random.fork('syncs'));
    this.disk.clones = random.fork('clones').chance(0.5);
    this.disk.makeFolder(inboxFolder);
    this.disk.makeFolder(partialFolder);
    this.disk.makeFolder(vaultFolder);
    this.ledger = new ReceiverLedger(options.ledgerPath ?? ':memory:', () => this.#store());
    [this.alarms, this.admission, this.pipeline] = this.#start();
  }

  /** @throws PowerCut */
  receive(datagram: Uint8Array): void {
    if (this.admission.admit(datagram)) this.pipeline.receive(datagram, this.clock.monotonicMs());
  }

  /** @throws PowerCut */
  step(): void {
    this.disk.endSyncs();
    while (this.pipeline.step());
  }

  /** The key file is another one, and the receiver reads it again while it runs. */
  useSecrets(secrets: ReadonlyMap<number, Uint8Array>): void {
    this.#secrets = secrets;
    this.admission.useSecrets(secrets);
    this.pipeline.useSecrets(secrets);
  }

  /** The process ends and starts again. @throws PowerCut when it is cut while it starts */
  restart(end: End): void {
    if (end === 'stop' && !this.power.dead) this.pipeline.flush();
    this.power.restore();
    this.disk.forgetSyncs();
    if (end === 'power cut') this.disk.crash(this.#random);
    [this.alarms, this.admission, this.pipeline] = this.#start();
  }

  #store(): void {
    this.power.step();
    if (this.ledgerRefuses()) throw new DiodeError('E_LEDGER');
  }

  #start(): [Alarms, Admission, Pipeline] {
    const { parameters, memoryBytes, deadlineMs } = this.#options;
    const secrets = this.#secrets;
    const alarms = new Alarms(
      () => this.clock.wallMs(),
      (_edge, { code: alarm, subject }) => {
        const key = `${alarm} ${subject}`;
        this.alarmEdges.set(key, (this.alarmEdges.get(key) ?? 0) + 1);
      },
    );
    const room = new Room({
      measure: () => this.disk.freeBytes(),
      marks: { highPercent: 90, lowPercent: 85, fullPercent },
      alarms,
    });
    const vault = new Vault(vaultFolder, this.disk);
    const gate = { ...defaultGatePolicy, ...this.#options.gate };
    const patientKey = new Uint8Array(32).fill(5);
    const pipeline = new Pipeline({
      ledger: this.ledger,
      vault,
      disk: this.disk,
      spill: new SpillArea({
        disk: this.disk,
        path: `${vaultFolder}/spill.area`,
        symbolBytes: symbolBytesOf(parameters.datagramBytes),
        areaBytes: this.#options.spillBytes,
        mayGrow: () => !room.isFull,
      }),
      clock: this.clock,
      alarms,
      code,
      parameters,
      secrets,
      keyNames: this.#options.keyNames,
      inboxFolder,
      partialFolder,
      memoryBytes,
      openObjectsMax: this.#options.openObjectsMax ?? 4096,
      deadlineMs,
      unclaimedMs: deadlineMs * 2,
      silenceMs: 10_000,
      gate,
      patientKey,
      inspector: this.#options.inspector?.(new InProcessInspector({ vault, gate, patientKey })),
      room,
      partialMs: 86_400_000,
      lowSide: { queueAgeMs: 1_800_000, spoolPercent: 85, rejectedMs: 86_400_000 },
      scanner: this.#options.scanner,
      onReleased: (release) => this.releases.push(release),
    });
    return [alarms, new Admission(parameters.datagramBytes, secrets), pipeline];
  }
}
