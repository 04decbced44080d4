/** Goal: tickets and typed codes say what the vectors say, in one spelling, and bad ones are refused. */
import { describe, expect, it } from 'vitest';
import { decodeTicket, decodeTicketCode, encodeTicket, encodeTicketCode } from '../../shared/wire/ticket.ts';
import { secret, senderId } from './cases/parties.ts';
import type { TicketVector } from './cases/ticket.ts';
import { readVectors } from './vector-file.ts';

const plain = (text: string) =>
  text.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replaceAll('L', '1');

describe('ticket', () => {
  it.each(readVectors<TicketVector>('ticket'))('$name', (vector) => {
    if ('error' in vector) {
      const decode = vector.typed ? decodeTicketCode : decodeTicket;
      expect(() => decode(vector.text)).toThrow(expect.objectContaining({ code: vector.error }));
      return;
    }
    const read = 'ticket' in vector ? decodeTicket(vector.text) : decodeTicketCode(vector.text);
    const content = 'ticket' in vector ? vector.ticket : vector.code;
    // JSON has no undefined: a study that is wanted whole has no ranges there.
    expect(JSON.parse(JSON.stringify(read.content))).toEqual(content);
    expect(read.isMadeWith(secret, senderId)).toBe(vector.authentic);
    expect(read.isMadeWith(secret, senderId.toReversed())).toBe(false);
    if (!vector.authentic) return;
    const written =
      'ticket' in vector
        ? encodeTicket(decodeTicket(vector.text).content, secret)
        : encodeTicketCode(vector.code, secret, senderId);
    expect(plain(written ?? '')).toBe(plain(vector.text));
    expect(written?.length).toBeLessThanOrEqual('ticket' in vector ? 799 : 40);
  });
});
