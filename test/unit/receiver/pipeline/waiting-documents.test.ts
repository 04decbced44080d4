/**
 * Goal: who has one key gets one turn, however many sender ids there are under it. Method: documents of many ids of one
 * name and of one other sender, and the order in which they are taken.
 */
import { expect, it } from 'vitest';
import type { AssembledObject } from '../../../../receiver/assemble/assembler.ts';
import { WaitingDocuments } from '../../../../receiver/pipeline/waiting-documents.ts';
import { objectType } from '../../../../shared/wire/datagram.ts';

const document = (senderId: string, number: number): AssembledObject => ({
  objectId: String(number).padStart(32, '0'),
  senderId,
  keyId: 1,
  type: objectType.roll,
  bytes: 10,
  sha256: '00'.repeat(32),
  sessionCounter: 1,
  sessionRandom: 1,
  sequence: number,
  repairedSymbols: 0,
  document: new Uint8Array(10),
});

it('documents of many sender ids of one key name take turns with those of another as if it were one sender', () => {
  const waiting = new WaitingDocuments((senderId) => (senderId === 'honest' ? senderId : 'key hostile'));
  for (let id = 0; id < 31; id += 1)
    for (let number = 0; number < 4; number += 1) waiting.add(document(`hostile ${id}`, number));
  for (let number = 0; number < 4; number += 1) waiting.add(document('honest', number));
  const first = Array.from({ length: 8 }, () => waiting.next()?.document.senderId);
  expect(first.filter((senderId) => senderId === 'honest')).toHaveLength(4);
});

it('a newer beacon takes the place of an older one of its sender and session, and of nothing else', () => {
  const waiting = new WaitingDocuments();
  const beacon = (senderId: string, sequence: number, change: Partial<AssembledObject> = {}) => ({
    ...document(senderId, sequence),
    type: objectType.beacon,
    ...change,
  });
  waiting.add(beacon('a', 5), 100);
  waiting.add(document('a', 6), 110);
  waiting.add(beacon('b', 7), 120);
  for (let sequence = 8; sequence < 2000; sequence += 1)
    expect(waiting.add(beacon('a', sequence), 200 + sequence)).toEqual([]);
  expect(waiting.beaconCameMs('a')).toBe(2199);
  // An older one, and those of another session or key, are for who reads them to judge.
  for (const change of [{ sequence: 7 }, { sessionRandom: 2 }, { sessionCounter: 2 }, { keyId: 2 }])
    waiting.add(beacon('c', 9, change), 130);
  const order: string[] = [];
  for (let next = waiting.next(); next !== undefined; next = waiting.next())
    order.push(`${next.document.senderId} ${next.document.type} ${next.document.sequence} ${next.cameMs}`);
  expect(order.filter((each) => each.startsWith('a'))).toEqual(['a 3 1999 2199', 'a 4 6 110']);
  expect(order.filter((each) => each.startsWith('b'))).toEqual(['b 3 7 120']);
  expect(order.filter((each) => each.startsWith('c'))).toHaveLength(4);
  expect([waiting.isEmpty, waiting.beaconCameMs('a')]).toEqual([true, undefined]);
});
