/**
 * Finds the files of a watch folder that have come to rest. It reads no clock and starts no timer: its caller decides
 * when to scan, and N scans without a change are what "standing still" means.
 */
import { join } from 'node:path';
import { assert } from '../../shared/assert.ts';
import { DiodeError, type ErrorCode, errorCauseCode } from '../../shared/errors.ts';
import { localDisk, type WatchDisk, type WatchStatus } from './watch-disk.ts';

export interface WatchFolderOptions {
  readonly folder: string;
  /** Scans in a row that must find size, time and inode of a file unchanged, at least 1. */
  readonly settleScans: number;
  readonly disk?: WatchDisk;
  /** Folders directly in the watch folder that are never entered, such as `rejected`. */
  readonly leaveAlone?: readonly string[];
  /** Files remembered at a time of either priority; the others wait until these are gone. */
  readonly trackedMax?: number;
  /** Entries looked at in one scan. */
  readonly entriesMax?: number;
  /** Folders inside folders. */
  readonly depthMax?: number;
}

export interface SettledFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  /** `stat` for everything under `stat/` in the watch folder. */
  readonly priority: 'stat' | 'routine';
}

export interface WatchScan {
  /** Oldest first. A file is in every scan's list until it is gone or changes: whoever took it moves it away. */
  readonly settled: readonly SettledFile[];
  /** What could not be read, once until it can: E_FOLDER, E_FILE_READ. They name no file, names may be PHI. */
  readonly problems: readonly DiodeError[];
}

interface Tracked {
  readonly priority: SettledFile['priority'];
  status: WatchStatus;
  /** Scans in a row that found no change. */
  stillScans: number;
  /** The scan that saw it last. */
  seenInScan: number;
}

interface Folder {
  readonly path: string;
  readonly depth: number;
  readonly priority: SettledFile['priority'];
}

const unfinishedName = /^\.|\.(?:tmp|part|partial)$/i;
const statFolderName = 'stat';
const troublesMax = 1000;

/** One watch folder, over its scans. Memory is bounded by `trackedMax`, whatever lies in the folder. */
export class WatchFolder {
  readonly #folder: string;
  readonly #settleScans: number;
  readonly #disk: WatchDisk;
  readonly #leaveAlone: ReadonlySet<string>;
  readonly #trackedMax: number;
  readonly #entriesMax: number;
  readonly #depthMax: number;
  readonly #tracked = new Map<string, Tracked>();
  readonly #trackedCount = { stat: 0, routine: 0 };
  /** Troubles of the last scan, so that each is reported when it begins and not again. */
  #troubles: ReadonlySet<string> = new Set();
  #scans = 0;

  constructor(options: WatchFolderOptions) {
    assert(Number.isInteger(options.settleScans) && options.settleScans >= 1, 'settleScans is at least 1');
    this.#folder = options.folder;
    this.#settleScans = options.settleScans;
    this.#disk = options.disk ?? localDisk;
    this.#leaveAlone = new Set(options.leaveAlone);
    this.#trackedMax = options.trackedMax ?? 10_000;
    this.#entriesMax = options.entriesMax ?? 100_000;
    this.#depthMax = options.depthMax ?? 16;
  }

  /** Files remembered now. */
  get tracked(): number {
    return this.#tracked.size;
  }

  /** Looks through the folder once. Throws nothing that the file system throws. */
  scan(): WatchScan {
    this.#scans += 1;
    const troubles = new Troubles(this.#troubles);
    const complete = this.#look(troubles);
    this.#troubles = troubles.now;

    const settled: SettledFile[] = [];
    for (const [path, file] of this.#tracked) {
      if (file.seenInScan !== this.#scans) {
        // A scan that ended early proves nothing about what it did not reach.
        if (complete || !this.#exists(path)) this.#forget(path, file);
      } else if (file.stillScans >= this.#settleScans) {
        const { bytes, modifiedMs } = file.status;
        settled.push({ path, bytes, modifiedMs, priority: file.priority });
      }
    }
    settled.sort((a, b) => a.modifiedMs - b.modifiedMs || (a.path < b.path ? -1 : 1));
    return { settled, problems: troubles.begun };
  }

  /** Walks the folders, the urgent one first; false if it stopped at `entriesMax`. */
  #look(troubles: Troubles): boolean {
    const folders: Folder[] = [{ path: this.#folder, depth: 0, priority: 'routine' }];
    const statFolder = join(this.#folder, statFolderName);
    if (this.#status(statFolder, troubles)?.kind === 'folder') {
      folders.push({ path: statFolder, depth: 1, priority: 'stat' });
    }
    let entries = 0;
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      try {
        for (const { name, kind } of this.#disk.entries(folder.path)) {
          entries += 1;
          if (entries > this.#entriesMax) {
            troubles.add('entries', 'E_FOLDER', `more than ${this.#entriesMax} entries: the rest waits`);
            return false;
          }
          if (unfinishedName.test(name)) continue;
          const path = join(folder.path, name);
          if (kind === 'file') this.#track(path, folder.priority, troubles);
          if (kind === 'folder' && this.#mayEnter(folder, name, troubles)) {
            folders.push({ path, depth: folder.depth + 1, priority: folder.priority });
          }
        }
      } catch (cause) {
        const code = systemCode(cause);
        // A folder inside may go while it is looked for; the watch folder itself may not.
        if (code === 'ENOENT' && folder.depth > 0) continue;
        const what = folder.depth === 0 ? 'the watch folder' : 'a folder in the watch folder';
        troubles.add(
          `folder ${folder.path}`,
          'E_FOLDER',
          `${what} can not be read (${code ?? 'unknown cause'})`,
        );
      }
    }
    return true;
  }

  #mayEnter(folder: Folder, name: string, troubles: Troubles): boolean {
    if (folder.depth === 0 && (name === statFolderName || this.#leaveAlone.has(name))) return false;
    if (folder.depth < this.#depthMax) return true;
    troubles.add(
      'depth',
      'E_FOLDER',
      `folders nest deeper than ${this.#depthMax}: what is in them is left alone`,
    );
    return false;
  }

  #track(path: string, priority: SettledFile['priority'], troubles: Troubles): void {
    const known = this.#tracked.get(path);
    if (known === undefined && this.#trackedCount[priority] >= this.#trackedMax) return;
    const status = this.#status(path, troubles);
    if (status?.kind !== 'file') return;
    if (known === undefined) {
      this.#tracked.set(path, { priority, status, stillScans: 0, seenInScan: this.#scans });
      this.#trackedCount[priority] += 1;
      return;
    }
    const still =
      known.status.bytes === status.bytes &&
      known.status.modifiedMs === status.modifiedMs &&
      known.status.inode === status.inode;
    known.stillScans = still ? known.stillScans + 1 : 0;
    known.status = status;
    known.seenInScan = this.#scans;
  }

  #forget(path: string, file: Tracked): void {
    this.#tracked.delete(path);
    this.#trackedCount[file.priority] -= 1;
  }

  #status(path: string, troubles: Troubles): WatchStatus | undefined {
    try {
      return this.#disk.status(path);
    } catch (cause) {
      const code = systemCode(cause);
      if (code !== 'ENOENT') {
        troubles.add(
          `file ${path}`,
          'E_FILE_READ',
          `a file can not be looked at (${code ?? 'unknown cause'})`,
        );
      } else if (path.includes('\ufffd')) {
        // Node gives such a name only in this damaged form, under which the file can't be found.
        troubles.add(`file ${path}`, 'E_FILE_READ', 'the name of a file is not UTF-8: rename the file');
      }
      return undefined;
    }
  }

  #exists(path: string): boolean {
    try {
      return this.#disk.status(path).kind === 'file';
    } catch {
      return false;
    }
  }
}

/** Reports a trouble when it begins, and again only after a scan without it. */
class Troubles {
  readonly now = new Set<string>();
  readonly begun: DiodeError[] = [];
  readonly #before: ReadonlySet<string>;

  constructor(before: ReadonlySet<string>) {
    this.#before = before;
  }

  add(key: string, code: ErrorCode, detail: string): void {
    if (this.now.has(key) || this.now.size >= troublesMax) return;
    this.now.add(key);
    if (!this.#before.has(key)) this.begun.push(new DiodeError(code, detail));
  }
}

/** The code of the file system, also from inside the error that a `Disk` makes of it. */
function systemCode(error: unknown): string | undefined {
  return errorCauseCode(error instanceof DiodeError ? error.cause : error);
}
