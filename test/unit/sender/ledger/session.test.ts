/** Goal: a session's counter is one above the one before, whatever any clock says; where it can't grow, the sender takes another id. */
import { expect, it } from 'vitest';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { beginSession } from '../../../../sender/ledger/session.ts';
import { Random } from '../../../harness/random.ts';

function site(ledger = new SenderLedger(':memory:')) {
  const random = new Random(1);
  return { ledger, begin: () => beginSession(ledger, (count) => random.bytes(count)) };
}

it('counts lives one by one, and reads no clock', () => {
  const { begin } = site();
  const lives = [begin(), begin(), begin()];
  expect(lives.map(({ counter }) => counter)).toEqual([1, 2, 3]);
  expect(new Set(lives.map(({ senderId }) => senderId)).size).toBe(1);
  expect(new Set(lives.map(({ random }) => random)).size).toBe(3);
  expect(lives.map(({ renewedFrom }) => renewedFrom)).toEqual([undefined, undefined, undefined]);
});

it.each([['4294967295'], ['99999999999'], ['not a number']])(
  'takes another sender id where the counter can not grow any more (%s)',
  (counter) => {
    const { ledger, begin } = site();
    const { senderId } = begin();
    ledger.facts.set('sessionCounter', counter);
    const renewed = begin();
    expect(renewed).toMatchObject({ counter: 1, renewedFrom: senderId });
    expect(renewed.senderId).not.toBe(senderId);
    expect(renewed.senderId).toMatch(/^[0-9a-f]{16}$/);
    expect(begin()).toMatchObject({ counter: 2, senderId: renewed.senderId, renewedFrom: undefined });
  },
);

it('uses the last counter there is', () => {
  const { ledger, begin } = site();
  begin();
  ledger.facts.set('sessionCounter', '4294967294');
  expect(begin()).toMatchObject({ counter: 4_294_967_295, renewedFrom: undefined });
  expect(begin().counter).toBe(1);
});
