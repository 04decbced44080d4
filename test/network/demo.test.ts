/**
 * Goal: the demo tells the truth: its account of every file is right, and one changed byte in the inbox fails it.
 * Method: the demo as a process, with a few MB of files of every kind.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Processes } from '../harness/processes.ts';
import { Random } from '../harness/random.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { filesBelow } from '../harness/transfer.ts';

const script = 'dist/test/harness/demo.js';
const built = existsSync(join(repositoryRoot(), script));
if (!built && process.env['CI'] !== undefined) throw new Error('the demo is not built');

const processes = new Processes();
afterEach(() => processes.cleanUp());

const demoMs = 100_000;

function instance(study: number, number: number, approximateBytes: number, seed = number): Uint8Array {
  return smallInstance({
    studyUid: `2.25.${study}`,
    seriesUid: `2.25.${study}.1`,
    sopInstanceUid: `2.25.${study}.1.${number}`,
    patientId: `SYNTHETIC-${study}`,
    patientName: 'SYNTHETIC^ONE',
    approximateBytes,
    random: new Random(1000 * study + seed),
  });
}

/** A folder of files. */
function folderOf(files: ReadonlyMap<string, Uint8Array>): string {
  const folder = processes.temporaryFolder();
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  return folder;
}

function start(folder: string, scratch: string, ...flags: readonly string[]) {
  return processes.startScript(script, {
    arguments: [folder, '--json', ...flags],
    environment: { TMPDIR: scratch },
  });
}

describe.skipIf(!built)('the demo', () => {
  it('accounts for every file, and its sums agree', async () => {
    const files = new Map<string, Uint8Array>();
    for (const study of [1, 2]) {
      for (let number = 1; number <= 10; number += 1)
        files.set(`${study}-${number}.dcm`, instance(study, number, 150_000));
    }
    files.set('again.dcm', instance(1, 3, 150_000));
    files.set('other-bytes.dcm', instance(2, 4, 150_000, 99));
    files.set('letter.txt', Buffer.from('Dear colleague'));
    files.set('empty.dcm', new Uint8Array(0));
    files.set('.hidden', Buffer.from('not looked at'));
    const scratch = processes.temporaryFolder();
    const demo = start(folderOf(files), scratch, '--seed', '3', '--loss', '3', '--rate', '100');
    expect(await demo.waitForExit(demoMs), demo.text('stderr')).toEqual({ code: 0, signal: null });
    const account = JSON.parse(demo.text('stdout').split('\n').at(-1) ?? '');
    expect(account).toMatchObject({
      ok: true,
      studies: 2,
      delivered: 20,
      duplicate: 1,
      conflict: 1,
      held: 0,
      rejected: 2,
      inbox: expect.stringContaining(scratch),
    });
    expect(account.bytes).toBe(
      sum([...files].filter(([name]) => /^\d/.test(name)).map(([, bytes]) => bytes.length)),
    );
    expect(account.datagramsLost).toBeGreaterThan(0);
    expect(account.symbolsRepaired).toBeGreaterThan(0);
    expect(account.seconds).toBeGreaterThan(0);
    // What it used is gone.
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('fails when one byte in the inbox is not what was put in', async () => {
    const files = new Map([['first.dcm', instance(1, 1, 5000)]]);
    // The second study takes a while, so that there is time to spoil the first.
    for (let number = 1; number <= 25; number += 1)
      files.set(`later-${number}.dcm`, instance(2, number, 150_000));
    const scratch = processes.temporaryFolder();
    const demo = start(folderOf(files), scratch, '--loss', '0', '--rate', '10');
    const released = await firstRelease(scratch, () => demo.exit !== undefined);
    const bytes = readFileSync(released);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(released, bytes);
    expect(await demo.waitForExit(demoMs)).toEqual({ code: 1, signal: null });
    const account = JSON.parse(demo.text('stdout').split('\n').at(-1) ?? '');
    expect(account).toMatchObject({ ok: false, delivered: 25 });
  });

  it('says what is wrong with its own command line', async () => {
    const demo = processes.startScript(script, { arguments: [join(processes.temporaryFolder(), 'nowhere')] });
    expect((await demo.waitForExit()).code).toBe(1);
    expect(demo.text('stderr')).toMatch(/there is no folder/);
  });
});

/** The first file that is released. */
async function firstRelease(scratch: string, ended: () => boolean): Promise<string> {
  for (;;) {
    for (const name of readdirSync(scratch)) {
      const inbox = join(scratch, name, 'high/inbox');
      const [found] = filesBelow(inbox);
      if (found !== undefined) return join(inbox, found);
    }
    if (ended()) throw new Error('the demo ended before anything was released');
    await sleep(20);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
