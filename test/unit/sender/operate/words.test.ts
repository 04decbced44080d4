/** Goal: what a person asks of the sender is done, audited, and told as it is. */
import { describe, expect, it } from 'vitest';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { senderOperations } from '../../../../sender/operate/sender-operations.ts';
import type { ClosedStudy } from '../../../../sender/schedule/study-closing.ts';
import type { RedeemedTicket } from '../../../../sender/schedule/tickets.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { asking, clock } from '../../shared/program/asking.ts';

const who = { byWhom: 'olga', reason: 'the patient waits' };
const study = (studyNumber: number): ClosedStudy => ({
  studyUid: `1.${studyNumber}`,
  studyNumber,
  revision: 1,
  instances: 3,
});

function site(closed: ClosedStudy[], redeemed?: RedeemedTicket) {
  const ledger = new SenderLedger(':memory:');
  const audited: string[] = [];
  const enter = ledger.audit.enter.bind(ledger.audit);
  ledger.audit.enter = (entry, atMs) => {
    audited.push(`${entry.action} ${entry.subject} by ${entry.byWhom}`);
    enter(entry, atMs);
  };
  const told: string[] = [];
  const dispatch = {
    closing: { closeWithin: () => closed },
    studiesClosed: (studies: ClosedStudy[]) => void told.push(`closed ${studies.length}`),
    redeem: () => {
      if (redeemed === undefined) throw new DiodeError('E_TICKET_USED');
      return redeemed;
    },
    resendsEntered: () => void told.push('resends'),
  };
  return { ask: asking(ledger, senderOperations({ clock, dispatch })), audited, told };
}

describe('closing', () => {
  it.each([
    [[], 'no study is open'],
    [[study(1)], '1 study closed'],
    [[study(1), study(2)], '2 studies closed'],
  ])('of %j', (closed, detail) => {
    const { ask, audited, told } = site(closed);
    expect(ask('close', who)).toEqual({ ok: true, detail, studies: closed.length });
    expect(audited).toEqual(closed.map(({ studyUid }) => `close study ${studyUid} by olga`));
    expect(told).toEqual([`closed ${closed.length}`]);
  });
});

describe('a ticket', () => {
  it('tells what is sent again, and what can not be', () => {
    const studies = [
      { studyNumber: 1, studyUid: '1.1', objects: 1 },
      { studyNumber: 2, studyUid: '1.2', objects: 6 },
    ];
    const { ask, audited, told } = site([], { studies, notKept: [7] });
    expect(ask('resend', { ...who, ticket: 'ddt' })).toEqual({
      ok: true,
      detail:
        '1 object of study number 1, 6 objects of study number 2 at the head of the queue, to be sent again; no longer kept: study number 7',
      objects: 7,
      studies: ['1.1', '1.2'],
      notKept: ['7'],
    });
    expect([audited, told]).toEqual([['resend 1.1 by olga', 'resend 1.2 by olga'], ['resends']]);
  });

  it('that is refused leaves nothing', () => {
    const { ask, audited, told } = site([]);
    expect(ask('resend', { ...who, ticket: 'ddt' })).toMatchObject({ ok: false, code: 'E_TICKET_USED' });
    expect([audited, told]).toEqual([[], []]);
  });
});
