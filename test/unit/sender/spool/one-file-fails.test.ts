/**
 * Goal: one file can hurt only itself. Method: a group of three, of whose middle one each operation of the disk fails in
 * turn, for each reason a disk has; and a ledger that refuses its row.
 */
import { describe, expect, it } from 'vitest';
import { objectPlanner } from '../../../../sender/identity.ts';
import { takeFiles } from '../../../../sender/intake/take.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { Spool } from '../../../../sender/spool/spool.ts';
import { DiodeError, diskError } from '../../../../shared/errors.ts';
import { protection } from '../../../../shared/wire/datagram.ts';
import { priority } from '../../../../shared/wire/manifest.ts';
import { Random } from '../../../harness/random.ts';
import { smallInstance } from '../../../harness/small-instance.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
const identity = { senderId: new Uint8Array(8), keyId: 1, secret: new Uint8Array(32), parameters };
const uids = ['1.2.3.1', '1.2.3.2', '1.2.3.3'];

function low(code: string) {
  const disk = new SimulatedDisk();
  const ledger = new SenderLedger(':memory:');
  disk.makeFolder('/watch');
  const spool = new Spool({ folder: '/spool', disk, ledger });
  const candidates = uids.map((sopInstanceUid, number) => {
    const path = `/watch/${number}`;
    const bytes = smallInstance({
      studyUid: '1.2',
      seriesUid: '1.2.3',
      sopInstanceUid,
      patientId: 'P',
      patientName: 'SYNTHETIC',
      approximateBytes: 3000,
      random: new Random(number),
    });
    disk.open(path, 'create').writeAt(bytes, 0);
    return {
      path,
      relativePath: String(number),
      priority: priority.routine,
      quietSeconds: 60,
      arrived: false,
    };
  });
  let calls = 0;
  let failAt = Number.POSITIVE_INFINITY;
  const counted = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (real, name) => {
        const value: unknown = Reflect.get(real, name);
        if (typeof value !== 'function') return value;
        return (...all: unknown[]) => {
          calls += 1;
          if (calls === failAt && name !== 'close')
            throw diskError(Object.assign(new Error(code), { code }), 'an operation');
          const result: unknown = Reflect.apply(value, real, all);
          return typeof result === 'object' && result !== null && 'close' in result
            ? counted(result)
            : result;
        };
      },
    });
  const failing = counted<SimulatedDisk>(disk);
  const failingSpool = new Spool({ folder: '/spool', disk: failing, ledger });
  calls = 0;
  const run = (at: number) => {
    failAt = at;
    calls = 0;
    const options = { disk: failing, spool: failingSpool, clock: new VirtualClock().host() };
    const steps = takeFiles({ ...options, plan: objectPlanner(identity) }, candidates);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  };
  const left = () => candidates.filter(({ path }) => disk.facts(path) !== undefined);
  return { disk, ledger, spool, run, left, calls: () => calls };
}

describe.each(['EACCES', 'EIO', 'ENOSPC', 'EMFILE', 'ESTALE'])('a disk that says %s once', (code) => {
  it('at any call costs at most one file its turn, and none for good', () => {
    for (let failAt = 1; ; failAt += 1) {
      const { run, ledger, spool, disk, left, calls } = low(code);
      const { entered, postponed } = run(failAt);
      if (calls() < failAt) break;
      // One sync is for the names of all; whatever else fails is one file's.
      const kept = uids.filter((uid) => ledger.instances.has(uid));
      expect(
        entered.map((row) => row.sopInstanceUid),
        `at ${failAt}`,
      ).toEqual(kept);
      if (kept.length < 2) {
        expect(kept, `at ${failAt}`).toEqual([]);
        expect(postponed.length).toBe(3);
      }
      run(Number.POSITIVE_INFINITY);
      expect(
        uids.every((uid) => ledger.instances.has(uid)),
        `at ${failAt}`,
      ).toBe(true);
      // What a failed removal left is a duplicate, and gone with the next try.
      expect(left(), `at ${failAt}`).toEqual([]);
      spool.leftovers();
      expect([...disk.contents('/spool').keys()].filter((name) => !name.startsWith('objects/'))).toEqual([]);
      expect(failAt).toBeLessThan(300);
    }
  });
});

it('a row that the ledger refuses is no other row', () => {
  const { run, ledger, left } = low('EIO');
  const enter = ledger.instances.enter.bind(ledger.instances);
  ledger.instances.enter = (row, at) => {
    if (row.sopInstanceUid === '1.2.3.2') throw new DiodeError('E_LEDGER');
    return enter(row, at);
  };
  const { entered, postponed } = run(Number.POSITIVE_INFINITY);
  expect(entered.map((row) => row.sopInstanceUid)).toEqual(['1.2.3.1', '1.2.3.3']);
  expect(postponed.map((error) => error.code)).toEqual(['E_LEDGER']);
  expect(left().map(({ path }) => path)).toEqual(['/watch/1']);
  ledger.instances.enter = enter;
  expect(run(Number.POSITIVE_INFINITY).entered.map((row) => row.sopInstanceUid)).toEqual(['1.2.3.2']);
});
