/**
 * Goal: ledgers that run full in the middle of whatever a side does lose nothing, stop nothing and need nobody. Method:
 * the simulated world with its ledgers on real disks of a few megabytes, filled but for some random pages while studies
 * are taken in, sent, kept and released: SQLite itself refuses.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SenderLedger } from '../../sender/ledger/ledger.ts';
import { protection } from '../../shared/wire/datagram.ts';
import { priority } from '../../shared/wire/manifest.ts';
import { Random } from '../harness/random.ts';
import { noSmallDisks, SmallDisk } from '../harness/small-disk.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { World } from './world.ts';

if (noSmallDisks !== undefined && process.env['CI'] !== undefined) throw new Error(noSmallDisks);

let folder: string;
let disks: SmallDisk[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dicom-diode-full-'));
});

afterEach(() => {
  for (const disk of disks) disk.unmount();
  disks = [];
  rmSync(folder, { recursive: true, force: true });
});

function smallDisk(name: string): SmallDisk {
  const disk = new SmallDisk(join(folder, name), 6);
  disks.push(disk);
  return disk;
}

function worldOn(low: SmallDisk, high: SmallDisk): World {
  return new World({
    seed: 1,
    parameters: { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed },
    openBlocks: 4,
    passCount: 2,
    passGapMs: 200,
    carouselShare: 0.25,
    carouselGapMs: 5000,
    quietSeconds: 1,
    rateMegabitsPerSecond: 50,
    channel: { lossProbability: 0.05, latencyMs: 1 },
    memoryBytes: 8_000_000,
    spillBytes: 1_000_000,
    deadlineMs: 60_000,
    ledgerPaths: { low: join(low.folder, 'ledger.sqlite'), high: join(high.folder, 'ledger.sqlite') },
  });
}

function takeStudy(world: World, random: Random): void {
  const study = { studyUid: uidFrom(random), seriesUid: uidFrom(random) };
  for (let count = 0; count < 4; count += 1) {
    const sopInstanceUid = uidFrom(random);
    const bytes = smallInstance({
      ...study,
      sopInstanceUid,
      patientId: 'FULL',
      patientName: 'SYNTHETIC^FULL',
      approximateBytes: 5000,
      random,
    });
    world.take({ bytes, studyUid: study.studyUid, sopInstanceUid }, priority.routine);
  }
}

describe.skipIf(noSmallDisks !== undefined)('a ledger that runs full', () => {
  it('is closed all the same, and opened again it has all that was stored', () => {
    const disk = smallDisk('low');
    const path = join(disk.folder, 'ledger.sqlite');
    const value = 'x'.repeat(3000);
    const names = Array.from({ length: 200 }, (_, index) => `fact ${index}`);
    const ledger = new SenderLedger(path);
    for (const name of names) ledger.facts.set(name, value);
    // What was stored is in the log beside the file, and the file has no room to grow.
    disk.fill();
    ledger.close();
    disk.makeRoom();
    const again = new SenderLedger(path);
    expect(names.filter((name) => again.facts.get(name) !== value)).toEqual([]);
    again.close();
  });

  it.each([1, 2, 3])('on either side, in the middle of anything (seed %i)', (seed) => {
    const [lowDisk, highDisk] = [smallDisk('low'), smallDisk('high')];
    const world = worldOn(lowDisk, highDisk);
    const random = new Random(seed);
    const isFull = { low: 0, high: 0 };
    const look = () => {
      for (const side of ['low', 'high'] as const)
        if (world[side].alarms.standing().some(({ code }) => code === 'E_DISK_FULL')) isFull[side] += 1;
      return false;
    };
    for (let round = 0; round < 8; round += 1) {
      const disk = round % 2 === 0 ? lowDisk : highDisk;
      disk.fill(random.integer(24));
      for (let study = 0; study < 3; study += 1) {
        takeStudy(world, random);
        world.run(world.clock.monotonicMs() + 2500, look);
      }
      disk.makeRoom();
      world.run(world.clock.monotonicMs() + random.integer(4000), look);
    }
    expect(isFull.low).toBeGreaterThan(5);
    expect(isFull.high).toBeGreaterThan(5);
    expect(world.run(world.clock.monotonicMs() + 600_000, () => world.allReleased)).toBe(true);
    world.run(world.clock.monotonicMs() + 60_000);
    world.checkNothingSilent(true);
    const stands = [...world.low.alarms.standing(), ...world.high.alarms.standing()];
    expect(stands.filter(({ code }) => code === 'E_DISK_FULL' || code === 'E_LEDGER')).toEqual([]);
  });
});
