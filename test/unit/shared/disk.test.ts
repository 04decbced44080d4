import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Disk, isCrossDevice, nodeDisk, writeDurably } from '../../../shared/disk.ts';
import { diskError } from '../../../shared/errors.ts';
import { Random } from '../../harness/random.ts';
import { SimulatedDisk } from '../../simulation/simulated-disk.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'disk-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const failure = (code: string) => expect.objectContaining({ code });
const bytes = (content: string) => new TextEncoder().encode(content);

function content(disk: Disk, path: string): string {
  const file = disk.open(path, 'read');
  const target = new Uint8Array(disk.facts(path)?.bytes ?? 0);
  const read = file.readAt(target, 0);
  file.close();
  return new TextDecoder().decode(target.subarray(0, read));
}

describe.each<[string, () => { disk: Disk; at: string }]>([
  ['the real disk', () => ({ disk: nodeDisk, at: folder })],
  [
    'the simulated disk',
    () => {
      const disk = new SimulatedDisk();
      disk.makeFolder('/at');
      return { disk, at: '/at' };
    },
  ],
])('%s', (_name, make) => {
  it('writes and reads at any place of a file', () => {
    const { disk, at } = make();
    const path = join(at, 'file');
    const file = disk.open(path, 'create');
    file.writeAt(bytes('world'), 6);
    file.writeAt(bytes('hello '), 0);
    file.sync();
    const part = new Uint8Array(20);
    expect(file.readAt(part, 6)).toBe(5);
    expect(file.readAt(part, 11)).toBe(0);
    file.close();
    expect(content(disk, path)).toBe('hello world');
    expect(disk.facts(path)).toMatchObject({ kind: 'file', bytes: 11 });
  });

  it('creates no file twice and opens none that is missing', () => {
    const { disk, at } = make();
    disk.open(join(at, 'file'), 'create').close();
    expect(() => disk.open(join(at, 'file'), 'create')).toThrow(failure('E_DISK'));
    for (const mode of ['read', 'update'] as const)
      expect(() => disk.open(join(at, 'none'), mode)).toThrow(failure('E_DISK'));
    expect(() => disk.open(join(at, 'none', 'file'), 'create')).toThrow(failure('E_DISK'));
  });

  it('makes, lists, links, renames and removes', () => {
    const { disk, at } = make();
    disk.makeFolder(join(at, 'a', 'b'));
    disk.makeFolder(join(at, 'a', 'b'));
    writeDurably(disk, join(at, 'a', 'b', 'one'), bytes('1'));
    disk.link(join(at, 'a', 'b', 'one'), join(at, 'two'));
    expect(disk.list(at).sort()).toEqual(['a', 'two']);
    disk.rename(join(at, 'a'), join(at, 'c'));
    expect(content(disk, join(at, 'c', 'b', 'one'))).toBe('1');
    disk.remove(join(at, 'two'));
    disk.remove(join(at, 'two'));
    disk.removeFolder(join(at, 'c'));
    disk.removeFolder(join(at, 'c'));
    expect(disk.list(at)).toEqual([]);
    expect(disk.facts(join(at, 'c'))).toBeUndefined();
    expect(() => disk.rename(join(at, 'none'), join(at, 'x'))).toThrow(failure('E_DISK'));
    expect(() => disk.link(join(at, 'none'), join(at, 'x'))).toThrow(failure('E_DISK'));
    expect(() => disk.syncFolder(join(at, 'none'))).toThrow(failure('E_DISK'));
  });

  it('writes a small file durably, over an older one and over a half of itself', () => {
    const { disk, at } = make();
    const path = join(at, 'fact');
    disk.open(`${path}.partial`, 'create').close();
    writeDurably(disk, path, bytes('old'));
    writeDurably(disk, path, bytes('new'));
    expect(content(disk, path)).toBe('new');
    expect(disk.list(at)).toEqual(['fact']);
  });

  it('knows how much is free', () => {
    const { disk, at } = make();
    const { free, total } = disk.freeBytes(at);
    expect(free).toBeGreaterThan(0);
    expect(total).toBeGreaterThanOrEqual(free);
  });
});

describe('the real disk', () => {
  it('keeps its files from everybody but owner and group', () => {
    nodeDisk.makeFolder(join(folder, 'inner'));
    writeDurably(nodeDisk, join(folder, 'inner', 'file'), bytes('x'));
    expect(statSync(join(folder, 'inner')).mode & 0o027).toBe(0);
    expect(statSync(join(folder, 'inner', 'file')).mode & 0o137).toBe(0);
  });

  it('looks at a link, never through it', () => {
    writeFileSync(join(folder, 'file'), 'x');
    symlinkSync(join(folder, 'file'), join(folder, 'link'));
    expect(nodeDisk.facts(join(folder, 'link'))?.kind).toBe('other');
    nodeDisk.remove(join(folder, 'link'));
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('x');
  });

  it('tells another file system from other failures', () => {
    expect(isCrossDevice(diskError(Object.assign(new Error('x'), { code: 'EXDEV' }), 'renaming'))).toBe(true);
    expect(isCrossDevice(diskError(Object.assign(new Error('x'), { code: 'EIO' }), 'renaming'))).toBe(false);
    expect(isCrossDevice('EXDEV')).toBe(false);
  });
});

describe('a small file that is written durably', () => {
  it('is after a power cut the old one or the new one, whole', () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 60; seed += 1) {
      const disk = new SimulatedDisk();
      disk.makeFolder('/at');
      writeDurably(disk, '/at/fact', bytes('old'));
      // Cut at each step of the second writing.
      const cut = seed % 6;
      const stopping = new Proxy<Disk>(disk, {
        get: (target, name: keyof Disk) => {
          const member = target[name];
          return (...parameters: never[]) => {
            if (name === 'rename' && cut === 0) throw new RangeError('power');
            const result = (member as (...all: never[]) => unknown).apply(target, parameters);
            if (name === 'rename' && cut === 1) throw new RangeError('power');
            return result;
          };
        },
      });
      try {
        writeDurably(stopping, '/at/fact', bytes('newer'));
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
      disk.crash(new Random(seed));
      const found = content(disk, '/at/fact');
      seen.add(found);
      if (cut > 1) expect(found).toBe('newer');
    }
    expect([...seen].sort()).toEqual(['newer', 'old']);
  });
});

describe('a sync that nobody waits for', () => {
  it('promises nothing to a power cut until it has ended, and then only what was written before it began', () => {
    const found = (seed: number, ended: boolean) => {
      const disk = new SimulatedDisk();
      disk.delaySyncs(new Random(seed));
      disk.makeFolder('/at');
      const file = disk.open('/at/file', 'create');
      file.writeAt(bytes('before'), 0);
      disk.syncFolder('/at');
      let isThrough = false;
      file.syncLater(() => {
        isThrough = true;
      });
      file.writeAt(bytes(' after'), 6);
      while (ended && !isThrough) disk.endSyncs();
      disk.crash(new Random(seed));
      return content(disk, '/at/file');
    };
    const seeds = Array.from({ length: 60 }, (_, index) => index + 1);
    const kept = (text: string) => text.startsWith('before');
    expect(seeds.every((seed) => kept(found(seed, true)))).toBe(true);
    expect(seeds.some((seed) => found(seed, true) === 'before')).toBe(true);
    expect(seeds.some((seed) => !kept(found(seed, false)))).toBe(true);
  });
});
