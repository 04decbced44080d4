/**
 * The high side behind its link: assemble → gate → vault → studies → inbox, with everything it needs
 * handed in, so that a simulation runs exactly this. It is driven by two calls: `receive` for each admitted
 * datagram, and `step` often. Work that costs disk syncs is grouped in `step`.
 */
import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import { type InstanceHeader, readInstanceHeaderFromFile } from '../../shared/dicom/instance-header.ts';
import type { Disk } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { type AssembledObject, Assembler } from '../assemble/assembler.ts';
import { Clearance, type MalwareScanner } from '../clearance/clearance.ts';
import { type GatePolicy, inspectInstance } from '../gate/inspect.ts';
import { hashPatient } from '../gate/patients.ts';
import type { Inspected } from '../ledger/holds.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { ReleaseRecord } from '../ledger/release-records.ts';
import { Releaser, type ReleaserOptions } from '../release/release.ts';
import { Studies } from '../studies/studies.ts';
import type { VaultReconciliation } from '../vault/reconcile.ts';
import type { SpillArea } from '../vault/spill.ts';
import type { Vault } from '../vault/vault.ts';
import { HoldAlarms } from '../watch/hold-alarms.ts';
import type { LowSideMarks } from '../watch/low-side-alarms.ts';
import { SenderWatch } from '../watch/sender-watch.ts';
import { ControlDocuments, diskCodes } from './control-documents.ts';
import { loadFinished, resumeCollecting } from './earlier-life.ts';
import { VaultWatch } from './vault-watch.ts';

export interface ReceptionOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  /** The disk of the vault. */
  readonly disk: Disk;
  readonly spill: SpillArea;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly code: ErasureCode;
  readonly parameters: LinkParameters;
  readonly secrets: ReadonlyMap<number, Uint8Array>;
  /** Undefined where releases go to destinations only. */
  readonly inboxFolder: string | undefined;
  readonly partialFolder: string;
  readonly memoryBytes: number;
  readonly openObjectsMax: number;
  readonly deadlineMs: number;
  readonly unclaimedMs: number;
  readonly silenceMs: number;
  readonly gate: GatePolicy;
  /** 32 bytes: of patients only hashes under this key leave the files. */
  readonly patientKey: Uint8Array;
  readonly scanner?: MalwareScanner | undefined;
  /**
   * Whether the vault has room for an object of this size. What a study waits for that is here in part may take
   * from the reserve.
   */
  readonly hasRoom: (bytes: number, awaited: boolean) => boolean;
  readonly lowSide: LowSideMarks;
  readonly onReconciled?: ((found: VaultReconciliation) => void) | undefined;
  readonly onReleased: (release: ReleaseRecord) => void;
  /** As of the releaser. */
  readonly onMarked?: ReleaserOptions['onMarked'];
}

/** Syncs begin no sooner one after the other, and for no larger groups. A whole object on an idle link does not wait. */
const groupGapMs = 25;
const groupObjects = 64;
/** Whole objects that wait at most: a disk that keeps none of them is behind, and nothing more is taken. */
const waitingObjectsMax = 1024;
const watchIntervalMs = 1000;
const retryIntervalMs = 5000;
/** After the ledger refused something it is left alone for so long. */
const refusedWaitMs = 200;

/** An instance that was looked at, and not stored yet. */
interface Seen {
  readonly row: InstanceRecord;
  readonly inspected: Inspected;
}

interface SyncingGroup {
  readonly objects: readonly AssembledObject[];
  isThrough: boolean;
  failure: DiodeError | undefined;
}

export class Reception {
  readonly assembler: Assembler;
  readonly studies: Studies;
  readonly releaser: Releaser;
  readonly senders: SenderWatch;
  readonly vaultWatch: VaultWatch;
  readonly #clearance: Clearance;
  readonly #holdAlarms: HoldAlarms;
  readonly #options: ReceptionOptions;
  readonly #group: AssembledObject[] = [];
  readonly #documents: ControlDocuments;
  /** The group whose content is on its way to the disk, and whether it is there. */
  #syncing: SyncingGroup | undefined;
  #secrets: ReadonlyMap<number, Uint8Array>;
  #isStarted = false;
  /** When the last sync began. */
  #groupedAtMs = Number.NEGATIVE_INFINITY;
  /** A step broke off in the middle. */
  #isBehind = false;
  #stepAgainAtMs = Number.NEGATIVE_INFINITY;
  #watchedAtMs = 0;
  #retriedAtMs = 0;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    const { ledger, vault, clock, alarms, parameters } = options;
    this.assembler = new Assembler({
      datagramBytes: parameters.datagramBytes,
      protection: parameters.protection,
      secrets: options.secrets,
      code: options.code,
      memoryBytes: options.memoryBytes,
      openObjectsMax: options.openObjectsMax,
      spill: options.spill,
      sinkFor: (facts) =>
        options.hasRoom(facts.objectBytes, this.#isAwaited(facts.objectId)) ? vault.sink(facts) : undefined,
      onObject: (object) => this.#take(object),
      onProblem: (error) => alarms.raise(error.code, 'vault', error.message),
    });
    loadFinished(ledger, this.assembler);
    resumeCollecting({ ...options, assembler: this.assembler });
    this.studies = new Studies({
      ledger,
      clock,
      alarms,
      deadlineMs: options.deadlineMs,
      unclaimedMs: options.unclaimedMs,
      touchedAtMs: (objectId) => this.assembler.touchedAtMs(objectId),
    });
    this.releaser = new Releaser({ ...options });
    this.#clearance = new Clearance(options);
    this.#holdAlarms = new HoldAlarms(ledger, alarms);
    this.senders = new SenderWatch({ ...options });
    const { assembler, studies, senders } = this;
    this.#documents = new ControlDocuments({
      ledger,
      clock,
      alarms,
      assembler,
      studies,
      senders,
      onRefused: () => {
        this.#isBehind = true;
      },
    });
    this.#secrets = options.secrets;
    this.vaultWatch = new VaultWatch({
      ...options,
      assembler: this.assembler,
      secrets: () => this.#secrets,
      studies: () => this.studies,
      take: (object) => this.#take(object),
    });
    for (const { study, conflicts } of this.releaser.recover()) this.studies.released(study, conflicts);
    this.#isStarted = true;
  }

  /** Another key ring from now on. */
  useSecrets(secrets: ReadonlyMap<number, Uint8Array>): void {
    this.#secrets = secrets;
    this.assembler.useSecrets(secrets);
  }

  /** Takes one admitted datagram, which begins at `start`; the bytes are copied. */
  receive(bytes: Uint8Array, nowMs: number, start = 0): void {
    this.assembler.receive(bytes, nowMs, start);
  }

  /**
   * Goes on with what waits: verification, durability, manifests, releases, deadlines. Where the ledger refuses, it is
   * an alarm, and tried again a little later.
   * @returns whether there is more to do at once
   */
  step(): boolean {
    const { clock, alarms } = this.#options;
    if (clock.monotonicMs() < this.#stepAgainAtMs) return false;
    const more = alarms.during('ledger', diskCodes, () => this.#step());
    if (more !== undefined) return more;
    this.#isBehind = true;
    this.#stepAgainAtMs = clock.monotonicMs() + refusedWaitMs;
    return false;
  }

  #step(): boolean {
    const now = this.#options.clock.monotonicMs();
    if (this.#isBehind) {
      // What is known here may differ from what was stored when the ledger refused: only the latter counts.
      this.studies.loadAgain();
      this.#isBehind = false;
    }
    const busy = this.assembler.work();
    if (this.#syncing?.isThrough === true) this.#keepSynced(this.#syncing);
    const groupIsDue = this.#group.length >= groupObjects || now - this.#groupedAtMs >= groupGapMs;
    if (this.#group.length > 0 && groupIsDue && this.#syncing === undefined) {
      this.#groupedAtMs = now;
      this.#syncGroup();
    }
    if (this.#syncing?.isThrough === true) this.#keepSynced(this.#syncing);
    this.#documents.read();
    const copying = this.#clear();
    this.#release();
    this.vaultWatch.step();
    if (now - this.#watchedAtMs >= watchIntervalMs) {
      this.#watchedAtMs = now;
      this.studies.watchDeadlines();
      this.senders.watch();
      this.#holdAlarms.watch();
    }
    if (now - this.#retriedAtMs >= retryIntervalMs) {
      this.#retriedAtMs = now;
      for (const row of this.#options.ledger.releases.unfinished())
        this.studies.retry(row.senderId, row.studyUid);
    }
    return busy || copying;
  }

  /** Releases what is ready, at once: a person waits for it. */
  releaseReady(): void {
    this.#release();
    this.#holdAlarms.watch();
  }

  /** Collects an object anew when it comes again: its bytes are gone, and so is its row. */
  collectAgain(objectId: string): void {
    this.#options.vault.removeObjects([objectId]);
    this.assembler.unfinish(objectId);
  }

  /** Deletes the bytes of an object that is kept out from now on. */
  removeBytes(objectId: string): void {
    this.#options.vault.removeObjects([objectId]);
  }

  /** Whether so much waits for the disk that nothing more is to be received now. */
  get backedUp(): boolean {
    return this.#group.length >= waitingObjectsMax;
  }

  /** Whether whole objects wait to be kept: their sync ends beside this thread, and a few of its turns later. */
  get isKeeping(): boolean {
    return this.#syncing !== undefined || this.#group.length > 0;
  }

  /** Makes everything durable that is whole: before a stop. */
  flush(): void {
    while (this.assembler.work());
    const waiting = [...(this.#syncing?.objects ?? []), ...this.#group.splice(0)];
    this.#syncing = undefined;
    if (waiting.length > 0) this.#keep(waiting, 'unsynced');
    this.#documents.read();
    this.#clear();
    this.#release();
    this.assembler.park();
  }

  /** Whether a study that is here in part waits for an object. What an earlier life had begun counts as well. */
  #isAwaited(objectId: string): boolean {
    return !this.#isStarted || this.studies.awaits(objectId);
  }

  #take(object: AssembledObject): void {
    if (object.type === objectType.instance) {
      this.#group.push(object);
    } else {
      this.#documents.add(object);
    }
  }

  /** Begins with the content of a group: what takes long goes on beside everything else. */
  #syncGroup(): void {
    const objects = this.#group.splice(0, groupObjects);
    const syncing: SyncingGroup = { objects, isThrough: false, failure: undefined };
    this.#syncing = syncing;
    this.#options.vault.syncLater(
      objects.map((object) => object.objectId),
      (failure) => {
        syncing.isThrough = true;
        syncing.failure = failure;
      },
    );
  }

  #keepSynced({ objects, failure }: SyncingGroup): void {
    this.#syncing = undefined;
    this.#keep(objects, 'synced', failure);
  }

  /** File content, names and rows of a group become durable: in this order. */
  #keep(
    group: readonly AssembledObject[],
    content: 'synced' | 'unsynced',
    failure: DiodeError | undefined = undefined,
  ): void {
    const { ledger, vault, clock, alarms } = this.#options;
    const stored = alarms.during('vault', diskCodes, () => {
      if (failure !== undefined) throw failure;
      const seen = this.#unknownOf(group.map((object) => this.#inspect(object)));
      vault.keep(
        seen.map(({ row }) => row.objectId),
        content,
      );
      ledger.transaction(() => {
        for (const { row, inspected } of seen) {
          if (ledger.instances.enter(row, clock.wallMs())) ledger.holds.enter(inspected);
          if (!this.studies.isListed(row.objectId))
            ledger.studies.begin(row.senderId, row.studyUid, clock.wallMs());
        }
      });
      // A file that was lost is back in its place; its study went on without it.
      return seen.filter(({ row }) => !ledger.files.cameBack(row.objectId));
    });
    if (stored === undefined) {
      // Not known to be durable, so not finished: they come again with a later pass.
      this.#isBehind = true;
      for (const object of group) this.assembler.unfinish(object.objectId);
      return;
    }
    this.#clearance.add(stored.map(({ row }) => row));
    this.#clear();
  }

  /** Leaves out what is here under another object id: see known-content.ts. */
  #unknownOf(seen: readonly Seen[]): Seen[] {
    const { ledger, vault } = this.#options;
    return seen.filter(({ row }) => {
      const knownAs = ledger.knownContent.objectIdOf(row.senderId, row);
      if (knownAs === undefined) return true;
      ledger.knownContent.enter(row.objectId, knownAs);
      vault.discardIncoming(row.objectId);
      return false;
    });
  }

  /** Looks at an instance before it counts as anything. What can't be read is kept and held, never lost. */
  #inspect(object: AssembledObject): Seen {
    const { objectId, senderId, bytes, sha256, repairedSymbols } = object;
    const { vault, gate, patientKey } = this.#options;
    const readAt = (offset: number, length: number) => vault.readIncoming(objectId, offset, length);
    const { header: sound, reasons, preamble, zeroPreamble } = inspectInstance(readAt, bytes, gate);
    const header = sound ?? lenientHeader(readAt, bytes);
    const codes = [...new Set(reasons.map(({ code }) => code))];
    const row = {
      objectId,
      senderId,
      studyUid: header?.studyUid ?? '0',
      seriesUid: header?.seriesUid ?? '0',
      sopInstanceUid: header?.sopInstanceUid ?? '0',
      bytes,
      sha256,
      repairedSymbols,
      sopClassUid: header?.sopClassUid,
      modality: header?.modality,
      heldBecause: codes[0] ?? this.#clearance.initialHold,
      releasedRevision: undefined,
    };
    const patient = header === undefined ? {} : hashPatient(header.patient, patientKey);
    const sopClassUid = header?.sopClassUid;
    return { row, inspected: { objectId, sopClassUid, reasons: codes, preamble, zeroPreamble, patient } };
  }

  /** Tells the studies of what is cleared. @returns whether there is more to do at once */
  #clear(): boolean {
    const more = this.#clearance.step();
    const cleared = this.#clearance.takeCleared();
    if (cleared.length > 0) this.studies.instancesStored(cleared);
    return more;
  }

  #release(): void {
    for (const decision of this.studies.takeReady()) {
      const result = this.releaser.release(decision);
      if (result !== undefined) this.studies.released(result.study, result.conflicts);
    }
  }
}

/** A file with something wrong behind its UIDs still says which study it belongs to. */
function lenientHeader(
  readAt: (offset: number, length: number) => Uint8Array,
  bytes: number,
): InstanceHeader | undefined {
  const header = readInstanceHeaderFromFile(readAt, bytes);
  return header instanceof DiodeError ? undefined : header;
}
