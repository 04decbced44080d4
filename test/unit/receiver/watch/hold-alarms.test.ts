/** Goal: what is held of one sender hides nothing that is held of another, and alarms stay bounded. */
import { expect, it } from 'vitest';
import { High, idOf, instance, senderId } from '../high.ts';

const hostile = '66'.repeat(8);

function site() {
  const high = new High();
  const holds = high.holdAlarms;
  const hold = (name: string, of: string, studyUid: string, heldBecause = 'E_PATIENT_MISMATCH') => {
    const row = instance(name, { senderId: of, studyUid, heldBecause });
    high.ledger.instances.enter(row, 0);
    return row;
  };
  return { high, holds, hold };
}

it('two patients in a study of one sender are an alarm, whatever is held of another sender', () => {
  const { high, holds, hold } = site();
  for (let study = 0; study < 700; study += 1) hold(`h${study}`, hostile, `9.${study}`);
  hold('honest', senderId, '1.2');
  holds.watch();
  const alarms = high.alarms.standing();
  expect(alarms.map(({ subject }) => subject)).toContain('1.2');
  expect(alarms.length).toBeLessThanOrEqual(53);
  expect(alarms.find(({ subject }) => subject === `more of ${hostile}`)?.detail).toContain(
    'and 650 more are held',
  );
});

it('a study of the same UID of two senders is two alarms, each with its own end', () => {
  const { high, holds, hold } = site();
  hold('one', senderId, '1.2');
  holds.watch();
  expect(high.standing()).toEqual(['E_PATIENT_MISMATCH 1.2']);
  hold('two', hostile, '1.2');
  holds.watch();
  expect(high.standing()).toEqual([
    `E_PATIENT_MISMATCH 1.2 of ${senderId}`,
    `E_PATIENT_MISMATCH 1.2 of ${hostile}`,
  ]);
  high.ledger.holds.lift(idOf('two'));
  holds.watch();
  expect(high.standing()).toEqual(['E_PATIENT_MISMATCH 1.2']);
  high.ledger.holds.lift(idOf('one'));
  holds.watch();
  expect(high.standing()).toEqual([]);
});

it('what waits for a scan, or was purged, is no alarm', () => {
  const { high, holds, hold } = site();
  hold('a', senderId, '1.2', 'E_SCAN_WAITING');
  hold('b', senderId, '1.2', 'E_PURGED');
  holds.watch();
  expect(high.standing()).toEqual([]);
});

it('one look counts what is held of some senders, and of all of them after some looks', () => {
  const { high, holds, hold } = site();
  const senders = ['01', '02', '03', '04'].map((byte) => byte.repeat(8));
  high.ledger.transaction(() => {
    for (const of of senders)
      for (let index = 0; index < 3000; index += 1) hold(`${of} ${index}`, of, `9.${of}`);
  });
  const asked: string[] = [];
  const { senderAccount } = high.ledger;
  const held = senderAccount.held.bind(senderAccount);
  Object.assign(senderAccount, {
    held: (of: string, limit: number) => {
      asked.push(of);
      return held(of, limit);
    },
  });
  for (let look = 1; look <= 4; look += 1) {
    holds.watch();
    expect(asked).toEqual(senders.slice(0, look));
  }
  expect(high.standing()).toHaveLength(4);
  hold('honest', senderId, '1.2');
  holds.watch();
  expect(high.standing()).toContain('E_PATIENT_MISMATCH 1.2');
});

it('what is held is an alarm, however much waits for a scan or was purged before', () => {
  const { high, holds, hold } = site();
  high.ledger.transaction(() => {
    for (let waiting = 0; waiting < 20_000; waiting += 1)
      hold(`w${waiting}`, senderId, `8.${waiting}`, waiting % 2 === 0 ? 'E_SCAN_WAITING' : 'E_PURGED');
  });
  hold('held', senderId, '1.2', 'E_ENCAPSULATED_DOCUMENT');
  holds.watch();
  expect(high.standing()).toEqual(['E_ENCAPSULATED_DOCUMENT 1.2']);
});

it('a study with more held instances than one look counts hides no other held study of its sender', () => {
  const { high, holds, hold } = site();
  high.ledger.transaction(() => {
    for (let index = 0; index < 6000; index += 1) hold(`h${index}`, senderId, '9.9');
  });
  hold('later', senderId, '1.2', 'E_CONFLICT');
  holds.watch();
  expect(high.standing()).toEqual(['E_CONFLICT 1.2', 'E_PATIENT_MISMATCH 9.9']);
});

it('what is held of more studies than one look counts is said to be that many or more', () => {
  const { high, holds, hold } = site();
  high.ledger.transaction(() => {
    for (let study = 0; study < 5100; study += 1) hold(`h${study}`, senderId, `9.${study}`);
  });
  holds.watch();
  const more = high.alarms.standing().find(({ subject }) => subject === `more of ${senderId}`);
  expect(more?.detail).toContain('and 4950 or more are held');
});
