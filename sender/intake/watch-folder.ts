/**
 * Finds the files in a watch folder that have stopped changing. It reads no clock and starts no timer: its caller decides
 * when to scan, and "settled" means N scans without a change.
 */
import { join } from 'node:path';
import { assert } from '../../shared/assert.ts';
import { DiodeError, type ErrorCode, errorCauseCode } from '../../shared/errors.ts';
import { FollowedFiles } from './followed-files.ts';
import { localDisk, type WatchDisk, type WatchEntry, type WatchStatus } from './watch-disk.ts';

export interface WatchFolderOptions {
  readonly folder: string;
  /** How many scans in a row must find a file's size, time and inode unchanged, at least 1. */
  readonly settleScans: number;
  readonly disk?: WatchDisk;
  /** Folders directly in the watch folder that are never entered, such as `rejected`. */
  readonly leaveAlone?: readonly string[];
  /** Files of each priority that are followed at a time; the others get places in turn. */
  readonly trackedMax?: number | undefined;
  /** How many entries one scan looks at. */
  readonly entriesMax?: number;
  /** How deep folders may be nested. */
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
  /** Oldest first. A file is in every scan's list until it is gone or changes: whoever takes it in moves it away. */
  readonly settled: readonly SettledFile[];
  /** What could not be read, each reported once: E_FOLDER, E_FILE_READ, E_FILE_KIND. They name no file, since names may be PHI. */
  readonly problems: readonly DiodeError[];
  /** Why postponed files wait (see {@link WatchFolder.postpone}), and that something there is not a file. */
  readonly waiting: ReadonlySet<ErrorCode>;
  /** For several scans in a row there were more files than can be followed, or more entries than are looked at. */
  readonly isCrowded: boolean;
}

interface Folder {
  readonly path: string;
  readonly depth: number;
  readonly priority: SettledFile['priority'];
  /** Who writes here: a folder directly in the watch folder or in its `stat/`, or one of these two themselves. */
  readonly source: string;
}

/** How many entries are left for a scan, and for the folder being walked through. */
interface Budget {
  left: number;
  ofSource: number;
}

const unfinishedName = /^\.|\.(?:tmp|part|partial)$/i;
const statFolderName = 'stat';
const troublesMax = 1000;
const postponedScansMax = 64;
/** By then even many good files that came at once are gone. */
const crowdedScans = 10;

/** One watch folder, over its scans. Memory is bounded by `trackedMax`, whatever lies in the folder. */
export class WatchFolder {
  readonly #folder: string;
  readonly #settleScans: number;
  readonly #disk: WatchDisk;
  readonly #leaveAlone: ReadonlySet<string>;
  readonly #entriesMax: number;
  readonly #depthMax: number;
  readonly #followed: Readonly<Record<SettledFile['priority'], FollowedFiles>>;
  /** Troubles of the last scan, so that each is reported only when it begins. */
  #troubles: ReadonlySet<string> = new Set();
  #scans = 0;
  /** How many scans in a row files found no place. */
  #shortScans = 0;

  constructor(options: WatchFolderOptions) {
    assert(Number.isInteger(options.settleScans) && options.settleScans >= 1, 'settleScans is at least 1');
    this.#folder = options.folder;
    this.#settleScans = options.settleScans;
    this.#disk = options.disk ?? localDisk;
    this.#leaveAlone = new Set(options.leaveAlone);
    const trackedMax = options.trackedMax ?? 20_000;
    // Twice as many as a file needs to settle.
    const trialScans = 2 * options.settleScans + 2;
    this.#followed = {
      stat: new FollowedFiles(trackedMax, trialScans),
      routine: new FollowedFiles(trackedMax, trialScans),
    };
    this.#entriesMax = options.entriesMax ?? 100_000;
    this.#depthMax = options.depthMax ?? 16;
  }

  /** How many files are remembered now. */
  get tracked(): number {
    return this.#followed.stat.size + this.#followed.routine.size;
  }

  /** Scans the folder once. Does not throw what the file system throws. */
  scan(): WatchScan {
    this.#scans += 1;
    const pools = Object.values(this.#followed);
    for (const followed of pools) followed.beginScan(this.#scans);
    const troubles = new Troubles(this.#troubles);
    const complete = this.#look(troubles);
    this.#troubles = troubles.now;
    const isShort = !complete || pools.some((followed) => followed.isShort);
    this.#shortScans = isShort ? this.#shortScans + 1 : 0;

    const settled: SettledFile[] = [];
    const waiting = new Set<ErrorCode>(this.#troubles.has('kind') ? ['E_FILE_KIND'] : []);
    for (const followed of pools) {
      for (const [path, file] of followed.entries()) {
        if (file.postponed !== undefined) waiting.add(file.postponed.code);
        if (file.seenInScan !== this.#scans) {
          // A scan that ended early proves nothing about what it did not reach.
          if (complete || !this.#exists(path)) followed.forget(path);
        } else if (file.stillScans >= this.#settleScans && this.#scans > (file.postponed?.untilScan ?? 0)) {
          const { bytes, modifiedMs } = file.status;
          settled.push({ path, bytes, modifiedMs, priority: file.priority });
        }
      }
    }
    settled.sort((a, b) => a.modifiedMs - b.modifiedMs || (a.path < b.path ? -1 : 1));
    const isCrowded = this.#shortScans >= crowdedScans;
    return { settled, problems: troubles.begun, waiting, isCrowded };
  }

  /** A file could not be taken in for a reason of its own: until it changes it is tried again, later each time. */
  postpone(path: string, code: ErrorCode): void {
    const file = this.#followed.stat.get(path) ?? this.#followed.routine.get(path);
    if (file === undefined) return;
    const scans = Math.min(postponedScansMax, 2 * (file.postponed?.scans ?? 0.5));
    file.postponed = { code, scans, untilScan: this.#scans + scans };
  }

  /** Walks the folders, the urgent one first; false if it stopped at `entriesMax`. */
  #look(troubles: Troubles): boolean {
    const budget = { left: this.#entriesMax, ofSource: this.#entriesMax };
    const root: Folder = { path: this.#folder, depth: 0, priority: 'routine', source: '' };
    return this.#opened(root, this.#folder, troubles, (openPath) => {
      const statPath = join(this.#folder, statFolderName);
      let complete = true;
      if (this.#status(statPath, join(openPath, statFolderName), troubles)?.kind === 'folder') {
        const stat: Folder = { path: statPath, depth: 1, priority: 'stat', source: '' };
        const ofStat = { ...budget, left: Math.ceil(budget.left / 2) };
        complete = this.#enter(stat, join(openPath, statFolderName), ofStat, troubles);
        budget.left -= Math.ceil(budget.left / 2) - ofStat.left;
      }
      return this.#walk(root, openPath, budget, troubles) && complete;
    });
  }

  #enter(folder: Folder, openPath: string, budget: Budget, troubles: Troubles): boolean {
    return this.#opened(folder, openPath, troubles, (inside) => this.#walk(folder, inside, budget, troubles));
  }

  /** Keeps a folder open while it is walked through, so that no link takes its place. What can't be opened is a trouble. */
  #opened(folder: Folder, openPath: string, troubles: Troubles, act: (inside: string) => boolean): boolean {
    try {
      const open = this.#disk.openFolder(openPath, folder.depth === 0 ? 'followed' : undefined);
      try {
        return act(open.path);
      } finally {
        open.close();
      }
    } catch (cause) {
      const code = systemCode(cause);
      // A folder inside may disappear during the scan; the watch folder itself may not.
      if (code === 'ENOENT' && folder.depth > 0) return true;
      const what = folder.depth === 0 ? 'the watch folder' : 'a folder in the watch folder';
      troubles.add(
        `folder ${folder.path}`,
        'E_FOLDER',
        `${what} cannot be read (${code ?? 'unknown cause'})`,
      );
      return true;
    }
  }

  /**
   * Inner folders are walked through after this folder's own files. Where sources meet, its entries are read in parts, with
   * the folders of each part in between: whoever fills one folder does not keep others in the next from being seen.
   */
  #walk(folder: Folder, openPath: string, budget: Budget, troubles: Troubles): boolean {
    const entries = this.#disk.entries(openPath)[Symbol.iterator]();
    const isShared = folder.source === '';
    let complete = true;
    try {
      for (;;) {
        if (isShared) budget.ofSource = Math.ceil(budget.left / 2);
        const folders: string[] = [];
        let ended = this.#list(entries, folder, openPath, budget, troubles, folders);
        // The rest of the budget, or half of it, in even shares.
        const kept = ended ? 0 : Math.floor(budget.left / 2);
        for (const [index, name] of folders.entries()) {
          if (isShared) budget.ofSource = Math.ceil((budget.left - kept) / (folders.length - index));
          const source = isShared ? name : folder.source;
          const inner = { ...folder, path: join(folder.path, name), depth: folder.depth + 1, source };
          complete = this.#enter(inner, join(openPath, name), budget, troubles) && complete;
        }
        if (!ended && isShared && budget.left > 0) continue;
        ended ||= entries.next().done === true;
        if (ended) return complete;
        troubles.add('entries', 'E_FOLDER', `more than ${this.#entriesMax} entries: the rest have to wait`);
        return false;
      }
    } finally {
      entries.return?.();
    }
  }

  /** @returns whether it reached the end of the folder */
  #list(
    entries: Iterator<WatchEntry>,
    folder: Folder,
    openPath: string,
    budget: Budget,
    troubles: Troubles,
    folders: string[],
  ): boolean {
    while (budget.left > 0 && budget.ofSource > 0) {
      const next = entries.next();
      if (next.done === true) return true;
      budget.left -= 1;
      budget.ofSource -= 1;
      const { name, kind } = next.value;
      if (unfinishedName.test(name)) continue;
      const path = join(folder.path, name);
      const entryPath = join(openPath, name);
      // Some file systems don't report the kind along with the name.
      const is = kind === 'other' ? this.#status(path, entryPath, troubles)?.kind : kind;
      if (is === 'file') this.#track(path, entryPath, folder, troubles);
      if (is === 'folder' && this.#mayEnter(folder, name, troubles)) folders.push(name);
      if (is === 'other')
        troubles.add('kind', 'E_FILE_KIND', 'something in the watch folder is not a file; it is left alone');
    }
    return false;
  }

  #mayEnter(folder: Folder, name: string, troubles: Troubles): boolean {
    if (folder.depth === 0 && (name === statFolderName || this.#leaveAlone.has(name))) return false;
    if (folder.depth < this.#depthMax) return true;
    troubles.add(
      'depth',
      'E_FOLDER',
      `folders are nested deeper than ${this.#depthMax}: what is in them is left alone`,
    );
    return false;
  }

  #track(path: string, openPath: string, { priority, source }: Folder, troubles: Troubles): void {
    const followed = this.#followed[priority];
    if (!followed.hasPlaceFor(path, source)) return;
    const status = this.#status(path, openPath, troubles);
    if (status?.kind !== 'file') return;
    const known = followed.get(path);
    if (known === undefined) {
      const scan = this.#scans;
      followed.follow(path, { source, priority, sinceScan: scan, status, stillScans: 0, seenInScan: scan });
      return;
    }
    const still =
      known.status.bytes === status.bytes &&
      known.status.modifiedMs === status.modifiedMs &&
      known.status.inode === status.inode;
    known.stillScans = still ? known.stillScans + 1 : 0;
    if (!still) known.postponed = undefined;
    known.status = status;
    known.seenInScan = this.#scans;
  }

  /** @param openPath the same below a folder that is open */
  #status(path: string, openPath: string, troubles: Troubles): WatchStatus | undefined {
    try {
      return this.#disk.status(openPath);
    } catch (cause) {
      const code = systemCode(cause);
      if (code !== 'ENOENT') {
        troubles.add(`file ${path}`, 'E_FILE_READ', `a file cannot be examined (${code ?? 'unknown cause'})`);
      } else if (path.includes('\ufffd')) {
        // Node returns such a name only in this damaged form, under which the file can't be found.
        troubles.add(`file ${path}`, 'E_FILE_READ', 'a file name is not UTF-8: rename the file');
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

/** The file system's code, also from inside the error that a `Disk` makes of it. */
function systemCode(error: unknown): string | undefined {
  return errorCauseCode(error instanceof DiodeError ? error.cause : error);
}
