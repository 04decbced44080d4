import { describe, expect, it } from 'vitest';
import { Dispatch } from '../../../../sender/dispatch/dispatch.ts';
import type { TransmitOrder } from '../../../../sender/encode/transmitter.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { Spool } from '../../../../sender/spool/spool.ts';
import { Upkeep } from '../../../../sender/spool/upkeep.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { RunningTime } from '../../../../shared/running-time.ts';
import { WaterMarks } from '../../../../shared/water-marks.ts';
import { decodeBeacon } from '../../../../shared/wire/beacon.ts';
import { objectType, protection } from '../../../../shared/wire/datagram.ts';
import { priority } from '../../../../shared/wire/manifest.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { idOf, instanceRow } from '../rows.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
/** Of the largest size, which is 8 symbols of 432 bytes. */
const waitingBlocksMax = 8;
const waitingBytesMax = waitingBlocksMax * 8 * 432;

function low(carouselShare = 0) {
  const time = new VirtualClock();
  const clock = time.host();
  const ledgerDisk = { full: false };
  const ledger = new SenderLedger(':memory:', () => {
    if (ledgerDisk.full) throw new DiodeError('E_DISK_FULL');
  });
  const orders: TransmitOrder[] = [];
  const alarms = new Alarms(clock);
  const disk = new SimulatedDisk();
  const spool = new Spool({ folder: '/spool', disk, ledger });
  const dispatch = new Dispatch({
    ledger,
    spool,
    clock,
    runningMs: () => clock.monotonicMs(),
    alarms,
    identity: { senderId: new Uint8Array(8), keyId: 1, secret: new Uint8Array(32), parameters },
    session: { counter: 3, random: 4 },
    schedule: { passCount: 2, passGapMs: 200, carouselShare, carouselGapMs: 1000, linkBytesPerMs: 100 },
    beaconIntervalMs: 1000,
    rollIntervalMs: 30_000,
    waitingBlocksMax,
    transmit: (order) => orders.push(order),
    onClosed: () => {},
  });
  const take = (name: string, change: Parameters<typeof instanceRow>[1] = {}) => {
    const row = instanceRow(name, change);
    if (row.bytes < 1e6)
      disk.open(spool.objects.pathOf(row.objectId), 'create').writeAt(new Uint8Array(row.bytes), 0);
    ledger.instances.enter(row);
    dispatch.instancesEntered([row]);
  };
  /** Objects handed to the encoder since the last call, beacons apart. */
  const handed = () => {
    dispatch.step();
    return orders
      .splice(0)
      .filter(({ type }) => type === objectType.instance || type === objectType.manifest)
      .map(({ objectId }) => objectId);
  };
  const upkeep = () =>
    new Upkeep({
      ...{ ledger, spool, disk, clock, alarms },
      runningTime: new RunningTime(ledger.savedTime, clock),
      passCount: 2,
      retainForMs: 1e9,
      tombstoneMs: 1e9,
      waterMarks: new WaterMarks({ highPercent: 90, lowPercent: 70 }),
      onExpired: () => {},
      onReconciled: () => {},
    });
  return { time, ledgerDisk, ledger, alarms, orders, dispatch, upkeep, take, handed, disk, spool };
}

describe('the encoder', () => {
  it('gets no more than a bound, and more when passes end', () => {
    const { dispatch, take, handed } = low();
    const names = Array.from({ length: 30 }, (_, index) => `object ${index}`);
    for (const name of names) take(name, { bytes: 3000 });
    const first = handed();
    expect(first).toEqual(names.slice(0, first.length).map(idOf));
    expect(first).toHaveLength(Math.ceil(waitingBytesMax / 3000));
    expect(handed()).toEqual([]);
    dispatch.passesEnded(first.slice(0, 3).map((objectId) => ({ objectId, failedBecause: undefined })));
    expect(handed()).toHaveLength(3);
  });

  it('gets more of small objects, of which more are open at a time, and not without end', () => {
    const { take, handed } = low();
    for (let index = 0; index < 200; index += 1) take(`object ${index}`, { bytes: 10 });
    expect(handed()).toHaveLength(8 * waitingBlocksMax);
  });

  it('gets what is urgent also while it is busy with something large', () => {
    const { take, handed } = low();
    take('large', { bytes: 1e9 });
    take('waiting');
    expect(handed()).toEqual([idOf('large')]);
    take('urgent', { priority: priority.stat });
    expect(handed()).toEqual([idOf('urgent')]);
    for (let index = 0; index < 50; index += 1)
      take(`urgent ${index}`, { priority: priority.stat, bytes: 3000 });
    const more = handed();
    expect(more.length).toBeGreaterThan(4);
    expect(more.length).toBeLessThanOrEqual(Math.ceil(waitingBytesMax / 3000));
  });
});

describe('a pass', () => {
  it('is counted when it ended, also when it broke off, and then there is an alarm', () => {
    const { dispatch, take, handed, ledger, alarms, time } = low();
    take('one');
    expect(handed()).toHaveLength(1);
    dispatch.passesEnded([{ objectId: idOf('one'), failedBecause: 'E_FILE_CHANGED' }]);
    dispatch.passesEnded([{ objectId: idOf('one'), failedBecause: undefined }]);
    expect(ledger.objects.withPasses(1, 10)).toHaveLength(1);
    expect(alarms.standing().map(({ code }) => code)).toEqual(['E_FILE_CHANGED']);
    expect(handed()).toEqual([]);
    time.advance(200);
    expect(handed()).toEqual([idOf('one')]);
  });

  it('that goes through again, or whose study has expired, ends the alarm about the one that broke off', () => {
    const { dispatch, take, handed, ledger, alarms, time } = low();
    for (const name of ['one', 'two']) take(name);
    handed();
    const ids = [idOf('one'), idOf('two')];
    dispatch.passesEnded(ids.map((objectId) => ({ objectId, failedBecause: 'E_DISK' })));
    expect(alarms.standing().map(({ subject }) => subject)).toEqual(ids);
    time.advance(1000);
    handed();
    dispatch.passesEnded([{ objectId: idOf('one'), failedBecause: undefined }]);
    expect(alarms.standing().map(({ subject }) => subject)).toEqual([idOf('two')]);
    ledger.retained.expire('1.2', 0);
    dispatch.passesEnded([{ objectId: idOf('two'), failedBecause: 'E_DISK' }]);
    expect(alarms.standing()).toEqual([]);
  });

  it('of a file that is gone is the last one: it is out of the queue, and the high side is told', () => {
    const { dispatch, upkeep, take, handed, ledger, alarms, time, disk, spool } = low();
    take('one');
    expect(handed()).toHaveLength(1);
    disk.remove(spool.objects.pathOf(idOf('one')));
    dispatch.passesEnded([{ objectId: idOf('one'), failedBecause: 'E_DISK' }]);
    time.advance(1000);
    expect(handed()).toEqual([]);
    expect(ledger.totals.queue(2).objects).toBe(0);
    expect(ledger.totals.unreadableObjects()).toBe(1);
    upkeep().step();
    expect(alarms.standing().map(({ code }) => code)).toEqual(['E_SPOOL_DAMAGED']);
  });

  it('of a file that was changed is the last one, however whole it looks, and the others go on', () => {
    const { dispatch, upkeep, take, handed, ledger, alarms, time } = low();
    for (const name of ['one', 'two']) take(name);
    expect(handed()).toHaveLength(2);
    dispatch.passesEnded([
      { objectId: idOf('one'), failedBecause: 'E_SPOOL_DAMAGED' },
      { objectId: idOf('two'), failedBecause: undefined },
    ]);
    time.advance(1000);
    expect(handed()).toEqual([idOf('two')]);
    expect(ledger.totals.unreadableObjects()).toBe(1);
    upkeep().step();
    expect(alarms.standing().map(({ code }) => code)).toEqual(['E_SPOOL_DAMAGED']);
  });

  it('of a manifest that went meanwhile is none: what the schedule knew of it is forgotten', () => {
    const { dispatch, take, handed, ledger, time } = low();
    take('one', { bytes: 1e9 });
    dispatch.close('1.2');
    const [manifest = '', ...others] = handed();
    expect(others).toEqual([idOf('one')]);
    expect(ledger.objects.documentOf(manifest)?.length).toBeGreaterThan(0);
    dispatch.passesEnded([{ objectId: manifest, failedBecause: undefined }]);
    // Its second pass waits for the gap, and is in the schedule's window.
    expect(handed()).toEqual([]);
    ledger.plans.dropStaleManifests({ keyIds: [], symbolBytes: 0 });
    time.advance(200);
    expect(handed()).toEqual([]);
    expect(dispatch.close(undefined)).toEqual([]);
    expect(dispatch.reissueManifests()).toMatchObject([{ studyUid: '1.2', revision: 2 }]);
    expect(handed()).toHaveLength(1);
  });
});

describe('the carousel', () => {
  it('fills its own lane with many small objects, behind which nothing planned has to wait', () => {
    const { dispatch, take, orders, handed, time, ledger } = low(1);
    const names = Array.from({ length: 100 }, (_, index) => `object ${index}`);
    for (const name of names) take(name, { bytes: 10 });
    for (let pass = 0; pass < 2; pass += 1) ledger.objects.countPasses(names.map(idOf));
    expect(handed()).toHaveLength(1);
    time.advance(5000);
    for (let step = 0; step < 10; step += 1) {
      time.advance(100);
      dispatch.step();
    }
    const lanes = orders.splice(0).flatMap(({ type, lane }) => (type === objectType.instance ? [lane] : []));
    expect(lanes.length).toBeGreaterThan(waitingBlocksMax);
    expect(new Set(lanes)).toEqual(new Set(['background']));
    take('new', { bytes: 10 });
    dispatch.step();
    expect(orders.filter(({ objectId }) => objectId === idOf('new'))).toMatchObject([{ lane: 'routine' }]);
  });
});

describe('a beacon', () => {
  it('goes out at once and then at its interval, and says what is on the low side', () => {
    const { dispatch, ledger, alarms, orders, time } = low();
    ledger.counters.add('E_NOT_DICOM', 3);
    ledger.counters.add('duplicate', 9);
    const desk = alarms.desk('another');
    desk.raise('E_DISK', 'spool');
    desk.raise('E_DISK', 'intake');
    const beacons = () =>
      orders
        .splice(0)
        .flatMap(({ type, from }) =>
          type === objectType.beacon && 'document' in from ? [decodeBeacon(from.document)] : [],
        );
    dispatch.step();
    expect(beacons()).toMatchObject([
      {
        sessionCounter: 3,
        beaconNumber: 1,
        rejected: [{ code: 'E_NOT_DICOM', count: 3 }],
        alarms: ['E_DISK'],
      },
    ]);
    time.advance(999);
    dispatch.step();
    expect(beacons()).toEqual([]);
    time.advance(1);
    dispatch.step();
    expect(beacons()).toMatchObject([{ beaconNumber: 2 }]);
  });
});

describe('a link that fails', () => {
  it('is given nothing while it is stopped, and goes on by itself', () => {
    const { dispatch, take, orders, time } = low();
    dispatch.linkStopped(true);
    take('waits');
    time.advance(60_000);
    dispatch.step();
    expect(orders).toEqual([]);
    dispatch.linkStopped(false);
    dispatch.step();
    const types = orders.map(({ type }) => type);
    expect(types).toEqual([objectType.beacon, objectType.roll, objectType.manifest, objectType.instance]);
  });

  it('makes no pass of what was on its way', () => {
    const { dispatch, ledger, take, handed } = low();
    take('on its way');
    expect(handed()).toEqual([idOf('on its way')]);
    dispatch.linkFailed();
    dispatch.passesEnded([{ objectId: idOf('on its way'), failedBecause: undefined }]);
    expect(ledger.objects.withPasses(0, 10)).toHaveLength(1);
    expect(handed()).toEqual([idOf('on its way')]);
    dispatch.passesEnded([{ objectId: idOf('on its way'), failedBecause: undefined }]);
    expect(ledger.objects.withPasses(1, 10)).toHaveLength(1);
  });

  it('gets no pile of beacons from an encoder that stands still', () => {
    const { dispatch, orders, time } = low();
    for (let second = 0; second < 1000; second += 1) {
      time.advance(1000);
      dispatch.step();
    }
    expect(orders.length).toBeLessThan(100);
  });
});

describe('a full disk', () => {
  it('keeps passes and closings waiting, stops nothing, and goes on by itself', () => {
    const { dispatch, ledgerDisk, ledger, alarms, orders, take, handed, time } = low();
    take('sent');
    expect(handed()).toEqual([idOf('sent')]);
    ledgerDisk.full = true;
    dispatch.passesEnded([{ objectId: idOf('sent'), failedBecause: undefined }]);
    time.advance(60_000);
    dispatch.step();
    expect(alarms.standing().map(({ code, subject }) => `${code} ${subject}`)).toEqual([
      'E_DISK_FULL passes',
      'E_DISK_FULL closing',
    ]);
    expect(orders.splice(0).map(({ type }) => type)).toContain(objectType.beacon);
    expect(ledger.studies.open()).toHaveLength(1);
    ledgerDisk.full = false;
    expect(handed()).toHaveLength(1);
    expect(alarms.standing()).toEqual([]);
    expect(ledger.studies.open()).toEqual([]);
    expect(ledger.objects.withPasses(1, 10)).toHaveLength(1);
  });
});
