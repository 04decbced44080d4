/**
 * A disk in memory that can lose power. What was written and not synced may be gone or torn after a crash;
 * a name that was not synced with its folder may be gone or the old one. Seeded, so a run replays exactly.
 */
import { dirname } from 'node:path';
import type { Disk, DiskFile, FileFacts, ForeignFile, OpenFolder, OpenMode } from '../../shared/disk.ts';
import { type DiodeError, diskError } from '../../shared/errors.ts';
import type { Random } from '../harness/random.ts';
import { PowerSwitch } from './power-switch.ts';

interface DelayedSync {
  readonly inode: Inode;
  /** Content as it was when the sync began: what comes later is not promised. */
  readonly content: Uint8Array;
  readonly done: (error: DiodeError | undefined) => void;
}

/** Content of a file, shared by all names that link to it. */
interface Inode {
  readonly number: number;
  bytes: Uint8Array;
  length: number;
  synced: Uint8Array;
  /** It was cloned, and shares the blocks of another file: nothing here writes to such a file. */
  readonly isShared?: boolean;
}

export class SimulatedDisk implements Disk {
  /** Of the host the disk is in: every change of the disk is a step of it. */
  power = new PowerSwitch();
  /** Bytes that may be stored before the disk is full. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** Whether files may share their blocks. */
  clones = false;
  #files = new Map<string, Inode>();
  #folders = new Set<string>(['/']);
  /** The tree as it was when each folder was last synced. */
  #durable = new Map<string, Inode>();
  /** Folders that were renamed, the newest last, with those of their parents that were not synced since. */
  #renamed: { readonly from: string; readonly to: string; readonly unsynced: Set<string> }[] = [];
  #nowMs = 0;
  #inodes = 0;
  /** Decides when a sync ends that nobody waits for. Without it, each ends at once. */
  #delaying: Random | undefined;
  /** Syncs that nobody waits for and that have not ended, in their order. */
  readonly #syncing = new Set<DelayedSync>();

  /** Files below a folder with their content: what a person would find. */
  contents(folder: string): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    for (const [path, inode] of this.#files) {
      if (path.startsWith(`${folder}/`))
        found.set(path.slice(folder.length + 1), inode.bytes.subarray(0, inode.length));
    }
    return found;
  }

  /** A copy of the whole disk. */
  image(): SimulatedDisk {
    const copy = new SimulatedDisk();
    copy.capacityBytes = this.capacityBytes;
    copy.clones = this.clones;
    copy.#inodes = this.#inodes;
    copy.#folders = new Set(this.#folders);
    const inodes = new Map<Inode, Inode>();
    const copyOf = (inode: Inode) => {
      let twin = inodes.get(inode);
      if (twin === undefined) {
        twin = {
          number: inode.number,
          bytes: inode.bytes.slice(),
          length: inode.length,
          synced: inode.synced.slice(),
        };
        inodes.set(inode, twin);
      }
      return twin;
    };
    for (const [path, inode] of this.#files) copy.#files.set(path, copyOf(inode));
    for (const [path, inode] of this.#durable) copy.#durable.set(path, copyOf(inode));
    copy.#renamed = this.#renamed.map((renamed) => ({ ...renamed, unsynced: new Set(renamed.unsynced) }));
    return copy;
  }

  /** From now on a sync that nobody waits for ends in some later {@link endSyncs}. */
  delaySyncs(random: Random): void {
    this.#delaying = random;
  }

  /** Time passes: of the syncs under way some end, each in a step of its own. @throws PowerCut */
  endSyncs(): void {
    for (const sync of this.#syncing) {
      if (this.#delaying?.chance(0.5) === true) continue;
      this.power.step();
      this.#syncing.delete(sync);
      sync.inode.synced = sync.content;
      sync.done(undefined);
    }
  }

  /** The program has ended: nobody hears of its syncs any more, and how far they came is not known. */
  forgetSyncs(): void {
    this.#syncing.clear();
  }

  /**
   * Cuts the power. A folder has its old name again, unless both parents were synced or fate has it. Each file is found under the names it had last, or under those that were durable; its
   * unsynced content is torn. Folders survive: losing an empty one teaches nothing.
   */
  crash(random: Random): void {
    for (const { from, to } of this.#renamed.splice(0).reverse()) {
      if (random.chance(0.5)) break;
      if (this.#folders.has(to) && !this.#folders.has(from)) this.#moveFolder(to, from);
    }
    const survivors = new Map<string, Inode>();
    for (const inode of new Set([...this.#durable.values(), ...this.#files.values()])) {
      const names = random.chance(0.5) ? this.#files : this.#durable;
      for (const [path, found] of names) if (found === inode) survivors.set(path, inode);
    }
    // A name that was durable and replaced has the old file or the new one, never nothing.
    for (const [path, inode] of this.#durable) {
      if (this.#files.has(path) && !survivors.has(path)) survivors.set(path, inode);
    }
    for (const inode of new Set(survivors.values())) this.#tear(inode, random);
    this.#files = survivors;
    this.#durable = new Map(survivors);
  }

  makeFolder(path: string): void {
    this.power.check();
    for (let folder = path; !this.#folders.has(folder); folder = dirname(folder)) this.#folders.add(folder);
  }

  list(path: string): string[] {
    this.power.check();
    const names = new Set<string>();
    const prefix = `${path}/`;
    for (const known of [...this.#files.keys(), ...this.#folders]) {
      if (known.startsWith(prefix)) names.add(known.slice(prefix.length).split('/')[0] ?? '');
    }
    return [...names];
  }

  entries(path: string): Iterable<string> {
    return this.list(path);
  }

  facts(path: string): FileFacts | undefined {
    const inode = this.#files.get(path);
    if (inode !== undefined) return { kind: 'file', bytes: inode.length, modifiedMs: this.#nowMs };
    return this.#folders.has(path) ? { kind: 'folder', bytes: 0, modifiedMs: 0 } : undefined;
  }

  open(path: string, mode: OpenMode): DiskFile {
    let inode = this.#files.get(path);
    this.power.check();
    if (mode === 'create' || mode === 'create-private') {
      this.power.step();
      if (inode !== undefined || !this.#folders.has(dirname(path))) throw failure('EEXIST', 'opening a file');
      this.#inodes += 1;
      inode = { number: this.#inodes, bytes: new Uint8Array(0), length: 0, synced: new Uint8Array(0) };
      this.#files.set(path, inode);
    }
    if (inode === undefined) throw failure('ENOENT', 'opening a file');
    return this.#handle(inode);
  }

  openForeign(path: string): ForeignFile {
    const file = this.open(path, 'read');
    const inode = this.#files.get(path);
    return {
      readAt: (target, offset) => file.readAt(target, offset),
      close: () => file.close(),
      facts: () => ({
        kind: 'file',
        bytes: inode?.length ?? 0,
        modifiedMs: this.#nowMs,
        changedMs: this.#nowMs,
        isPrivate: false,
        isOwn: true,
        identity: String(inode?.number),
      }),
    };
  }

  openFolder(path: string): OpenFolder {
    this.power.check();
    return { path, close: () => {} };
  }

  mayChange(): boolean {
    return true;
  }

  identityOf(path: string): string | undefined {
    this.power.check();
    const inode = this.#files.get(path);
    return inode === undefined ? undefined : String(inode.number);
  }

  rename(from: string, to: string): void {
    this.power.step();
    const inode = this.#files.get(from);
    if (inode !== undefined) {
      this.#files.delete(from);
      this.#files.set(to, inode);
      return;
    }
    if (!this.#folders.has(from)) throw failure('ENOENT', 'renaming a file');
    this.#renameFolder(from, to);
  }

  link(from: string, to: string): void {
    this.power.step();
    const inode = this.#files.get(from);
    if (inode === undefined) throw failure('ENOENT', 'linking a file');
    this.#files.set(to, inode);
  }

  clone(from: string, to: string): boolean {
    this.power.step();
    const inode = this.#files.get(from);
    if (inode === undefined) throw failure('ENOENT', 'cloning a file');
    if (!this.clones) return false;
    if (this.#files.has(to)) throw failure('EEXIST', 'cloning a file');
    const bytes = inode.bytes.slice(0, inode.length);
    this.#inodes += 1;
    this.#files.set(to, {
      number: this.#inodes,
      bytes,
      length: inode.length,
      synced: new Uint8Array(0),
      isShared: true,
    });
    return true;
  }

  remove(path: string): void {
    this.power.step();
    this.#files.delete(path);
  }

  removeFolder(path: string): void {
    this.power.step();
    for (const file of [...this.#files.keys()]) if (file.startsWith(`${path}/`)) this.#files.delete(file);
    for (const folder of [...this.#folders]) {
      if (folder === path || folder.startsWith(`${path}/`)) this.#folders.delete(folder);
    }
  }

  /** Somebody makes a file shorter, whoever has it open. */
  cut(path: string, bytes: number): void {
    const inode = this.#files.get(path);
    if (inode === undefined) throw failure('ENOENT', 'cutting a file');
    inode.length = Math.min(inode.length, bytes);
  }

  /** Names directly in the folder become durable. */
  syncFolder(path: string): void {
    this.power.step();
    if (!this.#folders.has(path)) throw failure('ENOENT', 'syncing a folder');
    for (const { unsynced } of this.#renamed) unsynced.delete(path);
    this.#renamed = this.#renamed.filter(({ unsynced }) => unsynced.size > 0);
    for (const durable of [...this.#durable.keys()]) {
      if (dirname(durable) === path && !this.#files.has(durable)) this.#durable.delete(durable);
    }
    for (const [file, inode] of this.#files) if (dirname(file) === path) this.#durable.set(file, inode);
  }

  freeBytes(): { free: number; total: number } {
    const total = Math.min(this.capacityBytes, 2 ** 40);
    return { free: Math.max(0, total - this.#usedBytes()), total };
  }

  #renameFolder(from: string, to: string): void {
    if (this.#folders.has(to)) throw failure('ENOTEMPTY', 'renaming a folder');
    this.#renamed.push({ from, to, unsynced: new Set([dirname(from), dirname(to)]) });
    this.#moveFolder(from, to);
  }

  /** One step, also across a crash: its files go along, durable ones durably. */
  #moveFolder(from: string, to: string): void {
    const moved = (path: string) => (path.startsWith(`${from}/`) ? to + path.slice(from.length) : undefined);
    for (const map of [this.#files, this.#durable]) {
      for (const [path, inode] of [...map]) {
        const target = moved(path);
        if (target === undefined) continue;
        map.delete(path);
        map.set(target, inode);
      }
    }
    for (const folder of [...this.#folders]) {
      const target = folder === from ? to : moved(folder);
      if (target === undefined) continue;
      this.#folders.delete(folder);
      this.#folders.add(target);
    }
  }

  #handle(inode: Inode): DiskFile {
    return {
      readAt: (target, offset) => {
        this.power.check();
        const part = inode.bytes.subarray(offset, Math.min(inode.length, offset + target.length));
        target.set(part);
        return part.length;
      },
      writeAt: (bytes, offset) => {
        this.power.step();
        const end = offset + bytes.length;
        const growth = Math.max(0, end - inode.length);
        if (growth > 0 && this.#usedBytes() + growth > this.capacityBytes)
          throw failure('ENOSPC', 'writing a file');
        if (end > inode.bytes.length) {
          const larger = new Uint8Array(Math.max(end, inode.bytes.length * 2));
          larger.set(inode.bytes.subarray(0, inode.length));
          inode.bytes = larger;
        }
        inode.bytes.set(bytes, offset);
        inode.length = Math.max(inode.length, end);
      },
      sync: () => {
        this.power.step();
        inode.synced = inode.bytes.slice(0, inode.length);
      },
      syncLater: (done) => {
        this.power.check();
        this.#syncing.add({ inode, content: inode.bytes.slice(0, inode.length), done });
        if (this.#delaying === undefined) this.endSyncs();
      },
      close: () => {},
    };
  }

  #tear(inode: Inode, random: Random): void {
    const written = inode.bytes.subarray(0, inode.length);
    if (Buffer.compare(written, inode.synced) === 0) return;
    const keepNew = random.chance(0.5) ? random.integer(inode.length + 1) : 0;
    const bytes = new Uint8Array(Math.max(inode.synced.length, keepNew));
    bytes.set(inode.synced);
    bytes.set(written.subarray(0, keepNew));
    inode.bytes = bytes;
    inode.length = bytes.length;
    inode.synced = bytes.slice();
  }

  #usedBytes(): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return 0;
    let used = 0;
    for (const inode of new Set(this.#files.values())) if (inode.isShared !== true) used += inode.length;
    return used;
  }
}

function failure(code: string, what: string): Error {
  return diskError(Object.assign(new Error(code), { code }), what);
}
