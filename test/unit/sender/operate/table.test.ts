/** Goal: every operation of the sender takes what it should, and nothing else. Method: the whole table, with examples for each verb. */
import { expect, it } from 'vitest';
import { senderOperations } from '../../../../sender/operate/sender-operations.ts';
import { clock } from '../../shared/program/asking.ts';
import { checkTable, type Examples } from '../../shared/program/table.ts';

const examples: Examples = {
  close: { good: [{}, { studyUid: '1.2.3' }], malformed: [{ studyUid: '' }, { studyUid: 'all' }] },
  resend: { good: [{ ticket: 'ddt…' }], malformed: [{}, { ticket: 7 }, { ticket: 'x'.repeat(4097) }] },
  'acknowledge-alarm': { good: [{ code: 'E_LINK_DOWN' }], malformed: [{}, { code: 'x' }] },
};

it('of the sender is whole', () => {
  const operations = senderOperations({
    clock,
    dispatch: {
      closing: { closeWithin: () => [] },
      studiesClosed: () => {},
      redeem: () => ({ studies: [], notKept: [] }),
      resendsEntered: () => {},
    },
    alarms: { standing: () => [], acknowledge: () => [] },
  });
  checkTable(operations, examples);
  expect(operations.every(({ isAudited }) => isAudited)).toBe(true);
});
