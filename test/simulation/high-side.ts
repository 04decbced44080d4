/** The receiver in a simulation: the program itself, on a simulated disk, clock and link. */
import type { MalwareScanner } from '../../receiver/clearance/clearance.ts';
import { type ReceiverConfiguration, receiverSettings } from '../../receiver/configuration.ts';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import type { ReleaseRecord } from '../../receiver/ledger/release-records.ts';
import type { Admission } from '../../receiver/link/admission.ts';
import { InProcessInspector, type Inspector } from '../../receiver/pipeline/inspector.ts';
import type { Pipeline } from '../../receiver/pipeline/pipeline.ts';
import type { ReceiverHost } from '../../receiver/program/host.ts';
import { listReceiver, type Receiver } from '../../receiver/program/receiver.ts';
import type { ReceiverStatus } from '../../receiver/status.ts';
import { assert, present } from '../../shared/assert.ts';
import type { KeyNames } from '../../shared/crypto/key-file.ts';
import { DiodeError } from '../../shared/errors.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import type { Log, LogFields } from '../../shared/log.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import { Requests } from '../../shared/program/requests.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import type { Random } from '../harness/random.ts';
import { configurationWith } from '../harness/settings.ts';
import { PowerSwitch } from './power-switch.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import { linkSettingsOf, ringOf, simulatedHost } from './simulated-host.ts';
import { SimulatedLoop } from './simulated-loop.ts';
import { SimulatedReceivingEnd } from './simulated-receiving-end.ts';
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
  /** Other settings of the receiver. */
  readonly settings?: Partial<ReceiverConfiguration>;
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

/** One shared engine: it keeps no state between two calls, and making one takes longer than a short scenario. */
const code = createErasureCode();
/** Nothing leaves the vault while a scenario looks at it. */
const keptForDays = 3650;

export class HighSide {
  readonly power = new PowerSwitch();
  /** Whether the ledger refuses what it is asked to store now. */
  ledgerRefuses: () => boolean = () => false;
  readonly disk = new SimulatedDisk();
  readonly ledger: ReceiverLedger;
  readonly requests: Requests;
  readonly releases: ReleaseRecord[] = [];
  /** How often each alarm was raised or cleared, by code and subject: as many lines are in the log. */
  readonly alarmEdges = new Map<string, number>();
  readonly clock: HostClock;
  /** What the program told of itself last, as `status` reads it. */
  status: ReceiverStatus | undefined;
  readonly #options: HighSideOptions;
  readonly #configuration: ReceiverConfiguration;
  readonly #random: Random;
  readonly #loop: SimulatedLoop;
  #secrets: ReadonlyMap<number, Uint8Array>;
  #link: SimulatedReceivingEnd | undefined;
  #program: Receiver | undefined;

  constructor(options: HighSideOptions, clock: HostClock, random: Random) {
    this.#options = options;
    this.#configuration = configurationOf(options);
    this.#secrets = options.secrets;
    this.clock = clock;
    this.#loop = new SimulatedLoop(clock, true);
    this.#random = random;
    this.disk.power = this.power;
    this.disk.delaySyncs(random.fork('syncs'));
    this.disk.clones = random.fork('clones').chance(0.5);
    this.disk.makeFolder(inboxFolder);
    this.disk.makeFolder(partialFolder);
    this.disk.makeFolder(vaultFolder);
    this.ledger = new ReceiverLedger(options.ledgerPath ?? ':memory:', () => this.#store());
    this.requests = new Requests(':memory:', () => this.power.step());
    this.#start();
  }

  /** The running program. */
  get program(): Receiver {
    return present(this.#program, 'the receiver runs');
  }

  get alarms(): Alarms {
    return this.program.alarms;
  }

  get pipeline(): Pipeline {
    return this.program.pipeline;
  }

  get admission(): Admission {
    return present(this.#link, 'the receiver has its link').admission;
  }

  /** @throws PowerCut */
  receive(datagram: Uint8Array): void {
    this.#link?.offer(datagram);
    this.program.receiving.take();
  }

  /** @throws PowerCut */
  step(): void {
    this.disk.endSyncs();
    while (this.program.receiving.turn() === 'more');
    this.#loop.run();
  }

  /** The key file is another one, and the receiver reads it again while it runs. */
  useSecrets(secrets: ReadonlyMap<number, Uint8Array>): void {
    this.#secrets = secrets;
    this.program.parts.useKeys(this.#ring());
  }

  /** The process ends and starts again. @throws PowerCut when it is cut while it starts */
  restart(end: End): void {
    if (end === 'stop' && !this.power.dead)
      assert(this.program.parts.stop() === undefined, 'nothing of it waits for anything');
    this.#loop.clear();
    this.power.restore();
    this.disk.forgetSyncs();
    if (end === 'power cut') this.disk.crash(this.#random);
    this.#start();
  }

  #store(): void {
    this.power.step();
    if (this.ledgerRefuses()) throw new DiodeError('E_LEDGER');
  }

  #start(): void {
    this.#program = listReceiver(this.#configuration, this.#host());
    assert(this.#program.parts.start() === undefined, 'nothing of it waits for anything');
  }

  #ring() {
    return ringOf(this.#secrets, this.#options.keyNames);
  }

  #host(): ReceiverHost {
    const { clock, disk } = this;
    const { parameters, scanner, inspector } = this.#options;
    return {
      ...simulatedHost({
        ...{ clock, disk, loop: this.#loop, random: this.#random, log: this.#log() },
        readKeys: () => this.#ring(),
        writeStatus: (status) => {
          this.status = status as ReceiverStatus;
        },
      }),
      usedBuffers: { small: { add: () => {} }, large: { add: () => {} } },
      // The file it stands for survives each end of the program.
      openStore: () => ({
        ledger: this.ledger,
        requests: this.requests,
        close: () => {},
      }),
      patientKey: () => new Uint8Array(32).fill(5),
      createErasureCode: () => code,
      openLink: (secrets) => {
        const { datagramBytes } = parameters;
        const opened = { port: 4747, receiveBufferBytes: this.#configuration['link.receiveBufferBytes'] };
        const slots = Math.floor((this.#configuration['link.ringMegabytes'] * 1e6) / datagramBytes);
        this.#link = new SimulatedReceivingEnd({ datagramBytes, slots, secrets, opened });
        return this.#link;
      },
      inspector: ({ policy: gate, patientKey, vault }) =>
        inspector?.(new InProcessInspector({ vault, gate, patientKey })),
      scanner: () => scanner,
    };
  }

  #log(): Log {
    const line = (message: string, data: LogFields = {}) => {
      const { code: alarm, subject, studyUid, senderId } = data;
      if (/^alarm (raised|changed|cleared)$/.test(message)) {
        const key = `${alarm} ${subject}`;
        this.alarmEdges.set(key, (this.alarmEdges.get(key) ?? 0) + 1);
      }
      if (message !== 'study released' || studyUid === undefined || senderId === undefined) return;
      const release = this.ledger.releases.ofStudy(senderId, studyUid).at(-1);
      this.releases.push(present(release, 'what is released has its row'));
    };
    return { error: line, warn: line, info: line, debug: line };
  }
}

function configurationOf(options: HighSideOptions): ReceiverConfiguration {
  const { parameters, memoryBytes, deadlineMs, spillBytes, openObjectsMax = 4096, settings } = options;
  return configurationWith(receiverSettings, {
    ...linkSettingsOf(parameters),
    keyFile: '/high/key',
    'vault.folder': vaultFolder,
    'vault.keepForDays': keptForDays,
    'vault.fullPercent': fullPercent,
    'inbox.folder': inboxFolder,
    'inbox.partialFolder': partialFolder,
    'assemble.memoryMegabytes': memoryBytes / 1e6,
    'assemble.spillMegabytes': spillBytes / 1e6,
    'assemble.openObjects': openObjectsMax,
    'studies.deadlineMinutes': deadlineMs / 60_000,
    'studies.unclaimedMinutes': deadlineMs / 30_000,
    ...settings,
  });
}
