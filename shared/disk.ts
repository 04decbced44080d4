/**
 * The disk as spool and vault see it: few operations, all synchronous, all durable only once synced.
 *
 * They are synchronous on purpose: spool and vault run apart from the threads that face the link, and
 * straight-line code is what a simulated disk can crash at every step. The simulated one is in
 * test/simulation. Every operation throws a DiodeError (E_DISK, E_DISK_FULL) when the system refuses.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { DiodeError, diskError, errorCauseCode } from './errors.ts';

export interface FileFacts {
  readonly kind: 'file' | 'folder' | 'other';
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** The present state of a file that somebody else may change. */
export interface ForeignFacts extends FileFacts {
  /** Device and inode: two names with the same ones are one file. */
  readonly identity: string;
  /** Of content or attributes; an unprivileged program can't set it back. */
  readonly changedMs: number;
  /** Whether only its owner may read it. */
  readonly isPrivate: boolean;
  /** Whether it belongs to the user of this program, under this one name. */
  readonly isOwn: boolean;
}

/** A file that somebody else put there, kept open: its name may lead to another one at any time, this doesn't. */
export interface ForeignFile extends Pick<DiskFile, 'readAt' | 'close'> {
  facts(): ForeignFacts;
}

/** A folder that is kept open: names below `path` are in that very folder, whatever its own name leads to by now. */
export interface OpenFolder {
  readonly path: string;
  close(): void;
}

export interface DiskFile {
  /** Reads into the target. @returns bytes read; fewer only at the end of the file */
  readAt(target: Uint8Array, offset: number): number;
  writeAt(bytes: Uint8Array, offset: number): void;
  /** After this the content survives a power cut; its name does after `syncFolder`. */
  sync(): void;
  /** The same without waiting for it. `done` is called once; the file must not be closed before. */
  syncLater(done: (error: DiodeError | undefined) => void): void;
  close(): void;
}

export type OpenMode = 'create' | 'create-private' | 'update' | 'read';

export interface Disk {
  /** Creates a folder and those above it; one that exists is fine. */
  makeFolder(path: string): void;
  list(path: string): string[];
  /** The names in a folder as they come, without keeping them all. */
  entries(path: string): Iterable<string>;
  facts(path: string): FileFacts | undefined;
  /** `create` fails if the file exists; `create-private` creates one that only this program's user may read. */
  open(path: string, mode: OpenMode): DiskFile;
  /**
   * Opens what may be anything by now: it never waits for a pipe and never follows a link.
   * @throws DiodeError E_FILE_KIND if it is not a file
   */
  openForeign(path: string): ForeignFile;
  /** Keeps a folder open; a link to one is only accepted if requested. @throws DiodeError E_FILE_KIND, E_DISK */
  openFolder(path: string, links?: 'followed'): OpenFolder;
  /** Whether names may be created in and removed from a folder. */
  mayChange(path: string): boolean;
  /** Device and inode of what has this name, not of what it links to. */
  identityOf(path: string): string | undefined;
  rename(from: string, to: string): void;
  link(from: string, to: string): void;
  /**
   * Makes a separate file with the same content, which shares the first one's blocks until either is written to, if the file
   * system can. It is durable once synced. @returns false if it can't; then nothing was created
   */
  clone(from: string, to: string): boolean;
  remove(path: string): void;
  removeFolder(path: string): void;
  syncFolder(path: string): void;
  freeBytes(path: string): { readonly free: number; readonly total: number };
}

const fileMode = 0o640;
const privateFileMode = 0o600;
const folderMode = 0o750;

/** The real disk. Files get mode 0640, folders 0750. */
export const nodeDisk: Disk = {
  makeFolder: (path) =>
    guard('creating a folder', () => void fs.mkdirSync(path, { recursive: true, mode: folderMode })),
  list: (path) => guard('listing a folder', () => fs.readdirSync(path)),
  *entries(path) {
    const folder = guard('listing a folder', () => fs.opendirSync(path, { bufferSize: 256 }));
    try {
      for (;;) {
        const entry = guard('listing a folder', () => folder.readSync());
        if (entry === null) return;
        yield entry.name;
      }
    } finally {
      folder.closeSync();
    }
  },
  facts: (path) =>
    guard('looking at a file', () => {
      const found = fs.lstatSync(path, { throwIfNoEntry: false });
      if (found === undefined) return undefined;
      const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
      return { kind, bytes: found.size, modifiedMs: found.mtimeMs };
    }),
  open: (path, mode) =>
    guard('opening a file', () => {
      const permissions = mode === 'create-private' ? privateFileMode : fileMode;
      return new NodeFile(fs.openSync(path, openFlags[mode], permissions));
    }),
  openForeign: (path) =>
    guardForeign('opening a file', () => {
      // Opening a device may have effects: anything that is visibly not a file is not even tried.
      if (!fs.lstatSync(path).isFile()) throw new DiodeError('E_FILE_KIND');
      return new NodeForeignFile(fs.openSync(path, foreignFlags));
    }),
  openFolder: (path, links) =>
    guardForeign('opening a folder', () => {
      const flags = links === 'followed' ? folderFlags : folderFlags | constants.O_NOFOLLOW;
      const descriptor = fs.openSync(path, flags);
      // Node has no openat; a name below this one is looked up in the folder that is open.
      return { path: `/proc/self/fd/${descriptor}`, close: () => fs.closeSync(descriptor) };
    }),
  mayChange: (path) => {
    try {
      fs.accessSync(path, constants.W_OK | constants.X_OK);
      return true;
    } catch {
      return false;
    }
  },
  identityOf: (path) =>
    guard('looking at a file', () => {
      const found = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
      return found === undefined ? undefined : identity(found);
    }),
  rename: (from, to) => guard('renaming a file', () => fs.renameSync(from, to)),
  link: (from, to) => guard('linking a file', () => fs.linkSync(from, to)),
  clone: (from, to) =>
    guard('cloning a file', () => {
      try {
        fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE_FORCE | fs.constants.COPYFILE_EXCL);
        return true;
      } catch (error) {
        if (!cloneRefusals.has(errorCauseCode(error) ?? '')) throw error;
        fs.rmSync(to, { force: true });
        return false;
      }
    }),
  remove: (path) => guard('removing a file', () => fs.rmSync(path, { force: true })),
  removeFolder: (path) => guard('removing a folder', () => fs.rmSync(path, { recursive: true, force: true })),
  syncFolder: (path) =>
    guard('syncing a folder', () => {
      const descriptor = fs.openSync(path, 'r');
      try {
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
    }),
  freeBytes: (path) =>
    guard('measuring a disk', () => {
      const found = fs.statfsSync(path);
      return { free: found.bavail * found.bsize, total: found.blocks * found.bsize };
    }),
};

/** The answers of file systems that can't share blocks, or not between these two places (ioctl_ficlone(2)). */
const cloneRefusals: ReadonlySet<string> = new Set([
  'ENOTSUP',
  'EOPNOTSUPP',
  'EXDEV',
  'EINVAL',
  'ENOTTY',
  'ENOSYS',
]);

const { constants } = fs;
const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY;
const foreignFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** As bigints: some file systems use numbers beyond what a double can represent. */
function identity({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`;
}

const openFlags = { create: 'wx+', 'create-private': 'wx+', update: 'r+', read: 'r' } as const;

class OpenedFile {
  readonly descriptor: number;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  readAt(target: Uint8Array, offset: number): number {
    return guard('reading a file', () => {
      let done = 0;
      while (done < target.length) {
        const read = fs.readSync(this.descriptor, target, done, target.length - done, offset + done);
        if (read === 0) break;
        done += read;
      }
      return done;
    });
  }

  close(): void {
    guard('closing a file', () => fs.closeSync(this.descriptor));
  }
}

class NodeForeignFile extends OpenedFile implements ForeignFile {
  constructor(descriptor: number) {
    super(descriptor);
    // It may have become a pipe or a device since it was checked.
    if (fs.fstatSync(descriptor).isFile()) return;
    fs.closeSync(descriptor);
    throw new DiodeError('E_FILE_KIND');
  }

  facts(): ForeignFacts {
    return guard('looking at a file', () => {
      const found = fs.fstatSync(this.descriptor, { bigint: true });
      return {
        kind: 'file',
        bytes: Number(found.size),
        modifiedMs: Number(found.mtimeNs) / 1e6,
        changedMs: Number(found.ctimeNs) / 1e6,
        isPrivate: (found.mode & 0o044n) === 0n,
        isOwn: Number(found.uid) === process.geteuid?.() && found.nlink === 1n,
        identity: identity(found),
      };
    });
  }
}

class NodeFile extends OpenedFile implements DiskFile {
  writeAt(bytes: Uint8Array, offset: number): void {
    guard('writing a file', () => {
      let done = 0;
      while (done < bytes.length) {
        done += fs.writeSync(this.descriptor, bytes, done, bytes.length - done, offset + done);
      }
    });
  }

  sync(): void {
    guard('syncing a file', () => fs.fsyncSync(this.descriptor));
  }

  syncLater(done: (error: DiodeError | undefined) => void): void {
    fs.fsync(this.descriptor, (cause) =>
      done(cause === null ? undefined : diskError(cause, 'syncing a file')),
    );
  }
}

function guard<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw diskError(cause, what);
  }
}

/** The same if a name may lead to anything: a link that is not followed, a socket, a file used as a folder. */
function guardForeign<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    if (cause instanceof DiodeError) throw cause;
    const code = errorCauseCode(cause);
    const isOtherKind = code === 'ELOOP' || code === 'ENXIO' || code === 'ENOTDIR';
    throw isOtherKind ? new DiodeError('E_FILE_KIND', undefined, { cause }) : diskError(cause, what);
  }
}

/** Writes a small file so that after a power cut it is there completely or not at all. */
export function writeDurably(disk: Disk, path: string, bytes: Uint8Array): void {
  const partial = `${path}.partial`;
  disk.remove(partial);
  const file = disk.open(partial, 'create');
  try {
    file.writeAt(bytes, 0);
    file.sync();
  } finally {
    file.close();
  }
  disk.rename(partial, path);
  disk.syncFolder(dirname(path));
}

/** Whether an error says that source and target are on different file systems. */
export function isCrossDevice(error: unknown): boolean {
  return error instanceof Error && errorCauseCode(error.cause) === 'EXDEV';
}
