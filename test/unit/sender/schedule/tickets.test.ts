/**
 * Goal: a ticket has exactly the effect of what it names, once, and only what the sender keeps can be named. Method: a
 * ledger with two studies, tickets of all kinds, and a restart between ticket and sending.
 */
import { describe, expect, it } from 'vitest';
import type { SenderIdentity } from '../../../../sender/identity.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { redeemTicket } from '../../../../sender/schedule/tickets.ts';
import { protection } from '../../../../shared/wire/datagram.ts';
import { closeReason } from '../../../../shared/wire/manifest.ts';
import {
  dayOf,
  encodeTicket,
  encodeTicketCode,
  type Ticket,
  type TicketStudy,
} from '../../../../shared/wire/ticket.ts';
import { idOf, instanceRow, spooled } from '../rows.ts';

const secret = new Uint8Array(32).fill(1);
const senderId = new Uint8Array(8).fill(5);
const wallMs = Date.UTC(2026, 10, 25);
const identity: SenderIdentity = {
  senderId,
  keyId: 3,
  secret,
  parameters: { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed },
};

/** Study 1 with instances a b c d, study 2 with e; all have had two passes. */
function low() {
  const ledger = new SenderLedger(':memory:');
  const studies = [
    ['1.1', ['a', 'b', 'c', 'd']],
    ['1.2', ['e']],
  ] as const;
  for (const [index, [studyUid, names]] of studies.entries()) {
    for (const name of names) ledger.instances.enter(instanceRow(name, { studyUid }));
    const manifestId = idOf(`manifest ${studyUid}`);
    ledger.studies.close({
      studyUid,
      studyNumber: index + 1,
      revision: 2,
      closedBecause: closeReason.quiet,
      closedAtMs: 0,
      closedRunningMs: 0,
      instances: names.length,
      manifest: { ...spooled(manifestId), type: undefined, studyUid, document: new Uint8Array(9) } as never,
    });
    for (let pass = 0; pass < 2; pass += 1) ledger.objects.countPasses([manifestId, ...names.map(idOf)]);
  }
  const redeem = (text: string, atMs = wallMs) => redeemTicket(text, { ledger, identity, wallMs: atMs });
  const names = new Map(
    ['a', 'b', 'c', 'd', 'e', 'manifest 1.1', 'manifest 1.2'].map((name) => [idOf(name), name]),
  );
  const waiting = () => ledger.objects.forResend(100).map(({ objectId }) => names.get(objectId));
  return { ledger, redeem, waiting };
}

function ticketFor(studies: readonly TicketStudy[], change: Partial<Ticket> = {}, with_ = secret): string {
  const ticket = {
    senderId: Buffer.from(senderId).toString('hex'),
    ticketId: '0123456789abcdef',
    day: dayOf(wallMs),
    keyId: 3,
    studies,
    ...change,
  };
  return encodeTicket(ticket, with_) ?? '';
}

const whole = (studyNumber: number): TicketStudy => ({ studyNumber, revision: 0, ranges: undefined });
const refused = (code: string) => expect.objectContaining({ code });

describe('a ticket lets wait', () => {
  it('the places it names: the manifest is 0, instances follow as they are listed', () => {
    const { redeem, waiting } = low();
    const ranges = [
      { first: 0, last: 0 },
      { first: 2, last: 2 },
      { first: 4, last: 4 },
    ];
    expect(redeem(ticketFor([{ studyNumber: 1, revision: 2, ranges }]))).toEqual({
      studies: [{ studyNumber: 1, studyUid: '1.1', objects: 3 }],
      notKept: [],
    });
    expect(waiting()).toEqual(['manifest 1.1', 'b', 'd']);
  });

  it('a range that begins with the manifest, and ends beyond the list', () => {
    const { redeem, waiting } = low();
    redeem(ticketFor([{ studyNumber: 1, revision: 2, ranges: [{ first: 0, last: 2 }] }]));
    expect(waiting()).toEqual(['manifest 1.1', 'a', 'b']);
    redeem(
      ticketFor([{ studyNumber: 1, revision: 2, ranges: [{ first: 4, last: 999 }] }], {
        ticketId: 'f'.repeat(16),
      }),
    );
    expect(waiting()).toEqual(['manifest 1.1', 'a', 'b', 'd']);
  });

  it('whole studies, in their order', () => {
    const { redeem, waiting } = low();
    redeem(ticketFor([whole(1), whole(2)]));
    expect(waiting()).toEqual(['manifest 1.1', 'a', 'b', 'c', 'd', 'manifest 1.2', 'e']);
  });

  it('all of a study of whose revision this sender does not know', () => {
    const { redeem, waiting } = low();
    redeem(ticketFor([{ studyNumber: 2, revision: 3, ranges: [{ first: 9, last: 9 }] }]));
    expect(waiting()).toEqual(['manifest 1.2', 'e']);
  });

  it('what of it is kept, and says what is not', () => {
    const { redeem, waiting } = low();
    expect(redeem(ticketFor([whole(2), whole(7)]))).toMatchObject({ notKept: [7] });
    expect(waiting()).toEqual(['manifest 1.2', 'e']);
  });

  it('until it was sent again', () => {
    const { ledger, redeem, waiting } = low();
    redeem(ticketFor([whole(1)]));
    ledger.objects.countPasses([idOf('a'), idOf('b')], [idOf('a')]);
    expect(waiting()).toEqual(['manifest 1.1', 'b', 'c', 'd']);
    expect(ledger.objects.withPasses(3, 10).map(({ objectId }) => objectId)).toEqual([idOf('a'), idOf('b')]);
  });

  it('by a typed code, the whole study', () => {
    const { redeem, waiting } = low();
    const code = encodeTicketCode({ studyNumber: 2, day: dayOf(wallMs), serial: 77 }, secret, senderId) ?? '';
    redeem(`  ${code.toLowerCase()}\n`);
    expect(waiting()).toEqual(['manifest 1.2', 'e']);
    expect(() => redeem(code)).toThrow(refused('E_TICKET_USED'));
    redeem(encodeTicketCode({ studyNumber: 2, day: dayOf(wallMs), serial: 78 }, secret, senderId) ?? '');
  });
});

it('counts places as the manifest does, which also lists what has expired', () => {
  const { ledger, redeem, waiting } = low();
  ledger.retained.expire('1.1', 5);
  ledger.instances.enter(instanceRow('late', { studyUid: '1.1' }));
  expect([...ledger.studies.manifestEntries('1.1')].map(({ objectId }) => objectId)[4]).toBe(idOf('late'));
  const places = (first: number, last: number) => [
    { studyNumber: 1, revision: 2, ranges: [{ first, last }] },
  ];
  expect(() => redeem(ticketFor(places(1, 4)))).toThrow(refused('E_TICKET_EXPIRED'));
  redeem(ticketFor(places(3, 5)));
  expect(ledger.objects.forResend(9).map(({ objectId }) => objectId)).toEqual([idOf('late')]);
  expect(waiting()).toHaveLength(1);
});

describe('a ticket is refused, and has no effect,', () => {
  it.each([
    ['when it is none', 'hello', 'E_TICKET'],
    [
      'when it is for another sender',
      ticketFor([whole(1)], { senderId: '06'.repeat(8) }),
      'E_TICKET_FOREIGN',
    ],
    [
      'when it was made with a key this sender has not',
      ticketFor([whole(1)], { keyId: 4 }),
      'E_TICKET_FOREIGN',
    ],
    ['when its proof is wrong', ticketFor([whole(1)], {}, new Uint8Array(32).fill(2)), 'E_TICKET_FORGED'],
    ['when it is too old', ticketFor([whole(1)], { day: dayOf(wallMs) - 31 }), 'E_TICKET_EXPIRED'],
    ['when the study does not exist yet', ticketFor([whole(3)]), 'E_STUDY_UNKNOWN'],
    [
      'when it names only places that no list has',
      ticketFor([{ studyNumber: 1, revision: 1, ranges: [{ first: 50, last: 60 }] }]),
      'E_TICKET_EXPIRED',
    ],
    [
      'when it is a code of another secret',
      encodeTicketCode({ studyNumber: 1, day: dayOf(wallMs), serial: 1 }, new Uint8Array(32), senderId) ?? '',
      'E_TICKET_FORGED',
    ],
    [
      'when it is a code of another sender',
      encodeTicketCode({ studyNumber: 1, day: dayOf(wallMs), serial: 1 }, secret, new Uint8Array(8)) ?? '',
      'E_TICKET_FORGED',
    ],
  ])('%s', (_, text, code) => {
    const { redeem, waiting } = low();
    expect(() => redeem(text)).toThrow(refused(code));
    expect(waiting()).toEqual([]);
  });

  it('when it was used, and after that was forgotten it is too old', () => {
    const { redeem, ledger } = low();
    const text = ticketFor([whole(1)]);
    redeem(text);
    expect(() => redeem(text)).toThrow(refused('E_TICKET_USED'));
    for (let used = 0; used < 10_000; used += 1) ledger.resends.use(`other ${used}`);
    expect(ledger.resends.isUsed('0123456789abcdef')).toBe(false);
    expect(() => redeem(text, wallMs + 31 * 86_400_000)).toThrow(refused('E_TICKET_EXPIRED'));
  });

  it('but not when it could be used later: a refusal does not use it up', () => {
    const { redeem, ledger } = low();
    const text = ticketFor([whole(3)]);
    expect(() => redeem(text)).toThrow(refused('E_STUDY_UNKNOWN'));
    expect(ledger.resends.isUsed('0123456789abcdef')).toBe(false);
  });
});

it('a key that was replaced is still one of this sender while it is in its file', () => {
  const { ledger, waiting } = low();
  const old = new Uint8Array(32).fill(8);
  const rotated = { ...identity, otherSecrets: new Map([[2, old]]) };
  redeemTicket(ticketFor([whole(2)], { keyId: 2 }, old), { ledger, identity: rotated, wallMs });
  expect(waiting()).toHaveLength(2);
});
