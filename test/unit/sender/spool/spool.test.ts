import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { objectPlanner } from '../../../../sender/identity.ts';
import { type Candidate, type TakeOutcome, takeFiles } from '../../../../sender/intake/take.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { Spool } from '../../../../sender/spool/spool.ts';
import { diskError } from '../../../../shared/errors.ts';
import { protection } from '../../../../shared/wire/datagram.ts';
import { priority } from '../../../../shared/wire/manifest.ts';
import { Random } from '../../../harness/random.ts';
import { smallInstance } from '../../../harness/small-instance.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
const identity = { senderId: new Uint8Array(8), keyId: 1, secret: new Uint8Array(32), parameters };

/** Watch folder, spool and rejected folder: renames out of `/far` fail, as between two file systems. */
class TwoDisks extends SimulatedDisk {
  override rename(from: string, to: string): void {
    const far = (path: string) => path.startsWith('/far/');
    if (far(from) !== far(to))
      throw diskError(Object.assign(new Error(), { code: 'EXDEV' }), 'renaming a file');
    super.rename(from, to);
  }
}

function low(disk = new TwoDisks(), rejectedFolder = '/spool/rejected') {
  const ledger = new SenderLedger(':memory:');
  const clock = new VirtualClock().host();
  for (const folder of ['/far', '/watch']) disk.makeFolder(folder);
  const spool = new Spool({ folder: '/spool', rejectedFolder, disk, ledger });
  const take = (...candidates: Candidate[]): TakeOutcome => {
    const steps = takeFiles({ disk, spool, clock, plan: objectPlanner(identity) }, candidates);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  };
  const put = (path: string, bytes: Uint8Array): Candidate => {
    const file = disk.open(path, 'create');
    file.writeAt(bytes, 0);
    const relativePath = path.split('/').slice(2).join('/');
    return { path, relativePath, priority: priority.routine, quietSeconds: 60, arrived: false };
  };
  return { disk, ledger, spool, take, put };
}

function image(sopInstanceUid = '1.2.3.4', seed = 1): Uint8Array {
  return smallInstance({
    studyUid: '1.2',
    seriesUid: '1.2.3',
    sopInstanceUid,
    patientId: 'P',
    patientName: 'SYNTHETIC',
    approximateBytes: 3000,
    random: new Random(seed),
  });
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const names = (disk: SimulatedDisk, folder: string) => [...disk.contents(folder).keys()].sort();

describe('a file that is taken', () => {
  it.each(['/watch', '/far'])('from %s is in the spool byte for byte, and nowhere else', (folder) => {
    const { disk, ledger, take, put } = low();
    const bytes = image();
    const { entered } = take(put(`${folder}/1.dcm`, bytes));
    expect(entered).toMatchObject([{ studyUid: '1.2', sopInstanceUid: '1.2.3.4', sha256: sha256(bytes) }]);
    expect(names(disk, folder)).toEqual([]);
    expect(names(disk, '/spool')).toEqual([`objects/${entered[0]?.objectId}`]);
    expect([...disk.contents('/spool').values()].map(sha256)).toEqual([sha256(bytes)]);
    expect(ledger.objects.has(entered[0]?.objectId ?? '')).toBe(true);
  });

  it('twice is one, whether the second comes at once or later', () => {
    const { disk, take, put } = low();
    const both = take(put('/watch/1', image()), put('/watch/2', image()));
    expect([both.entered.length, both.duplicates]).toEqual([1, 1]);
    expect(take(put('/watch/3', image()))).toMatchObject({ entered: [], duplicates: 1 });
    expect(names(disk, '/watch')).toEqual([]);
    expect(disk.contents('/spool').size).toBe(1);
  });

  it('with the UID of another and other bytes is another object', () => {
    const { take, put } = low();
    expect(
      take(put('/watch/1', image('1.2.3.4', 1)), put('/watch/2', image('1.2.3.4', 2))).entered,
    ).toHaveLength(2);
  });
});

describe('a file that can not be taken', () => {
  it.each([
    ['E_FILE_EMPTY', new Uint8Array(0)],
    ['E_NOT_DICOM', new TextEncoder().encode('hello '.repeat(100))],
    ['E_FILE_TRUNCATED', image().subarray(0, 200)],
  ])('goes to rejected/ as %s, whole, and is counted', (code, bytes) => {
    const { disk, ledger, take, put } = low();
    const outcome = take(put('/watch/1.dcm', bytes), put('/watch/good', image()));
    expect(outcome).toMatchObject({ entered: [{}], rejected: [{ code, relativePath: '1.dcm' }] });
    expect(disk.contents('/spool').get(`rejected/${code}/1.dcm`)).toEqual(bytes);
    expect(ledger.counters.all()).toEqual([{ code, count: 1 }]);
    expect(names(disk, '/watch')).toEqual([]);
  });

  it('keeps the place it had, and takes the place of no other', () => {
    const { disk, take, put } = low();
    for (const round of [1, 2, 3]) {
      disk.makeFolder('/watch/ct/a');
      take(put('/watch/ct/a/1', new Uint8Array(200).fill(round)));
    }
    const kept = ['ct/a/1', 'ct/a/1.2', 'ct/a/1.3'].map((name) => `rejected/E_NOT_DICOM/${name}`);
    expect(names(disk, '/spool')).toEqual(kept);
    expect(kept.map((name) => disk.contents('/spool').get(name)?.[0])).toEqual([1, 2, 3]);
  });

  it('stays where it is when rejected/ has as much as it may, and goes there when that was emptied', () => {
    const { disk, ledger } = low();
    let nowMs = 0;
    const bounds = { filesMax: 2, sharePercent: 100, bytesMin: 0 };
    const options = { folder: '/spool', disk, ledger, runningMs: () => nowMs };
    const spool = new Spool({ ...options, rejectedBounds: bounds });
    const clock = new VirtualClock().host();
    const rejectOne = (number: number): TakeOutcome => {
      const file = disk.open(`/watch/${number}`, 'create');
      file.writeAt(new Uint8Array(200).fill(number), 0);
      return takeAgain(number);
    };
    const takeAgain = (number: number): TakeOutcome => {
      const candidate = { path: `/watch/${number}`, relativePath: String(number), arrived: false };
      const urgency = { priority: priority.routine, quietSeconds: 60 };
      const steps = takeFiles({ disk, spool, clock, plan: objectPlanner(identity) }, [
        { ...candidate, ...urgency },
      ]);
      for (;;) {
        const step = steps.next();
        if (step.done === true) return step.value;
      }
    };
    for (const number of [1, 2]) expect(rejectOne(number).rejected).toHaveLength(1);
    expect(rejectOne(3)).toMatchObject({ rejected: [], waiting: [{ code: 'E_REJECTED_FULL' }] });
    expect(names(disk, '/watch')).toEqual(['3']);
    disk.remove('/spool/rejected/E_NOT_DICOM/1');
    nowMs = 10_000;
    expect(takeAgain(3).rejected).toHaveLength(1);
    expect(names(disk, '/spool')).toEqual(['rejected/E_NOT_DICOM/2', 'rejected/E_NOT_DICOM/3']);
  });

  it('for a reason of the host stays where it is, to be tried again', () => {
    const { disk, take, put } = low();
    const candidate = put('/far/1', image());
    disk.capacityBytes = 4000;
    expect(take(candidate)).toMatchObject({
      entered: [],
      rejected: [],
      postponed: [{ code: 'E_DISK_FULL' }],
    });
    expect(names(disk, '/far')).toEqual(['1']);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(take(candidate).entered).toHaveLength(1);
  });

  it('and not be rejected either, for a full disk, stays where it is', () => {
    const disk = new TwoDisks();
    const { take, put } = low(disk, '/far/rejected');
    const candidate = put('/watch/1', new Uint8Array(5000).fill(1));
    disk.capacityBytes = 6000;
    expect(take(candidate)).toMatchObject({ rejected: [], postponed: [{ code: 'E_DISK_FULL' }] });
    expect(names(disk, '/watch')).toEqual(['1']);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(take(candidate).rejected).toHaveLength(1);
    expect(names(disk, '/far')).toEqual(['rejected/E_NOT_DICOM/1']);
  });

  it('that is gone meanwhile is nothing', () => {
    const { take, put, disk } = low();
    const candidate = put('/watch/1', image());
    disk.remove('/watch/1');
    expect(take(candidate)).toMatchObject({
      entered: [],
      rejected: [],
      postponed: [{ code: 'E_FILE_READ' }],
    });
  });
});

describe('after a stop', () => {
  it('what lay in arriving/ or had no row yet is found, with its priority', () => {
    const { disk, spool, take, put } = low();
    put(spool.arrivingPath(priority.stat), image('1.1'));
    disk.rename(put('/watch/2', image('1.2')).path, spool.objects.pathOf('without a row'));
    const known = take(put('/watch/3', image('1.3'))).entered;
    put('/spool/arriving/0123.routine.partial', Uint8Array.of(1));
    spool.takeUp('without a row');
    const found = spool.leftovers();
    expect(found.map((leftover) => leftover.priority).sort()).toEqual([priority.routine, priority.stat]);
    const outcome = take(
      ...found.map((leftover) => ({
        ...leftover,
        relativePath: 'leftover',
        quietSeconds: 60,
        arrived: true,
      })),
    );
    expect(outcome.entered.map((row) => row.sopInstanceUid).sort()).toEqual(['1.1', '1.2']);
    expect(spool.leftovers()).toEqual([]);
    // A copy that broke off is no file: what it was made of is still in the watch folder.
    expect(names(disk, '/spool')).toEqual(
      [...outcome.entered, ...known].map((row) => `objects/${row.objectId}`).sort(),
    );
  });

  it('at any step of a copy between file systems the file is whole in one place', () => {
    for (let failAt = 1; failAt <= 12; failAt += 1) {
      const disk = new TwoDisks();
      const { take, put, spool } = low(disk);
      const bytes = image();
      const candidate = put('/far/1', bytes);
      let calls = 0;
      const original = {
        rename: disk.rename.bind(disk),
        remove: disk.remove.bind(disk),
        open: disk.open.bind(disk),
      };
      const counted =
        <A extends unknown[], R>(act: (...all: A) => R) =>
        (...all: A): R => {
          calls += 1;
          if (calls === failAt) throw new RangeError('stopped');
          return act(...all);
        };
      Object.assign(disk, {
        rename: counted(original.rename),
        remove: counted(original.remove),
        open: counted(original.open),
      });
      try {
        take(candidate);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
      Object.assign(disk, original);
      const leftovers = spool
        .leftovers()
        .map((leftover) => ({ ...leftover, relativePath: 'x', quietSeconds: 60, arrived: true }));
      take(...leftovers);
      // Under its name, or under the one it gets before it is removed.
      for (const name of names(disk, '/far'))
        take({ ...candidate, path: `/far/${name}`, relativePath: name });
      expect([...disk.contents('/spool').values()].map(sha256)).toEqual([sha256(bytes)]);
      expect(names(disk, '/far')).toEqual([]);
    }
  });
});
