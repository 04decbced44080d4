/**
 * The spool: what the sender took in, durable until it expires. A file in it is named by its object id,
 * never by anything a file says of itself.
 *
 *   importing/  being copied from a CD or the like, by the command line
 *   arriving/   moved out of the watch folder or still coming from a scanner; not yet in the ledger
 *   objects/    in the ledger, sent from here
 *   rejected/   what can't be taken, under its code
 *
 * A file is entered in three durable steps: content synced, name in objects/ synced, ledger row committed.
 * After a power cut between them, {@link Spool.leftovers} or `reconcile.ts` finds it again.
 */
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { type Disk, isCrossDevice } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';
import { ObjectFolder } from '../../shared/object-folder.ts';
import { type Priority, priority } from '../../shared/wire/manifest.ts';
import type { InstanceRow } from '../ledger/instance-records.ts';
import type { SenderLedger } from '../ledger/ledger.ts';

const copyBytes = 1 << 20;
const leftoversMax = 10_000;
/** Ends the name of a file that is coming over the network. */
const unfinished = '.unfinished';

/** An instance whose file lies in arriving/, hashed and planned, ready to be entered. */
export interface PreparedInstance {
  readonly arrivingPath: string;
  readonly row: InstanceRow;
  /** Whether the content is durable already: syncing it once more costs a flush of the disk. */
  readonly isSynced?: boolean;
}

export class Spool {
  readonly objects: ObjectFolder;
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #ledger: SenderLedger;
  readonly #rejectedFolder: string;
  readonly #runningMs: () => number;

  /** @param options `runningMs`: the sender's running time, from which the queue's age is counted */
  constructor(options: {
    folder: string;
    rejectedFolder?: string;
    disk: Disk;
    ledger: SenderLedger;
    runningMs?: () => number;
  }) {
    this.#runningMs = options.runningMs ?? (() => 0);
    this.#folder = options.folder;
    this.#disk = options.disk;
    this.#ledger = options.ledger;
    this.#rejectedFolder = options.rejectedFolder ?? join(options.folder, 'rejected');
    this.objects = new ObjectFolder(join(options.folder, 'objects'), options.disk);
    for (const name of ['importing', 'arriving']) this.#disk.makeFolder(join(this.#folder, name));
    this.#disk.makeFolder(this.#rejectedFolder);
  }

  /** The study of an object has expired. */
  removeObject(objectId: string): void {
    this.#disk.remove(this.objects.pathOf(objectId));
  }

  /** Moves a file that has no row back to arriving/, to be taken in as if it had just come. */
  takeUp(objectId: string): void {
    this.#disk.rename(this.objects.pathOf(objectId), this.arrivingPath(priority.routine));
  }

  /** A new name in arriving/. The priority stands in it, to be there after a restart. */
  arrivingPath(urgency: Priority): string {
    const name = `${randomBytes(8).toString('hex')}.${urgency === priority.stat ? 'stat' : 'routine'}`;
    return join(this.#folder, 'arriving', name);
  }

  /** A new name in importing/ for a copy that another process makes; whole and synced, it is renamed into arriving/. */
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

  /** Names of whole files in arriving/: what a stop left, what failed for a passing reason, and what was imported. */
  arrivedNames(): string[] {
    return this.#disk.list(join(this.#folder, 'arriving')).filter((name) => /\.(stat|routine)$/.test(name));
  }

  /** The files of these names, not more than are taken up in one go. */
  arrived(): { path: string; priority: Priority }[] {
    return this.arrivedNames()
      .slice(0, leftoversMax)
      .map((name) => ({
        path: join(this.#folder, 'arriving', name),
        priority: name.endsWith('.stat') ? priority.stat : priority.routine,
      }));
  }

  /** A new name in arriving/ for a file that is not whole yet. */
  unfinishedPath(): string {
    return join(this.#folder, 'arriving', `${randomBytes(8).toString('hex')}${unfinished}`);
  }

  /** Removes what a stop left unfinished. To be called before the first {@link unfinishedPath}. */
  dropUnfinished(): void {
    const arriving = join(this.#folder, 'arriving');
    for (const name of this.#disk.list(arriving))
      if (name.endsWith(unfinished)) this.#disk.remove(join(arriving, name));
  }

  /** Moves a file of a scanner into arriving/: a rename on the same file system, else a synced copy. */
  bringIn(path: string, urgency: Priority): string {
    const target = this.arrivingPath(urgency);
    this.#move(path, target);
    return target;
  }

  /**
   * Enters instances: durable when it returns.
   * @returns the rows that are new; the others are held already, and their second file is gone
   */
  enter(batch: readonly PreparedInstance[]): InstanceRow[] {
    for (const { arrivingPath, row, isSynced } of batch) {
      if (isSynced !== true) this.#sync(arrivingPath);
      if (this.#ledger.instances.hasContent(row.sha256, row.sopInstanceUid)) this.#disk.remove(arrivingPath);
      else this.#disk.rename(arrivingPath, this.objects.pathOf(row.objectId));
    }
    // All names are in one folder, so that a group costs one sync for its names.
    if (batch.length > 0) this.#disk.syncFolder(this.objects.path);
    try {
      return this.#ledger.transaction(() =>
        batch
          .map(({ row }) => row)
          .filter((row) => {
            if (!this.#ledger.instances.hasContent(row.sha256, row.sopInstanceUid))
              return this.#ledger.instances.enter(row, this.#runningMs());
            this.#ledger.instances.learnAeTitles(row);
            return false;
          }),
      );
    } catch (error) {
      this.#takeBack(batch);
      throw error;
    }
  }

  /** Moves a file that can't be taken to rejected/ under its code, with the path it had; it is counted. */
  reject(path: string, relativePath: string, error: DiodeError): void {
    const target = this.#freeName(join(this.#rejectedFolder, error.code, relativePath));
    this.#disk.makeFolder(dirname(target));
    this.#move(path, target);
    this.#ledger.counters.add(error.code);
  }

  /** Files that a stop left between two steps: to be taken up again as if they had just come. */
  leftovers(): { path: string; priority: Priority }[] {
    const arriving = join(this.#folder, 'arriving');
    for (const name of this.#disk.list(arriving)) {
      // A copy that a stop broke off: the whole file is still where it came from.
      if (name.endsWith('.partial')) this.#disk.remove(join(arriving, name));
    }
    return this.arrived();
  }

  freeBytes(): { free: number; total: number } {
    return this.#disk.freeBytes(this.#folder);
  }

  /** The ledger refused a group: its files wait in arriving/ again. What can't be moved now is found at the next start. */
  #takeBack(batch: readonly PreparedInstance[]): void {
    for (const { arrivingPath, row } of batch) {
      try {
        if (!this.#ledger.objects.has(row.objectId) && this.objects.holds(row.objectId, row.bytes))
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

  #move(from: string, to: string): void {
    try {
      this.#disk.rename(from, to);
    } catch (error) {
      if (!isCrossDevice(error)) throw error;
      this.#copy(from, to);
      this.#disk.remove(from);
    }
  }

  #copy(from: string, to: string): void {
    const partial = `${to}.partial`;
    this.#disk.remove(partial);
    const source = this.#disk.open(from, 'read');
    const target = this.#disk.open(partial, 'create');
    try {
      const buffer = new Uint8Array(copyBytes);
      let offset = 0;
      for (let read = source.readAt(buffer, 0); read > 0; read = source.readAt(buffer, offset)) {
        target.writeAt(buffer.subarray(0, read), offset);
        offset += read;
      }
      target.sync();
    } finally {
      source.close();
      target.close();
    }
    this.#disk.rename(partial, to);
    this.#disk.syncFolder(dirname(to));
  }

  #freeName(path: string): string {
    for (let attempt = 1; attempt <= 1000; attempt += 1) {
      const name = attempt === 1 ? path : `${path}.${attempt}`;
      if (this.#disk.facts(name) === undefined) return name;
    }
    throw new DiodeError(
      'E_DISK',
      `rejected/ holds a thousand files of one name (${basename(path).length} characters)`,
    );
  }
}
