/**
 * Goal: whatever takes the place of a file in the watch folder, at whatever moment, is never opened to wait, never followed,
 * never published, and costs nobody else a file. Method: the real disk behind one that exchanges the file right before its
 * n-th call, for each n there is.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { objectPlanner } from '../../../../sender/identity.ts';
import { type TakeOutcome, takeFiles } from '../../../../sender/intake/take.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { Spool } from '../../../../sender/spool/spool.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { type Disk, nodeDisk } from '../../../../shared/disk.ts';
import { protection } from '../../../../shared/wire/datagram.ts';
import { priority } from '../../../../shared/wire/manifest.ts';
import { Random } from '../../../harness/random.ts';
import { smallInstance } from '../../../harness/small-instance.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
const identity = { senderId: new Uint8Array(8).fill(7), keyId: 1, secret: new Uint8Array(32), parameters };
const secret = 'a secret of the sender '.repeat(20);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swapped-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function image(number: number): Uint8Array {
  return smallInstance({
    studyUid: '1.2',
    seriesUid: '1.2.3',
    sopInstanceUid: `1.2.3.${number}`,
    patientId: 'P',
    patientName: 'SYNTHETIC',
    approximateBytes: 3000,
    random: new Random(number),
  });
}

/** The disk of this host; `act` runs right before its n-th call, calls of opened files among them. */
function counting(act: (call: number) => void): { disk: Disk; calls: () => number } {
  let calls = 0;
  const counted = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (real, name) => {
        const value: unknown = Reflect.get(real, name);
        if (typeof value !== 'function') return value;
        return (...all: unknown[]) => {
          calls += 1;
          act(calls);
          // Nothing here is about power cuts.
          if (name === 'sync' || name === 'syncFolder') return undefined;
          const result: unknown = Reflect.apply(value, real, all);
          const isFile = typeof result === 'object' && result !== null && 'close' in result;
          return isFile ? counted(result) : result;
        };
      },
    });
  return { disk: counted(nodeDisk), calls: () => calls };
}

const paths = () => ({
  watched: join(folder, 'watch/ct/1.dcm'),
  other: join(folder, 'watch/ct/2.dcm'),
  key: join(folder, 'key'),
  spool: join(folder, 'spool'),
});

/** Takes two files while the first is exchanged before the n-th call. */
function takeWhile(content: Uint8Array, swapAt: number, swap: (path: string) => void) {
  const { watched, other, key, spool: spoolFolder } = paths();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'watch/ct'), { recursive: true });
  writeFileSync(key, secret, { mode: 0o600 });
  writeFileSync(watched, content);
  writeFileSync(other, image(2));
  let swapped = false;
  const { disk, calls } = counting((call) => {
    if (call !== base + swapAt) return;
    swapped = true;
    rmSync(watched, { force: true });
    swap(watched);
  });
  let base = Number.NaN;
  const ledger = new SenderLedger(':memory:');
  const spool = new Spool({ folder: spoolFolder, disk, ledger });
  base = calls();
  const outcome = run(disk, spool, [watched, other]);
  return { outcome, swapped, ledger, spool };
}

function run(disk: Disk, spool: Spool, files: readonly string[]): TakeOutcome {
  const candidates = files.map((path) => ({
    path,
    relativePath: relative(join(folder, 'watch'), path),
    priority: priority.routine,
    quietSeconds: 60,
    arrived: false,
  }));
  const steps = takeFiles({ disk, spool, clock: systemClock, plan: objectPlanner(identity) }, candidates);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Everything that lies below a folder and is no folder. */
function below(path: string): string[] {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

const kinds: [string, (path: string) => void][] = [
  ['a pipe', (path) => void execFileSync('mkfifo', [path])],
  ['a link to a secret', (path) => symlinkSync(paths().key, path)],
  ['a link to nothing', (path) => symlinkSync(join(folder, 'nothing'), path)],
  ['a folder', (path) => mkdirSync(path)],
  ['nothing', () => {}],
];

describe.each([
  ['an image', image(1)],
  ['what is no image', new TextEncoder().encode('hello '.repeat(100))],
])('%s that is exchanged', (_, content) => {
  it.each(kinds)('for %s at any moment is itself or nothing', (_kind, swap) => {
    for (let swapAt = 1, done = false; !done; swapAt += 1) {
      const { outcome, swapped, ledger } = takeWhile(content, swapAt, swap);
      done = !swapped;
      // The other one never pays for it.
      expect(outcome.entered.map((row) => row.sopInstanceUid)).toContain('1.2.3.2');
      expect(ledger.instances.has('1.2.3.2')).toBe(true);
      for (const path of below(paths().spool)) {
        expect(lstatSync(path).isFile(), `${path} at ${swapAt}`).toBe(true);
        expect(readFileSync(path).includes('secret of the sender'), `${path} at ${swapAt}`).toBe(false);
      }
      expect(readFileSync(paths().key, 'utf8')).toBe(secret);
      if (swapAt > 500) throw new Error('no end of calls');
    }
  });

  it('for another image at any moment costs neither', () => {
    for (let swapAt = 1, done = false; !done; swapAt += 1) {
      const { outcome, swapped, ledger, spool } = takeWhile(content, swapAt, (path) => {
        writeFileSync(`${path}.new`, image(3));
        renameSync(`${path}.new`, path);
      });
      done = !swapped;
      expect(outcome.entered.map((row) => row.sopInstanceUid)).toContain('1.2.3.2');
      // Whatever is left is taken by the next scan.
      run(nodeDisk, spool, below(join(folder, 'watch')));
      if (swapped) expect(ledger.instances.has('1.2.3.3'), `at ${swapAt}`).toBe(true);
      expect(below(join(folder, 'watch'))).toEqual([]);
    }
  });
});

it('no folder on the way is left through a link that takes its place', () => {
  const outside = join(folder, 'outside');
  for (let swapAt = 1, done = false; !done; swapAt += 1) {
    const { watched } = paths();
    const { swapped, ledger } = takeWhile(image(1), swapAt, () => {
      mkdirSync(outside, { recursive: true });
      for (const name of ['1.dcm', '2.dcm']) writeFileSync(join(outside, name), image(9));
      rmSync(join(watched, '..'), { recursive: true });
      symlinkSync(outside, join(watched, '..'));
    });
    done = !swapped;
    expect(ledger.instances.has('1.2.3.9'), `at ${swapAt}`).toBe(false);
    if (swapped) expect(readdirSync(outside).sort()).toEqual(['1.dcm', '2.dcm']);
  }
});

it('a second name of a file that only its owner may read is not read by others in rejected/', () => {
  const { key, spool: spoolFolder, watched } = paths();
  mkdirSync(join(folder, 'watch/ct'), { recursive: true });
  writeFileSync(key, secret, { mode: 0o600 });
  linkSync(key, watched);
  const spool = new Spool({ folder: spoolFolder, disk: nodeDisk, ledger: new SenderLedger(':memory:') });
  expect(run(nodeDisk, spool, [watched]).rejected).toMatchObject([{ code: 'E_NOT_DICOM' }]);
  const [rejected = ''] = below(join(spoolFolder, 'rejected'));
  expect(statSync(rejected).mode & 0o777).toBe(0o600);
});

describe('a writer that keeps its file open', () => {
  it('changes nothing of what was taken', () => {
    const { watched, spool: spoolFolder } = paths();
    mkdirSync(join(folder, 'watch/ct'), { recursive: true });
    writeFileSync(watched, image(1));
    chmodSync(watched, 0o666);
    const writer = nodeDisk.open(watched, 'update');
    const ledger = new SenderLedger(':memory:');
    const spool = new Spool({ folder: spoolFolder, disk: nodeDisk, ledger });
    const [row] = run(nodeDisk, spool, [watched]).entered;
    writer.writeAt(new Uint8Array(500).fill(1), 1000);
    writer.close();
    expect(readFileSync(spool.objects.pathOf(row?.objectId ?? '')).equals(image(1))).toBe(true);
  });

  it('and changes it while it is read has it taken when it stands still, or as it was', () => {
    for (let at = 1, done = false; !done; at += 1) {
      let changed: Uint8Array | undefined;
      const { outcome, ledger, spool } = takeWhile(image(1), Number.NaN, () => {});
      expect(outcome.entered).toHaveLength(2);
      const { watched } = paths();
      writeFileSync(watched, image(4));
      const { disk } = counting((call) => {
        if (call !== at) return;
        changed = image(4).fill(at % 256, 2500, 2600);
        if (existsSync(watched)) writeFileSync(watched, changed, { flag: 'r+' });
      });
      const { entered } = run(disk, spool, [watched]);
      done = changed === undefined;
      for (const { objectId, sha256 } of entered) {
        const spooled = readFileSync(spool.objects.pathOf(objectId));
        expect(sha256Of(spooled)).toBe(sha256);
      }
      expect(ledger.instances.count()).toBe(2 + entered.length);
    }
  });
});

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
