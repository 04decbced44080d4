import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WatchDisk, WatchEntry, WatchStatus } from '../../../../sender/intake/watch-disk.ts';
import { watchDiskOver } from '../../../../sender/intake/watch-disk.ts';
import { WatchFolder, type WatchScan } from '../../../../sender/intake/watch-folder.ts';
import { nodeDisk } from '../../../../shared/disk.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watch-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Writes a file with a time of its own, so that no test depends on how fast it runs. */
function put(name: string, content = 'x', modifiedSeconds = 1_000_000_000): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  utimesSync(path, modifiedSeconds, modifiedSeconds);
  return path;
}

const names = (scan: WatchScan) => scan.settled.map((file) => relative(folder, file.path));

function scans(watch: WatchFolder, count: number): WatchScan {
  for (let index = 1; index < count; index += 1) watch.scan();
  return watch.scan();
}

describe('a real folder', () => {
  it('reports a file after it stood still for N scans, with what it saw', () => {
    put('ct/1.dcm', 'four');
    const watch = new WatchFolder({ folder, settleScans: 2 });
    expect(names(watch.scan())).toEqual([]);
    expect(names(watch.scan())).toEqual([]);
    expect(watch.scan().settled).toEqual([
      { path: join(folder, 'ct/1.dcm'), bytes: 4, modifiedMs: 1e12, priority: 'routine' },
    ]);
  });

  it('reports it again as long as it is there, and forgets it when it is gone', () => {
    const path = put('1.dcm');
    const watch = new WatchFolder({ folder, settleScans: 1 });
    scans(watch, 2);
    expect(names(watch.scan())).toEqual(['1.dcm']);
    rmSync(path);
    expect(names(watch.scan())).toEqual([]);
    expect(watch.tracked).toBe(0);
    put('1.dcm');
    expect(names(watch.scan())).toEqual([]);
    expect(names(watch.scan())).toEqual(['1.dcm']);
  });

  it('starts anew when size, time or the file under the name changes', () => {
    const path = put('1.dcm');
    const watch = new WatchFolder({ folder, settleScans: 1 });
    expect(names(scans(watch, 2))).toEqual(['1.dcm']);
    appendFileSync(path, 'y');
    utimesSync(path, 1e9, 1e9);
    expect(names(watch.scan())).toEqual([]);
    expect(names(watch.scan())).toEqual(['1.dcm']);
    utimesSync(path, 1e9 - 5, 1e9 - 5);
    expect(names(watch.scan())).toEqual([]);
    expect(names(watch.scan())).toEqual(['1.dcm']);
    renameSync(put('.other', 'xy', 1e9 - 5), path);
    expect(names(watch.scan())).toEqual([]);
    expect(names(watch.scan())).toEqual(['1.dcm']);
  });

  it('gives the oldest first, and among equals goes by name', () => {
    put('b', 'x', 2000);
    put('c', 'x', 1000);
    put('sub/a', 'x', 2000);
    expect(names(scans(new WatchFolder({ folder, settleScans: 1 }), 2))).toEqual(['c', 'b', 'sub/a']);
  });

  it('marks what lies under stat/ at the top, and only there', () => {
    put('stat/deep/1.dcm', 'x', 1);
    put('ct/stat/2.dcm', 'x', 2);
    const { settled } = scans(new WatchFolder({ folder, settleScans: 1 }), 2);
    expect(settled.map((file) => file.priority)).toEqual(['stat', 'routine']);
  });

  it('leaves alone unfinished names, hidden folders, links, pipes and the folders it is told', () => {
    for (const name of ['.a', 'a.tmp', 'a.part', 'a.partial', 'a.TMP', '.hidden/a', 'study.partial/a'])
      put(name);
    put('rejected/a');
    put('kept/rejected/a', 'x', 2);
    const outside = mkdtempSync(join(tmpdir(), 'outside-'));
    writeFileSync(join(outside, 'secret'), 'x');
    symlinkSync(join(outside, 'secret'), join(folder, 'link'));
    symlinkSync(outside, join(folder, 'linked-folder'));
    symlinkSync(outside, join(folder, 'stat'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    linkSync(put('one', 'x', 1), join(folder, 'two'));
    const watch = new WatchFolder({ folder, settleScans: 1, leaveAlone: ['rejected'] });
    expect(names(scans(watch, 3))).toEqual(['one', 'two', 'kept/rejected/a']);
    expect(watch.scan().problems).toEqual([]);
    rmSync(outside, { recursive: true });
  });

  it('says once that a name is not UTF-8', () => {
    put('good');
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xe9, 0x2e])]), 'x');
    const watch = new WatchFolder({ folder, settleScans: 1 });
    expect(watch.scan().problems.map((problem) => problem.code)).toEqual(['E_FILE_READ']);
    const second = watch.scan();
    expect(second.problems).toEqual([]);
    expect(names(second)).toEqual(['good']);
  });

  it('reports a missing watch folder once, and again after it was there', () => {
    rmSync(folder, { recursive: true });
    const watch = new WatchFolder({ folder, settleScans: 1 });
    expect(watch.scan().problems.map((problem) => problem.code)).toEqual(['E_FOLDER']);
    expect(watch.scan().problems).toEqual([]);
    mkdirSync(folder);
    expect(watch.scan().problems).toEqual([]);
    rmSync(folder, { recursive: true });
    expect(watch.scan().problems).toHaveLength(1);
  });

  it('works over the disk of spool and vault too', () => {
    put('stat/1.dcm');
    const watch = new WatchFolder({ folder, settleScans: 1, disk: watchDiskOver(nodeDisk) });
    expect(names(scans(watch, 2))).toEqual(['stat/1.dcm']);
    rmSync(folder, { recursive: true });
    expect(watch.scan().problems.map((problem) => problem.code)).toEqual(['E_FOLDER']);
  });
});

/** A disk from a table: a path ending in `/` is a folder. Counts what is asked of it. */
class TableDisk implements WatchDisk {
  readonly files = new Map<string, number>();
  readonly refused = new Map<string, string>();
  looks = 0;

  openFolder(path: string) {
    return { path, close: () => {} };
  }

  *entries(path: string): Iterable<WatchEntry> {
    this.#refuse(path);
    const seen = new Set<string>();
    for (const file of this.files.keys()) {
      if (!file.startsWith(`${path}/`)) continue;
      const [name = '', ...inner] = file.slice(path.length + 1).split('/');
      if (seen.has(name)) continue;
      seen.add(name);
      this.looks += 1;
      yield { name, kind: inner.length > 0 ? 'folder' : 'file' };
    }
  }

  status(path: string): WatchStatus {
    this.#refuse(path);
    const modifiedMs = this.files.get(path);
    if (modifiedMs !== undefined) return { kind: 'file', bytes: 1, modifiedMs, inode: 1 };
    if ([...this.files.keys()].some((file) => file.startsWith(`${path}/`))) {
      return { kind: 'folder', bytes: 0, modifiedMs: 0, inode: 2 };
    }
    throw Object.assign(new Error(), { code: 'ENOENT' });
  }

  #refuse(path: string): void {
    const code = this.refused.get(path);
    if (code !== undefined) throw Object.assign(new Error(), { code });
  }
}

describe('bounds', () => {
  const fill = (disk: TableDisk, prefix: string, count: number) => {
    for (let index = 0; index < count; index += 1) disk.files.set(`${prefix}${index}`, index);
  };

  it('remembers at most trackedMax files and comes to the others when these are gone', () => {
    const disk = new TableDisk();
    fill(disk, '/w/', 25);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, trackedMax: 10 });
    const taken: string[] = [];
    for (let scan = 0; scan < 20; scan += 1) {
      for (const { path } of watch.scan().settled) {
        taken.push(path);
        disk.files.delete(path);
      }
      expect(watch.tracked).toBeLessThanOrEqual(10);
    }
    expect(new Set(taken).size).toBe(25);
  });

  it('has room for urgent files when routine ones fill the memory', () => {
    const disk = new TableDisk();
    fill(disk, '/w/', 50);
    disk.files.set('/w/stat/urgent', 1e9);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, trackedMax: 10 });
    expect(scans(watch, 2).settled.filter((file) => file.priority === 'stat')).toHaveLength(1);
  });

  it('looks at no more than entriesMax entries, says so once, and keeps what it did not reach', () => {
    const disk = new TableDisk();
    fill(disk, '/w/b/', 5);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, entriesMax: 20 });
    expect(scans(watch, 2).settled).toHaveLength(5);
    fill(disk, '/w/a', 100);
    disk.looks = 0;
    const crowded = watch.scan();
    expect(disk.looks).toBeLessThanOrEqual(21);
    expect(crowded.problems.map((problem) => problem.code)).toEqual(['E_FOLDER']);
    expect(watch.scan().problems).toEqual([]);
    expect(watch.tracked).toBeGreaterThanOrEqual(5);
    disk.files.clear();
    fill(disk, '/w/c', 100);
    watch.scan();
    expect(watch.tracked).toBe(20);
  });

  it('does not go deeper than depthMax', () => {
    const disk = new TableDisk();
    disk.files.set('/w/1/2/shallow', 1);
    disk.files.set('/w/1/2/3/deep', 1);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, depthMax: 2 });
    expect(watch.scan().problems.map((problem) => problem.code)).toEqual(['E_FOLDER']);
    expect(watch.scan().settled.map((file) => file.path)).toEqual(['/w/1/2/shallow']);
  });

  it('reports an unreadable folder when that begins and goes on with the others', () => {
    const disk = new TableDisk();
    disk.files.set('/w/bad/1', 1);
    disk.files.set('/w/good/2', 1);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk });
    disk.refused.set('/w/bad', 'EACCES');
    const first = watch.scan();
    expect(first.problems.map((problem) => problem.message)).toEqual([
      'a folder in the watch folder cannot be read (EACCES)',
    ]);
    const second = watch.scan();
    expect(second.problems).toEqual([]);
    expect(second.settled.map((file) => file.path)).toEqual(['/w/good/2']);
    disk.refused.clear();
    watch.scan();
    expect(watch.scan().settled).toHaveLength(2);
    disk.refused.set('/w/bad/1', 'EIO');
    expect(watch.scan().problems.map((problem) => problem.code)).toEqual(['E_FILE_READ']);
  });

  it('passes over a folder that goes while it is looked for', () => {
    const disk = new TableDisk();
    disk.files.set('/w/gone/1', 1);
    disk.refused.set('/w/gone', 'ENOENT');
    expect(new WatchFolder({ folder: '/w', settleScans: 1, disk }).scan().problems).toEqual([]);
  });

  it('has places for the files of every folder, however many another one has', () => {
    const disk = new TableDisk();
    fill(disk, '/w/full/', 100);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, trackedMax: 20 });
    scans(watch, 3);
    for (const name of ['b/1', 'b/2', 'c/1', 'd']) disk.files.set(`/w/${name}`, 1e9);
    const settled = scans(watch, 2).settled.map((file) => file.path);
    for (const name of ['b/1', 'b/2', 'c/1', 'd']) expect(settled).toContain(`/w/${name}`);
  });

  it.each(['growing', 'refused'] as const)(
    'a folder full of files that never settle keeps no file of another folder, nor a new one beside them, from being taken: %s',
    (kind) => {
      const disk = new TableDisk();
      fill(disk, '/w/full/', 100);
      fill(disk, '/w/', 100);
      const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, trackedMax: 20 });
      const wanted = ['/w/full/new', '/w/new', '/w/other/new', '/w/another/new'];
      const taken: string[] = [];
      for (let scan = 0; scan < 100; scan += 1) {
        if (scan === 30) for (const path of wanted) disk.files.set(path, 1e9);
        if (kind === 'growing')
          for (const path of disk.files.keys()) if (!wanted.includes(path)) disk.files.set(path, scan);
        for (const { path } of watch.scan().settled) {
          if (!wanted.includes(path)) watch.postpone(path, 'E_FILE_READ');
          else if (disk.files.delete(path)) taken.push(path);
        }
        // In another folder at once: it has an even share.
        if (scan === 31) expect(taken.sort()).toEqual(['/w/another/new', '/w/other/new']);
        expect(watch.tracked).toBeLessThanOrEqual(20);
      }
      expect(taken.sort()).toEqual([...wanted].sort());
    },
  );

  it('gives folders that are all full even shares of the places', () => {
    const disk = new TableDisk();
    fill(disk, '/w/a/', 1000);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, trackedMax: 40 });
    scans(watch, 3);
    for (const name of ['b', 'c', 'd']) fill(disk, `/w/${name}/`, 1000);
    const taken = new Map<string, number>();
    for (let scan = 0; scan < 40; scan += 1) {
      for (const { path } of watch.scan().settled) {
        disk.files.delete(path);
        const name = path.charAt(3);
        taken.set(name, (taken.get(name) ?? 0) + 1);
      }
    }
    for (const name of ['a', 'b', 'c', 'd']) expect(taken.get(name)).toBeGreaterThan(100);
    expect(Math.max(...taken.values()) - Math.min(...taken.values())).toBeLessThan(20);
  });

  it('says that files find no place when that lasts, and not of many that are taken', () => {
    const disk = new TableDisk();
    fill(disk, '/w/', 50);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, trackedMax: 10 });
    const crowded = Array.from({ length: 15 }, () => watch.scan().isCrowded);
    expect(crowded.indexOf(true)).toBe(9);
    expect(crowded.lastIndexOf(false)).toBe(8);
    disk.files.clear();
    fill(disk, '/w/', 10);
    scans(watch, 2);
    expect(watch.scan().isCrowded).toBe(false);
    fill(disk, '/w/many', 30);
    for (let scan = 0; scan < 20; scan += 1) {
      const { settled, isCrowded } = watch.scan();
      for (const { path } of settled) disk.files.delete(path);
      expect(isCrowded).toBe(false);
    }
    expect(disk.files.size).toBe(0);
  });

  it('says that entries are not looked at when that lasts', () => {
    const disk = new TableDisk();
    fill(disk, '/w/', 50);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, entriesMax: 10 });
    expect(scans(watch, 10).isCrowded).toBe(true);
  });

  it('sees the folders, however many entries lie beside them, in stat/ and in other folders', () => {
    const disk = new TableDisk();
    fill(disk, '/w/stat/', 500);
    disk.files.set('/w/first/1', 1);
    fill(disk, '/w/', 500);
    for (let folder = 0; folder < 20; folder += 1) fill(disk, `/w/full-${folder}/`, 100);
    disk.files.set('/w/full-19/.tmp', 1);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, entriesMax: 100, trackedMax: 5000 });
    expect(scans(watch, 2).settled.some(({ path }) => path === '/w/first/1')).toBe(true);
    const among = new TableDisk();
    for (let folder = 0; folder < 20; folder += 1) fill(among, `/w/full-${folder}/`, 100);
    among.files.set('/w/last/1', 1);
    const other = new WatchFolder({ folder: '/w', settleScans: 1, disk: among, entriesMax: 100 });
    expect(scans(other, 2).settled.some(({ path }) => path === '/w/last/1')).toBe(true);
  });

  it('sees the other folders, however many entries one has', () => {
    const disk = new TableDisk();
    for (const [name, count] of [
      ['a', 3],
      ['m', 500],
      ['z', 3],
    ] as const)
      fill(disk, `/w/${name}/`, count);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk, entriesMax: 100, trackedMax: 1000 });
    const { settled, problems } = scans(watch, 2);
    for (const name of ['a', 'z'])
      expect(settled.filter(({ path }) => path.startsWith(`/w/${name}/`))).toHaveLength(3);
    expect(problems).toEqual([]);
  });

  it('leaves what could not be taken alone for longer each time, until it changes', () => {
    const disk = new TableDisk();
    disk.files.set('/w/1', 1);
    const watch = new WatchFolder({ folder: '/w', settleScans: 1, disk });
    const tries: number[] = [];
    for (let scan = 1; scan <= 100; scan += 1) {
      const { settled, waiting } = watch.scan();
      expect([...waiting]).toEqual(tries.length === 0 ? [] : ['E_FILE_READ']);
      if (settled.length === 0) continue;
      tries.push(scan);
      watch.postpone('/w/1', 'E_FILE_READ');
    }
    expect(tries).toEqual([2, 4, 7, 12, 21, 38, 71]);
    disk.files.set('/w/1', 2);
    expect(scans(watch, 2).settled).toHaveLength(1);
    expect([...watch.scan().waiting]).toEqual([]);
  });
});
