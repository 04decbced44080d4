/**
 * The vault: every instance that arrived whole, durable, named by its object id.
 *
 *   incoming/   objects that are being assembled
 *   objects/    whole and verified; each has its row in the ledger
 *   releasable/ copies of objects with a preamble of zeros, which go out in their place; copying/ what is being copied
 *   orphans/    files that no row and no key explains; damaged/  what is left of files that are collected again
 *   staging/    folders of studies on their way into the inbox
 *
 * All of it is on one file system with the inbox, so that a release is links and a single rename.
 */
import { dirname, join } from 'node:path';
import type { Disk } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';
import { ObjectFolder } from '../../shared/object-folder.ts';
import type { ObjectClaim } from '../assemble/kept-state.ts';
import { Incoming } from './incoming.ts';
import { type CopiedFile, copyWithZeroPreamble } from './preamble-copy.ts';
import { Staging } from './staging.ts';

export class Vault {
  readonly incoming: Incoming;
  readonly objects: ObjectFolder;
  readonly staging: Staging;
  readonly #folder: string;
  readonly #copies: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#copies = join(folder, 'releasable');
    this.#disk = disk;
    this.incoming = new Incoming(join(folder, 'incoming'), disk);
    this.objects = new ObjectFolder(join(folder, 'objects'), disk);
    this.staging = new Staging(join(folder, 'staging'), disk);
    disk.makeFolder(this.#copies);
    // What an earlier run was copying.
    disk.removeFolder(join(folder, 'copying'));
    disk.makeFolder(join(folder, 'copying'));
  }

  /**
   * Makes whole objects durable under their own names. Group them: each sync costs about a millisecond. All
   * names are in one folder, so that a group costs one sync for its names.
   * @param content whether {@link Incoming.syncLater} has been through with all of them
   */
  keep(claims: readonly ObjectClaim[], content: 'synced' | 'unsynced' = 'unsynced'): void {
    for (const claim of claims) this.incoming.finish(claim, content);
    for (const claim of claims) this.incoming.moveTo(claim, this.objects.pathOf(claim.objectId));
    this.#disk.syncFolder(this.objects.path);
  }

  /** Moves a whole object that has no row back to where it was assembled. */
  takeBack(claim: ObjectClaim): void {
    this.incoming.takeBack(claim, this.objects.pathOf(claim.objectId));
  }

  /** Sets aside a file that is not what it should be; does nothing if there is none. */
  setAside(folder: 'orphans' | 'damaged', name: string): void {
    const path = join(this.objects.path, name);
    if (this.#disk.facts(path) === undefined) return;
    const target = join(this.#folder, folder);
    this.#disk.makeFolder(target);
    this.#disk.rename(path, join(target, name));
    this.#disk.syncFolder(target);
  }

  hasObject(objectId: string): boolean {
    return this.#disk.facts(this.objects.pathOf(objectId)) !== undefined;
  }

  /** Path of the copy that goes out in place of an object: see outgoing.ts. */
  copyPath(objectId: string): string {
    return join(this.#copies, objectId);
  }

  hasCopy(objectId: string, bytes: number): boolean {
    const facts = this.#disk.facts(this.copyPath(objectId));
    return facts?.kind === 'file' && facts.bytes === bytes;
  }

  /** Copies an object in steps of a few MB; then the copy is kept or discarded. Only one copy of an object at a time. */
  copyWithZeroPreamble(objectId: string): Generator<void, CopiedFile> {
    return copyWithZeroPreamble(this.#disk, this.objects.pathOf(objectId), this.#copyingPath(objectId));
  }

  keepCopy(objectId: string): void {
    const path = this.copyPath(objectId);
    this.#disk.rename(this.#copyingPath(objectId), path);
    this.#disk.syncFolder(dirname(path));
  }

  discardCopy(objectId: string): void {
    this.#disk.remove(this.#copyingPath(objectId));
  }

  removeCopy(objectId: string): void {
    this.#disk.remove(this.copyPath(objectId));
  }

  /** Deletes objects along with their copies. Links in the inbox are not touched. */
  removeObjects(objectIds: readonly string[]): void {
    for (const refused of this.removeWhatCanGo(objectIds).values()) throw refused;
  }

  /**
   * The same, but one that can't be deleted does not keep the others. All together cost two syncs.
   * @returns the reasons, by object id, for those that may still be there
   */
  removeWhatCanGo(objectIds: readonly string[]): ReadonlyMap<string, DiodeError> {
    const refusals = new Map<string, DiodeError>();
    const attempt = (some: readonly string[], act: () => void) => {
      try {
        act();
      } catch (error) {
        if (!(error instanceof DiodeError)) throw error;
        for (const objectId of some) refusals.set(objectId, error);
      }
    };
    for (const objectId of objectIds)
      attempt([objectId], () => {
        // The object goes last: by its name the rest is found again.
        for (const path of [this.copyPath(objectId), this.objects.pathOf(objectId)]) this.#disk.remove(path);
      });
    const removed = objectIds.filter((objectId) => !refusals.has(objectId));
    if (removed.length === 0) return refusals;
    attempt(removed, () => {
      for (const folder of [this.#copies, this.objects.path]) this.#disk.syncFolder(folder);
    });
    return refusals;
  }

  /** Object ids of all files in objects/, to compare with the ledger. */
  storedObjects(): string[] {
    return this.#disk.list(this.objects.path);
  }

  freeBytes(): { free: number; total: number } {
    return this.#disk.freeBytes(this.#folder);
  }

  #copyingPath(objectId: string): string {
    return join(this.#folder, 'copying', objectId);
  }
}
