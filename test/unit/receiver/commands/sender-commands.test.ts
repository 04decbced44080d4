/** Goal: what a person says about a sender is done by name and with a reason, kept in the audit, and nothing else changes. */
import { describe, expect, it } from 'vitest';
import {
  acceptSender,
  bindSender,
  correctSender,
  retireSender,
} from '../../../../receiver/commands/sender-requests.ts';
import { ticketKey } from '../../../../receiver/commands/ticket-key.ts';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import type { SenderRecord } from '../../../../receiver/ledger/sender-records.ts';
import { Key } from '../../../../shared/crypto/key-file.ts';
import { senderId } from '../high.ts';

const given = { senderId, reason: 'the scanner was sold', byWhom: 'operator' };
const heard: SenderRecord = {
  senderId,
  sessionCounter: 1,
  sessionRandom: 2,
  sequence: 3,
  rollSequence: 5,
  beaconNumber: 2,
  rollNumber: 1,
  keyId: 1,
  accountFrom: 1,
  highestStudyNumber: 4,
  toldStudyNumber: 4,
  setBackFrom: undefined,
  isRetired: false,
};

function site(written: readonly string[] = []) {
  const ledger = new ReceiverLedger(':memory:');
  const told: string[] = [];
  const watch = {
    admission: {
      isWritten: (id: string) => written.includes(id),
      keyNameOf: (id: string) => ledger.bindings.all().find((each) => each.senderId === id)?.keyName,
    },
    retired: (id: string) => told.push(`retired ${id}`),
    corrected: (id: string) => told.push(`corrected ${id}`),
  };
  const audited = () => ledger.holds.history(senderId).map(({ action, byWhom }) => `${action} by ${byWhom}`);
  return { ledger, told, watch, audited };
}

describe('a sender', () => {
  it('is out of use by name and with a reason, until it is heard again', () => {
    const { ledger, told, watch, audited } = site();
    ledger.senders.save(heard);
    expect(retireSender(watch, ledger, given)).toContain(senderId);
    expect(told).toEqual([`retired ${senderId}`]);
    expect(audited()).toEqual(['retire sender by operator']);
    expect(ledger.senders.get(senderId)).toEqual({ ...heard, isRetired: true });
    ledger.senders.save({ ...heard, sequence: 4 });
    expect(ledger.senders.get(senderId)?.isRetired).toBe(false);
  });

  it('of which no beacon ever came gives its place back when it is retired', () => {
    const { ledger, watch } = site();
    ledger.bindings.pin(senderId, 'ct');
    retireSender(watch, ledger, given);
    expect(ledger.bindings.all()).toEqual([]);
  });

  it('is bound to another key name by a person alone, and the key file stands above that', () => {
    const { ledger, told, watch, audited } = site();
    ledger.bindings.pin(senderId, 'hostile');
    ledger.bindings.pin(senderId, 'other');
    expect(ledger.bindings.all()).toEqual([{ senderId, keyName: 'hostile', boundBy: 'first use' }]);
    expect(bindSender(watch, ledger, { ...given, keyName: 'ct' })).toContain('hostile');
    expect(ledger.bindings.all()).toEqual([{ senderId, keyName: 'ct', boundBy: 'person' }]);
    expect([told, audited()]).toEqual([[`corrected ${senderId}`], ['bind sender to ct by operator']]);
    const other = site([senderId]);
    expect(() => bindSender(other.watch, other.ledger, { ...given, keyName: 'ct' })).toThrow(
      expect.objectContaining({ code: 'E_USAGE' }),
    );
  });

  it('that was set back is accepted, and not before', () => {
    const { ledger, watch, audited } = site();
    ledger.senders.save(heard);
    expect(() => acceptSender(watch, ledger, given)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
    ledger.senders.save({ ...heard, setBackFrom: 9 });
    acceptSender(watch, ledger, given);
    expect(ledger.senders.get(senderId)).toEqual(heard);
    expect(audited()).toEqual(['accept sender by operator']);
  });

  it('has its numbers and sessions set right, and the session it had stays known', () => {
    const { ledger, watch, told, audited } = site();
    const absurd = { highestStudyNumber: 100_000, toldStudyNumber: 2 ** 50, sessionCounter: 2 ** 32 - 1 };
    ledger.senders.save({ ...heard, ...absurd });
    correctSender(watch, ledger, { ...given, highest: 7 });
    expect(ledger.senders.get(senderId)).toMatchObject({
      highestStudyNumber: 7,
      toldStudyNumber: 7,
      sessionCounter: 0,
      sequence: -1,
    });
    expect(ledger.senders.sessions(senderId)).toMatchObject([{ sessionCounter: 2 ** 32 - 1, sequence: 3 }]);
    expect(told).toEqual([`corrected ${senderId}`]);
    expect(audited()[0]).toContain('correct sender from study number 100000');
  });

  it.each([
    ['nothing', undefined],
    ['no reason', { ...given, reason: '' }],
    ['no sender id', { ...given, senderId: '*' }],
    ['a sender that was never heard', given],
    ['more than there is', { ...given, keyName: 'a', highest: 1 }],
  ])('is left as it is by a request with %s', (_what, asked) => {
    const { ledger, told, watch } = site();
    for (const act of [retireSender, acceptSender, correctSender])
      expect(() => act(watch, ledger, asked)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
    expect(told).toEqual([]);
  });
});

describe('a ticket', () => {
  const key = (id: number, name: string) => new Key(id, new Uint8Array(32).fill(id), name);
  const ring = (...keys: readonly [Key, ...Key[]]) => ({ keys, names: new Map(), senders: new Map() });

  it('is made under a key of the name that its sender is bound to', () => {
    const { ledger } = site();
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
    const { ledger } = site();
    expect(ticketKey(ledger, ring(key(1, 'mr'), key(2, '')), { ...heard, keyId: 9 }).id).toBe(2);
  });
});
