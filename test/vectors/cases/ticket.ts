/** Vectors of tickets and of typed codes. */
import { createHmac } from 'node:crypto';
import { deriveTicketKey } from '../../../shared/crypto/keys.ts';
import { fromBase32, toBase32, toTypedCode } from '../../../shared/wire/crockford-base32.ts';
import { encodeTicket, encodeTicketCode, type Ticket, type TicketCode } from '../../../shared/wire/ticket.ts';
import { fromHex, hex, type Named, type Refused } from '../vector-file.ts';
import { keyId, otherSecret, secret, senderId } from './parties.ts';

/** A text, and what it says; `authentic` is whether it was made with the secret for the sender of the vectors. */
export type TicketVector = Named & { readonly text: string } & (
    | { readonly ticket: Ticket; readonly authentic: boolean }
    | { readonly code: TicketCode; readonly authentic: boolean }
    | (Refused & { readonly typed: boolean })
  );

export const ticketAbout =
  'Tickets and typed codes: what each says and whether it was made with the secret 00…1f for sender 0102030405060708; or the code with which it is refused. A study without ranges is wanted whole.';

const base: Ticket = {
  senderId: hex(senderId),
  ticketId: 'a1a2a3a4a5a6a7a8',
  day: 20_783,
  keyId,
  studies: [{ studyNumber: 17, revision: 2, ranges: [{ first: 3, last: 3 }] }],
};

export function ticketVectors(): TicketVector[] {
  const says = (name: string, change: Partial<Ticket>, with_ = secret): TicketVector => {
    const ticket = { ...base, ...change };
    return { name, text: encodeTicket(ticket, with_) ?? '', ticket, authentic: with_ === secret };
  };
  const codeSays = (name: string, code: TicketCode, with_ = secret): TicketVector => ({
    name,
    text: encodeTicketCode(code, with_, senderId) ?? '',
    code,
    authentic: with_ === secret,
  });
  const refused = (name: string, text: string, typed = false): TicketVector => ({
    name,
    text,
    typed,
    error: 'E_TICKET',
  });
  const good = encodeTicket(base, secret) ?? '';
  const document = documentOf(good);
  const code = encodeTicketCode({ studyNumber: 17, day: 20_783, serial: 513 }, secret, senderId) ?? '';
  const respelt = (name: string, text: string): TicketVector => ({
    name,
    text,
    ticket: base,
    authentic: true,
  });
  return [
    says('one instance', {}),
    says('a manifest, ranges, and a whole study', {
      studies: [
        { studyNumber: 1, revision: 0, ranges: undefined },
        {
          studyNumber: 300,
          revision: 1,
          ranges: [
            { first: 0, last: 0 },
            { first: 2, last: 129 },
          ],
        },
        { studyNumber: 301, revision: 1, ranges: [{ first: 200_000, last: 200_000 }] },
      ],
    }),
    says('numbers at their largest', {
      day: 65_535,
      keyId: 65_535,
      studies: [{ studyNumber: Number.MAX_SAFE_INTEGER, revision: 0xffff_ffff, ranges: undefined }],
    }),
    respelt('in small letters, in lines, with o and l', small(good)),
    says('of another secret', {}, otherSecret),
    codeSays('a code', { studyNumber: 17, day: 20_783, serial: 513 }),
    codeSays('a code with numbers at their largest', {
      studyNumber: 2 ** 40 - 1,
      day: 65_535,
      serial: 65_535,
    }),
    codeSays('a code of another secret', { studyNumber: 17, day: 20_783, serial: 513 }, otherSecret),
    {
      name: 'a code in small letters, without dashes, with o for 0 and l for 1',
      text: code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l'),
      code: { studyNumber: 17, day: 20_783, serial: 513 },
      authentic: true,
    },
    refused('empty', ''),
    refused('only its name', 'DDT1:'),
    refused('of another version', good.replace('DDT1', 'DDT2')),
    refused('a character of no ticket', good.replace(/.$/, 'U')),
    refused('cut off', good.slice(0, -1)),
    refused('cut off in its head', good.slice(0, 20)),
    refused('longer than any ticket', `${good}${' '.repeat(800)}`),
    refused('something behind its end', `${good}00`),
    refused(
      'bits behind its end',
      good.replace(/.$/, (last) => (last === '0' ? '1' : 'Z')),
    ),
    refused(
      'another format',
      sealed(document, (bytes) => bytes.fill(2, 0, 1)),
    ),
    refused(
      'a byte short',
      sealed(document, (bytes) => bytes.subarray(0, -1)),
    ),
    refused(
      'a byte behind the last study',
      sealed(document, (bytes) => Buffer.concat([bytes, Buffer.of(0)])),
    ),
    refused(
      'no study',
      sealed(document, (bytes) => Buffer.concat([bytes.subarray(0, 21), Buffer.of(0)])),
    ),
    refused(
      'study number 0',
      sealed(document, (bytes) => bytes.fill(0, 22, 23)),
    ),
    refused(
      'the same study twice',
      sealed(document, (bytes) => Buffer.concat([bytes.subarray(0, 21), Buffer.of(2, 17, 0, 0, 0, 0, 0)])),
    ),
    refused(
      'more studies than it has',
      sealed(document, (bytes) => bytes.fill(2, 21, 22)),
    ),
    refused(
      'a number in more bytes than it needs',
      sealed(document, (bytes) =>
        Buffer.concat([bytes.subarray(0, 22), Buffer.of(0x91, 0), bytes.subarray(23)]),
      ),
    ),
    refused(
      'a number above 2^53',
      sealed(document, (bytes) =>
        Buffer.concat([bytes.subarray(0, 22), Buffer.alloc(7, 0xff), Buffer.of(127), bytes.subarray(23)]),
      ),
    ),
    refused(
      'a place beyond any manifest',
      sealed(document, (bytes) => Buffer.concat([bytes.subarray(0, 25), Buffer.of(0xc1, 0x9a, 0x0c, 0)])),
    ),
    refused('a code one character short', code.slice(0, -1), true),
    refused('a code one character long', `${code}0`, true),
    refused(
      'a code with one character wrong',
      code.replace(/^./, (first) => (first === '8' ? '9' : '8')),
      true,
    ),
    refused('a code with two neighbours swapped', swapped(code), true),
    refused('a code of another version', toTypedCode(7n << 152n, 31), true),
    refused('a code of study number 0', toTypedCode(2n << 152n, 31), true),
    refused('a code with a character of none', code.replace(/^./, '?'), true),
  ];
}

/** The bytes before the MAC. */
function documentOf(text: string): Buffer {
  return Buffer.from(fromBase32(text.slice('DDT1:'.length))).subarray(0, -16);
}

/** A document changed, under a MAC that is right: only its form can be wrong. */
function sealed(document: Buffer, change: (bytes: Buffer) => Buffer): string {
  const changed = change(Buffer.from(document));
  const key = deriveTicketKey(secret, fromHex(base.senderId));
  const proof = createHmac('sha256', key).update(changed).digest().subarray(0, 16);
  return `DDT1:${toBase32(Buffer.concat([changed, proof]))}`;
}

function small(text: string): string {
  const lines = text.slice(5).match(/.{1,30}/g) ?? [];
  return `ddt1:${lines.join('\r\n').toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l')}\n`;
}

function swapped(code: string): string {
  const plain = code.replaceAll('-', '');
  const at = [...plain].findIndex((character, index) => index < 29 && character !== plain[index + 1]);
  return (
    plain.slice(0, at) +
    plain
      .slice(at, at + 2)
      .split('')
      .reverse()
      .join('') +
    plain.slice(at + 2)
  );
}
