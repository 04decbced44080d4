/**
 * Goal: what one sender claims or leaves unfinished is at its own cost. Method: a hostile and an honest sender with a key
 * each at one assembler; the honest one is to come through as if it were alone.
 */
import { describe, expect, it } from 'vitest';
import {
  type AssembledObject,
  Assembler,
  type AssemblerOptions,
} from '../../../../receiver/assemble/assembler.ts';
import type { Opening } from '../../../../receiver/assemble/kept-state.ts';
import { MemorySink } from '../../../../receiver/assemble/memory-sink.ts';
import type { SenderIdentity } from '../../../../sender/identity.ts';
import type { ErrorCode } from '../../../../shared/errors.ts';
import { createErasureCode } from '../../../../shared/fec/engine.ts';
import { at, objectType, protection } from '../../../../shared/wire/datagram.ts';
import { Random } from '../../../harness/random.ts';
import { beginningOf, datagramsOf, identity } from './datagrams.ts';

const code = createErasureCode();
const hostile: SenderIdentity = {
  ...identity,
  keyId: 2,
  secret: new Uint8Array(32).fill(9),
  senderId: new Uint8Array(8).fill(0xbb),
};
const hostileId = 'bb'.repeat(8);
const honestId = '07'.repeat(8);
/** Large symbols, so that megabytes are few datagrams. */
const large = { ...identity.parameters, datagramBytes: 8972, sourceSymbols: 200 };
const documentBytesMax = 32 * 2 ** 20;

function high(options: Partial<AssemblerOptions> = {}) {
  const objects: AssembledObject[] = [];
  const discarded: string[] = [];
  const assembler = new Assembler({
    datagramBytes: identity.parameters.datagramBytes,
    protection: protection.sealed,
    secrets: new Map([
      [identity.keyId, identity.secret],
      [hostile.keyId, hostile.secret],
    ]),
    code,
    memoryBytes: 100_000,
    openObjectsMax: 100,
    sinkFor: ({ objectId, objectBytes }) => {
      const memory = objectBytes > 1e6 ? undefined : new MemorySink(objectBytes);
      return {
        write: (part, offset) => memory?.write(part, offset),
        read: (part, offset) => memory?.read(part, offset),
        discard: () => discarded.push(objectId),
        checkpoint: () => {},
      };
    },
    spill: { store: () => false, take: () => undefined, drop: () => {} },
    onObject: (object) => objects.push(object),
    onProblem: (error) => {
      throw error;
    },
    ...options,
  });
  const receive = (datagrams: readonly Uint8Array[], nowMs = 0) => {
    for (const datagram of datagrams) assembler.receive(datagram, nowMs);
  };
  const from = (senderId: string) => objects.filter((object) => object.senderId === senderId).length;
  return { assembler, objects, discarded, receive, from };
}

const random = new Random(14);
const [template = new Uint8Array(0)] = datagramsOf(random.bytes(400), { from: hostile }).datagrams;

/** A datagram of an object that was never made: its header alone is true to form. */
function claim(change: {
  type?: number;
  objectBytes?: number;
  k?: number;
  block?: number;
  senderId?: Uint8Array;
  from?: Uint8Array;
}): Uint8Array {
  const datagram = (change.from ?? template).slice();
  const view = new DataView(datagram.buffer);
  datagram.set(random.bytes(16), at.objectId);
  if (change.senderId !== undefined) datagram.set(change.senderId, at.senderId);
  if (change.type !== undefined) datagram[at.type] = change.type;
  if (change.k !== undefined) datagram[at.maximumSourceSymbols] = change.k;
  if (change.block !== undefined) view.setUint32(at.blockNumber, change.block);
  if (change.objectBytes !== undefined) view.setBigUint64(at.objectBytes, BigInt(change.objectBytes));
  return datagram;
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe('documents', () => {
  it('that are claims take nothing: those of others come, and the claims are over after a while', () => {
    const { assembler, receive, objects } = high();
    receive(times(2, () => claim({ type: objectType.manifest, objectBytes: documentBytesMax, k: 200 })));
    for (const type of [objectType.manifest, objectType.beacon, objectType.roll])
      receive(datagramsOf(random.bytes(3000), { type }).datagrams, 1000);
    expect(objects.map(({ type }) => type)).toEqual([2, 3, 4]);
    expect([assembler.openObjects, assembler.documentBytes]).toEqual([2, 0]);
    assembler.expire(29_999);
    expect(assembler.openObjects).toBe(2);
    assembler.expire(30_000);
    expect([assembler.openObjects, assembler.usedBytes]).toEqual([0, 0]);
    expect(assembler.counters.objectsExpired).toBe(2);
  });

  it('in part fill the memory of their own sender, which gets its room back', () => {
    const { assembler, receive, objects, from } = high({ datagramBytes: 8972, memoryBytes: 16e6 });
    const never = times(4, () => {
      const { datagrams } = datagramsOf(random.bytes(20 * 2 ** 20), {
        type: objectType.manifest,
        from: { ...hostile, parameters: large },
      });
      // All blocks but the last.
      const last = Math.max(
        ...datagrams.map((datagram) => new DataView(datagram.buffer).getUint32(at.blockNumber)),
      );
      return datagrams.filter((datagram) => new DataView(datagram.buffer).getUint32(at.blockNumber) < last);
    });
    const honest = datagramsOf(random.bytes(8e6), {
      type: objectType.manifest,
      from: { ...identity, parameters: large },
    }).datagrams;
    const half = honest.length / 2;
    receive(honest.slice(0, half));
    for (const datagrams of never) receive(datagrams, 1);
    receive(honest.slice(half), 2);
    while (assembler.work());
    expect([from(honestId), from(hostileId)]).toEqual([1, 0]);
    expect(assembler.documentBytes).toBeGreaterThan(40 * 2 ** 20);
    expect(assembler.documentBytes).toBeLessThanOrEqual(64 * 2 ** 20);
    const rows = assembler.shortages.rows();
    expect(rows).toEqual([{ senderId: hostileId, what: 'documents', count: expect.any(Number) }]);
    assembler.expire(30_001);
    expect([assembler.openObjects, assembler.documentBytes]).toEqual([0, 0]);
    // One that is as large as two of them may be comes whole now.
    receive(
      datagramsOf(random.bytes(documentBytesMax), {
        type: objectType.roll,
        from: { ...hostile, parameters: large },
      }).datagrams,
      40_000,
    );
    while (assembler.work());
    expect(objects.at(-1)?.document?.length).toBe(documentBytesMax);
    expect(assembler.documentBytes).toBe(0);
  });

  it('are asked for before anything is theirs, and once each', () => {
    const asked: Opening[] = [];
    let answer: ErrorCode | undefined = 'E_DATAGRAM_REPLAY';
    const { assembler, receive, objects } = high({
      mayOpen: (opening) => {
        asked.push(opening);
        return opening.type === objectType.roll ? answer : undefined;
      },
    });
    const { datagrams } = datagramsOf(random.bytes(3000), { type: objectType.roll, session: 77 });
    receive(datagrams.slice(0, 3));
    expect([assembler.openObjects, assembler.counters.refused.get('E_DATAGRAM_REPLAY')]).toEqual([0, 3]);
    const opening = { senderId: honestId, keyId: 1, sessionCounter: 77, sessionRandom: 5, objectBytes: 3000 };
    expect(asked.at(-1)).toEqual({ ...opening, type: objectType.roll, sequence: 2 });
    answer = undefined;
    const before = asked.length;
    receive(datagrams);
    expect([objects.length, asked.length - before]).toEqual([1, 1]);
  });
});

describe('memory', () => {
  it('of open blocks is taken from who uses most of it', () => {
    const { assembler, receive, from } = high({ openObjectsMax: 5000 });
    const honest = times(6, () => datagramsOf(random.bytes(3300)).datagrams);
    for (const datagrams of honest) receive(datagrams.slice(0, 7));
    receive(times(2000, (index) => claim({ objectBytes: 30_000, k: 8, block: index % 8 })));
    expect(assembler.usedBytes).toBeLessThanOrEqual(100_000);
    expect(assembler.counters.blocksEvicted).toBeGreaterThan(1900);
    // One symbol each, and each is whole: nothing of them was lost.
    for (const datagrams of honest) receive(datagrams.slice(7, 8));
    expect(from(honestId)).toBe(6);
  });

  it('of one who is alone is all of it, and what waited longest leaves', () => {
    const { assembler, receive, from } = high();
    const all = times(20, () => datagramsOf(random.bytes(3300)).datagrams);
    for (const datagrams of all) receive(datagrams.slice(0, 7));
    for (const datagrams of all) receive(datagrams.slice(7, 8));
    expect([from(honestId), assembler.counters.blocksEvicted]).toEqual([20, 0]);
    const more = times(40, () => datagramsOf(random.bytes(3300)).datagrams);
    for (const datagrams of more) receive(datagrams.slice(0, 7));
    const stayed = Math.floor(100_000 / (8 * 432));
    expect(assembler.counters.blocksEvicted).toBe(40 - stayed);
    for (const datagrams of more.slice(-stayed)) receive(datagrams.slice(7, 8));
    expect(from(honestId)).toBe(20 + stayed);
  });

  it('of which blocks are finished is counted in it, and is the sender’s own', () => {
    const { assembler, receive, from: wholeOf } = high({ memoryBytes: 1e6 });
    const honest = datagramsOf(random.bytes(60_000)).datagrams;
    receive(honest.slice(0, honest.length / 2));
    // Each of a million blocks, of which one is whole.
    const from = { ...hostile, parameters: { ...identity.parameters, sourceSymbols: 1 } };
    for (let count = 0; count < 40; count += 1) {
      receive(beginningOf(random.bytes(16), 2 ** 20 * (432 - 16), from, 1));
      expect(assembler.usedBytes).toBeLessThanOrEqual(1e6);
    }
    expect(assembler.counters.blocksFinished).toBeGreaterThanOrEqual(40);
    expect(assembler.counters.objectsEvicted).toBeGreaterThan(30);
    receive(honest.slice(honest.length / 2));
    while (assembler.work());
    expect(wholeOf(honestId)).toBe(1);
  });
});

describe('open objects', () => {
  it('make way for others of the sender that has most of them', () => {
    const { assembler, receive, discarded, from } = high();
    const honest = times(40, () => datagramsOf(random.bytes(6000)));
    for (const { datagrams } of honest) receive(datagrams.slice(0, 2));
    receive(times(1000, () => claim({ objectBytes: 30_000, k: 8 })));
    expect(assembler.openObjects).toBe(100);
    expect(honest.filter(({ objectId }) => discarded.includes(objectId))).toEqual([]);
    for (const { datagrams } of honest) receive(datagrams);
    expect(from(honestId)).toBe(40);
    expect(assembler.shortages.rows()).toEqual([{ senderId: hostileId, what: 'open objects', count: 940 }]);
  });

  it('of many sender ids under one key count as of one', () => {
    const { assembler, receive, discarded } = high();
    const honest = times(40, () => datagramsOf(random.bytes(6000)));
    for (const { datagrams } of honest) receive(datagrams.slice(0, 2));
    receive(times(1000, () => claim({ objectBytes: 30_000, k: 8, senderId: random.bytes(8) })));
    expect(assembler.openObjects).toBe(100);
    expect(honest.filter(({ objectId }) => discarded.includes(objectId))).toEqual([]);
  });

  it('are bounded also while all of them wait to be verified', () => {
    const { assembler, receive, objects } = high({ openObjectsMax: 4 });
    const all = times(10, () => datagramsOf(random.bytes(70_000)).datagrams);
    // The first block last: nothing is hashed until then.
    for (const datagrams of all) receive(datagrams.toReversed());
    expect(assembler.openObjects).toBeLessThanOrEqual(4);
    while (assembler.work());
    expect(objects.length).toBeGreaterThanOrEqual(3);
  });

  it('that stand still are given up, whatever comes of them that completes no block', () => {
    const { assembler, receive, discarded, from } = high({ partialMs: 1000 });
    const standing = datagramsOf(random.bytes(6000), { from: hostile });
    const going = datagramsOf(random.bytes(60_000));
    receive(standing.datagrams.slice(0, 10));
    for (const [index, datagram] of going.datagrams.entries()) {
      receive([datagram], 20 * index);
      receive(standing.datagrams.slice(0, 1), 20 * index);
      assembler.expire(20 * index);
    }
    while (assembler.work());
    expect([from(honestId), discarded.includes(standing.objectId)]).toEqual([1, true]);
  });
});

describe('verification', () => {
  it('of a sender waits behind no more than a step of another', () => {
    const { assembler, receive, objects } = high({ memoryBytes: 4e6 });
    const huge = times(5, () => datagramsOf(random.bytes(600_000), { from: hostile }).datagrams);
    for (const datagrams of huge) receive(datagrams.toReversed());
    expect(objects).toEqual([]);
    receive(datagramsOf(random.bytes(3000), { type: objectType.beacon }).datagrams);
    receive(datagramsOf(random.bytes(3000)).datagrams);
    expect(objects.map(({ type }) => type)).toEqual([3, 1]);
    receive(datagramsOf(random.bytes(70_000)).datagrams.toReversed());
    for (let step = 0; step < 6; step += 1) assembler.work();
    expect(objects.map(({ senderId }) => senderId)).toEqual([honestId, honestId, honestId]);
    while (assembler.work());
    expect(objects).toHaveLength(8);
  });
});

describe('who sends', () => {
  it('is never locked out by those who were there before', () => {
    const { receive, from } = high();
    receive(times(300, () => claim({ objectBytes: 3000, senderId: random.bytes(8) })));
    receive(datagramsOf(random.bytes(3000)).datagrams);
    expect(from(honestId)).toBe(1);
  });

  it('is told of what was lost of it, whatever others claim', () => {
    const speaksFor = new Map([
      [1, honestId],
      [2, hostileId],
    ]);
    const { assembler, receive } = high({
      mayOpen: ({ keyId, senderId }) => (speaksFor.get(keyId) === senderId ? undefined : 'E_DATAGRAM_KEY'),
    });
    const { datagrams } = datagramsOf(random.bytes(20_000));
    const forged = claim({ objectBytes: 3000, senderId: identity.senderId });
    const view = new DataView(forged.buffer);
    for (const [index, datagram] of datagrams.entries()) {
      if (index % 2 === 1) continue;
      receive([datagram, ...times(3, () => claim({ objectBytes: 3000, senderId: random.bytes(8) }))]);
      // Of a later session, as if all before were old.
      view.setUint32(at.sessionCounter, 4_000_000_000);
      view.setBigUint64(at.sequence, BigInt(index) * 1_000_000n);
      receive([forged]);
    }
    const lost = Math.floor((datagrams.length - 1) / 2);
    expect(assembler.losses()).toEqual([{ senderId: honestId, lost }]);
    expect(assembler.datagramsLost).toBe(lost);
  });

  it('spoils no block of another key', () => {
    const { assembler, receive, from } = high();
    const { datagrams } = datagramsOf(random.bytes(3000));
    const spoiling = datagrams.map((datagram) => {
      const copy = datagram.slice().fill(0, at.symbol);
      new DataView(copy.buffer).setUint16(at.keyId, hostile.keyId);
      return copy;
    });
    receive(datagrams.slice(0, 1));
    receive(spoiling);
    receive(datagrams.slice(1, 8));
    // What came under the other key made a block of its own, which does not open.
    expect([from(honestId), assembler.counters.refused.get('E_BLOCK_OPEN')]).toEqual([1, 1]);
  });

  it('keeps no object of another key away by naming its id first', () => {
    const { assembler, receive, from } = high();
    const { objectId, datagrams } = datagramsOf(random.bytes(3000));
    const [first = new Uint8Array(0)] = datagrams;
    const squatting = first.slice();
    const view = new DataView(squatting.buffer);
    view.setUint16(at.keyId, hostile.keyId);
    view.setBigUint64(at.objectBytes, 100_000n);
    squatting.set(hostile.senderId, at.senderId);
    receive([squatting]);
    receive(datagrams.slice(0, 4));
    expect([...assembler.collecting()].map(([senderId, id]) => [senderId, id])).toEqual([
      [hostileId, objectId],
      [honestId, objectId],
    ]);
    receive([squatting]);
    receive(datagrams.slice(4, 8));
    expect([from(honestId), assembler.counters.refused.get('E_DATAGRAM_FIELD')]).toEqual([1, undefined]);
    assembler.giveUp({ objectId, keyId: hostile.keyId });
    expect(assembler.openObjects).toBe(0);
  });

  it('keeps no object of another sender away by saying that its content is here', () => {
    const { assembler, receive, from } = high();
    const known = datagramsOf(random.bytes(3000));
    const { objectId, datagrams } = datagramsOf(random.bytes(3000));
    assembler.knowAll(hostileId, Buffer.from(objectId, 'hex'));
    receive(datagrams.slice(0, 4));
    assembler.dismiss(hostileId, objectId);
    receive(datagrams.slice(4, 8));
    expect(from(honestId)).toBe(1);
    // Of its own a sender may say so.
    receive(known.datagrams.slice(0, 4));
    assembler.dismiss(honestId, known.objectId);
    receive(known.datagrams);
    expect([from(honestId), assembler.openObjects]).toEqual([1, 0]);
    assembler.unfinish(known.objectId);
    receive(known.datagrams);
    expect(from(honestId)).toBe(2);
  });
});
