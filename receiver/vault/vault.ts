/**
 * The vault: every instance that arrived whole, durable, named by its object id.
 *
 *   incoming/   objects that are being put together
 *   objects/    whole and verified; each has its row in the ledger
 *   releasable/ copies of objects with another preamble, where that is what goes out
 *   orphans/    files that no row and no key explains; damaged/  what is left of files that are collected again
 *   staging/    folders of studies on their way into the inbox
 *
 * All of it is on one file system with the inbox, so that a release is links and one rename.
 */
import { dirname, join } from 'node:path';
import type { Disk } from '../../shared/disk.ts';
import { ObjectFolder } from '../../shared/object-folder.ts';
import { Incoming } from './incoming.ts';
import { copyWithZeroPreamble } from './preamble-copy.ts';
import { Staging } from './staging.ts';

export class Vault {
  readonly incoming: Incoming;
  readonly objects: ObjectFolder;
  readonly staging: Staging;
  readonly #folder: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#disk = disk;
    this.incoming = new Incoming(join(folder, 'incoming'), disk);
    this.objects = new ObjectFolder(join(folder, 'objects'), disk);
    this.staging = new Staging(join(folder, 'staging'), disk, (objectId) => this.releasedPath(objectId));
    disk.makeFolder(join(folder, 'releasable'));
  }

  /**
   * Makes whole objects durable under their own names. Group them: each sync costs about a millisecond. All
   * names are in one folder, so that a group costs one sync for its names.
   * @param content whether {@link Incoming.syncLater} has been through with all of them
   */
  keep(objectIds: readonly string[], content: 'synced' | 'unsynced' = 'unsynced'): void {
    for (const objectId of objectIds) this.incoming.finish(objectId, content);
    for (const objectId of objectIds) this.incoming.moveTo(objectId, this.objects.pathOf(objectId));
    this.#disk.syncFolder(this.objects.path);
  }

  /** Moves a whole object that has no row back to where it was put together. */
  takeBack(objectId: string): void {
    this.incoming.takeBack(objectId, this.objects.pathOf(objectId));
  }

  /** Keeps a file apart that is not what it should be; nothing happens when there is none. */
  setAside(folder: 'orphans' | 'damaged', name: string, from: 'objects' | 'incoming'): void {
    const path = join(this.#folder, from, name);
    if (this.#disk.facts(path) === undefined) return;
    if (from === 'incoming') this.incoming.close(name);
    const target = join(this.#folder, folder);
    this.#disk.makeFolder(target);
    this.#disk.rename(path, join(target, name));
    this.#disk.syncFolder(target);
  }

  hasObject(objectId: string): boolean {
    return this.#disk.facts(this.objects.pathOf(objectId)) !== undefined;
  }

  /** The file that goes out for an object: itself, or a copy with a preamble of zeros. */
  releasedPath(objectId: string): string {
    const copy = this.#releasablePath(objectId);
    return this.#disk.facts(copy) === undefined ? this.objects.pathOf(objectId) : copy;
  }

  hasReleasable(objectId: string): boolean {
    return this.#disk.facts(this.#releasablePath(objectId)) !== undefined;
  }

  /** Makes the copy that goes out, in steps of a few MB. @returns its SHA-256 */
  *zeroPreamble(objectId: string): Generator<void, string> {
    const copy = this.#releasablePath(objectId);
    const sha256 = yield* copyWithZeroPreamble(this.#disk, this.objects.pathOf(objectId), `${copy}.partial`);
    this.#disk.rename(`${copy}.partial`, copy);
    this.#disk.syncFolder(dirname(copy));
    return sha256;
  }

  /** Deletes objects with the copies of them. Links in the inbox are not touched. */
  removeObjects(objectIds: readonly string[]): void {
    const paths = objectIds.flatMap((id) => [this.#releasablePath(id), this.objects.pathOf(id)]);
    for (const path of paths) this.#disk.remove(path);
    for (const folder of new Set(paths.map((path) => dirname(path)))) this.#disk.syncFolder(folder);
  }

  /** Object ids of all files in objects/, to compare with the ledger. */
  storedObjects(): string[] {
    return this.#disk.list(this.objects.path);
  }

  freeBytes(): { free: number; total: number } {
    return this.#disk.freeBytes(this.#folder);
  }

  #releasablePath(objectId: string): string {
    return join(this.#folder, 'releasable', objectId);
  }
}
