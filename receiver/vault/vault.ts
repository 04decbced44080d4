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
import { z } from 'zod';
import { assert, present } from '../../shared/assert.ts';
import { type Disk, type DiskFile, writeDurably } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { ObjectFacts } from '../assemble/kept-state.ts';
import type { ObjectSink } from '../assemble/open-object.ts';
import { copyWithZeroPreamble } from './preamble-copy.ts';

/** Files kept open between two blocks, and until they are synced. */
const openFilesMax = 256;
/** Beside a file in incoming/: which of its blocks are finished, as of the last checkpoint. */
const stateSuffix = '.state';
const stateBytesMax = 1 << 20;
const stateSchema = z.strictObject({
  facts: z.strictObject({
    objectId: z.string().regex(/^[0-9a-f]{32}$/),
    senderId: z.string().regex(/^[0-9a-f]{16}$/),
    keyId: z.number().int().min(1).max(65_535),
    objectBytes: z.number().int().min(1).max(limits.objectBytesMax),
    maximumSourceSymbols: z.number().int().min(1).max(limits.sourceSymbolsMax),
  }),
  finishedBlocks: z.base64(),
});

export class Vault {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #openFiles = new Map<string, DiskFile>();
  /** Syncs that are under way, by file: it stays open until they are done. */
  readonly #syncing = new Map<string, number>();
  /** Checkpoints whose content is being synced, by file. One that is not here any more is not written. */
  readonly #checkpoints = new Map<string, Uint8Array>();
  #checkpointFailure: DiodeError | undefined;

  constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#disk = disk;
    for (const name of ['incoming', 'objects', 'releasable', 'staging']) disk.makeFolder(join(folder, name));
  }

  get objectsFolder(): string {
    return join(this.#folder, 'objects');
  }

  /** Where a whole object lies. */
  objectPath(objectId: string): string {
    return join(this.objectsFolder, objectId);
  }

  /** Whether the file of an object is there, in its size. */
  holds(objectId: string, bytes: number): boolean {
    const facts = this.#disk.facts(this.objectPath(objectId));
    return facts?.kind === 'file' && facts.bytes === bytes;
  }

  /** Moves a whole object that has no row back to where it was put together. */
  takeBack(objectId: string): void {
    const incoming = this.#incomingPath(objectId);
    this.#closeFile(incoming);
    this.#disk.rename(this.objectPath(objectId), incoming);
  }

  /** Keeps a file apart that is not what it should be; nothing happens when there is none. */
  setAside(folder: 'orphans' | 'damaged', name: string, from: 'objects' | 'incoming'): void {
    const path = join(this.#folder, from, name);
    if (this.#disk.facts(path) === undefined) return;
    this.#closeFile(path);
    const target = join(this.#folder, folder);
    this.#disk.makeFolder(target);
    this.#disk.rename(path, join(target, name));
    this.#disk.syncFolder(target);
  }

  hasObject(objectId: string): boolean {
    return this.#disk.facts(this.objectPath(objectId)) !== undefined;
  }

  /** The file that goes out for an object: itself, or a copy with a preamble of zeros. */
  releasedPath(objectId: string): string {
    const copy = this.#releasablePath(objectId);
    return this.#disk.facts(copy) === undefined ? this.objectPath(objectId) : copy;
  }

  hasReleasable(objectId: string): boolean {
    return this.#disk.facts(this.#releasablePath(objectId)) !== undefined;
  }

  /** Makes the copy that goes out, in steps of a few MB. @returns its SHA-256 */
  *zeroPreamble(objectId: string): Generator<void, string> {
    const copy = this.#releasablePath(objectId);
    const sha256 = yield* copyWithZeroPreamble(this.#disk, this.objectPath(objectId), `${copy}.partial`);
    this.#disk.rename(`${copy}.partial`, copy);
    this.#disk.syncFolder(dirname(copy));
    return sha256;
  }

  /** Deletes objects with the copies of them. Links in the inbox are not touched. */
  removeObjects(objectIds: readonly string[]): void {
    const paths = objectIds.flatMap((id) => [this.#releasablePath(id), this.objectPath(id)]);
    for (const path of paths) this.#disk.remove(path);
    for (const folder of new Set(paths.map((path) => dirname(path)))) this.#disk.syncFolder(folder);
  }

  /** A file in incoming/ that an object is put together in. */
  sink(facts: ObjectFacts): ObjectSink {
    const path = this.#incomingPath(facts.objectId);
    return {
      write: (bytes, offset) => this.#file(path).writeAt(bytes, offset),
      read: (target, offset) => {
        const read = this.#file(path).readAt(target, offset);
        if (read !== target.length)
          throw new DiodeError('E_DISK', 'a file in incoming/ is shorter than what was written');
      },
      discard: () => this.discardIncoming(facts.objectId),
      checkpoint: (finishedBlocks, when) => this.#checkpoint(path, facts, finishedBlocks, when),
    };
  }

  /** Content first, then which blocks of it are whole: as it was when the sync began. */
  #checkpoint(path: string, facts: ObjectFacts, finishedBlocks: Uint8Array, when: 'now' | 'later'): void {
    const state = { facts, finishedBlocks: Buffer.from(finishedBlocks).toString('base64') };
    const bytes = Buffer.from(JSON.stringify(state));
    if (when === 'now') {
      this.#checkpoints.delete(path);
      this.#file(path).sync();
      writeDurably(this.#disk, path + stateSuffix, bytes);
      return;
    }
    const failure = this.#checkpointFailure;
    this.#checkpointFailure = undefined;
    if (failure !== undefined) throw failure;
    if (this.#checkpoints.has(path)) return;
    this.#checkpoints.set(path, bytes);
    this.#syncLater(path, (error) => {
      if (this.#checkpoints.get(path) !== bytes) return;
      this.#checkpoints.delete(path);
      try {
        if (error !== undefined) throw error;
        writeDurably(this.#disk, path + stateSuffix, bytes);
      } catch (cause) {
        // Told with the next one: this one has nobody to tell.
        if (!(cause instanceof DiodeError)) throw cause;
        this.#checkpointFailure = cause;
      }
    });
  }

  /**
   * Brings the content of whole objects to the disk without waiting for it; several at a time share the disk's own
   * work. `done` is called once, when all are through.
   */
  syncLater(objectIds: readonly string[], done: (error: DiodeError | undefined) => void): void {
    assert(objectIds.length > 0, 'something to sync');
    let left = objectIds.length;
    let failure: DiodeError | undefined;
    const oneDone = (error: DiodeError | undefined) => {
      failure ??= error;
      left -= 1;
      if (left === 0) done(failure);
    };
    for (const objectId of objectIds) this.#syncLater(this.#incomingPath(objectId), oneDone);
  }

  #syncLater(path: string, done: (error: DiodeError | undefined) => void): void {
    this.#syncing.set(path, (this.#syncing.get(path) ?? 0) + 1);
    const through = (error: DiodeError | undefined) => {
      const left = (this.#syncing.get(path) ?? 1) - 1;
      if (left === 0) this.#syncing.delete(path);
      else this.#syncing.set(path, left);
      done(error);
    };
    try {
      this.#file(path).syncLater(through);
    } catch (error) {
      if (!(error instanceof DiodeError)) throw error;
      through(error);
    }
  }

  /** Reads from an object that is whole but still in incoming/. */
  readIncoming(objectId: string, offset: number, length: number): Uint8Array {
    const part = new Uint8Array(length);
    return part.subarray(0, this.#file(this.#incomingPath(objectId)).readAt(part, offset));
  }

  discardIncoming(objectId: string): void {
    const path = this.#incomingPath(objectId);
    this.#checkpoints.delete(path);
    this.#closeFile(path);
    this.#disk.remove(path);
    this.#disk.remove(path + stateSuffix);
  }

  /**
   * Makes whole objects durable under their own names. Group them: each sync costs about a millisecond. All
   * names are in one folder, so that a group costs one sync for its names.
   * @param content whether {@link syncLater} has been through with all of them
   */
  keep(objectIds: readonly string[], content: 'synced' | 'unsynced' = 'unsynced'): void {
    for (const objectId of objectIds) {
      const incoming = this.#incomingPath(objectId);
      if (content === 'unsynced') this.#file(incoming).sync();
      this.#closeFile(incoming);
    }
    for (const objectId of objectIds) {
      const incoming = this.#incomingPath(objectId);
      this.#checkpoints.delete(incoming);
      this.#disk.rename(incoming, this.objectPath(objectId));
      this.#disk.remove(incoming + stateSuffix);
    }
    this.#disk.syncFolder(join(this.#folder, 'objects'));
  }

  /**
   * What an earlier life left in incoming/: objects with a checkpoint are resumed, the rest is removed.
   * The hash of the whole object decides in the end, so a checkpoint need not be trusted.
   */
  resumable(): { facts: ObjectFacts; finishedBlocks: Uint8Array }[] {
    const folder = join(this.#folder, 'incoming');
    const names = this.#disk.list(folder);
    const found = names
      .filter((name) => name.endsWith(stateSuffix))
      .map((name) => ({
        name: name.slice(0, -stateSuffix.length),
        state: this.#readState(join(folder, name)),
      }))
      .filter(({ name, state }) => state?.facts.objectId === name && names.includes(name));
    const kept = new Set(found.flatMap(({ name }) => [name, name + stateSuffix]));
    for (const name of names) if (!kept.has(name)) this.#disk.remove(join(folder, name));
    return found.map(({ state }) => present(state, 'a state that was read'));
  }

  /** Object ids of all files in objects/, to compare with the ledger. */
  storedObjects(): string[] {
    return this.#disk.list(join(this.#folder, 'objects'));
  }

  /**
   * Builds a study's folder beside the inbox: hard links to the vault's files, all synced.
   * @param files where each object goes, as folders and a file name
   */
  stage(releaseId: number, files: readonly { objectId: string; path: readonly string[] }[]): void {
    const root = this.stagingPath(releaseId);
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
      this.#disk.link(this.releasedPath(objectId), target);
    }
    for (const folder of [...folders].reverse()) this.#disk.syncFolder(folder);
    this.#disk.syncFolder(join(this.#folder, 'staging'));
  }

  stagingPath(releaseId: number): string {
    return join(this.#folder, 'staging', `release-${releaseId}`);
  }

  /** Takes the folder of a release away that will not be done. */
  unstage(releaseId: number): void {
    this.#disk.removeFolder(this.stagingPath(releaseId));
  }

  isStaged(releaseId: number): boolean {
    return this.#disk.facts(this.stagingPath(releaseId)) !== undefined;
  }

  /**
   * The release itself: one rename, then both parent folders are synced.
   * @throws DiodeError E_INBOX_TAKEN when something else has the name
   */
  moveToInbox(releaseId: number, inboxFolder: string, target: string): void {
    const path = join(inboxFolder, target);
    if (this.#disk.facts(path) !== undefined) throw new DiodeError('E_INBOX_TAKEN');
    this.#disk.rename(this.stagingPath(releaseId), path);
    this.#disk.syncFolder(inboxFolder);
    this.#disk.syncFolder(join(this.#folder, 'staging'));
  }

  freeBytes(): { free: number; total: number } {
    return this.#disk.freeBytes(this.#folder);
  }

  #readState(path: string): { facts: ObjectFacts; finishedBlocks: Uint8Array } | undefined {
    const bytes = new Uint8Array(Math.min(stateBytesMax, this.#disk.facts(path)?.bytes ?? 0));
    const file = this.#disk.open(path, 'read');
    try {
      const parsed = stateSchema.safeParse(
        JSON.parse(Buffer.from(bytes.subarray(0, file.readAt(bytes, 0))).toString()),
      );
      if (!parsed.success) return undefined;
      return { facts: parsed.data.facts, finishedBlocks: Buffer.from(parsed.data.finishedBlocks, 'base64') };
    } catch {
      return undefined;
    } finally {
      file.close();
    }
  }

  #releasablePath(objectId: string): string {
    return join(this.#folder, 'releasable', objectId);
  }

  #incomingPath(objectId: string): string {
    assert(/^[0-9a-f]{32}$/.test(objectId), 'an object id is no path');
    return join(this.#folder, 'incoming', objectId);
  }

  #file(path: string): DiskFile {
    let file = this.#openFiles.get(path);
    if (file !== undefined) {
      this.#openFiles.delete(path);
    } else {
      if (this.#openFiles.size >= openFilesMax) this.#closeOldest();
      file = this.#disk.open(path, this.#disk.facts(path) === undefined ? 'create' : 'update');
    }
    this.#openFiles.set(path, file);
    return file;
  }

  /** All but those being synced, which are few: a group of them and the checkpoints of large objects. */
  #closeOldest(): void {
    for (const path of this.#openFiles.keys()) {
      if (this.#syncing.has(path)) continue;
      this.#closeFile(path);
      return;
    }
  }

  #closeFile(path: string): void {
    this.#openFiles.get(path)?.close();
    this.#openFiles.delete(path);
  }
}
