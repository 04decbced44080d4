/**
 * Goal: our SCU and our SCP, over real connections: every encoding arrives byte for byte; what the sink says is what the
 * scanner hears; who may not come in is told so; TLS as PS3.15 asks for it.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeInstances, verify } from '../../receiver/deliver/c-store-scu.ts';
import type { DeliveryResult } from '../../receiver/deliver/delivery-result.ts';
import type { DicomDestination } from '../../receiver/deliver/destination.ts';
import type { InstanceFile } from '../../receiver/deliver/instance-file.ts';
import type { ApplicationEntity } from '../../sender/intake/instance-sink.ts';
import type { StorageScp, StorageScpOptions } from '../../sender/intake/storage-scp.ts';
import { part10Header } from '../../shared/dicom/part10-meta.ts';
import { DiodeError } from '../../shared/errors.ts';
import {
  associateRequest,
  commandElement,
  commandSet,
  control,
  ctImageStorage,
  dataPdu,
  explicitLittle,
  releaseRequest,
  storeRequest,
  uidValue,
  uint16,
} from '../harness/association-bytes.ts';
import { TestAuthority } from '../harness/certificates.ts';
import { collectingScp } from '../harness/collecting-scp.ts';
import type { SinkBehaviour } from '../harness/collecting-sink.ts';
import { dataSetHash, writeInstances, writeOddDeflated, writePrivate } from '../harness/instance-files.ts';
import { Processes } from '../harness/processes.ts';
import { RawConnection, splitPdus } from '../harness/raw-connection.ts';

const entities = [
  { title: 'DIODE', priority: 'routine', quietSeconds: 60 },
  { title: 'DIODE_STAT', priority: 'stat', quietSeconds: 5 },
] as const;

let scps: StorageScp[] = [];
let processes: Processes;
let folder: string;

beforeEach(() => {
  processes = new Processes();
  folder = processes.temporaryFolder();
});

afterEach(async () => {
  await Promise.all(scps.map((scp) => scp.close()));
  scps = [];
  await processes.cleanUp();
});

async function start(behaviour: SinkBehaviour = {}, options: Partial<StorageScpOptions> = {}) {
  const { scp, sink } = await collectingScp([], { applicationEntities: entities, ...options }, behaviour);
  scps.push(scp);
  return { sink, scp, destination: destinationOf(scp.port) };
}

function destinationOf(port: number, more: Partial<DicomDestination> = {}): DicomDestination {
  const names = { calledAe: 'DIODE', callingAe: 'SCANNER' };
  return { kind: 'dicom', name: 'test', host: '127.0.0.1', port, ...names, ...more };
}

async function deliver(
  destination: DicomDestination,
  files: readonly InstanceFile[],
): Promise<DeliveryResult[]> {
  const results: DeliveryResult[] = [];
  for await (const result of storeInstances(destination, files)) results.push(result);
  return results;
}

const outcomes = (results: readonly DeliveryResult[]) =>
  results.map(({ outcome, status }) => [outcome, status]);

describe('instances', () => {
  it('arrive byte for byte in every transfer syntax, private SOP classes and odd lengths too', async () => {
    const { sink, destination } = await start();
    const files = [
      ...(await writeInstances({ folder, count: 12 })),
      ...(await writeInstances({ folder, count: 3, approximateBytes: 900_000, seed: 2 })),
      await writeOddDeflated(folder, '1.2.3.4.1'),
      await writePrivate(folder, '1.2.3.4.2'),
    ];
    expect(outcomes(await deliver(destination, files))).toEqual(files.map(() => ['delivered', 0]));
    expect(sink.hashes()).toEqual(new Map(files.map((file) => [file.sopInstanceUid, dataSetHash(file)])));
    for (const { context, header } of sink.instances) {
      expect(Buffer.from(header)).toEqual(Buffer.from(part10Header(context)));
      expect(context).toMatchObject({ called: entities[0], callingAe: 'SCANNER' });
    }
    expect(sink.instances.map(({ context }) => context.transferSyntaxUid)).toEqual(
      files.map(({ transferSyntaxUid }) => transferSyntaxUid),
    );
  });

  it('arrive in PDUs of any size the other side asks for', async () => {
    const files = await writeInstances({ folder, count: 2, approximateBytes: 50_000 });
    for (const dataPduBytesMax of [128, 4096, 65_535]) {
      const { sink, destination } = await start({}, { dataPduBytesMax });
      await deliver(destination, files);
      expect(sink.hashes()).toEqual(new Map(files.map((file) => [file.sopInstanceUid, dataSetHash(file)])));
    }
  });

  it('are written one piece after the other, however slow the disk is', async () => {
    let writing = 0;
    let most = 0;
    const { sink, destination } = await start({
      write: async () => {
        most = Math.max(most, ++writing);
        await new Promise((resolve) => setImmediate(resolve));
        writing -= 1;
      },
    });
    const files = await writeInstances({ folder, count: 1, approximateBytes: 2_000_000 });
    await deliver(destination, files);
    expect(most).toBe(1);
    expect(sink.hashes().values().next().value).toBe(dataSetHash(files[0] as InstanceFile));
  });

  it('are told by the AE title they were sent to', async () => {
    const { sink, scp } = await start();
    await deliver(
      destinationOf(scp.port, { calledAe: 'DIODE_STAT' }),
      await writeInstances({ folder, count: 1 }),
    );
    expect(sink.instances[0]?.context.called).toEqual(entities[1]);
    expect(sink.opened).toEqual([{ called: entities[1], callingAe: 'SCANNER', address: '127.0.0.1' }]);
    await expect.poll(() => sink.closed.length, { timeout: 10_000 }).toBe(1);
  });
});

describe('what the scanner hears', () => {
  it('is what the sink says, instance by instance, on one association', async () => {
    const files = await writeInstances({ folder, count: 7, approximateBytes: 300_000 });
    const uids = files.map(({ sopInstanceUid }) => sopInstanceUid);
    const fails = (index: number, uid: string) => uid === uids[index];
    const { sink, destination } = await start({
      open: ({ sopInstanceUid }) => {
        if (fails(1, sopInstanceUid)) throw new DiodeError('E_DISK_FULL');
      },
      write: ({ sopInstanceUid }) => {
        if (fails(2, sopInstanceUid)) throw new DiodeError('E_DISK_FULL');
        return fails(3, sopInstanceUid) ? Promise.reject(new DiodeError('E_DISK')) : undefined;
      },
      finish: ({ sopInstanceUid }) => {
        if (fails(4, sopInstanceUid)) throw new DiodeError('E_BAD_UID');
        if (fails(5, sopInstanceUid)) throw new DiodeError('E_INSTANCE_MISMATCH');
      },
    });
    const results = await deliver(destination, files);
    expect(results.map(({ outcome, status, comment }) => [outcome, status, comment?.split(':')[0]])).toEqual([
      ['delivered', 0, undefined],
      ['failed', 0xa700, 'E_DISK_FULL'],
      ['failed', 0xa700, 'E_DISK_FULL'],
      ['failed', 0xa700, 'E_DISK'],
      ['refused', 0xc000, 'E_BAD_UID'],
      ['refused', 0xa900, 'E_INSTANCE_MISMATCH'],
      ['delivered', 0, undefined],
    ]);
    expect(results[1]?.comment).toBe('E_DISK_FULL: The disk is full.');
    expect(sink.refusals).toEqual([
      'E_DISK_FULL',
      'E_DISK_FULL',
      'E_DISK',
      'E_BAD_UID',
      'E_INSTANCE_MISMATCH',
    ]);
    expect(sink.aborted).toEqual(uids.slice(2, 6));
    expect(sink.opened).toHaveLength(1);
  });

  it('is success only when the sink has finished', async () => {
    const { scp, sink } = await start();
    const connection = await RawConnection.to(scp.port);
    connection.send(associateRequest(), dataPdu(1, control.lastCommand, storeRequest()));
    connection.send(dataPdu(1, control.data, Buffer.alloc(10)));
    expect((await connection.pdus(1)).map(([type]) => type)).toEqual([2]);
    expect(sink.instances).toEqual([]);
    connection.send(dataPdu(1, control.lastData, Buffer.alloc(10)));
    await connection.pdus(2);
    expect(sink.instances).toHaveLength(1);
    connection.socket.destroy();
  });

  it('is a clear no to storage commitment and to what is not known', async () => {
    const { scp } = await start();
    const commitment = '1.2.840.10008.1.20.1';
    const connection = await RawConnection.to(scp.port);
    connection.send(
      associateRequest({
        contexts: [
          { id: 1, abstractSyntax: commitment, transferSyntaxes: [explicitLittle] },
          { id: 3, abstractSyntax: ctImageStorage, transferSyntaxes: [explicitLittle] },
          { id: 5, abstractSyntax: '1.2.840.10008.5.1.4.1.2.2.1', transferSyntaxes: [explicitLittle] },
        ],
      }),
    );
    await connection.pdus(1);
    const request = (field: number) =>
      commandSet(
        commandElement(0x0003, uidValue(commitment)),
        commandElement(0x0100, uint16(field)),
        commandElement(0x0110, uint16(9)),
        commandElement(0x0800, uint16(0)),
        commandElement(0x1001, uidValue('1.2.840.10008.1.20.1.1')),
      );
    for (const [contextId, field] of [
      [1, 0x0130],
      [3, 0x0020],
    ] as const) {
      connection.send(
        dataPdu(contextId, control.lastCommand, request(field)),
        dataPdu(contextId, control.lastData, Buffer.alloc(30)),
      );
    }
    const [accept, action, find] = await connection.pdus(3);
    expect(accept?.includes(Buffer.from([0x21, 0, 0, 8, 5, 0, 3, 0]))).toBe(true);
    expect(action?.includes(Buffer.from('000000090200000022010000', 'hex').subarray(2, 10))).toBe(true);
    expect(action?.toString('latin1')).toContain('One-way link');
    expect(find?.includes(Buffer.from('0000000902000000 1102'.replaceAll(' ', ''), 'hex'))).toBe(true);
    connection.send(releaseRequest);
    await connection.closed;
  });
});

describe('who comes in', () => {
  const rejection = (destination: DicomDestination) =>
    verify(destination).then(
      () => 'accepted',
      (error: unknown) => (error instanceof DiodeError ? `${error.code}: ${error.message}` : String(error)),
    );

  const only = (rules: Partial<ApplicationEntity>) => ({
    applicationEntities: [
      { ...entities[0], ...rules },
      { ...entities[1], callingTitles: ['CT2'] },
    ],
  });

  it('is told apart by AE titles and addresses', async () => {
    const rules = { callingTitles: ['SCANNER'], callingAddresses: ['127.0.0.0/8'] };
    const { scp, sink } = await start({}, only(rules));
    expect(await rejection(destinationOf(scp.port))).toBe('accepted');
    expect(await rejection(destinationOf(scp.port, { calledAe: 'OTHER' }))).toContain('called AE title');
    expect(await rejection(destinationOf(scp.port, { callingAe: 'OTHER' }))).toContain('calling AE title');
    expect(await rejection(destinationOf(scp.port, { calledAe: 'DIODE_STAT' }))).toContain('called AE title');
    const second = { calledAe: 'DIODE_STAT', callingAe: 'CT2' };
    expect(await rejection(destinationOf(scp.port, second))).toBe('accepted');
    const elsewhere = await start({}, only({ callingAddresses: ['192.0.2.0/24'] }));
    expect(await rejection(elsewhere.destination)).toContain('calling AE title');
    expect(sink.refusals).toEqual(Array.from({ length: 3 }, () => 'E_ASSOCIATION_REJECTED'));
  });

  it('is told to come later when there are too many', async () => {
    const { scp, destination } = await start({}, { associationsMax: 1 });
    const connection = await RawConnection.to(scp.port);
    connection.send(associateRequest());
    await connection.pdus(1);
    expect(scp.associations()).toMatchObject([{ calledAe: 'DIODE', callingAe: 'SCANNER', instances: 0 }]);
    expect(await rejection(destination)).toBe('E_ASSOCIATION_REJECTED: local limit exceeded (for now)');
    connection.send(releaseRequest);
    await connection.closed;
    await expect.poll(() => scp.associations(), { timeout: 10_000 }).toEqual([]);
    expect(await rejection(destination)).toBe('accepted');
  });

  it('is told that the port is closed by an abort', async () => {
    const { scp } = await start();
    const connection = await RawConnection.to(scp.port);
    connection.send(associateRequest());
    await connection.pdus(1);
    await Promise.all([scp.close(), connection.closed]);
    expect(splitPdus(connection.heard).at(-1)?.[0]).toBe(7);
    scps = [];
  });

  it('and says nothing takes only so many connections: another host gets through', async () => {
    const { scp, sink } = await start();
    const silent = await Promise.all(Array.from({ length: 17 }, () => RawConnection.to(scp.port)));
    await expect.poll(() => sink.refusals, { timeout: 10_000 }).toEqual(['E_ASSOCIATION_REJECTED']);
    const other = await RawConnection.to(scp.port, '127.0.0.2');
    other.send(associateRequest());
    expect((await other.pdus(1))[0]?.[0]).toBe(2);
    expect(silent.filter(({ socket }) => !socket.destroyed)).toHaveLength(16);
    for (const { socket } of [...silent, other]) socket.destroy();
  });

  it('and takes all the associations it can get leaves some for another host', async () => {
    const { scp } = await start({}, { associationsMax: 8 });
    const accepted = async (host: string) => {
      const connection = await RawConnection.to(scp.port, host);
      connection.send(associateRequest());
      return (await connection.pdus(1))[0]?.[0] === 2;
    };
    const own: boolean[] = [];
    for (let number = 0; number < 8; number += 1) own.push(await accepted('127.0.0.1'));
    expect(own.filter((each) => each)).toHaveLength(6);
    expect(await accepted('127.0.0.2')).toBe(true);
  });

  it('finds a port that is taken', async () => {
    const { scp } = await start();
    await expect(start({}, { port: scp.port })).rejects.toMatchObject({ code: 'E_DICOM_LISTEN' });
    await expect(start({}, { host: '192.0.2.1' })).rejects.toMatchObject({ code: 'E_DICOM_LISTEN' });
  });
});

describe('over TLS', () => {
  const authority = new TestAuthority();
  const server = authority.issue('sender');
  const client = authority.issue('scanner');
  const authorities = [authority.certificate];

  it('instances arrive, from clients whose certificate is known', async () => {
    const tls = { ...server, authorities, clientCertificates: 'required', handshakeMs: 5000 } as const;
    const { sink, scp } = await start({}, { tls });
    const files = await writeInstances({ folder, count: 3, approximateBytes: 300_000 });
    const results = await deliver(destinationOf(scp.port, { tls: { ...client, authorities } }), files);
    expect(outcomes(results)).toEqual(files.map(() => ['delivered', 0]));
    expect(sink.hashes()).toEqual(new Map(files.map((file) => [file.sopInstanceUid, dataSetHash(file)])));

    const stranger = new TestAuthority('Another').issue('scanner');
    for (const identity of [{}, stranger]) {
      await expect(
        verify(destinationOf(scp.port, { tls: { ...identity, authorities } })),
      ).rejects.toBeInstanceOf(DiodeError);
    }
    expect(sink.opened).toHaveLength(1);
  });

  it('a destination has to show a certificate of an authority we know', async () => {
    const tls = { ...server, clientCertificates: 'none', handshakeMs: 5000 } as const;
    const { scp } = await start({}, { tls });
    expect(await verify(destinationOf(scp.port, { tls: { authorities } }))).toBe('DICOM-DIODE');
    const other = [new TestAuthority('Another').certificate];
    await expect(verify(destinationOf(scp.port, { tls: { authorities: other } }))).rejects.toMatchObject({
      code: 'E_PEER_CONNECT',
    });
    await expect(
      verify(destinationOf(scp.port, { tls: { authorities, serverName: 'pacs.example' } })),
    ).rejects.toMatchObject({ code: 'E_PEER_CONNECT' });
    // Plain DICOM to a TLS port is not answered in plain.
    await expect(verify(destinationOf(scp.port))).rejects.toBeInstanceOf(DiodeError);
  });
});
