/**
 * Goal: whatever comes as a ticket is a value or E_TICKET; a ticket says what was put into it; any change of it shows.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DiodeError } from '../../shared/errors.ts';
import { fromBase32, fromTypedCode, toBase32, toTypedCode } from '../../shared/wire/crockford-base32.ts';
import { limits } from '../../shared/wire/limits.ts';
import {
  decodeTicket,
  decodeTicketCode,
  encodeTicket,
  encodeTicketCode,
  type Ticket,
} from '../../shared/wire/ticket.ts';

const secret = new Uint8Array(32).fill(9);
const hexOf = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((id) => Buffer.from(id).toString('hex'));

const anyRanges = fc.array(fc.tuple(fc.nat(200), fc.nat(300)), { maxLength: 20 }).map((steps) => {
  let next = 0;
  const ranges = steps.map(([gap, length]) => {
    const range = { first: next + gap, last: next + gap + length };
    next = range.last + 2;
    return range;
  });
  return ranges.length === 0 ? undefined : ranges;
});

const anyTicket: fc.Arbitrary<Ticket> = fc.record({
  senderId: hexOf(8),
  ticketId: hexOf(8),
  day: fc.nat(65_535),
  keyId: fc.integer({ min: 1, max: 65_535 }),
  studies: fc
    .uniqueArray(fc.integer({ min: 1, max: 2 ** 45 }), { minLength: 1, maxLength: 8 })
    .chain((numbers) =>
      fc.tuple(
        ...numbers
          .sort((a, b) => a - b)
          .map((studyNumber) =>
            fc.record({
              studyNumber: fc.constant(studyNumber),
              revision: fc.nat(2 ** 31 - 1),
              ranges: anyRanges,
            }),
          ),
      ),
    ),
});

/** What a hand, a scanner or an attacker may bring: noise, and things that look like a ticket. */
const anyText = fc.oneof(
  fc.string({ maxLength: 900, unit: 'binary' }),
  fc.string({ maxLength: 900 }).map((text) => `DDT1:${text}`),
  fc.uint8Array({ maxLength: 500 }).map((bytes) => `DDT1:${toBase32(bytes)}`),
  fc.bigInt({ min: 0n, max: (1n << 155n) - 1n }).map((value) => toTypedCode(value, 31)),
);

it('anything is a value or E_TICKET', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const decode of [decodeTicket, decodeTicketCode]) {
        try {
          decode(text).isMadeWith(secret, new Uint8Array(8));
        } catch (error) {
          expect(error instanceof DiodeError && error.code).toBe('E_TICKET');
        }
      }
    }),
    { numRuns: 5000 },
  );
});

it('a ticket that fits says what was put into it', () => {
  fc.assert(
    fc.property(anyTicket, (ticket) => {
      const text = encodeTicket(ticket, secret);
      if (text === undefined) return;
      expect(text.length).toBeLessThan(limits.ticketBytesMax);
      const { content, isMadeWith } = decodeTicket(text);
      expect(content).toEqual(ticket);
      expect(isMadeWith(secret, Buffer.from(ticket.senderId, 'hex'))).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

it('a ticket with any one character changed is refused or not believed', () => {
  fc.assert(
    fc.property(anyTicket, fc.nat(), fc.nat(30), (ticket, place, step) => {
      const text = encodeTicket(ticket, secret);
      if (text === undefined) return;
      const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
      const at = 5 + (place % (text.length - 5));
      const other = digits[(digits.indexOf(text[at] ?? '') + 1 + step) % 32] ?? '';
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      try {
        expect(decodeTicket(changed).isMadeWith(secret, Buffer.from(ticket.senderId, 'hex'))).toBe(false);
      } catch (error) {
        expect(error instanceof DiodeError && error.code).toBe('E_TICKET');
      }
    }),
    { numRuns: 1000 },
  );
});

it('a code is at most 40 characters, and one wrong character or swap is found before its proof is looked at', () => {
  const anyCode = fc.record({
    studyNumber: fc.integer({ min: 1, max: 2 ** 40 - 1 }),
    day: fc.nat(65_535),
    serial: fc.nat(65_535),
  });
  fc.assert(
    fc.property(anyCode, fc.nat(31), fc.integer({ min: 1, max: 31 }), (content, at, step) => {
      const senderId = new Uint8Array(8).fill(3);
      const code = encodeTicketCode(content, secret, senderId) ?? '';
      expect(code.length).toBeLessThanOrEqual(40);
      expect(decodeTicketCode(code)).toMatchObject({ content });
      const plain = code.replaceAll('-', '');
      const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U';
      const size = at === 31 ? 37 : 32;
      const wrong = digits[(digits.indexOf(plain[at] ?? '') + step) % size] ?? '';
      const typed = [plain.slice(0, at) + wrong + plain.slice(at + 1)];
      if (at < 30 && plain[at] !== plain[at + 1])
        typed.push(plain.slice(0, at) + plain[at + 1] + plain[at] + plain.slice(at + 2));
      for (const text of typed) {
        if (text === plain) continue;
        expect(() => decodeTicketCode(text)).toThrow(expect.objectContaining({ code: 'E_TICKET' }));
      }
    }),
    { numRuns: 2000 },
  );
});

it('Base32 gives bytes and numbers back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.bigInt({ min: 0n, max: (1n << 60n) - 1n }), (bytes, value) => {
      expect([...fromBase32(toBase32(bytes))]).toEqual([...bytes]);
      expect(fromTypedCode(toTypedCode(value, 12), 12)).toBe(value);
    }),
  );
});
