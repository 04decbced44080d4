import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../shared/clock.ts';
import type { UpperLayerEvent } from '../../../../shared/dicom/upper-layer/association-state.ts';
import {
  type AssociationListener,
  AssociationStream,
} from '../../../../shared/dicom/upper-layer/association-stream.ts';
import { UpperLayer } from '../../../../shared/dicom/upper-layer/upper-layer.ts';
import {
  associateRequest,
  control,
  dataPdu,
  explicitLittle,
  releaseRequest,
} from '../../../harness/association-bytes.ts';
import { MemoryConnection } from '../../../harness/memory-connection.ts';

const times = { associationMs: 1e6, idleMs: 1e6, pduMs: 1e6, releaseMs: 1e6, closeMs: 1e6 };
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** An acceptor whose data is handled as the test says. */
function run(pieces: Iterable<Uint8Array>, handle: (event: UpperLayerEvent) => Promise<void> | undefined) {
  const connection = new MemoryConnection(pieces);
  const layer = UpperLayer.acceptor({ times, nowMs: systemClock.monotonicMs() });
  const kinds: string[] = [];
  let closedTimes = 0;
  const listener: AssociationListener = {
    event: (event) => {
      kinds.push(event.kind);
      if (event.kind === 'requested') layer.accept([{ id: 1, result: 0, transferSyntax: explicitLittle }]);
      if (event.kind === 'release-requested') layer.respondRelease(0);
      return handle(event);
    },
    closed: () => {
      closedTimes += 1;
    },
  };
  const stream = new AssociationStream(connection, layer, listener, systemClock);
  return { connection, layer, stream, kinds, closedTimes: () => closedTimes };
}

function* instanceOf(pdus: number): Generator<Uint8Array> {
  yield associateRequest();
  for (let index = 0; index < pdus; index += 1) yield dataPdu(1, control.data, Buffer.alloc(16_000));
  yield releaseRequest;
}

describe('back-pressure', () => {
  it('stops reading while an event is handled, and goes on behind it', async () => {
    let release = (): void => {};
    let waiting = 0;
    const { connection, kinds, closedTimes } = run(instanceOf(1000), (event) => {
      if (event.kind !== 'data' || waiting > 0) return undefined;
      waiting += 1;
      return new Promise((resolve) => {
        release = resolve;
      });
    });
    await turns(200);
    // One piece waits, and the stream's own buffer is full.
    expect(waiting).toBe(1);
    expect(kinds).toEqual(['requested', 'data']);
    expect(connection.pulledBytes).toBeLessThan(150_000);
    release();
    await expect.poll(closedTimes).toBe(1);
    expect(connection.pulledBytes).toBeGreaterThan(16_000_000);
    expect(kinds.filter((kind) => kind === 'data')).toHaveLength(1000);
    expect(kinds.at(-1)).toBe('release-requested');
  });

  it('hands one event over at a time, in order, whatever a piece of the stream has in it', async () => {
    const pdus = Array.from({ length: 50 }, (_, index) => dataPdu(1, control.data, Buffer.from([index])));
    const seen: number[] = [];
    let handling = 0;
    const { closedTimes } = run([Buffer.concat([associateRequest(), ...pdus, releaseRequest])], (event) => {
      if (event.kind !== 'data') return undefined;
      expect(handling).toBe(0);
      handling += 1;
      return turns(2).then(() => {
        seen.push(event.part.bytes[0] ?? -1);
        handling -= 1;
      });
    });
    await expect.poll(closedTimes).toBe(1);
    expect(seen).toEqual(pdus.map((_, index) => index));
  });
});

describe('the end', () => {
  it('of a connection without a release is an abort, told once, before the listener is closed', async () => {
    const { kinds, closedTimes } = run([associateRequest()], () => undefined);
    await expect.poll(closedTimes).toBe(1);
    await turns(20);
    expect(kinds).toEqual(['requested', 'aborted']);
    expect(closedTimes()).toBe(1);
  });

  it('waits for an event that is being handled', async () => {
    let release = (): void => {};
    const pieces = [associateRequest(), dataPdu(1, control.data, Buffer.alloc(2))];
    const { connection, kinds, closedTimes } = run(pieces, (event) => {
      if (event.kind !== 'data') return undefined;
      return new Promise((resolve) => {
        release = resolve;
      });
    });
    await turns(20);
    connection.destroy();
    await turns(20);
    expect(closedTimes()).toBe(0);
    release();
    await expect.poll(closedTimes).toBe(1);
    expect(kinds).toEqual(['requested', 'data', 'aborted']);
  });

  it('throws away what comes behind our last words, up to a limit', async () => {
    function* endless(): Generator<Uint8Array> {
      yield Buffer.from([0x55]);
      for (;;) yield Buffer.alloc(65_536);
    }
    const { connection, closedTimes } = run(endless(), () => undefined);
    await expect.poll(closedTimes).toBe(1);
    expect(connection.written.map((bytes) => bytes[0])).toEqual([7]);
    expect(connection.pulledBytes).toBeLessThan(5 << 20);
  });

  it('sends nothing when the association is over', async () => {
    const { stream, closedTimes } = run([associateRequest()], () => undefined);
    await expect.poll(closedTimes).toBe(1);
    expect(stream.send(Buffer.alloc(12))).toBeUndefined();
  });
});
