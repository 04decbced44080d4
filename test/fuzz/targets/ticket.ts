/** Tickets and typed codes: texts that a person carries, and that anybody may have written. */
import { deepStrictEqual } from 'node:assert/strict';
import { assert } from '../../../shared/assert.ts';
import { fromBase32, toBase32 } from '../../../shared/wire/crockford-base32.ts';
import {
  decodeTicket,
  decodeTicketCode,
  encodeTicket,
  encodeTicketCode,
  type Ticket,
  type TicketStudy,
} from '../../../shared/wire/ticket.ts';
import { Random } from '../../harness/random.ts';
import type { FuzzTarget } from '../fuzz-target.ts';
import { mutate } from '../mutate.ts';

const secret = new Uint8Array(32).fill(6);
const senderId = new Uint8Array(8).fill(2);
const prefix = 'DDT1:';

function study(studyNumber: number, random: Random): TicketStudy {
  let next = 0;
  const ranges = Array.from({ length: random.integer(4) }, () => {
    const first = next + random.integer(50);
    const last = first + random.integer(50);
    next = last + 2;
    return { first, last };
  });
  return { studyNumber, revision: random.integer(5), ranges: ranges.length === 0 ? undefined : ranges };
}

function ticket(random: Random, studies: number): Ticket {
  let studyNumber = 0;
  return {
    senderId: Buffer.from(senderId).toString('hex'),
    ticketId: Buffer.from(random.bytes(8)).toString('hex'),
    day: random.integer(65_536),
    keyId: random.integer(65_536),
    studies: Array.from({ length: studies }, () => {
      studyNumber += 1 + random.integer(1000);
      return study(studyNumber, random);
    }),
  };
}

function textOf(random: Random, studies = 1 + random.integer(12)): string {
  return encodeTicket(ticket(random, studies), secret) ?? '';
}

function codeOf(random: Random): string {
  const code = {
    studyNumber: 1 + random.integer(1e6),
    day: random.integer(65_536),
    serial: random.integer(65_536),
  };
  return encodeTicketCode(code, secret, senderId) ?? '';
}

/** Changed as a text, or in what it says and then spelled soundly. */
function inputOf(random: Random): Uint8Array {
  const kind = random.integer(4);
  if (kind === 0) return mutate(Buffer.from(codeOf(random)), random);
  const text = textOf(random);
  if (kind === 1) return mutate(Buffer.from(text), random, Buffer.from(codeOf(random)));
  const said = mutate(fromBase32(text.slice(prefix.length)), random);
  return Buffer.from(prefix + toBase32(said));
}

function read(input: Uint8Array): string {
  const text = Buffer.from(input).toString('latin1');
  if (!text.trim().toUpperCase().startsWith(prefix)) {
    const { content, isMadeWith } = decodeTicketCode(text);
    const again = encodeTicketCode(content, secret, senderId);
    assert(again !== undefined, 'a code that was read can be written');
    deepStrictEqual(decodeTicketCode(again).content, content);
    return isMadeWith(secret, senderId) ? 'authentic code' : 'forged code';
  }
  const { content, isMadeWith } = decodeTicket(text);
  const again = encodeTicket(content, secret);
  assert(again !== undefined, 'a ticket that was read can be written');
  deepStrictEqual(decodeTicket(again).content, content);
  return isMadeWith(secret, senderId) ? 'authentic ticket' : 'forged ticket';
}

export const ticketTarget: FuzzTarget = {
  name: 'ticket',
  input: inputOf,
  run: read,
  timed: (input) => decodeTicket(Buffer.from(input).toString('latin1')),
  sized: (bytes) => {
    const random = new Random(1);
    for (let studies = Math.ceil(bytes / 8); studies > 0; studies = Math.floor(studies * 0.8)) {
      const text = textOf(random, studies);
      if (text !== '') return Buffer.from(text);
    }
    return Buffer.from(textOf(random, 1));
  },
};
