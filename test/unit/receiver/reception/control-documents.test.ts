/** Goal: one sender's documents cost another nothing but its turn, and one bad document nothing but itself. */
import { describe, expect, it } from 'vitest';
import type { AssembledObject, Assembler } from '../../../../receiver/assemble/assembler.ts';
import type { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { ControlDocuments } from '../../../../receiver/reception/control-documents.ts';
import { WaitingDocuments } from '../../../../receiver/reception/waiting-documents.ts';
import type { Studies } from '../../../../receiver/studies/studies.ts';
import type { SenderWatch } from '../../../../receiver/watch/sender-watch.ts';
import { Alarms } from '../../../../shared/alarms.ts';
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
function documentOf(from: string, document: Uint8Array, bytes = document.length): AssembledObject {
  made += 1;
  return {
    objectId: made.toString(16).padStart(32, '0'),
    senderId: from,
    keyId: 1,
    type: objectType.beacon,
    bytes,
    sha256: '',
    sessionCounter: 1,
    sessionRandom: 1,
    sequence: made,
    repairedSymbols: 0,
    document,
  };
}

/** Reading a beacon takes so long here. */
function site(beaconMs = 0) {
  const time = new VirtualClock();
  const clock = time.host();
  const edges: string[] = [];
  const alarms = new Alarms(
    () => clock.wallMs(),
    (edge, { code, subject }) => edges.push(`${edge} ${code} ${subject}`),
  );
  const read: string[] = [];
  const unfinished: string[] = [];
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
      beaconCame: (_beacon: unknown, arrival: { senderId: string }) => {
        time.advance(beaconMs);
        read.push(arrival.senderId);
        return true;
      },
    } as unknown as SenderWatch,
    onRefused: () => {},
  });
  return { time, clock, alarms, edges, read, unfinished, refused, documents };
}

describe('documents', () => {
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
  for (let next = waiting.next(); next !== undefined; next = waiting.next()) order.push(next.senderId);
  expect(order).toEqual([hostile, senderId]);
  expect(waiting.isEmpty).toBe(true);
});
