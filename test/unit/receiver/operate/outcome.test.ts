/** Goal: what is told of instances that were let through is what happened: with an inbox and without, of one and of many. */
import { describe, expect, it } from 'vitest';
import { type Outcome, toldOf } from '../../../../receiver/operate/outcome.ts';

const nothing: Outcome = {
  released: new Map(),
  underWay: new Map(),
  known: 0,
  held: new Map(),
  waiting: 0,
  destinations: [],
};
const told = (outcome: Partial<Outcome>, hasInbox = true) => toldOf({ ...nothing, ...outcome }, hasInbox);

describe('what is told', () => {
  it.each<[string, Partial<Outcome>]>([
    ['1 instance released to the inbox as 1.2', { released: new Map([['1.2', 1]]) }],
    [
      '3 instances released to the inbox as 1.2, 1.3, and queued for pacs, web',
      {
        released: new Map([
          ['1.2', 1],
          ['1.3', 2],
        ]),
        destinations: ['pacs', 'web'],
      },
    ],
    ['600 instances being released to the inbox as 1.2', { underWay: new Map([['1.2', 600]]) }],
    ['1 instance already out: the same content came in another sending', { known: 1 }],
    ['2 instances held for another reason: E_CONFLICT', { held: new Map([['E_CONFLICT', 2]]) }],
    ['1 instance let through, to be released with the whole study', { waiting: 1 }],
    [
      '1 instance released to the inbox as 1.2; 1 instance held for another reason: E_PATIENT_MISMATCH',
      { released: new Map([['1.2', 1]]), held: new Map([['E_PATIENT_MISMATCH', 1]]) },
    ],
  ])('is: %s', (detail, outcome) => {
    expect(told(outcome).detail).toBe(detail);
  });

  it('names no inbox where there is none', () => {
    const released = new Map([['1.2', 2]]);
    expect(told({ released, destinations: ['pacs'] }, false)).toEqual({
      detail: '2 instances released, and queued for pacs',
      facts: { released: 2, underWay: 0, known: 0, held: 0, waiting: 0, destinations: ['pacs'] },
    });
    expect(told({ released }, false).detail).toBe('2 instances released');
    expect(told({ underWay: released }, false).detail).toBe('2 instances being released');
  });

  it('lists no more names than can be read', () => {
    const released = new Map(Array.from({ length: 25 }, (_, index) => [`1.${index}`, 1]));
    const { detail, facts } = told({ released });
    expect(detail).toMatch(/as 1\.0, .*, 1\.19 and 5 more$/);
    expect(facts?.['folders']).toHaveLength(20);
  });
});
