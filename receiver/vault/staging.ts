/**
 * The vault's staging/: folders of studies on their way into the inbox, of hard links to the vault's files. A release
 * is one rename of such a folder; a restart finds what was under way.
 */
import { dirname, join } from 'node:path';
import { assert } from '../../shared/assert.ts';
import type { Disk } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';

export class Staging {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #releasedPath: (objectId: string) => string;

  /** @param releasedPath the file that goes out for an object */
  constructor(folder: string, disk: Disk, releasedPath: (objectId: string) => string) {
    this.#folder = folder;
    this.#disk = disk;
    this.#releasedPath = releasedPath;
    disk.makeFolder(folder);
  }

  /**
   * Builds a study's folder beside the inbox: hard links to the vault's files, all synced.
   * @param files where each object goes, as folders and a file name
   */
  build(releaseId: number, files: Iterable<{ objectId: string; path: readonly string[] }>): void {
    const root = this.pathOf(releaseId);
    this.#disk.removeFolder(root);
    const folders = new Set<string>([root]);
    this.#disk.makeFolder(root);
    for (const { objectId, path } of files) {
      assert(path.length >= 1, 'a file has a name');
      const target = join(root, ...path);
      const folder = dirname(target);
      if (!folders.has(folder)) {
        this.#disk.makeFolder(folder);
        folders.add(folder);
      }
      this.#disk.link(this.#releasedPath(objectId), target);
    }
    for (const folder of [...folders].reverse()) this.#disk.syncFolder(folder);
    this.#disk.syncFolder(this.#folder);
  }

  pathOf(releaseId: number): string {
    return join(this.#folder, `release-${releaseId}`);
  }

  /** Takes the folder of a release away that will not be done. */
  drop(releaseId: number): void {
    this.#disk.removeFolder(this.pathOf(releaseId));
  }

  holds(releaseId: number): boolean {
    return this.#disk.facts(this.pathOf(releaseId)) !== undefined;
  }

  /**
   * The release itself: one rename, then both parent folders are synced.
   * @throws DiodeError E_INBOX_TAKEN when something else has the name
   */
  moveToInbox(releaseId: number, inboxFolder: string, target: string): void {
    const path = join(inboxFolder, target);
    if (this.#disk.facts(path) !== undefined) throw new DiodeError('E_INBOX_TAKEN');
    this.#disk.rename(this.pathOf(releaseId), path);
    this.#disk.syncFolder(inboxFolder);
    this.#disk.syncFolder(this.#folder);
  }
}
