/**
 * The spool: what the sender took in, durable until it expires. A file in it is named by its object id,
 * never by anything a file says about itself, and was written by this program: nobody else has it open.
 *
 *   importing/  being copied from a CD or the like, by the command line
 *   arriving/   being copied from the watch folder, coming from a scanner, or imported; not yet in the ledger
 *   objects/    in the ledger, sent from here
 *   rejected/   what can't be taken, under its code
 *
 * A file is entered in three durable steps: content synced, name in objects/ synced, ledger row committed.
 * After a power cut between them, {@link Spool.leftovers} or `reconcile.ts` finds it again.
 */
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Disk } from '../../shared/disk.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { ObjectFolder } from '../../shared/object-folder.ts';
import { fieldText } from '../../shared/program/event-catalogue.ts';
import { EventGroups } from '../../shared/program/event-groups.ts';
import { type Priority, priority } from '../../shared/wire/manifest.ts';
import type { InstanceRow } from '../ledger/instance-records.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import { type RejectedBounds, RejectedFolder } from './rejected-folder.ts';

const leftoversMax = 10_000;
/** Suffix of a file that is arriving over the network. */
const unfinished = '.unfinished';
/** Suffix of a copy whose source is still where it came from. */
const partial = '.partial';

/** An instance whose file is in arriving/, hashed and planned, ready to be entered. */
export interface PreparedInstance {
  readonly arrivingPath: string;
  readonly row: InstanceRow;
  /** Whether the content is already durable: syncing it again costs a disk flush. */
  readonly isSynced?: boolean;
}

/** The outcome for a group. Each member is in one of the three: new, already there, or failed by itself. */
export interface EnterOutcome {
  readonly entered: readonly InstanceRow[];
  readonly duplicates: number;
  /** Their files are where they were. */
  readonly failed: ReadonlyMap<PreparedInstance, DiodeError>;
}

export class Spool {
  readonly objects: ObjectFolder;
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #ledger: SenderLedger;
  readonly #rejected: RejectedFolder;
  readonly #runningMs: () => number;

  /** @param options `runningMs`: the sender's running time, by which the queue's age is counted */
  constructor(options: {
    folder: string;
    rejectedFolder?: string;
    disk: Disk;
    ledger: SenderLedger;
    rejectedBounds?: RejectedBounds;
    runningMs?: () => number;
  }) {
    this.#runningMs = options.runningMs ?? (() => 0);
    this.#folder = options.folder;
    this.#disk = options.disk;
    this.#ledger = options.ledger;
    this.objects = new ObjectFolder(join(options.folder, 'objects'), options.disk);
    for (const name of ['importing', 'arriving']) this.#disk.makeFolder(join(this.#folder, name));
    this.#rejected = new RejectedFolder(
      options.rejectedFolder ?? join(options.folder, 'rejected'),
      options.disk,
      this.#runningMs,
      options.rejectedBounds,
    );
  }

  /** The study of an object has expired. */
  removeObject(objectId: string): void {
    this.#disk.remove(this.objects.pathOf(objectId));
  }

  /** Moves a file that has no row back to arriving/, to be taken in as if it had just come. */
  takeUp(objectId: string): void {
    this.#disk.rename(this.objects.pathOf(objectId), this.arrivingPath(priority.routine));
  }

  /** A new name in arriving/. It includes the priority, which is then known after a restart. */
  arrivingPath(urgency: Priority): string {
    const name = `${randomBytes(8).toString('hex')}.${urgency === priority.stat ? 'stat' : 'routine'}`;
    return join(this.#folder, 'arriving', name);
  }

  /** A new name in importing/ for a copy that another process makes; once complete and synced, it is renamed into arriving/. */
  importPath(): string {
    return join(this.#folder, 'importing', randomBytes(8).toString('hex'));
  }

  /** Removes copies that an import left unfinished before then. */
  dropImports(beforeMs: number): void {
    const folder = join(this.#folder, 'importing');
    for (const path of this.#disk.list(folder).map((name) => join(folder, name))) {
      if ((this.#disk.facts(path)?.modifiedMs ?? beforeMs) < beforeMs) this.#disk.remove(path);
    }
  }

  /** Names of complete files in arriving/: what a stop left, what failed for a temporary reason, and what was imported. */
  arrivedNames(): string[] {
    return this.#disk.list(join(this.#folder, 'arriving')).filter((name) => /\.(stat|routine)$/.test(name));
  }

  /** The files with these names, no more than are taken in at once. */
  arrived(): { path: string; priority: Priority }[] {
    return this.arrivedNames()
      .slice(0, leftoversMax)
      .map((name) => ({
        path: join(this.#folder, 'arriving', name),
        priority: name.endsWith('.stat') ? priority.stat : priority.routine,
      }));
  }

  /** A new name in arriving/ for a file that is not complete yet. */
  unfinishedPath(): string {
    return join(this.#folder, 'arriving', `${randomBytes(8).toString('hex')}${unfinished}`);
  }

  /** Removes what a stop left unfinished. Call it before the first {@link unfinishedPath}. */
  dropUnfinished(): void {
    const arriving = join(this.#folder, 'arriving');
    for (const name of this.#disk.list(arriving))
      if (name.endsWith(unfinished)) this.#disk.remove(join(arriving, name));
  }

  /** A new name in arriving/ for the copy of a file that stays where it is until the copy is entered. */
  copyPath(): string {
    return join(this.#folder, 'arriving', `${randomBytes(8).toString('hex')}${partial}`);
  }

  /** Removes a file that was not entered because another copy is kept. */
  discard(path: string): void {
    this.#disk.remove(path);
  }

  /**
   * Enters instances: all except the failed ones are durable when it returns. A file that can't be synced or moved, or whose
   * row the ledger refuses, fails by itself.
   */
  enter(batch: readonly PreparedInstance[]): EnterOutcome {
    const failed = new Map<PreparedInstance, DiodeError>();
    for (const prepared of batch) attempt(failed, prepared, () => this.#place(prepared));
    const placed = batch.filter((prepared) => !failed.has(prepared));
    // All names are in one folder, so that a group costs one sync for its names.
    if (placed.length > 0) attemptAll(failed, placed, () => this.#disk.syncFolder(this.objects.path));
    const durable = placed.filter((prepared) => !failed.has(prepared));
    const entered = this.#enterRows(durable, failed);
    this.#takeBack([...failed.keys()]);
    return { entered, duplicates: batch.length - failed.size - entered.length, failed };
  }

  #place({ arrivingPath, row, isSynced }: PreparedInstance): void {
    if (isSynced !== true) this.#sync(arrivingPath);
    if (this.#ledger.instances.hasContent(row.sha256, row.sopInstanceUid)) this.#disk.remove(arrivingPath);
    else this.#disk.rename(arrivingPath, this.objects.pathOf(row.objectId));
  }

  /** One transaction for all; if it is refused, one for each: a row that is refused does not affect the others. */
  #enterRows(batch: readonly PreparedInstance[], failed: Map<PreparedInstance, DiodeError>): InstanceRow[] {
    try {
      return this.#ledger.transaction(() => {
        const rows = batch.map(({ row }) => row).filter((row) => this.#enterRow(row));
        this.#enterEvents(rows);
        return rows;
      });
    } catch (error) {
      if (!(error instanceof DiodeError)) throw error;
    }
    const entered: InstanceRow[] = [];
    for (const prepared of batch) {
      attempt(failed, prepared, () => {
        const isNew = this.#ledger.transaction(() => {
          const isEntered = this.#enterRow(prepared.row);
          if (isEntered) this.#enterEvents([prepared.row]);
          return isEntered;
        });
        if (isNew) entered.push(prepared.row);
      });
    }
    return entered;
  }

  /** One for each study of the group, and scanner that it came from. */
  #enterEvents(rows: readonly InstanceRow[]): void {
    const groups = new EventGroups();
    for (const { studyUid, bytes, aeTitles } of rows) {
      const scanner = aeTitles?.calling;
      groups.add({
        kind: 'taken-in',
        studyUid,
        ...(scanner !== undefined && { scanner: fieldText(scanner) }),
        instances: 1,
        bytes,
      });
    }
    groups.enterInto(this.#ledger.events, Math.max(0, ...rows.map(({ takenAtMs }) => takenAtMs)));
  }

  /** @returns whether it is new */
  #enterRow(row: InstanceRow): boolean {
    if (!this.#ledger.instances.hasContent(row.sha256, row.sopInstanceUid))
      return this.#ledger.instances.enter(row, this.#runningMs());
    this.#ledger.instances.learnAeTitles(row);
    return false;
  }

  /** A name in rejected/ for a scanner's file that can't be taken in. @throws DiodeError E_REJECTED_FULL */
  rejectedPath(bytes: number, relativePath: string, code: ErrorCode): string {
    return this.#rejected.placeFor(bytes, relativePath, code);
  }

  /** A file is in rejected/, complete and synced: its name is made durable, and it is counted. */
  rejected(path: string, bytes: number, code: ErrorCode, atMs: number): void {
    try {
      this.#disk.syncFolder(dirname(path));
      this.#ledger.transaction(() => {
        this.#ledger.counters.add(code);
        this.#ledger.events.enter({ kind: 'rejected', code, files: 1 }, atMs);
      });
    } catch (error) {
      // It is tried again from its source, and must not be here twice.
      this.#disk.remove(path);
      throw error;
    }
    this.#rejected.added(bytes);
  }

  /** Files that a stop left between two steps: to be taken in again as if they had just come. */
  leftovers(): { path: string; priority: Priority }[] {
    const arriving = join(this.#folder, 'arriving');
    for (const name of this.#disk.list(arriving)) {
      // A copy that a stop interrupted: the complete file is still where it came from.
      if (name.endsWith(partial)) this.#disk.remove(join(arriving, name));
    }
    return this.arrived();
  }

  freeBytes(): { free: number; total: number } {
    return this.#disk.freeBytes(this.#folder);
  }

  /** Failed files wait in arriving/ again. What can't be moved now is found at the next start. */
  #takeBack(batch: readonly PreparedInstance[]): void {
    for (const { arrivingPath, row } of batch) {
      try {
        if (!this.#ledger.objects.has(row.objectId) && this.objects.has(row.objectId, row.bytes))
          this.#disk.rename(this.objects.pathOf(row.objectId), arrivingPath);
      } catch (error) {
        if (!(error instanceof DiodeError)) throw error;
      }
    }
  }

  #sync(path: string): void {
    const file = this.#disk.open(path, 'update');
    try {
      file.sync();
    } finally {
      file.close();
    }
  }
}

function attempt(
  failed: Map<PreparedInstance, DiodeError>,
  prepared: PreparedInstance,
  act: () => void,
): void {
  attemptAll(failed, [prepared], act);
}

function attemptAll(
  failed: Map<PreparedInstance, DiodeError>,
  batch: readonly PreparedInstance[],
  act: () => void,
): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    for (const prepared of batch) failed.set(prepared, error);
  }
}
