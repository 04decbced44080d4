/** Goal: every operation of the receiver takes what it should, and nothing else. Method: the whole table, with examples for each verb. */
import { expect, it } from 'vitest';
import { receiverOperations } from '../../../../receiver/operate/receiver-operations.ts';
import { HostileLink } from '../../../simulation/hostile-link.ts';
import { nobody } from '../../../simulation/operating.ts';
import { checkTable, type Examples } from '../../shared/program/table.ts';

const senderId = '07'.repeat(8);
const objectId = '0a'.repeat(16);

const examples: Examples = {
  'release-partial': {
    good: [{ studyUid: '1.2.3' }, { studyUid: '1.2.3', senderId }],
    malformed: [{}, { studyUid: '../x' }, { studyUid: '1.2', senderId: 'x' }],
  },
  'quarantine-release': {
    good: [{ id: objectId }, { id: objectId.slice(0, 12) }, { id: '1.2.3' }],
    malformed: [{}, { id: '' }, { id: '../../etc' }, { id: 'a'.repeat(65) }, { id: 7 }],
  },
  'quarantine-purge': {
    good: [{ id: objectId }, { id: objectId, again: true }],
    malformed: [{}, { id: objectId, again: 'yes' }],
  },
  'collect-again': {
    good: [{ objectIds: [objectId] }],
    malformed: [{}, { objectIds: [] }, { objectIds: ['x'] }, { objectIds: Array(101).fill(objectId) }],
  },
  'retire-sender': { good: [{ senderId }], malformed: [{}, { senderId: '*' }] },
  'bind-sender': {
    good: [
      { senderId, keyName: 'ct' },
      { senderId, keyName: '' },
    ],
    malformed: [{ senderId }, { senderId, keyName: 'a b' }, { senderId, keyName: 'x'.repeat(1000) }],
  },
  'accept-sender': { good: [{ senderId }], malformed: [{ senderId: senderId.slice(2) }] },
  'correct-sender': {
    good: [
      { senderId, highest: 0 },
      { senderId, highest: 2 ** 53 - 1 },
    ],
    malformed: [
      { senderId },
      { senderId, highest: -1 },
      { senderId, highest: 1.5 },
      { senderId, highest: 2 ** 53 },
      { senderId, highest: '7' },
    ],
  },
  'retry-deliveries': {
    good: [{ destination: 'pacs' }, { destination: '(nowhere)' }],
    malformed: [{}, { destination: '../x' }],
  },
  'abandon-deliveries': { good: [{ destination: 'pacs' }], malformed: [{}, { destination: '' }] },
  'acknowledge-alarm': {
    good: [{ code: 'E_DISK' }, { code: 'E_DISK', subject: 'vault', owner: 'vault room' }],
    malformed: [{}, { code: 'E_NONE' }, { code: 'E_DISK', subject: '' }],
  },
};

it('of the receiver is whole', () => {
  const { high } = new HostileLink();
  const operations = receiverOperations({
    ...high,
    ledger: high.ledger,
    pipeline: high.pipeline,
    deliveries: nobody,
    hasInbox: true,
    alarms: { standing: () => [], acknowledge: () => [] },
  });
  checkTable(operations, examples);
  expect(operations.every(({ isAudited }) => isAudited)).toBe(true);
});
