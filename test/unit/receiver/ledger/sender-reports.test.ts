import { expect, it } from 'vitest';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { rollState } from '../../../../shared/wire/roll.ts';
import { High, idOf, instance, manifestOf } from '../high.ts';

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
  ledger.senderReports.saveRoll(retired, [entry(1), entry(2), entry(3)]);
  ledger.senderReports.saveRoll(other, [entry(4)]);
  ledger.senders.retire(retired);
  const unseen = (limit: number, of?: 'in use') =>
    ledger.senderReports.unseen(limit, of).map(({ studyNumber }) => studyNumber);
  expect(unseen(2, 'in use')).toEqual([4]);
  expect(unseen(10).sort()).toEqual([1, 2, 3, 4]);
});

const [sender, other] = ['33'.repeat(8), '44'.repeat(8)];
const told = (studyNumber: number, change: { revision?: number; list?: string; state?: 1 | 2 } = {}) => ({
  studyNumber,
  revision: change.revision ?? 1,
  instances: 1,
  state: change.state ?? rollState.retained,
  manifestId: idOf(change.list ?? `list of ${studyNumber}`),
  studyUid: `1.2.${studyNumber}`,
});

it('a roll that names a list that never came is named by the list, whatever revisions say', () => {
  const { ledger } = new High();
  const listOf = (name: string, revision: number) => {
    const manifest = manifestOf(revision, [instance(name)], { senderId: sender, studyUid: '1.2.1' });
    ledger.manifests.enter(manifest, idOf(name), new Uint8Array(1), 0);
  };
  listOf('newer', 3);
  ledger.senderReports.saveRoll(sender, [told(1, { revision: 2, list: 'older' })]);
  expect(ledger.senderReports.unseen(10)).toMatchObject([{ studyUid: '1.2.1', revision: 2 }]);
  // It was set back while its newest list was on the way: that one stays named, beside what it tells of now.
  ledger.senderReports.saveRoll(sender, [told(1, { revision: 4, list: 'lost' })]);
  ledger.senderReports.saveRoll(sender, [told(1, { revision: 3, list: 'newer' })]);
  expect(ledger.senderReports.unseen(10)).toMatchObject([{ revision: 4 }]);
  for (const revision of [4, 5, 6])
    ledger.senderReports.saveRoll(sender, [told(1, { revision, list: `again ${revision}` })]);
  expect(
    ledger.senderReports
      .unseen(10)
      .map(({ revision }) => revision)
      .sort(),
  ).toEqual([4, 6]);
  listOf('again 6', 6);
  listOf('lost', 4);
  expect(ledger.senderReports.unseen(10)).toEqual([]);
});

it('of one sender so many rows of the roll are kept, what has expired goes first, and the rest is counted', () => {
  const ledger = new ReceiverLedger(':memory:', undefined, { rollRowsMax: 100 });
  const roll = ledger.senderReports;
  const entries = (from: number, to: number, state: 1 | 2) =>
    Array.from({ length: to - from + 1 }, (_, index) => told(from + index, { state }));
  for (let number = 1; number <= 60; number += 1) {
    const manifest = manifestOf(1, [instance('a')], { senderId: sender, studyUid: `1.2.${number}` });
    if (number > 20) ledger.manifests.enter(manifest, idOf(`list of ${number}`), new Uint8Array(1), 0);
  }
  roll.saveRoll(sender, entries(1, 60, rollState.tombstone));
  roll.saveRoll(sender, entries(61, 130, rollState.retained));
  // Twenty that have expired and never came stay; the forty that came made room.
  expect([roll.unseen(1000).length, roll.leftOut(sender)]).toEqual([90, 0]);
  roll.saveRoll(sender, entries(131, 150, rollState.retained));
  expect([roll.unseen(1000).length, roll.leftOut(sender)]).toEqual([100, 10]);
  roll.saveRoll(other, entries(1, 10, rollState.retained));
  expect([roll.unseen(1000).length, roll.leftOut(other)]).toEqual([110, 0]);
});
