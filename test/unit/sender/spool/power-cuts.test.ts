/**
 * Goal: a power cut at any moment of taking files in loses none that was acknowledged or still lay where it came from, and
 * what the ledger names is whole. Method: the real intake over a simulated disk and a ledger; the power goes at each
 * durable step in turn, and the disk keeps what fate has it, for several fates.
 */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { objectPlanner } from '../../../../sender/identity.ts';
import type { ArrivingDisk } from '../../../../sender/intake/arriving-file.ts';
import { SpoolSink } from '../../../../sender/intake/spool-sink.ts';
import { type Candidate, takeFiles } from '../../../../sender/intake/take.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { reconcileSpool } from '../../../../sender/spool/reconcile.ts';
import { Spool } from '../../../../sender/spool/spool.ts';
import { objectType, protection } from '../../../../shared/wire/datagram.ts';
import { priority } from '../../../../shared/wire/manifest.ts';
import { Random } from '../../../harness/random.ts';
import { smallInstance } from '../../../harness/small-instance.ts';
import { sopClasses } from '../../../harness/synthetic-instance.ts';
import { PowerCut } from '../../../simulation/power-switch.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
const plan = objectPlanner({ senderId: new Uint8Array(8), keyId: 1, secret: new Uint8Array(32), parameters });
const clock = new VirtualClock().host();
const fates = 6;
const stepsMax = 200;

const instances = ['1.2.3.1', '1.2.3.2', '1.2.3.3'].map((sopInstanceUid, number) => {
  const bytes = smallInstance({
    studyUid: '1.2',
    seriesUid: '1.2.3',
    sopInstanceUid,
    patientId: 'P',
    patientName: 'SYNTHETIC',
    approximateBytes: 3000,
    random: new Random(number),
  });
  const sha256 = createHash('sha256').update(bytes).digest();
  const { objectId } = plan(objectType.instance, sha256, bytes.length);
  return { sopInstanceUid, bytes, objectId };
});
const notDicom = new TextEncoder().encode('no instance');

function host() {
  const disk = new SimulatedDisk();
  const ledger = new SenderLedger(':memory:', () => disk.power.step());
  disk.makeFolder('/watch');
  return { disk, ledger, spool: new Spool({ folder: '/spool', disk, ledger }) };
}
type Host = ReturnType<typeof host>;

function putDurably({ disk }: Host, path: string, bytes: Uint8Array): void {
  const file = disk.open(path, 'create');
  file.writeAt(bytes, 0);
  file.sync();
  disk.syncFolder(path.slice(0, path.lastIndexOf('/')));
}

function take({ disk, spool }: Host, candidates: readonly Pick<Candidate, 'path' | 'arrived'>[]): void {
  const batch = candidates.map((candidate) => ({
    ...candidate,
    relativePath: candidate.path.slice(candidate.path.lastIndexOf('/') + 1),
    priority: priority.routine,
    quietSeconds: 60,
  }));
  const steps = takeFiles({ disk, spool, clock, plan }, batch);
  while (steps.next().done !== true);
}

const takeWatched = (on: Host) =>
  take(
    on,
    on.disk.list('/watch').map((name) => ({ path: `/watch/${name}`, arrived: false })),
  );

const takeArrived = (on: Host) =>
  take(
    on,
    on.spool.leftovers().map(({ path }) => ({ path, arrived: true })),
  );

const arrivingDisk = (disk: SimulatedDisk): ArrivingDisk => ({
  create: async (path) => {
    const file = disk.open(path, 'create');
    let written = 0;
    return {
      append: async (bytes) => {
        file.writeAt(bytes, written);
        written += bytes.length;
      },
      sync: async () => file.sync(),
      close: async () => file.close(),
    };
  },
});

/** A scanner sends what is not acknowledged yet. */
async function send({ disk, spool }: Host, acknowledged: Set<string>): Promise<void> {
  const sink = new SpoolSink({
    ...{ disk, spool, clock, plan, arrivingDisk: arrivingDisk(disk), hasRoom: () => true },
    ...{ onTaken: () => {}, onStudySeen: () => {}, onAssociationClosed: () => {}, onRefused: () => {} },
  });
  const sending = instances
    .filter(({ sopInstanceUid }) => !acknowledged.has(sopInstanceUid))
    .map(async ({ sopInstanceUid, bytes }) => {
      const writer = sink.open({
        associationId: 1,
        called: { title: 'DIODE', priority: 'routine', quietSeconds: 60 },
        callingAe: 'CT1',
        sopClassUid: sopClasses.capture,
        sopInstanceUid,
        transferSyntaxUid: '1.2.840.10008.1.2.1',
      });
      await writer.write(bytes);
      await writer.finish();
      acknowledged.add(sopInstanceUid);
    });
  for (const end of await Promise.allSettled(sending)) if (end.status === 'rejected') throw end.reason;
}

/** What the ledger names is whole on the disk. */
function expectWhole({ disk, ledger }: Host, when: string): void {
  const found = disk.contents('/spool/objects');
  for (const { sopInstanceUid, objectId, bytes } of instances) {
    if (!ledger.instances.has(sopInstanceUid)) continue;
    expect(Buffer.compare(found.get(objectId) ?? new Uint8Array(0), bytes), when).toBe(0);
  }
}

function startAgain(before: Host): Host {
  before.disk.power.restore();
  const { disk, ledger } = before;
  const on = { disk, ledger, spool: new Spool({ folder: '/spool', disk, ledger }) };
  const steps = reconcileSpool({ ...on, clock });
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done !== true) continue;
    expect(step.value.unreadable).toBe(0);
    break;
  }
  on.spool.dropUnfinished();
  takeArrived(on);
  return on;
}

const ways: Record<
  string,
  { prepare: (on: Host) => void; run: (on: Host, acknowledged: Set<string>) => void | Promise<void> }
> = {
  'the watch folder': {
    prepare: (on) => {
      for (const [number, { bytes }] of instances.entries()) putDurably(on, `/watch/${number}`, bytes);
      putDurably(on, '/watch/none', notDicom);
    },
    run: takeWatched,
  },
  'an import, which is acknowledged when its files are in arriving/': {
    prepare: (on) => {
      for (const { bytes } of instances) putDurably(on, on.spool.arrivingPath(priority.routine), bytes);
    },
    run: takeArrived,
  },
  'a scanner, which is answered': { prepare: () => {}, run: send },
};

it.each(Object.entries(ways))('a power cut at any step of taking files of %s loses none', async (_, way) => {
  let steps = 0;
  for (let isOver = false; !isOver; steps += 1) {
    expect(steps).toBeLessThan(stepsMax);
    for (let fate = 0; fate < fates; fate += 1) {
      const when = `cut at ${steps}, fate ${fate}`;
      const on = host();
      way.prepare(on);
      const acknowledged = new Set<string>();
      on.disk.power.cutAfter(steps);
      try {
        await way.run(on, acknowledged);
        isOver = true;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      }
      on.disk.crash(new Random(steps * fates + fate));
      on.disk.power.restore();
      for (const uid of acknowledged) expect(on.ledger.instances.has(uid), when).toBe(true);
      expectWhole(on, when);
      const again = startAgain(on);
      for (let turn = 0; turn < 2; turn += 1) await way.run(again, acknowledged);
      expect(
        instances.filter(({ sopInstanceUid }) => !again.ledger.instances.has(sopInstanceUid)),
        when,
      ).toEqual([]);
      expectWhole(again, when);
      expect(again.disk.list('/watch'), when).toEqual([]);
      const left = [...again.disk.contents('/spool').keys()];
      expect(left.filter((path) => path.startsWith('objects/')).length, when).toBe(instances.length);
      expect(
        left.filter((path) => !/^(objects|rejected)\//.test(path)),
        when,
      ).toEqual([]);
      if (way === ways['the watch folder'])
        expect(
          [...again.disk.contents('/spool/rejected').values()].some((bytes) =>
            Buffer.from(bytes).equals(notDicom),
          ),
          when,
        ).toBe(true);
    }
  }
  expect(steps).toBeGreaterThan(8);
});
