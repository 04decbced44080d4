/**
 * The vault's staging/: folders of studies on their way into the inbox. A release is a single rename of such a folder; a
 * restart finds what was under way.
 *
 * Where the file system can, files in them share their blocks with those in the vault, so that changing one in the inbox
 * changes nothing else. Elsewhere they are hard links: one file under two names.
 */
import { dirname, join } from 'node:path';
import { assert } from '../../shared/assert.ts';
import type { Disk } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';

/** `auto`: separate files where they cost no room, otherwise hard links. `copy`: separate files, written a second time. */
export type InboxFiles = 'auto' | 'link' | 'copy';

export interface StagedFile {
  readonly from: string;
  /** Where it goes, as folders and a file name. */
  readonly path: readonly string[];
}

/** Links between two yields; a separate file is synced, which takes longer. */
const stepLinks = 512;
const stepBytes = 4 * 2 ** 20;

export class Staging {
  readonly #folder: string;
  readonly #disk: Disk;
  /** Whether the file system shares blocks: known with the first file. */
  #mayClone = true;

  constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#disk = disk;
    disk.makeFolder(folder);
  }

  /** Builds a study's folder beside the inbox, fully synced, in bounded steps. */
  *build(releaseId: number, files: Iterable<StagedFile>, how: InboxFiles): Generator<void, void> {
    const root = this.pathOf(releaseId);
    this.#disk.removeFolder(root);
    const folders = new Set<string>([root]);
    this.#disk.makeFolder(root);
    let links = 0;
    for (const { from, path } of files) {
      assert(path.length >= 1, 'a file has a name');
      const target = join(root, ...path);
      const folder = dirname(target);
      if (!folders.has(folder)) {
        this.#disk.makeFolder(folder);
        folders.add(folder);
      }
      if (how !== 'link' && this.#clone(from, target)) yield;
      else if (how === 'copy') yield* copyDurably(this.#disk, from, target);
      else {
        this.#disk.link(from, target);
        links += 1;
        if (links % stepLinks === 0) yield;
      }
    }
    for (const folder of [...folders].reverse()) this.#disk.syncFolder(folder);
    this.#disk.syncFolder(this.#folder);
  }

  pathOf(releaseId: number): string {
    return join(this.#folder, `release-${releaseId}`);
  }

  /** Removes the folder of a release that will not be done. */
  drop(releaseId: number): void {
    this.#disk.removeFolder(this.pathOf(releaseId));
  }

  has(releaseId: number): boolean {
    return this.#disk.facts(this.pathOf(releaseId)) !== undefined;
  }

  /**
   * The release itself: one rename, then both parent folders are synced.
   * @throws DiodeError E_INBOX_TAKEN if something else has the name
   */
  moveToInbox(releaseId: number, inboxFolder: string, target: string): void {
    const path = join(inboxFolder, target);
    if (this.#disk.facts(path) !== undefined) throw new DiodeError('E_INBOX_TAKEN');
    this.#disk.rename(this.pathOf(releaseId), path);
    this.settle(inboxFolder);
  }

  /** Makes renames into the inbox durable: a stop may have come between a rename and its syncs. */
  settle(inboxFolder: string): void {
    this.#disk.syncFolder(inboxFolder);
    this.#disk.syncFolder(this.#folder);
  }

  #clone(from: string, target: string): boolean {
    if (!this.#mayClone) return false;
    this.#mayClone = this.#disk.clone(from, target);
    if (this.#mayClone) {
      const file = this.#disk.open(target, 'update');
      try {
        file.sync();
      } finally {
        file.close();
      }
    }
    return this.#mayClone;
  }
}

function* copyDurably(disk: Disk, from: string, to: string): Generator<void, void> {
  const source = disk.open(from, 'read');
  try {
    const target = disk.open(to, 'create');
    try {
      const buffer = new Uint8Array(stepBytes);
      for (let offset = 0; ; ) {
        const read = source.readAt(buffer, offset);
        if (read === 0) break;
        target.writeAt(buffer.subarray(0, read), offset);
        offset += read;
        yield;
      }
      target.sync();
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}
