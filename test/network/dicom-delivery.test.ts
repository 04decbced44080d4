/**
 * Goal: a PACS that misbehaves costs the instance at hand its turn, and the others nothing; each instance gets one
 * result, and the result says what to do with it. Method: scripted peers over real connections.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDestination } from '../../receiver/deliver/deliver.ts';
import type { DicomDestination } from '../../receiver/deliver/destination.ts';
import { describeInstanceFile, type InstanceFile } from '../../receiver/deliver/instance-file.ts';
import { transferSyntaxUids } from '../../shared/dicom/transfer-syntax.ts';
import {
  abort,
  answeredContext,
  associateAccept,
  control,
  dataPdu,
  responseCommand,
} from '../harness/association-bytes.ts';
import { collectDelivery, outcomesOf } from '../harness/delivery-outcomes.ts';
import { writeInstances } from '../harness/instance-files.ts';
import { Processes } from '../harness/processes.ts';
import { rejectPdu, type ScpScript, type ScriptedScp, scriptedScp } from '../harness/scripted-scp.ts';

let processes: Processes;
let folder: string;
let closers: (() => Promise<void>)[] = [];

beforeEach(() => {
  processes = new Processes();
  folder = processes.temporaryFolder();
});

afterEach(async () => {
  await Promise.all(closers.map((close) => close()));
  closers = [];
  await processes.cleanUp();
});

const uncompressed = ['explicitLittleEndian'] as const;
const twoSyntaxes = ['explicitLittleEndian', 'implicitLittleEndian'] as const;

describe('a PACS that takes C-STORE', () => {
  async function pacs(script: ScpScript): Promise<{ scp: ScriptedScp; destination: DicomDestination }> {
    const scp = await scriptedScp(script);
    closers.push(() => scp.close());
    const names = { calledAe: 'PACS', callingAe: 'DIODE' };
    const times = { idleMs: 300, associationMs: 300, releaseMs: 300, closeMs: 300 };
    return {
      scp,
      destination: { kind: 'dicom', name: 'PACS', host: '127.0.0.1', port: scp.port, ...names, times },
    };
  }

  async function run(
    script: ScpScript,
    count = 3,
    transferSyntaxes: Parameters<typeof writeInstances>[0]['transferSyntaxes'] = uncompressed,
    senderOf: (file: InstanceFile) => string = () => '',
  ) {
    const { scp, destination } = await pacs(script);
    const files = await writeInstances({ folder, count, transferSyntaxes });
    const results = await collectDelivery(destination, files, { senderOf });
    return { scp, files, results, told: outcomesOf(files, results) };
  }

  it('and answers each: its status says what to do', async () => {
    const statuses = [0, 0xb000, 0xa700, 0xa900, 0xc001, 0x0111, 0x0122];
    const { told, results } = await run({ store: (instance) => statuses[instance] ?? 0 }, statuses.length);
    expect(told).toEqual([
      'delivered',
      'delivered',
      'failed E_PEER_REFUSED',
      'refused E_PEER_REFUSED',
      'refused E_PEER_REFUSED',
      'delivered',
      'refused E_PEER_REFUSED',
    ]);
    expect(results.map(({ status }) => status)).toEqual(statuses);
  });

  it.each(['abort', 'drop', 'silence'] as const)(
    'and answers one with %s: the others go on, and it is tried again alone',
    async (how) => {
      const { scp, told, files } = await run({ store: (instance) => (instance === 1 ? how : 0) }, 4);
      expect(told).toEqual(['delivered', 'delivered', 'delivered', 'delivered']);
      expect(scp.associations()).toBe(3);
      expect(scp.instances).toEqual([0, 1, 2, 3, 1].map((index) => files[index]?.sopInstanceUid));
    },
  );

  it('and breaks on one each time: that one has failed', async () => {
    const bad = '.2';
    const { told, scp } = await run({ store: (_, uid) => (uid.endsWith(bad) ? 'abort' : 0) }, 4);
    expect(told).toEqual(['delivered', 'failed E_ASSOCIATION_ABORTED', 'delivered', 'delivered']);
    expect(scp.instances.filter((uid) => uid.endsWith(bad))).toHaveLength(2);
  });

  it('and breaks on everything is given up for now', async () => {
    const { told, scp } = await run({ store: () => 'silence' }, 8);
    expect(told.filter((each) => each === 'failed E_ASSOCIATION_TIMEOUT')).toHaveLength(5);
    expect(told.filter((each) => each === 'untried E_ASSOCIATION_TIMEOUT')).toHaveLength(3);
    expect(scp.associations()).toBe(5);
  });

  // Those of two senders in turn: the first of them has odd numbers, and the second encoding where there are two.
  const ofTwo = ({ sopInstanceUid }: InstanceFile) => (/[13579]$/.test(sopInstanceUid) ? 'odd' : 'even');
  const isOdd = (uid: string) => /[13579]$/.test(uid);

  it('and breaks on all of one sender gets those of another, and no more than three of that one', async () => {
    const { told, scp, files } = await run(
      { store: (_, uid) => (isOdd(uid) ? 'silence' : 0) },
      16,
      uncompressed,
      ofTwo,
    );
    const of = (sender: string) => told.filter((_, index) => ofTwo(files[index] as InstanceFile) === sender);
    expect(of('even')).toEqual(Array.from({ length: 8 }, () => 'delivered'));
    expect(of('odd').sort()).toEqual([
      ...Array.from({ length: 3 }, () => 'failed E_ASSOCIATION_TIMEOUT'),
      ...Array.from({ length: 5 }, () => 'untried E_ASSOCIATION_TIMEOUT'),
    ]);
    expect(scp.instances.filter(isOdd)).toHaveLength(3);
  });

  it('and breaks on everything of two senders is given up for now', async () => {
    const { told, scp } = await run({ store: () => 'silence' }, 16, uncompressed, ofTwo);
    expect(told.filter((each) => each === 'failed E_ASSOCIATION_TIMEOUT')).toHaveLength(5);
    expect(scp.associations()).toBe(5);
  });

  it.each(['silence', 'abort'] as const)(
    'and answers what one sender proposes with %s gets those of another',
    async (how) => {
      const bad = 'implicitLittleEndian';
      const { told, files } = await run(
        {
          request: (contexts) =>
            contexts.some(({ transferSyntax }) => transferSyntax === transferSyntaxUids[bad])
              ? how === 'abort'
                ? abort
                : how
              : undefined,
        },
        6,
        twoSyntaxes,
        ({ transferSyntaxUid }) => transferSyntaxUid,
      );
      const isBad = (file: InstanceFile) => file.transferSyntaxUid === transferSyntaxUids[bad];
      const of = (bad: boolean) => told.filter((_, index) => isBad(files[index] as InstanceFile) === bad);
      expect(of(false)).toEqual(Array.from({ length: 3 }, () => 'delivered'));
      expect(of(true).map((each) => each.split(' ')[0])).toEqual(['failed', 'untried', 'untried']);
    },
  );

  it('and answers another message id, or with a data set, is aborted', async () => {
    const other = dataPdu(1, control.lastCommand, responseCommand(0x8001, 77, 0));
    const request = dataPdu(1, control.lastCommand, responseCommand(0x0001, 1, 0));
    const answers = [other, request];
    const { told } = await run({ store: (instance) => answers[instance] ?? 0 }, 2);
    expect(told).toEqual(['delivered', 'delivered']);
  });

  it('and rejects the association: nothing was tried', async () => {
    const { told, scp } = await run({ request: () => rejectPdu(1, 1, 7) });
    expect(told).toEqual(Array.from({ length: 3 }, () => 'untried E_ASSOCIATION_REJECTED'));
    expect(scp.associations()).toBe(1);
  });

  it('and never answers the request: nothing was tried', async () => {
    expect((await run({ request: () => 'silence' })).told).toEqual(
      Array.from({ length: 3 }, () => 'untried E_ASSOCIATION_TIMEOUT'),
    );
  });

  it('and refuses one encoding takes the other', async () => {
    const { told } = await run(
      {
        request: (contexts) =>
          associateAccept(
            contexts.map(({ id, transferSyntax }) => answeredContext(id, id === 1 ? 4 : 0, transferSyntax)),
          ),
      },
      4,
      twoSyntaxes,
    );
    expect(told).toEqual(['refused E_PEER_CONTEXT', 'delivered', 'refused E_PEER_CONTEXT', 'delivered']);
  });

  it('and aborts where two encodings are proposed gets them one by one', async () => {
    const { told, scp } = await run(
      { request: (contexts) => (contexts.length > 1 ? abort : undefined) },
      4,
      twoSyntaxes,
    );
    expect(told).toEqual(Array.from({ length: 4 }, () => 'delivered'));
    expect(scp.associations()).toBe(5);
  });

  it('and is not there: nothing was tried', async () => {
    const { scp, destination } = await pacs({});
    await scp.close();
    const files = await writeInstances({ folder, count: 2 });
    expect(outcomesOf(files, await collectDelivery(destination, files))).toEqual(
      files.map(() => 'untried E_PEER_CONNECT'),
    );
    expect(await testDestination(destination)).toMatchObject({ works: false, code: 'E_PEER_CONNECT' });
  });

  it('a file that is gone or shorter than it was fails, and the others go on', async () => {
    const { destination } = await pacs({});
    const files = await writeInstances({
      folder,
      count: 4,
      transferSyntaxes: uncompressed,
      approximateBytes: 900_000,
    });
    rmSync(files[1]?.path ?? '');
    truncateSync(files[2]?.path ?? '', 500_000);
    expect(outcomesOf(files, await collectDelivery(destination, files))).toEqual([
      'delivered',
      'failed E_FILE_READ',
      'failed E_FILE_READ',
      'delivered',
    ]);
  });

  it.each([
    ['its UIDs', 300],
    ['its middle', 500_000],
    ['its last byte', -1],
  ])('never has the whole of a file that was changed in %s', async (_, at) => {
    const { scp, destination } = await pacs({});
    const paths = await writeInstances({
      folder,
      count: 3,
      transferSyntaxes: uncompressed,
      approximateBytes: 900_000,
    });
    const files = await Promise.all(paths.map(({ path }) => describeInstanceFile(path, expectedOf(path))));
    const changed = files[1] as InstanceFile;
    const file = openSync(changed.path, 'r+');
    writeSync(file, '\u0001', at < 0 ? changed.fileBytes + at : at);
    closeSync(file);
    expect(outcomesOf(files, await collectDelivery(destination, files))).toEqual([
      'delivered',
      'failed E_VAULT_DAMAGED',
      'delivered',
    ]);
    expect(scp.instances).toEqual([files[0]?.sopInstanceUid, files[2]?.sopInstanceUid]);
  });
});

describe('a file that is not what the ledger says', () => {
  it('is not even described', async () => {
    const [{ path } = { path: '' }] = await writeInstances({ folder, count: 1 });
    const expected = expectedOf(path);
    await expect(describeInstanceFile(path, { ...expected, bytes: 5 })).rejects.toMatchObject({
      code: 'E_VAULT_DAMAGED',
    });
  });
});

function expectedOf(path: string) {
  const content = readFileSync(path);
  return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
}
