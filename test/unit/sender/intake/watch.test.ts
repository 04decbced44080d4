/**
 * Goal: the watching goes on whatever lies in the folder and whatever the disk refuses; it can always be stopped, and tells
 * of what it can't take. Method: the real Watch over a real folder, and a disk that does something at a given call.
 */
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { objectPlanner } from '../../../../sender/identity.ts';
import { Watch } from '../../../../sender/intake/watch.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { Spool } from '../../../../sender/spool/spool.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { type Disk, nodeDisk } from '../../../../shared/disk.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { createLog } from '../../../../shared/log.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { nodeLoop } from '../../../../shared/program/loop.ts';
import { protection } from '../../../../shared/wire/datagram.ts';
import { Random } from '../../../harness/random.ts';
import { smallInstance } from '../../../harness/small-instance.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
const identity = { senderId: new Uint8Array(8).fill(7), keyId: 1, secret: new Uint8Array(32), parameters };

const secret = 'what no writer may read';
let folder = '';
const secretPath = () => join(folder, 'secret');
let watch: Watch | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watching-'));
  mkdirSync(join(folder, 'watch'));
  writeFileSync(secretPath(), secret);
});
afterEach(async () => {
  await watch?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function put(number: number): string {
  const path = join(folder, 'watch', `${number}.dcm`);
  const bytes = smallInstance({
    studyUid: '1.2',
    seriesUid: '1.2.3',
    sopInstanceUid: `1.2.3.${number}`,
    patientId: 'P',
    patientName: 'SYNTHETIC',
    approximateBytes: 3000,
    random: new Random(number),
  });
  writeFileSync(path, bytes);
  return path;
}

/** Starts to watch; `change` replaces methods of the disk. */
function watching(change: (disk: Disk) => Partial<Disk> = () => ({}), trackedMax?: number) {
  const ledger = new SenderLedger(':memory:');
  const disk = { ...nodeDisk, ...change(nodeDisk) };
  const spool = new Spool({ folder: join(folder, 'spool'), disk: nodeDisk, ledger });
  const arrived = { fails: false };
  const list = spool.arrived.bind(spool);
  spool.arrived = () => {
    if (arrived.fails) throw new DiodeError('E_DISK', 'listing a folder (EMFILE)');
    return list();
  };
  const alarms = new Alarms(systemClock);
  const lines: string[] = [];
  watch = new Watch({
    folder: join(folder, 'watch'),
    settleScans: 1,
    ...(trackedMax !== undefined && { trackedMax }),
    scanIntervalMs: 10,
    quietSeconds: 60,
    statQuietSeconds: 10,
    intake: { disk, spool, clock: systemClock, plan: objectPlanner(identity) },
    spool,
    alarms,
    log: createLog('test', 'warn', { stream: { write: (line) => void lines.push(line) } }),
    loop: nodeLoop,
    hasRoom: () => true,
    onTaken: () => {},
  });
  const isKept = (number: number) => ledger.instances.has(`1.2.3.${number}`);
  const standing = () => alarms.standing().map(({ code }) => code);
  return { watch, isKept, standing, lines, arrived, alarms };
}

it.each([
  ['a pipe', (path: string) => void execFileSync('mkfifo', [path])],
  ['a link', (path: string) => symlinkSync(secretPath(), path)],
])('%s in the place of a file is told of; the others are taken, and it stops', async (_, swap) => {
  const path = put(1);
  let swapped = false;
  const {
    watch: started,
    isKept,
    standing,
  } = watching(() => ({
    openFolder: (at, links) => {
      if (!swapped) {
        swapped = true;
        rmSync(path);
        swap(path);
      }
      return nodeDisk.openFolder(at, links);
    },
  }));
  started.start();
  await expect.poll(standing, { timeout: 10_000 }).toEqual(['E_FILE_KIND']);
  put(2);
  await expect.poll(() => isKept(2), { timeout: 10_000 }).toBe(true);
  await started.stop();
  // It stays as it is, and nothing of what it leads to is anywhere.
  expect(lstatSync(path).isFile()).toBe(false);
  expect(readFileSync(secretPath(), 'utf8')).toBe(secret);
  const spooled = readdirSync(join(folder, 'spool'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
  expect(spooled).toHaveLength(1);
  expect(spooled.some((content) => content.includes(secret))).toBe(false);
});

it('what is no file from the first is told of once', async () => {
  for (let number = 0; number < 50; number += 1)
    symlinkSync('/etc/hostname', join(folder, 'watch', `link-${number}`));
  const { watch: started, isKept, lines } = watching();
  started.start();
  put(1);
  // Each of them is taken after some scans.
  for (const number of [1, 2, 3]) {
    if (number > 1) put(number);
    await expect.poll(() => isKept(number), { timeout: 10_000 }).toBe(true);
  }
  expect(lines.filter((line) => line.includes('E_FILE_KIND'))).toHaveLength(1);
});

it('files that find no place are a critical alarm until they do; a new one beside them is taken', async () => {
  const bad = Array.from({ length: 10 }, (_, number) => join(folder, 'watch', `bad-${number}`));
  for (const path of bad) writeFileSync(path, 'x');
  const refuse = (disk: Disk): Partial<Disk> => ({
    openForeign: (path) => {
      if (path.includes('bad')) throw new DiodeError('E_FILE_READ');
      return disk.openForeign(path);
    },
  });
  const { watch: started, isKept, alarms } = watching(refuse, 4);
  started.start();
  const crowded = () => alarms.standing().find(({ code }) => code === 'E_WATCH_CROWDED')?.severity;
  await expect.poll(crowded, { timeout: 10_000 }).toBe('critical');
  put(1);
  await expect.poll(() => isKept(1), { timeout: 10_000 }).toBe(true);
  for (const path of bad) rmSync(path);
  await expect.poll(crowded, { timeout: 10_000 }).toBeUndefined();
});

it('a disk that refuses for a while is an alarm for that while, and ends nothing', async () => {
  const { watch: started, isKept, standing, arrived } = watching();
  arrived.fails = true;
  started.start();
  await expect.poll(standing, { timeout: 10_000 }).toEqual(['E_DISK']);
  put(1);
  arrived.fails = false;
  await expect.poll(() => isKept(1), { timeout: 10_000 }).toBe(true);
  await expect.poll(standing, { timeout: 10_000 }).toEqual([]);
});
