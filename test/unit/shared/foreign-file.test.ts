/**
 * Goal: what takes a file's place between the look at it and the opening is never followed, waited for or read. Method:
 * the real disk, over a file system in which somebody acts right behind that look.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { nodeDisk } from '../../../shared/disk.ts';

const somebody = vi.hoisted(() => ({ acts: (): void => {} }));
vi.mock('node:fs', async (load) => {
  const real = await load<typeof import('node:fs')>();
  const lstatSync = (path: string) => {
    const found = real.lstatSync(path);
    somebody.acts();
    return found;
  };
  return { ...real, lstatSync };
});

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'foreign-'));
  path = join(folder, 'file');
  writeFileSync(path, 'what was looked at');
});
afterEach(() => {
  somebody.acts = () => {};
  rmSync(folder, { recursive: true, force: true });
});

it('is opened where nobody acts', () => {
  nodeDisk.openForeign(path).close();
});

it.each([
  ['a link to a file of others', () => symlinkSync(join(folder, 'secret'), path)],
  ['a pipe', () => void execFileSync('mkfifo', [path])],
  ['a folder', () => mkdirSync(path)],
])('%s in its place is no file', (_kind, make) => {
  writeFileSync(join(folder, 'secret'), 'what no writer may read');
  somebody.acts = () => {
    rmSync(path);
    make();
  };
  // Who waits for a writer of the pipe would wait for this one.
  const writer = spawn('sh', ['-c', 'sleep 5; exec 3<> "$0"', path], { stdio: 'ignore' });
  const beganMs = performance.now();
  try {
    expect(() => nodeDisk.openForeign(path)).toThrow(expect.objectContaining({ code: 'E_FILE_KIND' }));
    expect(performance.now() - beganMs).toBeLessThan(4000);
  } finally {
    writer.kill();
  }
});
