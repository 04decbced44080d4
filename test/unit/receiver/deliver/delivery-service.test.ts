/**
 * Goal: what delivery does beside its queue costs nothing and ends nothing while the disk is full. Method: the service
 * without destinations, over a ledger that refuses as a full disk does, and a disk that does not let files go.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { receiverSettings } from '../../../../receiver/configuration.ts';
import { DeliveryService } from '../../../../receiver/deliver/delivery-service.ts';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { Outgoing } from '../../../../receiver/vault/outgoing.ts';
import { Vault } from '../../../../receiver/vault/vault.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { loadConfiguration } from '../../../../shared/config/load.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { createLog } from '../../../../shared/log.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { type Cancel, guardedLoop, nodeLoop } from '../../../../shared/program/loop.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';
import { instance } from '../high.ts';

let folder: string;
const chores: Cancel[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), 'delivery-service-'));
});

afterEach(() => {
  for (const cancel of chores.splice(0)) cancel();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

function configuration() {
  const path = join(folder, 'receiver.toml');
  writeFileSync(
    path,
    'keyFile = "/key"\n[link]\naddress = "10.99.0.2"\n[vault]\nfolder = "/vault"\nkeepForDays = 0\n[inbox]\nfolder = "/inbox"\n',
  );
  return loadConfiguration(receiverSettings, { path, environment: {}, overrides: [] }).values;
}

/** A service over a ledger and a vault that have instances which may leave, in the order of their names. */
function serviceOf(checkLedger: () => void, names: readonly string[] = ['gone']) {
  const ledger = new ReceiverLedger(':memory:', checkLedger);
  const disk = new SimulatedDisk();
  const vault = new Vault('/vault', disk);
  const ids = names.map((name, index) => {
    const row = instance(name);
    disk.open(vault.objects.pathOf(row.objectId), 'create');
    ledger.instances.enter(row, 0);
    ledger.removableObjects.enter(row.objectId, index - names.length);
    return row.objectId;
  });
  const alarms = new Alarms(systemClock);
  const died: unknown[] = [];
  const service = new DeliveryService({
    configuration: configuration(),
    ledger,
    vault,
    outgoing: () =>
      new Outgoing({
        ledger,
        vault,
        clock: systemClock,
        alarms,
        onDamaged: () => {},
        onCopyDamaged: () => {},
      }),
    clock: systemClock,
    alarms,
    log: createLog('test', 'error', { stream: { write: () => {} } }),
    die: (error) => died.push(error),
  });
  const standing = () => alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  const place = (objectId = ids[0] ?? '') => [ledger.files.stateOf(objectId), vault.hasObject(objectId)];
  const left = () => ids.filter((objectId) => vault.hasObject(objectId));
  /** The disk keeps these. */
  const stick = (stuck: readonly string[]) => {
    const paths = new Set(stuck.map((objectId) => vault.objects.pathOf(objectId)));
    const remove = disk.remove.bind(disk);
    return vi.spyOn(disk, 'remove').mockImplementation((path) => {
      if (paths.has(path)) throw new DiodeError('E_DISK');
      remove(path);
    });
  };
  const start = () => {
    service.start();
    const loop = guardedLoop(nodeLoop, (error) => died.push(error));
    for (const { everyMs, act } of service.chores) chores.push(loop.every(everyMs, act));
  };
  const stop = async () => {
    for (const cancel of chores.splice(0)) cancel();
    await service.stop();
  };
  return { service, start, stop, disk, ids, died, standing, place, left, stick };
}

it('keeps what may leave the vault until the ledger can say so, and stops on a full disk as well', async () => {
  let isFull = false;
  const { start, stop, died, standing, place } = serviceOf(() => {
    if (isFull) throw new DiodeError('E_DISK_FULL');
  });
  isFull = true;
  start();
  await vi.advanceTimersByTimeAsync(5000);
  expect(died).toEqual([]);
  expect(standing()).toContain('E_DISK_FULL vault removal');
  expect(place()).toEqual(['there', true]);
  isFull = false;
  await vi.advanceTimersByTimeAsync(5000);
  expect(place()).toEqual(['removed', false]);
  expect(standing()).toEqual([]);
  isFull = true;
  await stop();
  expect(standing()).toEqual(['E_DISK_FULL running time']);
  expect(died).toEqual([]);
});

it('removes a file that may leave the vault when the disk lets it, without a start in between', async () => {
  const { start, stop, ids, died, standing, place, stick } = serviceOf(() => {});
  const removal = stick(ids);
  start();
  await vi.advanceTimersByTimeAsync(5000);
  expect([place(), standing()]).toEqual([['removed', true], ['E_DISK vault removal']]);
  removal.mockRestore();
  await vi.advanceTimersByTimeAsync(5000);
  expect([place(), standing()]).toEqual([['removed', false], []]);
  await stop();
  expect(died).toEqual([]);
});

const named = (count: number) => Array.from({ length: count }, (_, index) => `file ${index}`);

it('removes what can go, however many files before it the disk keeps', async () => {
  const { start, stop, ids, died, standing, left, stick } = serviceOf(() => {}, named(55));
  const stuck = ids.slice(0, 25);
  const removal = stick(stuck);
  start();
  await vi.advanceTimersByTimeAsync(5000);
  expect([left(), standing()]).toEqual([stuck, ['E_DISK vault removal']]);
  // They are tried less and less often, and the alarm stands in between.
  await vi.advanceTimersByTimeAsync(3_600_000);
  removal.mockClear();
  for (let minutes = 0; minutes < 60; minutes += 1) {
    await vi.advanceTimersByTimeAsync(60_000);
    expect(standing()).toEqual(['E_DISK vault removal']);
  }
  const tries = removal.mock.calls.length / (2 * stuck.length);
  expect(tries).toBeGreaterThanOrEqual(5);
  expect(tries).toBeLessThanOrEqual(7);
  removal.mockRestore();
  await vi.advanceTimersByTimeAsync(620_000);
  expect([left(), standing(), died]).toEqual([[], [], []]);
  await stop();
});

it('syncs no more for the others when the disk keeps one', async () => {
  const syncs = async (stuckCount: number) => {
    const { start, stop, disk, ids, left, stick } = serviceOf(() => {}, named(191));
    const stuck = ids.slice(0, stuckCount);
    stick(stuck);
    const syncFolder = vi.spyOn(disk, 'syncFolder');
    start();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(left()).toEqual(stuck);
    await stop();
    return syncFolder.mock.calls.length;
  };
  expect([await syncs(0), await syncs(1)]).toEqual([20, 20]);
});
