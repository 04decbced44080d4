/** Goal: whose a sender id is decides who may speak as it, and what no one may open costs nothing but a look. */
import { describe, expect, it } from 'vitest';
import type { Opening } from '../../../../receiver/assemble/kept-state.ts';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { SenderAdmission } from '../../../../receiver/watch/sender-admission.ts';
import { SenderSessions } from '../../../../receiver/watch/sender-sessions.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { objectType } from '../../../../shared/wire/datagram.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { senderId } from '../high.ts';

const idOf = (number: number) => number.toString(16).padStart(16, '0');
const ring = (names: Readonly<Record<number, string>>, senders: Readonly<Record<string, string>> = {}) => ({
  names: new Map(Object.entries(names).map(([id, name]) => [Number(id), name])),
  senders: new Map(Object.entries(senders)),
});

function site(keyNames = ring({ 1: 'ct', 2: 'mr' }), ledger = new ReceiverLedger(':memory:')) {
  const time = new VirtualClock();
  const clock = time.host();
  const alarms = new Alarms(clock);
  const sessions = new SenderSessions(10_000);
  const admission = new SenderAdmission({ ledger, clock, alarms, sessions, keyNames });
  const opening = (change: Partial<Opening> = {}): Opening => ({
    type: objectType.beacon,
    senderId,
    keyId: 1,
    sessionCounter: 5,
    sessionRandom: 1,
    sequence: 10,
    objectBytes: 200,
    ...change,
  });
  const mayOpen = (change: Partial<Opening> = {}) => admission.mayOpen(opening(change));
  const mayTake = (id: string, keyId: number) => admission.mayTake({ senderId: id, keyId });
  const standing = () => {
    admission.watch();
    return alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  };
  return { time, ledger, alarms, sessions, admission, opening, mayOpen, mayTake, standing };
}

describe('a sender id', () => {
  it('belongs to the key name under which something of it first came whole, and is audited', () => {
    const { ledger, mayOpen, mayTake, standing, alarms } = site();
    for (const keyId of [1, 2]) expect(mayOpen({ keyId })).toBeUndefined();
    expect(ledger.bindings.all()).toEqual([]);
    expect(mayTake(senderId, 1)).toBeUndefined();
    expect(ledger.bindings.all()).toEqual([{ senderId, keyName: 'ct', boundBy: 'first use' }]);
    expect(ledger.audit.of(senderId)).toMatchObject([{ action: 'bind sender', byWhom: 'diode-receiver' }]);
    for (const type of Object.values(objectType)) expect(mayOpen({ keyId: 2, type })).toBe('E_SENDER_KEY');
    // Also what had begun before.
    expect(mayTake(senderId, 2)).toBe('E_SENDER_KEY');
    expect(mayOpen()).toBeUndefined();
    expect(standing()).toEqual([`E_SENDER_KEY ${senderId}`]);
    expect(alarms.standing()[0]?.detail).toMatch(/bound to keys named ct, but .* under keys named mr/);
  });

  it('stays bound where the ledger cannot be read when keys change', () => {
    const { ledger, admission, mayOpen, mayTake } = site();
    expect(mayTake(senderId, 1)).toBeUndefined();
    const { all } = ledger.bindings;
    ledger.bindings.all = () => {
      throw new DiodeError('E_LEDGER');
    };
    expect(() => admission.useKeys(ring({ 1: 'mr', 2: 'ct' }))).toThrow(DiodeError);
    ledger.bindings.all = all;
    expect(mayOpen({ keyId: 2 })).toBe('E_SENDER_KEY');
    expect(mayTake(senderId, 2)).toBe('E_SENDER_KEY');
    expect(mayTake(senderId, 1)).toBeUndefined();
  });

  it('keeps its name over restarts, changes of keys and anything that comes', () => {
    const { ledger, mayTake } = site();
    mayTake(senderId, 1);
    const again = site(ring({ 7: 'ct', 2: 'mr', 3: '' }), ledger);
    for (const keyId of [2, 3, 99]) {
      expect(again.mayOpen({ keyId })).toBe('E_SENDER_KEY');
      expect(again.mayTake(senderId, keyId)).toBe('E_SENDER_KEY');
    }
    expect(again.mayOpen({ keyId: 7 })).toBeUndefined();
    expect(ledger.bindings.all()).toHaveLength(1);
  });

  it('that is written in the key file is bound before its first use', () => {
    const { admission, ledger, mayOpen } = site(ring({ 1: 'ct', 2: 'mr' }, { [senderId]: 'mr' }));
    expect(mayOpen()).toBe('E_SENDER_KEY');
    expect(mayOpen({ keyId: 2 })).toBeUndefined();
    ledger.bindings.bind(senderId, 'ct');
    admission.loadAgain();
    expect(mayOpen()).toBe('E_SENDER_KEY');
    admission.useKeys(ring({ 1: 'ct', 2: 'mr' }));
    expect(mayOpen()).toBeUndefined();
  });

  it('that another occupied before its first use is seen to be, and a person mends it', () => {
    const { admission, ledger, mayOpen, mayTake, standing, time } = site();
    mayTake(senderId, 2);
    expect(mayOpen()).toBe('E_SENDER_KEY');
    expect(standing()).toEqual([`E_SENDER_KEY ${senderId}`]);
    ledger.bindings.bind(senderId, 'ct');
    admission.settled(senderId);
    expect(standing()).toEqual([]);
    expect(mayOpen()).toBeUndefined();
    expect(mayOpen({ keyId: 2 })).toBe('E_SENDER_KEY');
    // An attempt that is over is an alarm for a while, and then it is not.
    expect(standing()).toEqual([`E_SENDER_KEY ${senderId}`]);
    time.advance(3_600_000);
    expect(standing()).toEqual([]);
  });
});

it('a ledger that refuses to bind a sender costs that object its turn: nobody is bound, and everything else goes on', () => {
  let refuses = false;
  const ledger = new ReceiverLedger(':memory:', () => {
    if (refuses) throw new DiodeError('E_DISK_FULL');
  });
  const { mayOpen, mayTake, standing } = site(undefined, ledger);
  mayTake(idOf(2), 2);
  refuses = true;
  for (let time = 0; time < 3; time += 1)
    expect(() => mayTake(senderId, 1)).toThrow(expect.objectContaining({ code: 'E_DISK_FULL' }));
  expect(ledger.bindings.all()).toHaveLength(1);
  // Neither name has it yet, and who is bound is not asked for in the ledger.
  for (const keyId of [1, 2]) expect(mayOpen({ keyId })).toBeUndefined();
  expect(mayTake(idOf(2), 2)).toBeUndefined();
  expect(mayTake(idOf(2), 1)).toBe('E_SENDER_KEY');
  expect(standing()).toEqual([`E_SENDER_KEY ${idOf(2)}`]);
  refuses = false;
  expect(mayTake(senderId, 1)).toBeUndefined();
  expect(mayOpen({ keyId: 2 })).toBe('E_SENDER_KEY');
  expect(ledger.audit.of(senderId)).toHaveLength(1);
});

describe('places', () => {
  it('are used up by random ids of a key name for that name alone, with an alarm and nothing durable', () => {
    const { ledger, mayOpen, standing, alarms, time } = site();
    let refused = 0;
    for (let number = 0; number < 100_000; number += 1)
      if (mayOpen({ senderId: idOf(number), keyId: 2 }) === 'E_SENDER_PLACES') refused += 1;
    expect(refused).toBe(100_000 - 32);
    expect(mayOpen()).toBeUndefined();
    expect(standing()).toEqual(['E_SENDER_PLACES mr']);
    expect(alarms.standing()[0]?.detail).toContain('than the 32 it has places for');
    expect(ledger.bindings.all()).toEqual([]);
    // Ids of which nothing comes give their places back.
    time.advance(60_000);
    expect(mayOpen({ senderId: idOf(200_000), keyId: 2 })).toBeUndefined();
    time.advance(600_000);
    expect(standing()).toEqual([]);
  });

  it('that whole objects took are bounded as well, and a new sender of another name still has one', () => {
    const { ledger, mayTake } = site();
    for (let number = 0; number < 200; number += 1) mayTake(idOf(number), 2);
    expect(ledger.bindings.all()).toHaveLength(32);
    expect(mayTake(senderId, 1)).toBeUndefined();
    // One that is out of use makes room for another.
    const [first] = ledger.bindings.all();
    ledger.senders.save({
      senderId: first?.senderId ?? '',
      sessionCounter: 1,
      sessionRandom: 1,
      sequence: 1,
      keyId: 2,
      accountFrom: 1,
      highestStudyNumber: 0,
    });
    ledger.senders.retire(first?.senderId ?? '');
    const again = site(ring({ 1: 'ct', 2: 'mr' }), ledger);
    expect(again.mayTake(idOf(900), 2)).toBeUndefined();
    expect(again.mayTake(idOf(901), 2)).toBe('E_SENDER_PLACES');
  });

  it('are enough for forty senders of one name that change their keys, and for sixteen names', () => {
    const names = ring({ 1: 'hospital', 2: 'hospital' });
    const { mayOpen, mayTake, standing } = site(names);
    for (const keyId of [1, 2]) {
      for (let number = 0; number < 40; number += 1) {
        expect(mayOpen({ senderId: idOf(number), keyId })).toBeUndefined();
        expect(mayTake(idOf(number), keyId)).toBeUndefined();
      }
    }
    expect(standing()).toEqual([]);
    const sixteen = site(
      ring(Object.fromEntries(Array.from({ length: 16 }, (_, key) => [key + 1, `name ${key}`]))),
    );
    for (let keyId = 1; keyId <= 16; keyId += 1)
      for (let number = 0; number < 4; number += 1)
        expect(sixteen.mayTake(idOf(100 * keyId + number), keyId)).toBeUndefined();
    expect(sixteen.mayTake(idOf(1), 1)).toBe('E_SENDER_PLACES');
  });

  it('that a name uses are kept when another name is added', () => {
    const { ledger, mayTake } = site(ring({ 1: 'hospital' }));
    for (let number = 0; number < 60; number += 1) mayTake(idOf(number), 1);
    const again = site(ring({ 1: 'hospital', 2: 'ct' }), ledger);
    for (let number = 0; number < 60; number += 1)
      expect(again.mayOpen({ senderId: idOf(number) })).toBeUndefined();
    for (let number = 100; number < 104; number += 1) expect(again.mayTake(idOf(number), 2)).toBeUndefined();
  });
});

describe('a replayed beacon or roll', () => {
  it('opens nothing: newness is in the header', () => {
    const { sessions, opening, mayOpen, mayTake, standing, time } = site();
    mayTake(senderId, 1);
    for (const telling of ['beacon', 'roll'] as const) sessions.took({ ...opening(), telling, number: 1 }, 0);
    for (const type of [objectType.beacon, objectType.roll]) {
      for (const change of [{}, { sequence: 9 }, { sessionCounter: 5, sequence: 0 }])
        expect(mayOpen({ type, ...change })).toBe('E_DATAGRAM_REPLAY');
      expect(mayOpen({ type, sequence: 11 })).toBeUndefined();
      expect(mayOpen({ type, sessionCounter: 6, sequence: 0 })).toBeUndefined();
    }
    expect(mayOpen({ type: objectType.manifest, sequence: 1 })).toBeUndefined();
    expect(standing()).toEqual([`E_DATAGRAM_REPLAY ${senderId}`]);
    time.advance(60_000);
    expect(standing()).toEqual([]);
  });

  it('of a lower session opens one beacon a second, and no roll', () => {
    const { sessions, opening, mayOpen, mayTake, time } = site();
    mayTake(senderId, 1);
    sessions.took({ ...opening(), telling: 'beacon', number: 1 }, 0);
    const lower = { sessionCounter: 3, sequence: 99 };
    expect(mayOpen(lower)).toBeUndefined();
    for (let count = 0; count < 100; count += 1) expect(mayOpen(lower)).toBe('E_DATAGRAM_REPLAY');
    time.advance(1000);
    expect(mayOpen(lower)).toBeUndefined();
    expect(mayOpen({ ...lower, type: objectType.roll })).toBe('E_DATAGRAM_REPLAY');
  });
});
