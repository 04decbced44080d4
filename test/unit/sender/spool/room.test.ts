/** Goal: a full disk of the spool is one alarm, whoever is refused something by it, and it does not come and go. */
import { expect, it } from 'vitest';
import { SpoolRoom } from '../../../../sender/spool/room.ts';
import { DiodeError, storageCodes } from '../../../../shared/errors.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { WaterMarks } from '../../../../shared/water-marks.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

function site() {
  const time = new VirtualClock();
  const clock = time.host();
  const disk: { free: number; fails: boolean } = { free: 50, fails: false };
  const edges: string[] = [];
  const alarms = new Alarms(clock, (edge, { code, subject }) => edges.push(`${edge} ${code} ${subject}`));
  const freeBytes = () => {
    if (disk.fails) throw new DiodeError('E_DISK');
    return { free: disk.free, total: 100 };
  };
  const waterMarks = new WaterMarks({ highPercent: 90, lowPercent: 80 });
  const room = new SpoolRoom({ spool: { freeBytes }, waterMarks, clock, alarms });
  const look = (ms = 1000) => {
    time.advance(ms);
    room.look();
    return alarms.standing().map(({ owner, code, subject }) => `${owner}: ${code} ${subject}`);
  };
  return { disk, edges, alarms, look };
}

const full = ['room of the spool: E_DISK_FULL spool'];

it('above its high-water mark it is full, until below the low one', () => {
  const { disk, look } = site();
  expect(look()).toEqual([]);
  disk.free = 10;
  expect(look()).toEqual(full);
  disk.free = 15;
  expect(look()).toEqual(full);
  disk.free = 20;
  expect(look()).toEqual([]);
});

it('what a full disk refuses now and then, to whomever, is one alarm that ends half a minute after the last', () => {
  const { edges, alarms, look } = site();
  const desks = ['dispatch', 'scanner port'].map((owner) => alarms.desk(owner));
  look();
  for (let turn = 0; turn < 40; turn += 1) {
    for (const desk of desks) {
      desk.during('ledger', storageCodes, () => {
        throw new DiodeError('E_DISK_FULL');
      });
      desk.during('ledger', storageCodes, () => 'something else that works');
    }
    expect(look()).toEqual(full);
    for (const desk of desks) desk.clear('E_DISK_FULL', 'spool');
    expect(look()).toEqual(full);
  }
  expect(look(27_000)).toEqual(full);
  expect(look()).toEqual([]);
  expect(edges).toEqual(['raised E_DISK_FULL spool', 'cleared E_DISK_FULL spool']);
});

it('a disk that does not say how full it is is an alarm too', () => {
  const { disk, look } = site();
  disk.fails = true;
  expect(look()).toEqual(['room of the spool: E_DISK spool']);
  disk.fails = false;
  expect(look()).toEqual([]);
});
