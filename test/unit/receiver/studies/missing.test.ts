/**
 * Goal: what is missing is named, whoever else misses how much: filters come before limits, each sender has its share, and
 * what is not shown is said to be there. Method: one sender that tells of absurdly much, beside one with a single study.
 */
import { describe, expect, it } from 'vitest';
import { missingAccount } from '../../../../receiver/studies/missing.ts';
import { rollState } from '../../../../shared/wire/roll.ts';
import { High, idOf, instance, manifestOf, senderId } from '../high.ts';

const loud = '00'.repeat(8);
const absurd = 2 ** 52;
const known = { sessionCounter: 1, sessionRandom: 1, sequence: 1, keyId: 7, accountFrom: 1 };

/** A sender that tells of 2^52 studies, has a hundred open and a roll of a hundred, beside one that misses one instance. */
function crowded(): High {
  const high = new High();
  high.ledger.senders.save({ senderId: loud, ...known, highestStudyNumber: absurd });
  high.ledger.senders.save({ senderId, ...known, highestStudyNumber: 1 });
  for (let number = 1; number <= 100; number += 1) {
    const studyUid = `2.${number}`;
    const row = instance(studyUid, { senderId: loud, studyUid });
    high.manifest(manifestOf(1, [row], { senderId: loud, studyUid, studyNumber: 2 * number }));
  }
  const entry = { revision: 1, instances: 3, state: rollState.retained };
  const entries = Array.from({ length: 100 }, (_, index) => ({
    ...entry,
    studyNumber: 1_000_000 + index,
    studyUid: `3.${index}`,
    manifestId: idOf(`roll ${index}`),
  }));
  high.ledger.senderReports.saveRoll(loud, entries);
  high.manifest(manifestOf(1, [instance('missing')]));
  return high;
}

describe('the account of what is missing', () => {
  it('names the one study of a sender beside another one that misses more than all rows', () => {
    const { rows, more } = missingAccount(crowded().ledger, 10);
    expect(rows.filter((row) => row.senderId === senderId)).toMatchObject([
      { cause: 'instances missing', studyUid: '1.2', have: 0, expected: 1 },
    ]);
    expect(more.map(({ cause, senderId: of }) => [cause, of])).toEqual([
      ['instances missing', loud],
      ['study never seen', loud],
      ['revision never seen', loud],
    ]);
  });

  it('names a study number that never came beside a study whose UID is that number', () => {
    const high = new High();
    high.ledger.senders.save({ senderId, ...known, highestStudyNumber: 2 });
    const row = instance('missing', { studyUid: '1' });
    high.manifest(manifestOf(1, [row], { studyUid: '1', studyNumber: 2 }));
    expect(missingAccount(high.ledger, 10).rows).toMatchObject([
      { cause: 'instances missing', studyUid: '1', studyNumber: 2 },
      { cause: 'study never seen', studyUid: undefined, studyNumber: 1 },
    ]);
  });

  it('counts what it does not show, and says between which numbers it lies', () => {
    const { rows, more } = missingAccount(crowded().ledger, 10);
    expect(rows).toHaveLength(20);
    expect(more).toMatchObject([
      { cause: 'instances missing', count: 91 },
      { cause: 'study never seen', numbers: { first: 21, last: absurd } },
      // Of the roll; these are among the numbers as well.
      { cause: 'revision never seen', count: 90 },
    ]);
    expect(more[1]?.count).toBeGreaterThanOrEqual(absurd - 100 - 10);
  });

  it('applies sender and study before every limit', () => {
    const { ledger } = crowded();
    expect(missingAccount(ledger, 1, { senderId }).rows).toMatchObject([{ studyUid: '1.2' }]);
    expect(missingAccount(ledger, 1, { studyUid: '1.2' })).toMatchObject({
      rows: [{ senderId, studyUid: '1.2' }],
      more: [],
    });
    expect(missingAccount(ledger, 1, { studyUid: '2.77' }).rows).toMatchObject([{ studyNumber: 154 }]);
    expect(missingAccount(ledger, 1, { senderId: loud, studyNumber: 200 }).rows).toMatchObject([
      { studyUid: '2.100' },
    ]);
    expect(missingAccount(ledger, 1, { senderId: loud, studyNumber: absurd })).toMatchObject({
      rows: [{ cause: 'study never seen', studyNumber: absurd }],
      more: [],
    });
    expect(missingAccount(ledger, 1, { studyUid: '3.42' }).rows).toMatchObject([{ studyNumber: 1_000_042 }]);
  });

  it('gives every sender a row of each cause, however many there are', () => {
    const high = new High();
    for (let number = 0; number < 20; number += 1) {
      const sender = number.toString(16).padStart(16, '0');
      const studyUid = `2.${number}`;
      const row = instance(studyUid, { senderId: sender, studyUid });
      high.manifest(manifestOf(1, [row], { senderId: sender, studyUid }));
    }
    expect(new Set(missingAccount(high.ledger, 3).rows.map((row) => row.senderId)).size).toBe(20);
  });

  it('names a study that is complete and not released for a minute, and none that is about to be', () => {
    const high = new High();
    const row = instance('a');
    high.store(row);
    high.manifest(manifestOf(1, [row]));
    const now = high.clock.wallMs();
    expect(missingAccount(high.ledger, 10, {}, now + 59_000).rows).toEqual([]);
    expect(missingAccount(high.ledger, 10, {}, now + 60_000).rows).toMatchObject([
      { cause: 'complete, not released', studyUid: '1.2' },
    ]);
  });
});

describe('study numbers of which no manifest came', () => {
  it('are ranges, whatever a sender says is its highest number', () => {
    const { manifests } = crowded().ledger;
    expect(manifests.unknownRanges(loud, 1, absurd, 3)).toEqual([
      { first: 1, last: 1 },
      { first: 3, last: 3 },
      { first: 5, last: 5 },
    ]);
    expect(manifests.unknownRanges(loud, 1, absurd, 1000).at(-1)).toEqual({ first: 201, last: absurd });
    expect(manifests.unknownStudyNumbers(loud, 150, absurd, 30)).toHaveLength(30);
    expect(manifests.unknownCount(loud, 1, absurd)).toBe(absurd - 100);
    expect(manifests.unknownRanges(senderId, 1, 1, 10)).toEqual([]);
  });

  it('that a set-back sender forgets may be as many', () => {
    const { ledger } = crowded();
    ledger.senderReports.forgetRanges(loud, [{ first: 1_000, last: absurd }]);
    ledger.senderReports.forget(loud, [7, 8, 9, 11]);
    expect(ledger.senderReports.forgotten(loud, 10)).toEqual([
      { first: 7, last: 9 },
      { first: 11, last: 11 },
      { first: 1_000, last: absurd },
    ]);
    expect(missingAccount(ledger, 10).rows.length).toBeLessThan(50);
  });
});
