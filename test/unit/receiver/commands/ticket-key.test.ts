/** Goal: a ticket is made under a key of its sender, and of no other. */
import { describe, expect, it } from 'vitest';
import { ticketKey } from '../../../../receiver/commands/ticket-key.ts';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { Key } from '../../../../shared/crypto/key-file.ts';
import { heard } from '../heard-sender.ts';
import { senderId } from '../high.ts';

describe('a ticket', () => {
  const key = (id: number, name: string) => new Key(id, new Uint8Array(32).fill(id), name);
  const ring = (...keys: readonly [Key, ...Key[]]) => ({ keys, names: new Map(), senders: new Map() });

  it('is made under a key of the name that its sender is bound to', () => {
    const ledger = new ReceiverLedger(':memory:');
    ledger.bindings.pin(senderId, 'ct');
    const keys = ring(key(1, 'mr'), key(2, 'ct'), key(3, 'ct'));
    expect(ticketKey(ledger, keys, { ...heard, keyId: 3 }).id).toBe(3);
    // Under whichever key the newest beacon came: one of another name is never used.
    expect(ticketKey(ledger, keys, { ...heard, keyId: 1 }).id).toBe(2);
    expect(() => ticketKey(ledger, ring(key(1, 'mr')), heard)).toThrow(
      expect.objectContaining({ code: 'E_KEY_UNKNOWN' }),
    );
  });

  it('of a sender without a name is made under a key without a name', () => {
    const ledger = new ReceiverLedger(':memory:');
    expect(ticketKey(ledger, ring(key(1, 'mr'), key(2, '')), { ...heard, keyId: 9 }).id).toBe(2);
  });
});
