/**
 * Goal: a ticket asks for exactly what is missing while that fits, then for series, then for studies, and never for less.
 * Method: studies with losses of all sizes, the real encoding, its real limit.
 */
import { describe, expect, it } from 'vitest';
import { accountOfMissing } from '../../../../receiver/studies/missing.ts';
import {
  planTicket,
  type WantedStudy,
  wantedOfList,
  wantedStudies,
} from '../../../../receiver/studies/ticket-plan.ts';
import { rollState } from '../../../../shared/wire/roll.ts';
import { decodeTicket, encodeTicket, type TicketStudy } from '../../../../shared/wire/ticket.ts';
import { High, idOf, instance, manifestOf, senderId } from '../high.ts';

const encode = (studies: readonly TicketStudy[]) =>
  encodeTicket({ senderId, ticketId: '0'.repeat(16), day: 1, keyId: 1, studies }, new Uint8Array(32));

/** A study of so many instances in series of a hundred, of which some places are missing. */
function wanted(studyNumber: number, instances: number, places: readonly number[]): WantedStudy {
  const seriesUids = Array.from({ length: instances }, (_, index) => `1.2.${Math.floor(index / 100)}`);
  return wantedOfList(studyNumber, 1, places.map(alone), seriesUids);
}

const alone = (place: number) => ({ first: place, last: place });

const every = (step: number, from: number, to: number) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

function covers({ ranges }: TicketStudy, places: readonly number[]): boolean {
  return places.every((place) => ranges?.some(({ first, last }) => first <= place && place <= last) ?? true);
}

describe('a plan', () => {
  it('is exact while that fits', () => {
    const plan = planTicket([wanted(4, 500, [0, 3, 4, 5, 9]), wanted(9, 10, [10])], encode);
    expect(plan?.studies).toEqual([
      {
        rounding: 'exact',
        study: {
          studyNumber: 4,
          revision: 1,
          ranges: [
            { first: 0, last: 0 },
            { first: 3, last: 5 },
            { first: 9, last: 9 },
          ],
        },
      },
      { rounding: 'exact', study: { studyNumber: 9, revision: 1, ranges: [{ first: 10, last: 10 }] } },
    ]);
    expect(decodeTicket(plan?.text ?? '').content.studies).toEqual(plan?.studies.map(({ study }) => study));
  });

  it('rounds up to series when more is missing than fits', () => {
    const places = [...every(2, 1, 600), ...every(2, 901, 999)];
    const plan = planTicket([wanted(4, 2000, places)], encode);
    expect(plan?.studies[0]).toMatchObject({
      rounding: 'series',
      study: {
        ranges: [
          { first: 1, last: 600 },
          { first: 901, last: 1000 },
        ],
      },
    });
  });

  it('rounds up to the study when its series are too many as well', () => {
    const seriesUids = Array.from({ length: 4000 }, (_, index) => `1.${index % 2000}`);
    const places = every(2, 1, 3999);
    const plan = planTicket([wantedOfList(4, 1, places.map(alone), seriesUids)], encode);
    expect(plan?.studies[0]).toMatchObject({ rounding: 'study', study: { ranges: undefined } });
  });

  it('rounds the study up that takes the most words, and leaves the others exact', () => {
    const small = wanted(2, 100, [7]);
    const plan = planTicket([small, wanted(4, 2000, every(2, 1, 1999))], encode);
    expect(plan?.studies.map(({ rounding }) => rounding)).toEqual(['exact', 'series']);
  });

  it('leaves what does not fit for another ticket, the highest numbers first', () => {
    const studies = Array.from({ length: 400 }, (_, index) => ({
      studyNumber: 10 + index * 1000,
      revision: 0,
      ranges: undefined,
      series: undefined,
    }));
    const plan = planTicket(studies, encode);
    const fit = plan?.studies.length ?? 0;
    expect(fit).toBeGreaterThan(80);
    expect(plan?.left.map(({ studyNumber }) => studyNumber)).toEqual(
      studies.slice(fit).map(({ studyNumber }) => studyNumber),
    );
  });

  it('always covers all that is missing', () => {
    for (const [step, from, to] of [
      [1, 1, 2000],
      [2, 0, 1998],
      [3, 5, 1400],
      [7, 1, 2000],
      [100, 50, 1950],
    ] as const) {
      const places = every(step, from, to);
      const [only] = planTicket([wanted(4, 2000, places)], encode)?.studies ?? [];
      expect(only !== undefined && covers(only.study, places)).toBe(true);
    }
  });
});

describe('what is wanted', () => {
  const rows = ['a', 'b', 'c'].map((name) => instance(name));

  function wantedOf(high: High) {
    return wantedStudies(high.ledger, accountOfMissing(high.ledger, 100));
  }

  it('of a manifest with gaps are their places', () => {
    const high = new High();
    high.manifest(manifestOf(1, rows, { studyNumber: 6 }));
    high.store(...rows.slice(1, 2));
    expect(wantedOf(high)).toEqual([
      { studyNumber: 6, revision: 1, ranges: [alone(1), alone(3)], series: [{ first: 1, last: 3 }] },
    ]);
  });

  it('of a study never seen is all of it', () => {
    const high = new High();
    high.ledger.senders.save({
      senderId,
      sessionCounter: 1,
      sessionRandom: 1,
      sequence: 1,
      keyId: 7,
      accountFrom: 1,
      highestStudyNumber: 2,
    });
    expect(wantedOf(high).map(({ studyNumber, ranges }) => [studyNumber, ranges])).toEqual([
      [1, undefined],
      [2, undefined],
    ]);
  });

  it('of a revision never seen are its manifest and what it lists beyond', () => {
    const high = new High();
    high.store(...rows);
    high.manifest(manifestOf(1, rows, { studyNumber: 6 }));
    high.release();
    const entry = { revision: 2, instances: 5, state: rollState.retained, manifestId: idOf('m') };
    high.ledger.senderReports.saveRoll(senderId, [{ ...entry, studyNumber: 6, studyUid: '1.2' }]);
    expect(wantedOf(high)).toMatchObject([{ studyNumber: 6, ranges: [alone(0), { first: 4, last: 5 }] }]);
  });

  it('of a roll that tells of more instances than any list has is a range, and fits', () => {
    const high = new High();
    high.store(...rows);
    high.manifest(manifestOf(1, rows, { studyNumber: 6 }));
    high.release();
    const entry = { revision: 2, instances: 4_294_967_294, state: rollState.retained, manifestId: idOf('m') };
    high.ledger.senderReports.saveRoll(senderId, [{ ...entry, studyNumber: 6, studyUid: '1.2' }]);
    expect(wantedOf(high)).toMatchObject([{ ranges: [alone(0), { first: 4, last: 200_000 }] }]);
    expect(planTicket(wantedOf(high), encode)?.studies).toMatchObject([{ rounding: 'exact' }]);
  });

  it('of a roll that names a study number that no sender can have leaves that out, and asks for the others', () => {
    const high = new High();
    const known = { sessionCounter: 1, sessionRandom: 1, sequence: 1, keyId: 7, accountFrom: 1 };
    high.ledger.senders.save({ senderId, ...known, highestStudyNumber: 0 });
    const entry = { revision: 1, instances: 3, state: rollState.retained };
    high.ledger.senderReports.saveRoll(senderId, [
      { ...entry, studyNumber: 0, studyUid: '1.9', manifestId: idOf('none') },
      { ...entry, studyNumber: 6, studyUid: '1.2', manifestId: idOf('m') },
    ]);
    expect(planTicket(wantedOf(high), encode)?.studies.map(({ study }) => study.studyNumber)).toEqual([6]);
  });

  it('of a study of a sender that was set back names the list by the revision that it stated', () => {
    const high = new High();
    const [first, ...others] = rows;
    high.store(...(first === undefined ? [] : [first]));
    high.manifest(manifestOf(1, first === undefined ? [] : [first], { studyNumber: 6 }));
    high.release();
    high.manifest(manifestOf(1, rows, { studyNumber: 6, closedAtMs: 7 }));
    expect(others.length).toBeGreaterThan(0);
    expect(wantedOf(high)).toMatchObject([{ studyNumber: 6, revision: 1 }]);
  });

  it('of many studies is as much as a ticket can take, the others wait', () => {
    const high = new High();
    const known = { sessionCounter: 1, sessionRandom: 1, sequence: 1, keyId: 7, accountFrom: 1 };
    high.ledger.senders.save({ senderId, ...known, highestStudyNumber: 1000 });
    const all = wantedStudies(high.ledger, accountOfMissing(high.ledger, 1000));
    const plan = planTicket(all, encode);
    expect((plan?.studies.length ?? 0) + (plan?.left.length ?? 0)).toBe(1000);
    expect(plan?.studies.map(({ study }) => study.studyNumber)).toEqual(
      Array.from({ length: plan?.studies.length ?? 0 }, (_, index) => index + 1),
    );
  });
});
