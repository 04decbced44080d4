/** What the watch folder needs from a disk, and the real disk. Tests use another one. */
import { lstatSync, opendirSync } from 'node:fs';
import { join } from 'node:path';
import { type Disk, nodeDisk, type OpenFolder } from '../../shared/disk.ts';

export type EntryKind = 'file' | 'folder' | 'other';

export interface WatchEntry {
  readonly name: string;
  /** `other`: symbolic links, sockets, devices, named pipes. */
  readonly kind: EntryKind;
}

export interface WatchStatus {
  readonly kind: EntryKind;
  readonly bytes: number;
  readonly modifiedMs: number;
  /** Inode number: it changes if another file takes the same name. */
  readonly inode: number;
}

export interface WatchDisk {
  /** Keeps a folder open: what is below its `path` is in that very folder. Throws what the file system throws. */
  openFolder(folder: string, links?: 'followed'): OpenFolder;
  /** The entries of a folder as they come, without keeping them all. Throws what the file system throws. */
  entries(folder: string): Iterable<WatchEntry>;
  /** The entry itself, never what a symbolic link points to. Throws what the file system throws. */
  status(path: string): WatchStatus;
}

/** The file system of this host. */
export const localDisk: WatchDisk = {
  openFolder: (folder, links) => nodeDisk.openFolder(folder, links),
  *entries(folder) {
    const directory = opendirSync(folder);
    try {
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        yield { name: entry.name, kind: kindOf(entry) };
      }
    } finally {
      directory.closeSync();
    }
  },
  status(path) {
    const status = lstatSync(path);
    return { kind: kindOf(status), bytes: status.size, modifiedMs: status.mtimeMs, inode: status.ino };
  },
};

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): EntryKind {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'folder' : 'other';
}

/** The same on top of the disk that spool and vault use, such as a simulated one. */
export function watchDiskOver(disk: Pick<Disk, 'list' | 'facts' | 'openFolder'>): WatchDisk {
  const status = (path: string): WatchStatus => {
    const facts = disk.facts(path);
    if (facts === undefined) throw Object.assign(new Error('no such entry'), { code: 'ENOENT' });
    return { ...facts, inode: 0 };
  };
  return {
    openFolder: (folder, links) => disk.openFolder(folder, links),
    *entries(folder) {
      for (const name of disk.list(folder)) {
        const facts = disk.facts(join(folder, name));
        if (facts !== undefined) yield { name, kind: facts.kind };
      }
    },
    status,
  };
}
