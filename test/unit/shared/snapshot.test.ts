/** Goal: who looks while the disk is full sees that the program runs, and what it says now. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeSnapshot } from '../../../shared/supervision.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'snapshot-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = () => join(folder, 'status.json');
const read = () => JSON.parse(readFileSync(path(), 'utf8'));

/** No new file can be written. */
function refuseFiles(): void {
  mkdirSync(`${path()}.partial`);
}

it('a snapshot takes the place of the last one where no new file can be written', () => {
  writeSnapshot(path(), { atMs: 1, alarms: ['E_DISK_FULL'] });
  refuseFiles();
  writeSnapshot(path(), { atMs: 2, alarms: ['é'.repeat(500)] });
  expect(read()).toEqual({ atMs: 2, alarms: ['é'.repeat(500)] });
  writeSnapshot(path(), { atMs: 3, alarms: [] });
  expect(read()).toEqual({ atMs: 3, alarms: [] });
});

it('one that has no room there leaves the last one whole', () => {
  writeSnapshot(path(), { atMs: 1 });
  refuseFiles();
  writeSnapshot(path(), { atMs: 2, alarms: ['x'.repeat(100_000)] });
  expect(read()).toEqual({ atMs: 1 });
});

it('the first one is just not there', () => {
  refuseFiles();
  writeSnapshot(path(), { atMs: 1 });
  expect(read).toThrow('ENOENT');
});
