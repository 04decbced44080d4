/**
 * The vault's incoming/: files in which objects are assembled, named by the key and the object id that they are claimed
 * under, each with a checkpoint beside it that says which of its blocks are finished. Content is brought to disk here; the
 * name that makes an object count is given by the vault.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { assert } from '../../shared/assert.ts';
import { type Disk, type DiskFile, writeDurably } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';
import { limits } from '../../shared/wire/limits.ts';
import { claimName, type ObjectClaim, type ObjectFacts } from '../assemble/kept-state.ts';
import type { ObjectSink } from '../assemble/open-object.ts';

/** Files kept open between two blocks, and until they are synced. */
const openFilesMax = 256;
/** Suffix of the file beside one in incoming/ that says which of its blocks were finished at the last checkpoint. */
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

export class Incoming {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #openFiles = new Map<string, DiskFile>();
  /** Syncs under way, by file: the file stays open until they are done. */
  readonly #syncing = new Map<string, number>();
  /** Checkpoints whose content is being synced, by file. One that is removed here is not written. */
  readonly #checkpoints = new Map<string, Uint8Array>();
  #checkpointFailure: DiodeError | undefined;

  constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#disk = disk;
    disk.makeFolder(folder);
  }

  /**
   * A file in which an object is assembled, created with its first block.
   * @param isThere whether an earlier run left it
   */
  sink(facts: ObjectFacts, isThere = false): ObjectSink {
    // Checked now, not with its first block.
    this.pathOf(facts);
    return new IncomingSink(this, facts, isThere);
  }

  write(claim: ObjectClaim, bytes: Uint8Array, offset: number): void {
    this.#file(this.pathOf(claim)).writeAt(bytes, offset);
  }

  /** Reads what was written before. */
  readBack(claim: ObjectClaim, target: Uint8Array, offset: number): void {
    const read = this.#file(this.pathOf(claim)).readAt(target, offset);
    if (read !== target.length)
      throw new DiodeError('E_DISK', 'a file in incoming/ is shorter than what was written to it');
  }

  /** Content first, then which of its blocks are finished, as of when the sync began. */
  checkpoint(facts: ObjectFacts, finishedBlocks: Uint8Array, when: 'now' | 'later'): void {
    const path = this.pathOf(facts);
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
        // Reported with the next one: nobody is waiting for this one.
        if (!(cause instanceof DiodeError)) throw cause;
        this.#checkpointFailure = cause;
      }
    });
  }

  /**
   * Brings the content of whole objects to disk without waiting for it; several at a time share the disk's work. `done`
   * is called once, when all are through.
   */
  syncLater(claims: readonly ObjectClaim[], done: (error: DiodeError | undefined) => void): void {
    assert(claims.length > 0, 'something to sync');
    let left = claims.length;
    let failure: DiodeError | undefined;
    const oneDone = (error: DiodeError | undefined) => {
      failure ??= error;
      left -= 1;
      if (left === 0) done(failure);
    };
    for (const claim of claims) this.#syncLater(this.pathOf(claim), oneDone);
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

  /** Finishes the content of a whole object: nothing more is written to its file. */
  finish(claim: ObjectClaim, content: 'synced' | 'unsynced'): void {
    const path = this.pathOf(claim);
    if (content === 'unsynced') this.#file(path).sync();
    this.#closeFile(path);
  }

  /** Gives a finished file its other name. The caller syncs the folder of that name. */
  moveTo(claim: ObjectClaim, target: string): void {
    const path = this.pathOf(claim);
    this.#checkpoints.delete(path);
    this.#disk.rename(path, target);
    this.#disk.remove(path + stateSuffix);
  }

  /** Moves a whole object back to where it was assembled. */
  takeBack(claim: ObjectClaim, from: string): void {
    const path = this.pathOf(claim);
    this.#closeFile(path);
    this.#disk.rename(from, path);
  }

  /** Reads from an object that is whole but not kept yet. */
  read(claim: ObjectClaim, offset: number, length: number): Uint8Array {
    const part = new Uint8Array(length);
    return part.subarray(0, this.#file(this.pathOf(claim)).readAt(part, offset));
  }

  discard(claim: ObjectClaim): void {
    const path = this.pathOf(claim);
    this.#checkpoints.delete(path);
    this.#closeFile(path);
    this.#disk.remove(path);
    this.#disk.remove(path + stateSuffix);
  }

  /**
   * What an earlier run left: objects with a checkpoint are resumed, one after another; the rest is removed.
   * The hash of the whole object decides in the end, so a checkpoint need not be trusted.
   */
  *resumable(): Generator<{ readonly facts: ObjectFacts; readonly finishedBlocks: Uint8Array }> {
    const names = new Set(this.#disk.list(this.#folder));
    for (const name of names) {
      if (name.endsWith(stateSuffix)) {
        if (!names.has(name.slice(0, -stateSuffix.length))) this.#disk.remove(join(this.#folder, name));
        continue;
      }
      const state = names.has(name + stateSuffix) ? this.#readState(join(this.#folder, name)) : undefined;
      if (state !== undefined && claimName(state.facts) === name) {
        yield state;
        continue;
      }
      this.#disk.remove(join(this.#folder, name));
      this.#disk.remove(join(this.#folder, name + stateSuffix));
    }
  }

  #readState(objectPath: string): { facts: ObjectFacts; finishedBlocks: Uint8Array } | undefined {
    const path = objectPath + stateSuffix;
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

  /** Where an object is assembled: for a thread that reads it once it is whole. */
  pathOf(claim: ObjectClaim): string {
    assert(/^[0-9a-f]{32}$/.test(claim.objectId), 'an object id is no path');
    return join(this.#folder, claimName(claim));
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

  /** All except those being synced, which are few: one group, and the checkpoints of large objects. */
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

/** Thousands of these may wait for a later pass, so each is as small as possible. */
class IncomingSink implements ObjectSink {
  readonly #incoming: Incoming;
  readonly #facts: ObjectFacts;
  #hasFile: boolean;

  constructor(incoming: Incoming, facts: ObjectFacts, hasFile: boolean) {
    this.#incoming = incoming;
    this.#facts = facts;
    this.#hasFile = hasFile;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#hasFile = true;
    this.#incoming.write(this.#facts, bytes, offset);
  }

  read(target: Uint8Array, offset: number): void {
    this.#incoming.readBack(this.#facts, target, offset);
  }

  discard(): void {
    // If each datagram begins a new object, most have no file, and looking for one would take the most time.
    if (this.#hasFile) this.#incoming.discard(this.#facts);
  }

  checkpoint(finishedBlocks: Uint8Array, when: 'now' | 'later'): void {
    this.#incoming.checkpoint(this.#facts, finishedBlocks, when);
  }
}
