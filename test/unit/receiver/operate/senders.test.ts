/** Goal: what a person says about a sender is done by name and with a reason, kept in the audit, and nothing else changes. */
import { describe, expect, it } from 'vitest';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { senderOperations } from '../../../../receiver/operate/senders.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { asking } from '../../shared/program/asking.ts';
import { heard } from '../heard-sender.ts';
import { senderId } from '../high.ts';

const given = { senderId, reason: 'the scanner was sold', byWhom: 'operator' };

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
  const operations = senderOperations({ ledger, senders: watch, clock: systemClock });
  const ask = asking(ledger, operations);
  const audited = () => ledger.audit.of(senderId).map(({ action, byWhom }) => `${action} by ${byWhom}`);
  return { ledger, told, ask, audited };
}

describe('a sender', () => {
  it('is out of use by name and with a reason, until it is heard again', () => {
    const { ledger, told, ask, audited } = site();
    ledger.senders.save(heard);
    expect(ask('retire-sender', given)).toMatchObject({
      ok: true,
      detail: expect.stringContaining(senderId),
    });
    expect(told).toEqual([`retired ${senderId}`]);
    expect(audited()).toEqual(['retire sender by operator']);
    expect(ledger.senders.get(senderId)).toEqual({ ...heard, isRetired: true });
    ledger.senders.save({ ...heard, sequence: 4 });
    expect(ledger.senders.get(senderId)?.isRetired).toBe(false);
  });

  it('of which no beacon ever came gives its place back when it is retired', () => {
    const { ledger, ask } = site();
    ledger.bindings.pin(senderId, 'ct');
    ask('retire-sender', given);
    expect(ledger.bindings.all()).toEqual([]);
  });

  it('is bound to another key name by a person alone, and the key file stands above that', () => {
    const { ledger, told, ask, audited } = site();
    ledger.bindings.pin(senderId, 'hostile');
    ledger.bindings.pin(senderId, 'other');
    expect(ledger.bindings.all()).toEqual([{ senderId, keyName: 'hostile', boundBy: 'first use' }]);
    expect(ask('bind-sender', { ...given, keyName: 'ct' })).toMatchObject({
      ok: true,
      keyName: 'ct',
      before: 'hostile',
    });
    expect(ledger.bindings.all()).toEqual([{ senderId, keyName: 'ct', boundBy: 'person' }]);
    expect([told, audited()]).toEqual([[`corrected ${senderId}`], ['bind sender to ct by operator']]);
    const other = site([senderId]);
    expect(other.ask('bind-sender', { ...given, keyName: 'ct' })).toMatchObject({ code: 'E_USAGE' });
    expect([other.ledger.bindings.all(), other.audited()]).toEqual([[], []]);
  });

  it('that was set back is accepted, and not before', () => {
    const { ledger, ask, audited } = site();
    ledger.senders.save(heard);
    expect(ask('accept-sender', given)).toMatchObject({ code: 'E_USAGE' });
    ledger.senders.save({ ...heard, setBackFrom: 9 });
    ask('accept-sender', given);
    expect(ledger.senders.get(senderId)).toEqual(heard);
    expect(audited()).toEqual(['accept sender by operator']);
  });

  it('has its numbers and sessions set right, and the session it had stays known', () => {
    const { ledger, ask, told, audited } = site();
    const absurd = { highestStudyNumber: 100_000, toldStudyNumber: 2 ** 50, sessionCounter: 2 ** 32 - 1 };
    ledger.senders.save({ ...heard, ...absurd });
    ask('correct-sender', { ...given, highest: 7 });
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
    const { told, ask, audited } = site();
    for (const verb of ['retire-sender', 'accept-sender', 'correct-sender'])
      expect(ask(verb, asked)).toMatchObject({ ok: false, code: 'E_USAGE' });
    expect([told, audited()]).toEqual([[], []]);
  });
});
