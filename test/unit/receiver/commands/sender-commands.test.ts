/** Goal: a sender goes out of use only by name and with a reason, and that is kept. */
import { expect, it } from 'vitest';
import { retireSender } from '../../../../receiver/commands/sender-commands.ts';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { senderId } from '../high.ts';

const parameters = { senderId, reason: 'the scanner was sold', byWhom: 'operator' };

function site() {
  const ledger = new ReceiverLedger(':memory:');
  const retired: string[] = [];
  const retire = (asked: unknown) => retireSender({ retired: (id) => retired.push(id) }, ledger, asked);
  return { ledger, retired, retire };
}

it('takes one out of use that was heard, until it is heard again', () => {
  const { ledger, retired, retire } = site();
  const heard = {
    senderId,
    sessionCounter: 1,
    sessionRandom: 2,
    sequence: 3,
    keyId: 1,
    accountFrom: 1,
    highestStudyNumber: 4,
  };
  ledger.senders.save(heard);
  expect(retire(parameters)).toContain(senderId);
  expect(retired).toEqual([senderId]);
  expect(ledger.senders.get(senderId)).toEqual({ ...heard, isRetired: true });
  ledger.senders.save({ ...heard, sequence: 4 });
  expect(ledger.senders.get(senderId)?.isRetired).toBe(false);
});

it('refuses what names none, gives no reason, or was never heard', () => {
  const { retired, retire } = site();
  for (const asked of [
    undefined,
    { ...parameters, reason: '' },
    { ...parameters, senderId: '*' },
    parameters,
  ])
    expect(() => retire(asked)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  expect(retired).toEqual([]);
});
