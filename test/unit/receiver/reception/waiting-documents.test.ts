/**
 * Goal: who holds one key gets one turn, however many sender ids there are under it. Method: documents of many ids of one
 * name and of one other sender, and the order in which they are taken.
 */
import { expect, it } from 'vitest';
import type { AssembledObject } from '../../../../receiver/assemble/assembler.ts';
import { WaitingDocuments } from '../../../../receiver/reception/waiting-documents.ts';
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
  const first = Array.from({ length: 8 }, () => waiting.next()?.senderId);
  expect(first.filter((senderId) => senderId === 'honest')).toHaveLength(4);
});
