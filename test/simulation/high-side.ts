/** The receiver in a simulation: its real admission, reception, vault and ledger over a simulated disk. */
import { Admission } from '../../receiver/admission.ts';
import { ReceiverLedger, type ReleaseRecord } from '../../receiver/ledger.ts';
import { Reception } from '../../receiver/reception.ts';
import { SpillArea } from '../../receiver/spill.ts';
import { Vault } from '../../receiver/vault.ts';
import { Alarms } from '../../shared/alarms.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import { symbolBytesOf } from '../../shared/wire/datagram.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import type { Random } from '../harness/random.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { HostClock } from './virtual-clock.ts';

export interface HighSideOptions {
  readonly parameters: LinkParameters;
  readonly secret: Uint8Array;
  readonly keyId: number;
  readonly memoryBytes: number;
  readonly deadlineMs: number;
  readonly spillBytes: number;
}

export const inboxFolder = '/high/inbox';
export const partialFolder = '/high/partial';
const vaultFolder = '/high/vault';

export class HighSide {
  readonly disk = new SimulatedDisk();
  readonly ledger = new ReceiverLedger(':memory:');
  readonly releases: ReleaseRecord[] = [];
  alarms: Alarms;
  admission: Admission;
  reception: Reception;
  readonly #options: HighSideOptions;
  readonly #clock: HostClock;
  readonly #random: Random;

  constructor(options: HighSideOptions, clock: HostClock, random: Random) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.disk.makeFolder(inboxFolder);
    this.disk.makeFolder(partialFolder);
    this.disk.makeFolder(vaultFolder);
    [this.alarms, this.admission, this.reception] = this.#start();
  }

  receive(datagram: Uint8Array): void {
    if (this.admission.admit(datagram)) this.reception.receive(datagram, this.#clock.monotonicMs());
  }

  step(): void {
    while (this.reception.step());
  }

  restart(powerCut: boolean): void {
    if (powerCut) this.disk.crash(this.#random);
    [this.alarms, this.admission, this.reception] = this.#start();
  }

  #start(): [Alarms, Admission, Reception] {
    const { parameters, secret, keyId, memoryBytes, deadlineMs } = this.#options;
    const secrets = new Map([[keyId, secret]]);
    const alarms = new Alarms(
      () => this.#clock.wallMs(),
      () => {},
    );
    const reception = new Reception({
      ledger: this.ledger,
      vault: new Vault(vaultFolder, this.disk),
      spill: new SpillArea({
        disk: this.disk,
        path: `${vaultFolder}/spill.area`,
        symbolBytes: symbolBytesOf(parameters.datagramBytes),
        areaBytes: this.#options.spillBytes,
      }),
      clock: this.#clock,
      alarms,
      code: createErasureCode(),
      parameters,
      secrets,
      inboxFolder,
      partialFolder,
      memoryBytes,
      openObjectsMax: 4096,
      deadlineMs,
      unclaimedMs: deadlineMs * 2,
      silenceMs: 10_000,
      hasRoom: (bytes) => this.disk.freeBytes().free > bytes,
      onReleased: (release) => this.releases.push(release),
    });
    return [alarms, new Admission(parameters.datagramBytes, secrets), reception];
  }
}
