/**
 * What is done with instances that came whole: looked at, brought to the disk in groups, given their name and their
 * row. Only then one counts as finished; one that the disk or the ledger refused comes again with a later pass.
 */
import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import { type InstanceHeader, readInstanceHeaderFromFile } from '../../shared/dicom/instance-header.ts';
import { DiodeError, storageCodes } from '../../shared/errors.ts';
import type { AssembledObject, Assembler } from '../assemble/assembler.ts';
import { type GatePolicy, inspectInstance } from '../gate/inspect.ts';
import { hashPatient } from '../gate/patients.ts';
import type { Inspected } from '../ledger/holds.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Studies } from '../studies/studies.ts';
import type { Vault } from '../vault/vault.ts';

/** Syncs begin no sooner one after the other, and for no larger groups. A whole object on an idle link does not wait. */
const groupGapMs = 25;
const groupObjects = 64;
/** Whole objects that wait at most: a disk that keeps none of them is behind, and nothing more is taken. */
const waitingObjectsMax = 1024;

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

export interface InstanceKeepingOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly gate: GatePolicy;
  /** 32 bytes: of patients only hashes under this key leave the files. */
  readonly patientKey: Uint8Array;
  readonly assembler: Assembler;
  readonly studies: Studies;
  /** What an instance is held for until it was looked at further. */
  readonly initialHold: string | undefined;
  readonly onKept: (rows: readonly InstanceRecord[]) => void;
  /** The disk or the ledger refused a group. */
  readonly onRefused: () => void;
}

export class InstanceKeeping {
  readonly #options: InstanceKeepingOptions;
  readonly #group: AssembledObject[] = [];
  /** The group whose content is on its way to the disk, and whether it is there. */
  #syncing: SyncingGroup | undefined;
  /** When the last sync began. */
  #groupedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: InstanceKeepingOptions) {
    this.#options = options;
  }

  add(object: AssembledObject): void {
    this.#group.push(object);
  }

  /** Whether so much waits for the disk that nothing more is to be received now. */
  get backedUp(): boolean {
    return this.#group.length >= waitingObjectsMax;
  }

  /** Whether whole objects wait to be kept: their sync ends beside this thread, and a few of its turns later. */
  get isKeeping(): boolean {
    return this.#syncing !== undefined || this.#group.length > 0;
  }

  /** Keeps what is synced, and begins with the next group when it is due. */
  step(): void {
    this.#keepSynced();
    const now = this.#options.clock.monotonicMs();
    const groupIsDue = this.#group.length >= groupObjects || now - this.#groupedAtMs >= groupGapMs;
    if (this.#group.length > 0 && groupIsDue && this.#syncing === undefined) {
      this.#groupedAtMs = now;
      this.#syncGroup();
    }
    this.#keepSynced();
  }

  /** Keeps everything that waits: before a stop. */
  flush(): void {
    const waiting = [...(this.#syncing?.objects ?? []), ...this.#group.splice(0)];
    this.#syncing = undefined;
    if (waiting.length > 0) this.#keep(waiting, 'unsynced');
  }

  /** Begins with the content of a group: what takes long goes on beside everything else. */
  #syncGroup(): void {
    const objects = this.#group.splice(0, groupObjects);
    const syncing: SyncingGroup = { objects, isThrough: false, failure: undefined };
    this.#syncing = syncing;
    this.#options.vault.incoming.syncLater(
      objects.map((object) => object.objectId),
      (failure) => {
        syncing.isThrough = true;
        syncing.failure = failure;
      },
    );
  }

  #keepSynced(): void {
    if (this.#syncing?.isThrough !== true) return;
    const { objects, failure } = this.#syncing;
    this.#syncing = undefined;
    this.#keep(objects, 'synced', failure);
  }

  /** File content, names and rows of a group become durable: in this order. */
  #keep(
    group: readonly AssembledObject[],
    content: 'synced' | 'unsynced',
    failure: DiodeError | undefined = undefined,
  ): void {
    const { ledger, vault, clock, alarms, assembler, studies, onKept, onRefused } = this.#options;
    const stored = alarms.during('vault', storageCodes, () => {
      if (failure !== undefined) throw failure;
      const seen = this.#unknownOf(group.map((object) => this.#inspect(object)));
      vault.keep(
        seen.map(({ row }) => row.objectId),
        content,
      );
      ledger.transaction(() => {
        for (const { row, inspected } of seen) {
          // Asked before: what is entered is not awaited any more.
          if (!studies.isListed(row.objectId))
            ledger.studies.begin(row.senderId, row.studyUid, clock.wallMs());
          if (ledger.instances.enter(row, clock.wallMs())) ledger.holds.enter(inspected);
        }
      });
      // A file that was lost is back in its place; its study went on without it.
      return seen.filter(({ row }) => !ledger.files.cameBack(row.objectId));
    });
    if (stored === undefined) {
      // Not known to be durable, so not finished: they come again with a later pass.
      onRefused();
      for (const object of group) assembler.unfinish(object.objectId);
      return;
    }
    onKept(stored.map(({ row }) => row));
  }

  /** Leaves out what is here under another object id: see known-content.ts. */
  #unknownOf(seen: readonly Seen[]): Seen[] {
    const { ledger, vault } = this.#options;
    return seen.filter(({ row }) => {
      const knownAs = ledger.knownContent.objectIdOf(row.senderId, row);
      if (knownAs === undefined) return true;
      ledger.knownContent.enter(row.objectId, knownAs);
      vault.incoming.discard(row.objectId);
      return false;
    });
  }

  /** Looks at an instance before it counts as anything. What can't be read is kept and held, never lost. */
  #inspect(object: AssembledObject): Seen {
    const { objectId, senderId, bytes, sha256, repairedSymbols } = object;
    const { vault, gate, patientKey, initialHold } = this.#options;
    const readAt = (offset: number, length: number) => vault.incoming.read(objectId, offset, length);
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
      heldBecause: codes[0] ?? initialHold,
      releasedRevision: undefined,
    };
    const patient = header === undefined ? {} : hashPatient(header.patient, patientKey);
    const sopClassUid = header?.sopClassUid;
    return { row, inspected: { objectId, sopClassUid, reasons: codes, preamble, zeroPreamble, patient } };
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
