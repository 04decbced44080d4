/**
 * Goal: planning spooled objects again survives a stop at any step, and loses none. Method: the disk refuses its nth
 * operation, for every n, power is cut, and the next start does the rest.
 */
import { describe, expect, it } from 'vitest';
import { objectPlanner, type SenderIdentity } from '../../../../sender/identity.ts';
import { takeFiles } from '../../../../sender/intake/take.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { StudyClosing } from '../../../../sender/schedule/study-closing.ts';
import { reconcileSpool } from '../../../../sender/spool/reconcile.ts';
import { replanStale } from '../../../../sender/spool/replanning.ts';
import { Spool } from '../../../../sender/spool/spool.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { protection, symbolBytesOf } from '../../../../shared/wire/datagram.ts';
import { closeReason, decodeManifest, priority } from '../../../../shared/wire/manifest.ts';
import { Random } from '../../../harness/random.ts';
import { smallInstance } from '../../../harness/small-instance.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
const before: SenderIdentity = {
  senderId: new Uint8Array(8),
  keyId: 1,
  secret: new Uint8Array(32).fill(1),
  parameters,
};
const after: SenderIdentity = { ...before, keyId: 2, secret: new Uint8Array(32).fill(2) };
const files = 3;

class FailingDisk extends SimulatedDisk {
  /** Operations that change something, until one is refused. */
  left = Number.POSITIVE_INFINITY;

  override link(from: string, to: string): void {
    this.#count();
    super.link(from, to);
  }

  override remove(path: string): void {
    this.#count();
    super.remove(path);
  }

  override syncFolder(path: string): void {
    this.#count();
    super.syncFolder(path);
  }

  #count(): void {
    this.left -= 1;
    if (this.left < 0) throw new DiodeError('E_DISK', 'the test refuses this');
  }
}

/** A spool with one closed study. */
function low() {
  const disk = new FailingDisk();
  const ledger = new SenderLedger(':memory:');
  const clock = new VirtualClock().host();
  disk.makeFolder('/watch');
  const spool = new Spool({ folder: '/spool', disk, ledger });
  const run = (steps: Generator<void, unknown>) => {
    while (steps.next().done !== true);
  };
  const candidates = Array.from({ length: files }, (_, number) => {
    const path = `/watch/${number}`;
    const uids = { studyUid: '1.2', seriesUid: '1.2.3', sopInstanceUid: `1.2.3.${number}` };
    const names = { patientId: 'P', patientName: 'SYNTHETIC' };
    const file = disk.open(path, 'create');
    file.writeAt(smallInstance({ ...uids, ...names, approximateBytes: 3000, random: new Random(number) }), 0);
    return {
      path,
      relativePath: String(number),
      priority: priority.routine,
      quietSeconds: 60,
      arrived: false,
    };
  });
  run(takeFiles({ disk, spool, clock, plan: objectPlanner(before) }, candidates));
  const closing = (identity = before) =>
    new StudyClosing({
      ledger,
      clock,
      senderId: '00'.repeat(8),
      runningMs: () => 0,
      plan: objectPlanner(identity),
    });
  closing().close('1.2', closeReason.forced);
  const replan = (identity = after) =>
    replanStale({ ledger, disk, objectsFolder: spool.objects.path, identity, passesPlanned: 2 });
  const takeLeftovers = () => {
    const comparing = reconcileSpool({ ledger, spool, disk, clock });
    while (comparing.next().done !== true);
    const found = spool
      .leftovers()
      .map((leftover) => ({ ...leftover, relativePath: '', quietSeconds: 60, arrived: true }));
    run(takeFiles({ disk, spool, clock, plan: objectPlanner(after) }, found));
  };
  const stored = () => disk.list(spool.objects.path).sort();
  const listed = () => [...ledger.studies.manifestEntries('1.2')].map(({ objectId }) => objectId).sort();
  return { disk, ledger, closing, replan, takeLeftovers, stored, listed };
}

describe('objects are planned again', () => {
  it('under the new key, with a manifest that lists them so and says why the study was closed', () => {
    const { ledger, closing, replan, stored, listed } = low();
    const old = stored();
    ledger.objects.countPasses(old.slice(0, 1));
    ledger.objects.countPasses(old.slice(1));
    ledger.objects.countPasses(old.slice(1));
    expect(replan()).toBe(files);
    expect(stored()).toEqual(listed());
    expect(stored().filter((name) => old.includes(name))).toEqual([]);
    expect(closing(after).reissue()).toMatchObject([{ studyNumber: 1, revision: 2, instances: files }]);
    const [manifest] = ledger.objects.withPasses(0, 10);
    expect(manifest?.keyId).toBe(2);
    const { closedBecause, entries } = decodeManifest(
      ledger.objects.documentOf(manifest?.objectId ?? '') ?? new Uint8Array(0),
    );
    expect(closedBecause).toBe(closeReason.forced);
    expect(entries.map(({ objectId }) => objectId).sort()).toEqual(stored());
    // One was under way and begins anew; two had their passes and wait for the carousel.
    expect(ledger.objects.withPasses(0, 10)).toHaveLength(2);
    expect(ledger.objects.withPasses(2, 10)).toHaveLength(2);
    expect(replan()).toBe(0);
    expect(closing(after).reissue()).toEqual([]);
  });

  it('in the cut of another datagram length', () => {
    const { ledger, replan, stored, listed } = low();
    const longer = { ...before, parameters: { ...parameters, datagramBytes: 700 } };
    expect(replan(longer)).toBe(files);
    expect(stored()).toEqual(listed());
    expect(
      ledger.objects.withPasses(0, 10).every(({ symbolBytes }) => symbolBytes === symbolBytesOf(700)),
    ).toBe(true);
  });

  it('and not while their key is in the ring', () => {
    const { replan } = low();
    expect(replan({ ...after, otherSecrets: new Map([[before.keyId, before.secret]]) })).toBe(0);
  });

  it('and a stop at any step loses none', () => {
    let stops = 0;
    for (let operations = 0; ; operations += 1) {
      const { disk, ledger, closing, replan, takeLeftovers, stored, listed } = low();
      disk.left = operations;
      try {
        replan();
      } catch (error) {
        if (!(error instanceof DiodeError)) throw error;
        stops += 1;
      }
      const isStopped = stops > operations;
      disk.left = Number.POSITIVE_INFINITY;
      disk.crash(new Random(operations));
      replan();
      takeLeftovers();
      closing(after).reissue();
      expect(stored()).toEqual(listed());
      expect(listed()).toHaveLength(files);
      expect(ledger.studies.get('1.2')?.revision).toBe(2);
      if (!isStopped) break;
    }
    expect(stops).toBeGreaterThan(2 * files);
  });
});
