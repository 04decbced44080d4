import { expect, it } from 'vitest';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { rollState } from '../../../../shared/wire/roll.ts';

it('studies of a sender out of use take the place of nobody: they are told of where all are asked for', () => {
  const ledger = new ReceiverLedger(':memory:');
  const [retired, other] = ['11'.repeat(8), '22'.repeat(8)];
  const entry = (studyNumber: number) => ({
    studyNumber,
    revision: 1,
    instances: 1,
    state: rollState.retained,
    manifestId: String(studyNumber).padStart(32, '0'),
    studyUid: `1.2.${studyNumber}`,
  });
  for (const senderId of [retired, other]) {
    const known = { sessionCounter: 1, sessionRandom: 1, sequence: 1, keyId: 1, accountFrom: 1 };
    ledger.senders.save({ senderId, ...known, highestStudyNumber: 3 });
  }
  ledger.told.saveRoll(retired, [entry(1), entry(2), entry(3)]);
  ledger.told.saveRoll(other, [entry(4)]);
  ledger.senders.retire(retired);
  const unseen = (limit: number, of?: 'in use') =>
    ledger.told.unseen(limit, of).map(({ studyNumber }) => studyNumber);
  expect(unseen(2, 'in use')).toEqual([4]);
  expect(unseen(10).sort()).toEqual([1, 2, 3, 4]);
});
