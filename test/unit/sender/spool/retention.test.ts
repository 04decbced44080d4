import { describe, expect, it } from 'vitest';
import { objectPlanner } from '../../../../sender/identity.ts';
import type { InstanceRow } from '../../../../sender/ledger/instance-records.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { StudyClosing } from '../../../../sender/schedule/study-closing.ts';
import { Spool } from '../../../../sender/spool/spool.ts';
import { Upkeep } from '../../../../sender/spool/upkeep.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { RunningTime } from '../../../../shared/running-time.ts';
import { WaterMarks } from '../../../../shared/water-marks.ts';
import { objectType, protection } from '../../../../shared/wire/datagram.ts';
import { closeReason, decodeManifest } from '../../../../shared/wire/manifest.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { idOf, instanceRow } from '../rows.ts';

const dayMs = 86_400_000;
const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
const identity = { senderId: new Uint8Array(8).fill(7), keyId: 1, secret: new Uint8Array(32), parameters };

/** A low side from spool to closing; each instance is 1000 bytes. */
function low() {
  const time = new VirtualClock();
  const clock = time.host();
  const disk = new SimulatedDisk();
  const ledger = new SenderLedger(':memory:');
  const expired: string[] = [];
  const life = () => {
    const runningTime = new RunningTime(ledger.savedTime, clock);
    const runningMs = () => runningTime.nowMs();
    const spool = new Spool({ folder: '/spool', disk, ledger, runningMs });
    const alarms = new Alarms(clock);
    const upkeep = new Upkeep({
      ledger,
      spool,
      disk,
      clock,
      alarms,
      runningTime,
      passCount: 2,
      retainForMs: 14 * dayMs,
      tombstoneMs: 90 * dayMs,
      waterMarks: new WaterMarks({ highPercent: 90, lowPercent: 70 }),
      onExpired: ({ studyUid, early }) => expired.push(early ? `${studyUid} early` : studyUid),
      onReconciled: () => {},
    });
    const closing = new StudyClosing({
      ledger,
      clock,
      senderId: '07'.repeat(8),
      runningMs,
      plan: objectPlanner(identity),
    });
    return { spool, alarms, upkeep, closing, runningTime };
  };
  let now = life();
  const take = (name: string, studyUid = '1.2', change: Partial<InstanceRow> = {}) => {
    const row = instanceRow(name, { studyUid, ...change });
    const path = now.spool.arrivingPath(row.priority);
    const file = disk.open(path, 'create');
    file.writeAt(new Uint8Array(row.bytes), 0);
    now.spool.enter([{ arrivingPath: path, row }]);
    return row;
  };
  return {
    time,
    clock,
    disk,
    ledger,
    expired,
    take,
    get life() {
      return now;
    },
    restart: () => {
      now = life();
    },
    close: (studyUid = '1.2') => now.closing.close(studyUid, closeReason.forced),
    pass: () => {
      for (let passes = 0; passes < 2; passes += 1) {
        ledger.objects.countPasses(ledger.objects.withPasses(passes, 1000).map(({ objectId }) => objectId));
      }
    },
    /** Runs on in steps of a second at most. */
    run: (ms: number, steps = 10) => {
      for (let step = 0; step < steps; step += 1) {
        time.advance(ms / steps);
        now.upkeep.step();
      }
    },
    files: () => disk.list('/spool/objects').length,
    manifest: (studyUid = '1.2') => {
      const [found] = ledger.objects
        .withPasses(0, 100)
        .filter((object) => object.type === objectType.manifest && object.studyUid === studyUid);
      return decodeManifest(ledger.objects.documentOf(found?.objectId ?? '') ?? new Uint8Array(0));
    },
  };
}

describe('a study', () => {
  it('expires as a whole after retainFor of running time, and its row stays as a tombstone', () => {
    const { take, close, pass, run, expired, files, ledger } = low();
    for (const name of ['one', 'two']) take(name);
    close();
    pass();
    run(13.9 * dayMs);
    expect([expired, files()]).toEqual([[], 2]);
    run(0.2 * dayMs);
    expect([expired, files()]).toEqual([['1.2'], 0]);
    expect(ledger.retained.rollEntries(0, 10)).toMatchObject([
      { studyNumber: 1, revision: 1, instances: 2, state: 2, studyUid: '1.2' },
    ]);
    expect(ledger.totals.keptBytes()).toBe(0);
    expect(ledger.studies.summaries(10)).toMatchObject([{ studyUid: '1.2', expired: true, instances: 2 }]);
    expect([ledger.studies.lowestNumber(), ledger.studies.highestNumber()]).toEqual([2, 1]);
  });

  it('never expires before its planned passes are done, or while it is open', () => {
    const { take, close, pass, run, expired, life } = low();
    take('one');
    close();
    take('open', '1.3');
    run(30 * dayMs);
    expect(expired).toEqual([]);
    pass();
    run(1000);
    expect(expired).toEqual(['1.2']);
    expect(life.alarms.standing()).toEqual([]);
  });

  it('counts running time only: clocks that jump and months switched off change nothing', () => {
    const { take, close, pass, run, restart, clock, expired } = low();
    take('one');
    close();
    pass();
    run(7 * dayMs);
    clock.jumpWall(20 * 365 * dayMs);
    restart();
    run(6.9 * dayMs);
    clock.jumpWall(-40 * 365 * dayMs);
    restart();
    expect(expired).toEqual([]);
    run(0.2 * dayMs);
    expect(expired).toEqual(['1.2']);
  });

  it('is forgotten after the time of tombstones, and its number is never given again', () => {
    const { take, close, pass, run, ledger } = low();
    take('one');
    close();
    pass();
    run(15 * dayMs);
    run(89 * dayMs);
    expect(ledger.retained.numbered()).toBe(1);
    run(3 * dayMs);
    expect([ledger.retained.numbered(), ledger.studies.highestNumber()]).toEqual([0, 1]);
    take('two');
    expect(close()).toMatchObject([{ studyNumber: 2, revision: 1 }]);
  });

  it('comes back with a late instance: the new list names all of it, and keeps what came', () => {
    const { take, close, pass, run, ledger, manifest, files } = low();
    const aeTitles = { calling: 'CT1', called: 'DIODE' };
    take('one', '1.2', { aeTitles });
    close();
    pass();
    run(15 * dayMs);
    take('late');
    expect(close()).toMatchObject([{ studyNumber: 1, revision: 2, instances: 2 }]);
    expect(manifest().entries.map((entry) => entry.aeTitles)).toEqual([aeTitles, undefined]);
    expect(manifest().entries.map(({ objectId }) => objectId)).toEqual([idOf('one'), idOf('late')]);
    expect(files()).toBe(1);
    expect(ledger.retained.rollEntries(0, 10)).toMatchObject([{ revision: 2, instances: 2, state: 1 }]);
    // The same content again: kept once more, and listed once.
    take('one');
    close();
    expect(manifest().entries.map(({ objectId }) => objectId)).toEqual([idOf('late'), idOf('one')]);
  });
});

describe('a full disk', () => {
  it('lets the oldest that had their passes expire early, until low water, and says so for a day', () => {
    const { take, close, pass, run, expired, disk, life } = low();
    for (let study = 1; study <= 9; study += 1) {
      take(`${study}`, `1.${study}`);
      run(1000, 1);
      close(`1.${study}`);
    }
    pass();
    take('unsent', '1.99');
    close('1.99');
    run(1000);
    expect(expired).toEqual([]);
    disk.capacityBytes = 11_000;
    run(1000);
    expect(expired).toEqual(['1.1 early', '1.2 early', '1.3 early']);
    expect(life.alarms.standing().map(({ code }) => code)).toEqual(['E_RETENTION_SHORT']);
    disk.capacityBytes = 1000;
    run(60_000);
    expect(expired).toHaveLength(9);
    expect(expired).not.toContain('1.99 early');
    disk.capacityBytes = 1e6;
    run(25 * 3_600_000);
    expect(life.alarms.standing()).toEqual([]);
  });
});

describe('after a start', () => {
  it('a file without a row is taken up, one that expired goes, and a row without its file is told of', () => {
    const { take, close, pass, run, restart, disk, ledger, life, files } = low();
    take('expired', '1.1');
    close('1.1');
    pass();
    run(15 * dayMs);
    const damaged = take('cut');
    const gone = take('gone');
    take('good');
    disk.remove(life.spool.objects.pathOf(gone.objectId));
    disk.remove(life.spool.objects.pathOf(damaged.objectId));
    for (const [name, bytes] of [
      [damaged.objectId, 10],
      [idOf('expired'), 1000],
      ['orphan', 5],
    ] as const) {
      const file = disk.open(life.spool.objects.pathOf(name), 'create');
      file.writeAt(new Uint8Array(bytes), 0);
    }
    restart();
    run(1000);
    expect(ledger.totals.unreadableObjects()).toBe(2);
    expect(disk.list('/spool/arriving')).toHaveLength(1);
    // The good one, and the cut one, which is kept.
    expect(files()).toBe(2);
    expect(ledger.objects.withPasses(0, 10).map(({ objectId }) => objectId)).toEqual([idOf('good')]);
    expect(ledger.totals.queue(2)).toMatchObject({ objects: 1, bytes: 1000 });
    // The scanner sends it again.
    take('cut');
    expect(ledger.totals.unreadableObjects()).toBe(1);
    expect(
      ledger.objects
        .withPasses(0, 10)
        .map(({ objectId }) => objectId)
        .sort(),
    ).toEqual([idOf('good'), idOf('cut')].sort());
  });
});
