/**
 * Goal: whatever a peer sends, it hears A-ABORT or A-ASSOCIATE-RJ, its connection is closed, nothing of it reaches the
 * spool, and other associations go on. Method: each case over a real connection to a real storage SCP.
 */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StorageScp } from '../../sender/intake/storage-scp.ts';
import {
  associateRequest,
  associationItem,
  control,
  ctImageStorage,
  dataPdu,
  echoRequest,
  explicitLittle,
  proposedContext,
  releaseRequest,
  storeRequest,
  verification,
} from '../harness/association-bytes.ts';
import { collectingScp } from '../harness/collecting-scp.ts';
import type { CollectingSink } from '../harness/collecting-sink.ts';
import { malformedCases } from '../harness/malformed-associations.ts';
import { RawConnection, splitPdus } from '../harness/raw-connection.ts';

let scp: StorageScp;
let sink: CollectingSink;
let bystander: RawConnection;

beforeAll(async () => {
  ({ scp, sink } = await collectingScp(['DIODE'], { times: { associationMs: 400, closeMs: 400 } }));
  bystander = await RawConnection.to(scp.port);
  bystander.send(
    associateRequest({
      contexts: [{ id: 1, abstractSyntax: verification, transferSyntaxes: ['1.2.840.10008.1.2'] }],
    }),
  );
  expect((await bystander.pdus(1))[0]?.[0]).toBe(2);
});

afterAll(async () => {
  bystander.socket.destroy();
  await scp.close();
});

/** The peer that does nothing wrong still gets its answers. */
async function bystanderIsServed(): Promise<void> {
  const before = splitPdus(bystander.heard).length;
  bystander.send(dataPdu(1, control.lastCommand, echoRequest()));
  const answer = (await bystander.pdus(before + 1)).at(-1);
  expect(answer?.[0]).toBe(4);
}

describe.each(malformedCases)('$name', ({ bytes, flood, isSilent }) => {
  it('is answered with an abort or a rejection, and closed', async () => {
    const stored = sink.instances.length;
    const connection = await RawConnection.to(scp.port);
    connection.send(bytes);
    let taken = 0;
    for (
      let piece = 0;
      flood !== undefined && piece < flood.pieces && connection.socket.writable;
      piece += 1
    ) {
      const accepted = connection.socket.write(flood.piece);
      taken += flood.piece.length;
      if (!accepted)
        await Promise.race([once(connection.socket, 'drain'), connection.closed]).catch(() => {});
    }
    const heard = await connection.closed;
    // A flood may reset the connection before its last word is read.
    if (flood === undefined) expect([3, 7]).toContain(splitPdus(heard).at(-1)?.[0]);
    // What was thrown away, and what the buffers of two kernels' ends take.
    expect(taken).toBeLessThan(50 << 20);
    expect(sink.instances).toHaveLength(stored);
    if (isSilent !== true) expect(sink.refusals.at(-1)).toBe('E_DICOM_PROTOCOL');
    await bystanderIsServed();
  });
});

it('a connection lost inside a data set leaves nothing', async () => {
  const connection = await RawConnection.to(scp.port);
  connection.send(
    associateRequest(),
    dataPdu(1, control.lastCommand, storeRequest({ sopInstanceUid: '1.2.3.999' })),
    dataPdu(1, control.data, Buffer.alloc(5000)),
  );
  await connection.pdus(1);
  const closedBefore = sink.closed.length;
  connection.socket.resetAndDestroy();
  await expect.poll(() => sink.closed.length, { timeout: 10_000 }).toBe(closedBefore + 1);
  expect(sink.aborted).toContain('1.2.3.999');
  expect(sink.instances.map(({ context }) => context.sopInstanceUid)).not.toContain('1.2.3.999');
  await bystanderIsServed();
});

it('an abort of the peer closes the connection at once', async () => {
  const connection = await RawConnection.to(scp.port);
  connection.send(associateRequest());
  await connection.pdus(1);
  connection.send(Buffer.from('07000000000400000000', 'hex'));
  expect(splitPdus(await connection.closed).map(([type]) => type)).toEqual([2]);
});

it('a context that is malformed costs the others nothing', async () => {
  const connection = await RawConnection.to(scp.port);
  const contextItems = [
    proposedContext({ id: 1, abstractSyntax: '../x', transferSyntaxes: [explicitLittle] }),
    proposedContext({ id: 3, abstractSyntax: ctImageStorage, transferSyntaxes: [explicitLittle] }),
  ];
  connection.send(associateRequest({ contextItems, userItems: [associationItem(0xee, Buffer.alloc(3))] }));
  await connection.pdus(1);
  connection.send(
    dataPdu(3, control.lastCommand, storeRequest({ sopInstanceUid: '1.2.3.77' })),
    dataPdu(3, control.lastData, Buffer.alloc(10)),
  );
  await connection.pdus(2);
  connection.send(releaseRequest);
  expect(splitPdus(await connection.closed).map(([type]) => type)).toEqual([2, 4, 6]);
  expect(sink.instances.at(-1)).toMatchObject({ context: { sopInstanceUid: '1.2.3.77' }, dataSetBytes: 10 });
});
