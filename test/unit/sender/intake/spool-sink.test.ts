/** Goal: an instance is taken when it is durable in spool and ledger, and leaves nothing behind when it is not taken. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { objectPlanner } from '../../../../sender/identity.ts';
import { type ArrivingDisk, nodeArrivingDisk } from '../../../../sender/intake/arriving-file.ts';
import { SpoolSink } from '../../../../sender/intake/spool-sink.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { Spool } from '../../../../sender/spool/spool.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { part10Header } from '../../../../shared/dicom/part10-meta.ts';
import { nodeDisk } from '../../../../shared/disk.ts';
import { objectType, protection } from '../../../../shared/wire/datagram.ts';
import { priority } from '../../../../shared/wire/manifest.ts';
import { encodeDataSet, transferSyntaxes } from '../../../harness/dicom-writer.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
const identity = { senderId: new Uint8Array(8).fill(7), keyId: 1, secret: new Uint8Array(32), parameters };
const sopClassUid = '1.2.840.10008.5.1.4.1.1.2';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spool-sink-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function low(options: { arrivingDisk?: ArrivingDisk; hasRoom?: () => boolean } = {}) {
  const ledger = new SenderLedger(':memory:');
  const taken: [number, number][] = [];
  const seen: string[] = [];
  const sink = new SpoolSink({
    spool: new Spool({ folder, disk: nodeDisk, ledger }),
    disk: nodeDisk,
    ...(options.arrivingDisk && { arrivingDisk: options.arrivingDisk }),
    clock: systemClock,
    plan: objectPlanner(identity),
    hasRoom: options.hasRoom ?? (() => true),
    onTaken: (entered, duplicates) => void taken.push([entered.length, duplicates]),
    onStudySeen: (studyUid, associationId) => void seen.push(`${studyUid} ${associationId}`),
    onAssociationClosed: () => {},
    onRefused: () => {},
  });
  const open = (sopInstanceUid: string, urgency: 'routine' | 'stat' = 'routine', callingAe = 'CT1') =>
    sink.open({
      associationId: 3,
      called: { title: 'DIODE', priority: urgency, quietSeconds: 5 },
      callingAe,
      sopClassUid,
      sopInstanceUid,
      transferSyntaxUid: transferSyntaxes.explicitLittleEndian.uid,
    });
  const names = (name: string) => readdirSync(join(folder, name));
  return { ledger, sink, open, taken, seen, names };
}

function file(sopInstanceUid: string, padding = 100): Buffer {
  const transferSyntax = transferSyntaxes.explicitLittleEndian;
  const dataSet = encodeDataSet(
    [
      { tag: 0x0008_0016, vr: 'UI', value: sopClassUid },
      { tag: 0x0008_0018, vr: 'UI', value: sopInstanceUid },
      { tag: 0x0009_0010, vr: 'LO', value: 'SYNTHETIC' },
      { tag: 0x0009_1010, vr: 'OB', value: new Uint8Array(padding) },
      { tag: 0x0020_000d, vr: 'UI', value: '1.2' },
      { tag: 0x0020_000e, vr: 'UI', value: '1.2.1' },
    ],
    transferSyntax,
  );
  return Buffer.concat([
    part10Header({ sopClassUid, sopInstanceUid, transferSyntaxUid: transferSyntax.uid }),
    dataSet,
  ]);
}

// With the second size the study is named behind the first piece, and is read from the file.
it.each([100, 600_000])(
  'is in spool and ledger when it is finished; private bytes before the UIDs: %i',
  async (padding) => {
    const { ledger, open, taken, seen, names } = low();
    const bytes = file('1.2.3', padding);
    const writer = open('1.2.3', 'stat');
    await writer.write(bytes.subarray(0, 700));
    await writer.write(bytes.subarray(700));
    await writer.finish();
    const [name = ''] = names('objects');
    expect(readFileSync(join(folder, 'objects', name)).equals(bytes)).toBe(true);
    expect(names('arriving')).toEqual([]);
    expect(taken).toEqual([[1, 0]]);
    expect(seen).toEqual(['1.2 3']);
    expect(ledger.objects.has(name)).toBe(true);
    expect([...ledger.studies.manifestEntries('1.2')]).toMatchObject([
      { aeTitles: { calling: 'CT1', called: 'DIODE' } },
    ]);
    expect(ledger.studies.get('1.2')).toMatchObject({ open: true, priority: priority.stat, quietSeconds: 5 });
  },
);

/** The disk of this host, whose first syncs end together when there are so many. */
function gathering(syncs: number): ArrivingDisk {
  let allSynced = (): void => {};
  const together = new Promise<void>((resolve) => {
    allSynced = resolve;
  });
  let begun = 0;
  return {
    create: async (path) => {
      const real = await nodeArrivingDisk.create(path);
      return {
        append: (bytes) => real.append(bytes),
        sync: () => {
          begun += 1;
          if (begun === syncs) allSynced();
          return together;
        },
        // Not waited for: it would end at another time for each.
        close: async () => void real.close(),
      };
    },
  };
}

it('is entered together with others that are ready; one that is kept is a duplicate', async () => {
  const { open, taken, names } = low({ arrivingDisk: gathering(3) });
  const store = async (uid: string) => {
    const writer = open(uid);
    await writer.write(file(uid));
    return writer;
  };
  const writers = await Promise.all(['1.2.3', '1.2.4', '1.2.4'].map(store));
  await Promise.all(writers.map((writer) => writer.finish()));
  expect(taken).toEqual([[2, 1]]);
  await (await store('1.2.3')).finish();
  expect(taken).toEqual([
    [2, 1],
    [0, 1],
  ]);
  expect(names('objects')).toHaveLength(2);
  expect(names('arriving')).toEqual([]);
});

it('keeps the AE titles with which it came first, and learns them where it had come without', async () => {
  const { ledger, open } = low();
  const store = async (uid: string, callingAe: string) => {
    const writer = open(uid, 'routine', callingAe);
    await writer.write(file(uid));
    await writer.finish();
  };
  await store('1.2.3', 'CT1');
  await store('1.2.3', 'MR1');
  // A stop fell between file and row: the file was taken up, and nobody knows any more how it had come.
  const bytes = file('1.2.4');
  const path = join(folder, 'found');
  writeFileSync(path, bytes);
  const sha256 = createHash('sha256').update(bytes).digest();
  new Spool({ folder, disk: nodeDisk, ledger }).enter([
    {
      arrivingPath: path,
      row: {
        ...objectPlanner(identity)(objectType.instance, sha256, bytes.length),
        sha256: sha256.toString('hex'),
        bytes: bytes.length,
        pieceTags: new Uint8Array(32),
        priority: priority.routine,
        quietSeconds: 5,
        studyUid: '1.2',
        seriesUid: '1.2.1',
        sopInstanceUid: '1.2.4',
        takenAtMs: 0,
      },
    },
  ]);
  const callers = () => [...ledger.studies.manifestEntries('1.2')].map(({ aeTitles }) => aeTitles?.calling);
  expect(callers()).toEqual(['CT1', undefined]);
  await store('1.2.4', 'MR1');
  expect(callers()).toEqual(['CT1', 'MR1']);
});

it('is not finished before its bytes are synced', async () => {
  let sync = (): void => {};
  const synced = new Promise<void>((resolve) => {
    sync = resolve;
  });
  const arrivingDisk: ArrivingDisk = {
    create: async (path) => {
      const real = await nodeArrivingDisk.create(path);
      return {
        ...real,
        append: (bytes) => real.append(bytes),
        sync: () => synced,
        close: () => real.close(),
      };
    },
  };
  const { open, taken } = low({ arrivingDisk });
  const writer = open('1.2.3');
  await writer.write(file('1.2.3'));
  let finished = false;
  const finishing = writer.finish().then(() => {
    finished = true;
  });
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
  expect([finished, taken]).toEqual([false, []]);
  sync();
  await finishing;
  expect(taken).toEqual([[1, 0]]);
});

it('is refused above the high-water mark, and when its data set is another instance or none', async () => {
  expect(() => low({ hasRoom: () => false }).open('1.2.3')).toThrow(
    expect.objectContaining({ code: 'E_DISK_FULL' }),
  );
  const { open, names, taken } = low();
  for (const [bytes, code] of [
    [file('1.2.4'), 'E_INSTANCE_MISMATCH'],
    [file('1.2.4', 600_000), 'E_INSTANCE_MISMATCH'],
    [file('1.2.3').subarray(0, 400), 'E_FILE_TRUNCATED'],
    [part10Header({ sopClassUid, sopInstanceUid: '1.2.3', transferSyntaxUid: '1.2' }), 'E_NO_UID'],
  ] as const) {
    const writer = open('1.2.3');
    const taking = (async () => {
      await writer.write(bytes);
      await writer.finish();
    })();
    await expect(taking).rejects.toMatchObject({ code });
    await writer.abort();
    expect(names('arriving')).toEqual([]);
  }
  expect([taken, names('objects')]).toEqual([[], []]);
});

it('is forgotten when it breaks off, also by the end of the program', async () => {
  const { open, names } = low();
  const writer = open('1.2.3');
  await writer.write(file('1.2.3', 2_000_000));
  expect(names('arriving')).toHaveLength(1);
  await writer.abort();
  expect(names('arriving')).toEqual([]);
  writeFileSync(join(folder, 'arriving', '0123456789abcdef.unfinished'), 'x');
  writeFileSync(join(folder, 'arriving', '0123456789abcdef.routine'), 'x');
  low();
  expect(names('arriving')).toEqual(['0123456789abcdef.routine']);
});
