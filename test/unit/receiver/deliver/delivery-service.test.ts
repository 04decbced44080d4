/**
 * Goal: what delivery does beside its queue costs nothing and ends nothing while the disk is full. Method: the service
 * without destinations, over a ledger that refuses as a full disk does.
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
import { Alarms } from '../../../../shared/alarms.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { loadConfiguration } from '../../../../shared/config/load.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { createLog } from '../../../../shared/log.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';
import { instance } from '../high.ts';

let folder: string;

beforeEach(() => {
  vi.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), 'delivery-service-'));
});

afterEach(() => {
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

/** A service over a ledger and a vault that hold one instance which may leave. */
function serviceOf(checkLedger: () => void) {
  const ledger = new ReceiverLedger(':memory:', checkLedger);
  const disk = new SimulatedDisk();
  const vault = new Vault('/vault', disk);
  const row = instance('gone');
  disk.open(vault.objects.pathOf(row.objectId), 'create');
  ledger.instances.enter(row, 0);
  ledger.departures.enter(row.objectId, 0);
  const alarms = new Alarms(systemClock.wallMs, () => {});
  const died: unknown[] = [];
  const service = new DeliveryService({
    configuration: configuration(),
    ledger,
    vault,
    outgoing: () => new Outgoing({ ledger, vault, clock: systemClock, alarms, onDamaged: () => {} }),
    clock: systemClock,
    alarms,
    log: createLog('test', 'error', { stream: { write: () => {} } }),
    die: (error) => died.push(error),
  });
  const standing = () => alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  const place = () => [ledger.files.stateOf(row.objectId), vault.hasObject(row.objectId)];
  return { service, vault, died, standing, place };
}

it('keeps what may leave the vault until the ledger can say so, and stops on a full disk as well', async () => {
  let isFull = false;
  const { service, died, standing, place } = serviceOf(() => {
    if (isFull) throw new DiodeError('E_DISK_FULL');
  });
  isFull = true;
  service.start();
  await vi.advanceTimersByTimeAsync(5000);
  expect(died).toEqual([]);
  expect(standing()).toContain('E_DISK_FULL vault removal');
  expect(place()).toEqual(['there', true]);
  isFull = false;
  await vi.advanceTimersByTimeAsync(5000);
  expect(place()).toEqual(['removed', false]);
  expect(standing()).toEqual([]);
  isFull = true;
  await service.stop();
  expect(standing()).toEqual(['E_DISK_FULL running time']);
  expect(died).toEqual([]);
});

it('removes a file that may leave the vault when the disk lets it, without a start in between', async () => {
  const { service, vault, died, standing, place } = serviceOf(() => {});
  const removal = vi.spyOn(vault, 'removeObjects').mockImplementation(() => {
    throw new DiodeError('E_DISK');
  });
  service.start();
  await vi.advanceTimersByTimeAsync(5000);
  expect([place(), standing()]).toEqual([['removed', true], ['E_DISK vault removal']]);
  removal.mockRestore();
  await vi.advanceTimersByTimeAsync(5000);
  expect([place(), standing()]).toEqual([['removed', false], []]);
  await service.stop();
  expect(died).toEqual([]);
});
