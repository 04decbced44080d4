/**
 * Keeps vault and ledger one: compares them after a start beside the other work, and collects again what is lost or
 * damaged. What a person finds with `diode-receiver verify` comes here as well.
 */

import type { Clock } from '../../shared/clock.ts';
import { deriveObjectIdKey } from '../../shared/crypto/keys.ts';
import { deriveObjectId } from '../../shared/crypto/object-id.ts';
import type { Disk } from '../../shared/disk.ts';
import { storageCodes } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import { objectType, symbolBytesOf } from '../../shared/wire/datagram.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import type { AssembledObject, Assembler } from '../assemble/assembler.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { VaultFile } from '../ledger/vault-files.ts';
import type { Studies } from '../studies/studies.ts';
import { type Orphan, reconcileVault, type VaultReconciliation } from '../vault/reconcile.ts';
import type { Vault } from '../vault/vault.ts';
import type { VaultAlarms } from '../vault/vault-alarms.ts';

export interface VaultWatchOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly vaultAlarms: VaultAlarms;
  readonly parameters: LinkParameters;
  readonly secrets: () => ReadonlyMap<number, Uint8Array>;
  readonly assembler: Pick<Assembler, 'finish' | 'unfinish'>;
  readonly studies: () => Studies;
  /** A file that lies whole in incoming/ goes the way of one that just came. */
  readonly take: (object: AssembledObject) => void;
  readonly onReconciled?: ((found: VaultReconciliation) => void) | undefined;
}

export type LostFile = Pick<VaultFile, 'objectId' | 'senderId' | 'studyUid'>;

/** A step costs about a millisecond: at most a twentieth of the time. */
const stepIntervalMs = 20;
/** Between two comparisons: the ledger may refuse for long. */
const againMs = 60_000;

export class VaultWatch {
  readonly #options: VaultWatchOptions;
  readonly #desk: AlarmDesk;
  #reconciling: Generator<void, VaultReconciliation> | undefined;
  #steppedAtMs = Number.NEGATIVE_INFINITY;
  #isDueAgain = false;
  #endedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: VaultWatchOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('vault comparison');
    this.#reconciling = this.#begin();
  }

  /** A bounded step, now and then. Call it often. */
  step(): void {
    const { clock, onReconciled } = this.#options;
    const now = clock.monotonicMs();
    if (this.#reconciling === undefined && this.#isDueAgain && now - this.#endedAtMs >= againMs) {
      this.#isDueAgain = false;
      this.#reconciling = this.#begin();
    }
    if (this.#reconciling === undefined || now - this.#steppedAtMs < stepIntervalMs) return;
    this.#steppedAtMs = now;
    const reconciling = this.#reconciling;
    const step = this.#desk.during('vault comparison', storageCodes, () => reconciling.next());
    if (step === undefined) {
      this.#reconciling = this.#begin();
      return;
    }
    if (step.done !== true) return;
    this.#reconciling = undefined;
    this.#endedAtMs = now;
    onReconciled?.(step.value);
  }

  /** Files got their names, and the ledger refused their rows: they are found as after a power cut. */
  compareAgain(): void {
    this.#isDueAgain = true;
  }

  /** A file is gone or is not what it was: it is collected again, and what is left of it is kept aside. */
  lost(file: LostFile): void {
    // First: it is told also while the ledger refuses.
    this.#tell(file);
    this.#options.ledger.transaction(() => this.markLost(file));
    this.setAside(file);
  }

  /** The part of it that is in the ledger: within a transaction. {@link setAside} comes behind that. */
  markLost({ objectId, senderId, studyUid }: LostFile): void {
    const { ledger, studies } = this.#options;
    if (ledger.files.markLost(objectId)) studies().instanceLost(senderId, studyUid);
  }

  setAside(file: LostFile): void {
    const { vault, assembler } = this.#options;
    const { objectId } = file;
    this.#tell(file);
    assembler.unfinish(objectId);
    // Last: as long as the ledger refuses, the file is where it is found again, and its row names it.
    vault.setAside('damaged', objectId);
  }

  #tell({ senderId, studyUid }: LostFile): void {
    this.#options.vaultAlarms.damaged({ studyUid, senderId });
  }

  #begin(): Generator<void, VaultReconciliation> {
    const { ledger, vault, disk } = this.#options;
    return reconcileVault({
      ledger,
      vault,
      disk,
      adopt: (orphan) => this.#adopt(orphan),
      lost: (file) => this.lost(file),
    });
  }

  /** Its name is a keyed hash of what it is: the key and the sender under which it comes out say whose it is. */
  #adopt({ objectId, bytes, sha256 }: Orphan): boolean {
    const { ledger, vault, parameters, secrets, assembler, take } = this.#options;
    const identity = {
      type: objectType.instance,
      sha256,
      objectBytes: bytes,
      symbolBytes: symbolBytesOf(parameters.datagramBytes),
      maximumSourceSymbols: parameters.sourceSymbols,
    };
    for (const { senderId } of ledger.senders.all()) {
      for (const [keyId, secret] of secrets()) {
        const key = deriveObjectIdKey(secret, Buffer.from(senderId, 'hex'));
        if (Buffer.from(deriveObjectId(key, identity)).toString('hex') !== objectId) continue;
        vault.takeBack({ objectId, keyId });
        assembler.finish({ objectId, keyId });
        take({
          objectId,
          senderId,
          keyId,
          type: objectType.instance,
          bytes,
          sha256: Buffer.from(sha256).toString('hex'),
          sessionCounter: 0,
          sessionRandom: 0,
          sequence: 0,
          repairedSymbols: 0,
          document: undefined,
        });
        return true;
      }
    }
    return false;
  }
}
