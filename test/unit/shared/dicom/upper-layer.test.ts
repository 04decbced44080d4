import { describe, expect, it } from 'vitest';
import type { UpperLayerEvent } from '../../../../shared/dicom/upper-layer/association-state.ts';
import type { AssociationProposal } from '../../../../shared/dicom/upper-layer/upper-layer.ts';
import { UpperLayer } from '../../../../shared/dicom/upper-layer/upper-layer.ts';
import {
  abort,
  answeredContext,
  associateAccept,
  associateRequest,
  control,
  ctImageStorage,
  dataPdu,
  explicitLittle,
  pdu,
  releaseRequest,
  releaseResponse,
} from '../../../harness/association-bytes.ts';

const times = { associationMs: 30, idleMs: 300, pduMs: 60, releaseMs: 10, closeMs: 2 };
const accepted = [{ id: 1, result: 0, transferSyntax: explicitLittle }];
const proposal: AssociationProposal = {
  calledAe: 'PACS',
  callingAe: 'DIODE',
  contexts: [{ id: 1, abstractSyntax: ctImageStorage, transferSyntaxes: [explicitLittle] }],
};

const kinds = (events: readonly UpperLayerEvent[]) => events.map(({ kind }) => kind);

function take(layer: UpperLayer, bytes: Uint8Array, nowMs = 0): UpperLayerEvent[] {
  layer.receive(bytes, nowMs);
  const events: UpperLayerEvent[] = [];
  for (let event = layer.next(); event !== undefined; event = layer.next()) events.push(event);
  return events;
}

/** The types of the PDUs that wait to be written. */
const output = (layer: UpperLayer) => layer.takeOutput().map((bytes) => [...bytes.subarray(0, 10)]);

function acceptor(): UpperLayer {
  return UpperLayer.acceptor({ times, nowMs: 0 });
}

function establishedAcceptor(): UpperLayer {
  const layer = acceptor();
  take(layer, associateRequest());
  layer.accept(accepted);
  layer.takeOutput();
  return layer;
}

function requestor(): UpperLayer {
  const layer = UpperLayer.requestor(proposal, { times, nowMs: 0 });
  layer.takeOutput();
  return layer;
}

function establishedRequestor(maximumLength?: number): UpperLayer {
  const layer = requestor();
  take(layer, associateAccept([answeredContext(1, 0, explicitLittle)], maximumLength));
  return layer;
}

const providerAbort = (reason: number) => [7, 0, 0, 0, 0, 4, 0, 0, 2, reason];
const userAbort = [7, 0, 0, 0, 0, 4, 0, 0, 0, 0];

describe('the acceptor', () => {
  it('accepts, takes data, and answers a release', () => {
    const layer = acceptor();
    const [requested] = take(layer, associateRequest());
    expect(requested).toMatchObject({ kind: 'requested', request: { calledAe: 'DIODE' } });
    expect(layer.isEstablished).toBe(false);
    layer.accept(accepted);
    expect(output(layer)[0]?.[0]).toBe(2);
    expect([...layer.contexts.values()]).toEqual([
      { id: 1, abstractSyntax: ctImageStorage, transferSyntax: explicitLittle },
    ]);
    expect(take(layer, dataPdu(1, control.lastData, Buffer.from('ab')))).toMatchObject([
      { kind: 'data', part: { contextId: 1, isLast: true } },
    ]);
    expect(kinds(take(layer, releaseRequest))).toEqual(['release-requested']);
    expect(layer.transport).toBe('keep');
    layer.respondRelease(5);
    expect(output(layer)[0]?.[0]).toBe(6);
    expect(layer.transport).toBe('finish');
    expect(layer.deadlineMs).toBe(7);
    expect(layer.tick(7)).toBeUndefined();
    expect(layer.transport).toBe('drop');
  });

  it('handles events one at a time: what comes behind an unanswered release is out of turn', () => {
    const layer = establishedAcceptor();
    const events = take(layer, Buffer.concat([releaseRequest, dataPdu(1, 0, Buffer.alloc(2))]));
    expect(kinds(events)).toEqual(['release-requested', 'failed']);
    expect(output(layer)).toEqual([providerAbort(2)]);
  });

  it('rejects and closes', () => {
    const layer = acceptor();
    take(layer, associateRequest());
    layer.reject({ result: 1, source: 1, reason: 7 }, 0);
    expect(output(layer)).toEqual([[3, 0, 0, 0, 0, 4, 0, 1, 1, 7]]);
    expect(layer.transport).toBe('finish');
    expect(take(layer, associateRequest())).toEqual([]);
  });

  it.each([
    ['data before the association', () => acceptor(), dataPdu(1, 0, Buffer.alloc(2)), 2],
    ['a release before the association', () => acceptor(), releaseRequest, 2],
    ['an answer to no request', () => acceptor(), associateAccept([]), 2],
    ['an unknown PDU', () => acceptor(), pdu(0x55, Buffer.alloc(4)), 1],
    ['a second request', establishedAcceptor, associateRequest(), 2],
    ['data of another context', establishedAcceptor, dataPdu(3, 0, Buffer.alloc(2)), 6],
    ['a response to no release', establishedAcceptor, releaseResponse, 2],
    ['a request that is cut off inside', () => acceptor(), pdu(0x01, Buffer.alloc(10)), 6],
  ])('aborts on %s', (_, make, bytes, reason) => {
    const layer = make();
    const [event] = take(layer, bytes);
    expect(event).toMatchObject({ kind: 'failed', error: { code: 'E_DICOM_PROTOCOL' } });
    expect(output(layer)).toEqual([providerAbort(reason)]);
    expect(layer.transport).toBe('finish');
    expect(layer.send(Buffer.alloc(1))).toBe(false);
  });

  it('drops the connection when the peer aborts', () => {
    const layer = establishedAcceptor();
    expect(take(layer, abort)).toEqual([{ kind: 'aborted', source: 'user', reason: 0 }]);
    expect(layer.transport).toBe('drop');
    expect(output(layer)).toEqual([]);
    expect(layer.transportClosed()).toBeUndefined();
  });

  it('tells of a lost connection once', () => {
    const layer = establishedAcceptor();
    expect(layer.transportClosed()).toEqual({ kind: 'aborted', source: 'transport', reason: 0 });
    expect(layer.transportClosed()).toBeUndefined();
  });

  it('does not accept what was not proposed', () => {
    const layer = acceptor();
    take(layer, associateRequest());
    expect(() => layer.accept([{ id: 3, result: 0, transferSyntax: explicitLittle }])).toThrow();
    expect(() => layer.accept([{ id: 1, result: 0, transferSyntax: '1.2.3' }])).toThrow();
  });
});

describe('the requestor', () => {
  it('asks, is accepted, sends, and releases', () => {
    const layer = UpperLayer.requestor(proposal, { times, nowMs: 0 });
    expect(output(layer)[0]?.[0]).toBe(1);
    const accept = associateAccept([answeredContext(1, 0, explicitLittle)], 4096);
    expect(kinds(take(layer, accept))).toEqual(['accepted']);
    expect(layer.sentPduBytesMax).toBe(4096);
    expect(layer.send(Uint8Array.of(1, 2))).toBe(true);
    layer.requestRelease(0);
    expect(output(layer).map(([type]) => type)).toEqual([1, 5]);
    expect(kinds(take(layer, releaseResponse))).toEqual(['released']);
    expect(layer.transport).toBe('finish');
  });

  it('sends no PDU beyond its own limit to a peer that takes any', () => {
    expect(establishedRequestor(0).sentPduBytesMax).toBe(131_072);
    expect(establishedRequestor(0xffff_ffff).sentPduBytesMax).toBe(131_072);
  });

  it('hears of a rejection', () => {
    const layer = requestor();
    expect(take(layer, pdu(0x03, Buffer.from([0, 2, 3, 2])))).toEqual([
      { kind: 'rejected', rejection: { result: 2, source: 3, reason: 2 } },
    ]);
    expect(layer.transport).toBe('finish');
  });

  it('knows which contexts were refused', () => {
    const layer = requestor();
    take(layer, associateAccept([answeredContext(1, 3, '')]));
    expect(layer.contexts.size).toBe(0);
    expect(layer.isEstablished).toBe(true);
  });

  it('aborts when a context is accepted that it did not propose', () => {
    const layer = requestor();
    const [event] = take(layer, associateAccept([answeredContext(1, 0, '1.2.840.10008.1.2')]));
    expect(event).toMatchObject({ kind: 'failed', error: { code: 'E_DICOM_PROTOCOL' } });
  });

  it('takes data while it waits for the release', () => {
    const layer = establishedRequestor();
    layer.requestRelease(0);
    expect(kinds(take(layer, dataPdu(1, 0, Buffer.alloc(2))))).toEqual(['data']);
  });

  it('says so when it aborts itself', () => {
    const layer = establishedRequestor();
    layer.abort(0);
    expect(output(layer)).toEqual([userAbort]);
    expect(layer.transport).toBe('finish');
  });
});

describe('a release from both sides', () => {
  it('is answered by the requestor first', () => {
    const layer = establishedRequestor();
    layer.requestRelease(0);
    layer.takeOutput();
    expect(kinds(take(layer, releaseRequest))).toEqual(['release-requested']);
    expect(output(layer).map(([type]) => type)).toEqual([6]);
    expect(kinds(take(layer, releaseResponse))).toEqual(['released']);
    expect(layer.transport).toBe('finish');
  });

  it('and by the acceptor last', () => {
    const layer = establishedAcceptor();
    layer.requestRelease(0);
    layer.takeOutput();
    take(layer, releaseRequest);
    expect(output(layer)).toEqual([]);
    expect(kinds(take(layer, releaseResponse))).toEqual(['released']);
    expect(output(layer).map(([type]) => type)).toEqual([6]);
  });
});

describe('time', () => {
  it.each([
    ['for its request', acceptor, times.associationMs],
    ['for the answer', requestor, times.associationMs],
    ['for data', establishedAcceptor, times.idleMs],
  ])('ends a wait %s', (_, make, afterMs) => {
    const layer = make();
    expect(layer.deadlineMs).toBe(afterMs);
    expect(layer.tick(afterMs - 1)).toBeUndefined();
    expect(layer.tick(afterMs)).toMatchObject({ kind: 'failed', error: { code: 'E_ASSOCIATION_TIMEOUT' } });
    expect(output(layer)).toEqual([providerAbort(0)]);
  });

  it('runs from the connection, however many bytes of a request drip in', () => {
    const layer = acceptor();
    for (let ms = 1; ms < times.associationMs; ms += 1)
      take(layer, associateRequest().subarray(ms, ms + 1), ms);
    expect(layer.deadlineMs).toBeLessThanOrEqual(times.associationMs);
  });

  it('begins anew with what comes', () => {
    const layer = establishedAcceptor();
    take(layer, dataPdu(1, 0, Buffer.alloc(2)), 100);
    expect(layer.deadlineMs).toBe(400);
  });

  it('bounds a PDU that drips in', () => {
    const layer = establishedAcceptor();
    const bytes = dataPdu(1, 0, Buffer.alloc(100));
    for (let ms = 0; ms < 50; ms += 1) take(layer, bytes.subarray(ms, ms + 1), ms);
    expect(layer.deadlineMs).toBe(times.pduMs);
    expect(layer.tick(times.pduMs)).toMatchObject({ kind: 'failed' });
  });

  it('does not run while we keep the peer waiting', () => {
    const layer = establishedAcceptor();
    take(layer, dataPdu(1, 0, Buffer.alloc(100)).subarray(0, 50), 10);
    layer.active(1000);
    expect(layer.deadlineMs).toBe(1000 + times.pduMs);
  });

  it('bounds a release', () => {
    const layer = establishedRequestor();
    layer.requestRelease(100);
    expect(layer.deadlineMs).toBe(110);
    expect(layer.tick(110)).toMatchObject({ kind: 'failed' });
  });

  it('stands still when all is over', () => {
    const layer = establishedAcceptor();
    take(layer, abort);
    expect(layer.deadlineMs).toBe(Infinity);
  });
});
