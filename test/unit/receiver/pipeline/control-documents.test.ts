/** Goal: one sender's documents cost another nothing but its turn, and one bad document nothing but itself. */
import { describe, expect, it } from 'vitest';
import type { AssembledObject, Assembler } from '../../../../receiver/assemble/assembler.ts';
import type { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { ControlDocuments } from '../../../../receiver/pipeline/control-documents.ts';
import { WaitingDocuments } from '../../../../receiver/pipeline/waiting-documents.ts';
import type { Studies } from '../../../../receiver/studies/studies.ts';
import type { SenderWatch } from '../../../../receiver/watch/sender-watch.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { encodeBeacon } from '../../../../shared/wire/beacon.ts';
import { objectType, protection } from '../../../../shared/wire/datagram.ts';
import { fingerprintOf } from '../../../../shared/wire/link-parameters.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { senderId } from '../high.ts';

const hostile = '66'.repeat(8);
const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
const good = encodeBeacon({
  senderId,
  sessionCounter: 1,
  sessionRandom: 1,
  beaconNumber: 1,
  fingerprint: fingerprintOf(parameters),
  parameters,
  clockMs: 0,
  upMs: 0,
  highestStudyNumber: 0,
  lowestRetainedStudyNumber: 1,
  queuedObjects: 0,
  queuedBytes: 0,
  oldestQueuedMs: 0,
  spoolBytes: 0,
  spoolFreeBytes: 0,
  rejected: [],
  alarms: [],
});

let made = 0;
/** Each of a session of its own: none takes the place of another. */
function documentOf(from: string, document: Uint8Array, bytes = document.length): AssembledObject {
  made += 1;
  return {
    objectId: made.toString(16).padStart(32, '0'),
    senderId: from,
    keyId: 1,
    type: objectType.beacon,
    bytes,
    sha256: '',
    sessionCounter: made,
    sessionRandom: 1,
    sequence: made,
    repairedSymbols: 0,
    document,
  };
}

/** Reading a beacon of a sender takes so long here. */
function site(beaconMs: number | ((senderId: string) => number) = 0) {
  const time = new VirtualClock();
  const clock = time.host();
  const edges: string[] = [];
  const alarms = new Alarms(clock, (edge, { code, subject }) => edges.push(`${edge} ${code} ${subject}`));
  const read: string[] = [];
  const waitedMs: number[] = [];
  const unfinished: string[] = [];
  const dropped: number[] = [];
  const refused = new Map<string, number>();
  const refuse = (code: string) => refused.set(code, (refused.get(code) ?? 0) + 1);
  const documents = new ControlDocuments({
    clock,
    alarms,
    ledger: {} as unknown as ReceiverLedger,
    assembler: {
      counters: { refuse },
      unfinish: (id: string) => unfinished.push(id),
    } as unknown as Assembler,
    studies: {} as unknown as Studies,
    senders: {
      beaconCame: (_beacon: unknown, arrival: { senderId: string; cameMs: number }) => {
        waitedMs.push(clock.monotonicMs() - arrival.cameMs);
        time.advance(typeof beaconMs === 'number' ? beaconMs : beaconMs(arrival.senderId));
        read.push(arrival.senderId);
        return true;
      },
    } as unknown as SenderWatch,
    onRefused: () => {},
    onDropped: (bytes) => dropped.push(bytes),
  });
  return { time, clock, alarms, edges, read, waitedMs, unfinished, dropped, refused, documents };
}

describe('documents', () => {
  it('are told of twice as memory that can be collected: their parts, and what was read or had no room', () => {
    const { documents, dropped } = site();
    documents.add(documentOf(senderId, good));
    expect(dropped).toEqual([good.length]);
    documents.read();
    expect(dropped).toEqual([good.length, good.length]);
    for (let count = 0; count < 513; count += 1) documents.add(documentOf(hostile, good));
    expect(dropped).toHaveLength(2 + 513 + 1);
  });

  it('of an honest sender are read in their turn beside any number of another', () => {
    const { documents, read, time, unfinished, refused, alarms } = site(1);
    for (let count = 0; count < 2000; count += 1) documents.add(documentOf(hostile, good));
    documents.add(documentOf(senderId, good));
    documents.read();
    expect(read.indexOf(senderId)).toBeLessThan(2);
    // What there was no room for comes again, and its sender is named.
    expect(unfinished).toHaveLength(2000 - 512);
    expect(refused.get('E_DOCUMENT_BACKLOG')).toBe(2000 - 512);
    expect(alarms.standing().map(({ code, subject }) => `${code} ${subject}`)).toEqual([
      `E_DOCUMENT_BACKLOG ${hostile}`,
    ]);
    documents.readAll();
    time.advance(60_000);
    documents.read();
    expect(alarms.standing()).toEqual([]);
    expect(read).toHaveLength(513);
  });

  it.each([1, 3])(
    'a sender with long lists delays the documents of another by no more than one of its own (%i of them)',
    (hostileSenders) => {
      const longMs = 1700;
      const { documents, clock, time, read, waitedMs, alarms } = site((from) =>
        from === senderId ? 2 : longMs,
      );
      const honestMs: number[] = [];
      let addedMs = Number.NEGATIVE_INFINITY;
      // Ten minutes: each sender has sent what it sends in a second, as soon as that is over.
      while (clock.monotonicMs() < 600_000) {
        for (; addedMs + 1000 <= clock.monotonicMs(); addedMs += 1000) {
          if (addedMs < 0) addedMs = clock.monotonicMs() - 1000;
          for (let index = 0; index < hostileSenders; index += 1)
            documents.add(documentOf(`${index}6`.repeat(8), good, 1000));
          for (let count = 0; count < 4; count += 1) documents.add(documentOf(senderId, good));
        }
        const before = read.length;
        documents.read();
        for (let index = before; index < read.length; index += 1)
          if (read[index] === senderId) honestMs.push(waitedMs[index] ?? Number.NaN);
        time.advance(1);
      }
      expect(honestMs.length).toBeGreaterThan(2300);
      expect(Math.max(...honestMs)).toBeLessThanOrEqual(hostileSenders * longMs + 20);
      // They are read as well: in their part of the time.
      expect(read.length - honestMs.length).toBeGreaterThan(50);
      expect(alarms.standing().some(({ subject }) => subject === senderId)).toBe(false);
    },
  );

  it('that take longer let more of another go before them', () => {
    const { documents, clock, read, waitedMs } = site((from) => (from === senderId ? 2 : 100));
    for (let count = 0; count < 40; count += 1)
      for (const from of [hostile, senderId]) documents.add(documentOf(from, good));
    while (documents.read());
    expect(clock.monotonicMs()).toBeLessThan(2000);
    const last = read.lastIndexOf(senderId);
    expect(read.filter((from) => from === senderId)).toHaveLength(40);
    expect(waitedMs[last]).toBeLessThan(40 * 2 + 2 * 100);
  });

  it('of a sender whose own take too long are dropped with its name, and of no other', () => {
    const { documents, clock, time, alarms } = site((from) => (from === senderId ? 2 : 1700));
    for (let second = 0; second < 2000; second += 1) {
      for (const from of [hostile, senderId]) documents.add(documentOf(from, good));
      documents.read();
      time.advance(1000);
    }
    expect(clock.monotonicMs()).toBeGreaterThan(2_000_000);
    expect(alarms.standing().map(({ code, subject }) => `${code} ${subject}`)).toEqual([
      `E_DOCUMENT_BACKLOG ${hostile}`,
    ]);
  });

  it('take no more than a share of the time', () => {
    const { documents, clock, time, read } = site(1);
    let spentMs = 0;
    for (let step = 0; step < 10_000; step += 1) {
      for (let count = 0; count < 4; count += 1) documents.add(documentOf(hostile, good));
      const beganMs = clock.monotonicMs();
      documents.read();
      spentMs += clock.monotonicMs() - beganMs;
      time.advance(1);
    }
    expect(spentMs / clock.monotonicMs()).toBeLessThan(0.3);
    expect(read.length).toBeGreaterThan(500);
  });

  it('that are good and bad in turn write a bounded number of lines', () => {
    const { documents, edges, time, refused } = site();
    const bad = new Uint8Array(10);
    for (let turn = 0; turn < 1000; turn += 1) {
      documents.add(documentOf(senderId, turn % 2 === 0 ? bad : good));
      documents.read();
      time.advance(10);
    }
    expect(refused.get('E_DOCUMENT')).toBe(500);
    expect(edges.length).toBeLessThanOrEqual(6);
  });

  it('that are bad take nothing from those behind them', () => {
    const { documents, read, alarms } = site();
    for (const document of [new Uint8Array(1), new Uint8Array(0), good.subarray(0, 20)])
      documents.add(documentOf(hostile, document));
    documents.add(documentOf(senderId, good));
    expect(documents.read()).toBe(false);
    expect(read).toEqual([senderId]);
    expect(alarms.standing().map(({ code, subject }) => `${code} ${subject}`)).toEqual([
      `E_DOCUMENT beacon of ${hostile}`,
    ]);
  });
});

it('documents that wait are bounded in bytes, and the sender with the most makes room', () => {
  const waiting = new WaitingDocuments();
  const large = 30 * 2 ** 20;
  const dropped: string[] = [];
  const add = (from: string, bytes: number) =>
    dropped.push(...waiting.add(documentOf(from, good, bytes)).map((document) => document.senderId));
  for (let count = 0; count < 5; count += 1) add(hostile, large);
  add(senderId, 10 * 2 ** 20);
  expect(dropped).toEqual([hostile, hostile, hostile, hostile]);
  const order: string[] = [];
  for (let next = waiting.next(); next !== undefined; next = waiting.next())
    order.push(next.document.senderId);
  expect(order).toEqual([hostile, senderId]);
  expect(waiting.isEmpty).toBe(true);
});
