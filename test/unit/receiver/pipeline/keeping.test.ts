import { expect, test } from 'vitest';
import type { InspectionAnswer } from '../../../../receiver/pipeline/inspector.ts';
import { present } from '../../../../shared/assert.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { objectType } from '../../../../shared/wire/datagram.ts';
import { Random } from '../../../harness/random.ts';
import { HighSide, type HighSideOptions } from '../../../simulation/high-side.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { datagramsOf, identity, secret } from '../assemble/datagrams.ts';

function opened(inspector?: HighSideOptions['inspector']) {
  const time = new VirtualClock();
  const { parameters, keyId } = identity;
  const limits = { memoryBytes: 1e6, deadlineMs: 60_000, spillBytes: 1e6 };
  const secrets = new Map([[keyId, secret]]);
  const high = new HighSide({ parameters, secrets, ...limits, inspector }, time.host(), new Random(1));
  time.advance(1000);
  let made = 0;
  // A sync ends in some later step: enough of them, and no time between them.
  const step = () => {
    for (let steps = 0; steps < 64; steps += 1) high.step();
  };
  const arrive = (number = made + 1) => {
    made = number;
    const { objectId, datagrams } = datagramsOf(new Uint8Array(700).fill(number));
    for (const datagram of datagrams) high.receive(datagram);
    step();
    return objectId;
  };
  const isKept = (objectId: string) => high.ledger.instances.get(objectId) !== undefined;
  return { time, high, arrive, step, isKept };
}

test('an object on an idle link is kept at once', () => {
  const { time, arrive, isKept } = opened();
  expect(isKept(arrive())).toBe(true);
  time.advance(400);
  expect(isKept(arrive())).toBe(true);
});

test('objects that stream in are kept in groups, a group every 50 ms', () => {
  const { time, high, arrive, step, isKept } = opened();
  expect(isKept(arrive())).toBe(true);
  const ids: string[] = [];
  for (let ms = 4; ms < 48; ms += 4) {
    time.advance(4);
    ids.push(arrive());
  }
  expect(ids.map(isKept)).toEqual(ids.map(() => false));
  expect(high.pipeline.isKeeping).toBe(true);
  time.advance(7);
  step();
  expect(ids.map(isKept)).toEqual(ids.map(() => true));
  expect(high.pipeline.isKeeping).toBe(false);
});

test('a whole file that the disk does not give back is no hold: it is an alarm, and comes again', () => {
  let fails = true;
  const { time, high, arrive, isKept } = opened((inner) => ({
    isBusy: false,
    step: () => {},
    inspect: (requests, onAnswers) => {
      const failed: InspectionAnswer = { found: new DiodeError('E_DISK'), cost: 1 };
      if (fails) onAnswers(requests.map(() => failed));
      else inner.inspect(requests, onAnswers);
    },
  }));
  const objectId = arrive();
  expect(isKept(objectId)).toBe(false);
  expect(high.ledger.holds.held(10)).toEqual([]);
  expect(high.alarms.standing()).toMatchObject([{ code: 'E_DISK', subject: 'vault' }]);
  expect(high.pipeline.isKeeping).toBe(false);
  fails = false;
  time.advance(1000);
  arrive(1);
  expect(isKept(objectId)).toBe(true);
  expect(high.alarms.standing().map(({ code }) => code)).not.toContain('E_DISK');
});

test('a lost file that comes again is back in its place, though the same content is here under another id', () => {
  const { time, high, arrive } = opened();
  const objectId = arrive(1);
  const row = present(high.ledger.instances.get(objectId), 'it is kept');
  high.pipeline.vaultWatch.lost(row);
  expect(high.ledger.files.stateOf(objectId)).toBe('lost');
  high.ledger.instances.enter({ ...row, objectId: 'ab'.repeat(16) }, Date.UTC(2026, 0, 1));
  time.advance(1000);
  arrive(1);
  expect(high.ledger.files.stateOf(objectId)).toBe('there');
  expect(high.pipeline.isKeeping).toBe(false);
});

test('what the gate takes long for keeps nothing else of its group', () => {
  const waiting: (() => void)[] = [];
  const { time, high, arrive, step, isKept } = opened((inner) => ({
    isBusy: false,
    step: () => {},
    inspect: (requests, onAnswers) => {
      if (waiting.length === 0) waiting.push(() => inner.inspect(requests, onAnswers));
      else inner.inspect(requests, onAnswers);
    },
  }));
  const slow = arrive();
  const others = [arrive(), arrive(), arrive()];
  time.advance(50);
  step();
  expect(others.map(isKept)).toEqual([true, true, true]);
  expect(isKept(slow)).toBe(false);
  expect(high.pipeline.isKeeping).toBe(true);
  waiting[0]?.();
  time.advance(50);
  step();
  expect(isKept(slow)).toBe(true);
});

test('an answer for an instance that was refused meanwhile says nothing of what came again', () => {
  let late: (() => void) | undefined;
  const { time, high, arrive, step, isKept } = opened((inner) => ({
    isBusy: false,
    step: () => {},
    inspect: (requests, onAnswers) => {
      if (late === undefined) late = () => onAnswers([{ found: new DiodeError('E_DISK'), cost: 1 }]);
      else inner.inspect(requests, onAnswers);
    },
  }));
  let fails = true;
  const open = high.disk.open.bind(high.disk);
  high.disk.open = (path, mode) => {
    const file = open(path, mode);
    const syncLater: typeof file.syncLater = (done) =>
      fails ? done(new DiodeError('E_DISK')) : file.syncLater(done);
    return { ...file, syncLater };
  };
  const objectId = arrive();
  expect(isKept(objectId)).toBe(false);
  expect(high.alarms.standing()).toMatchObject([{ code: 'E_DISK', subject: 'vault' }]);
  fails = false;
  time.advance(1000);
  arrive(1);
  step();
  expect(isKept(objectId)).toBe(true);
  late?.();
  time.advance(1000);
  step();
  expect(isKept(objectId)).toBe(true);
});

test('the link is read on for a sender that only says that it lives, whatever waits of another one', () => {
  const { time, high } = opened(() => ({ isBusy: true, step: () => {}, inspect: () => {} }));
  const quiet = { ...identity, senderId: new Uint8Array(8).fill(9) };
  const live = (session: number) => {
    for (const datagram of datagramsOf(new Uint8Array(40).fill(session), {
      type: objectType.beacon,
      from: quiet,
      session,
    }).datagrams)
      high.receive(datagram);
  };
  for (let beacon = 1; beacon <= 10; beacon += 1) {
    time.advance(60_000);
    live(beacon);
    high.pipeline.step();
  }
  for (let made = 0; made < 1100; made += 1) {
    const content = new Uint8Array(400);
    new DataView(content.buffer).setUint32(0, made);
    for (const datagram of datagramsOf(content).datagrams) high.receive(datagram);
  }
  high.pipeline.step();
  expect(high.pipeline.backedUp).toBe(false);
  expect(high.alarms.standing().map(({ code }) => code)).toContain('E_GATE_BEHIND');
});

test('what the ledger refused to keep is found again while the program runs', () => {
  const { time, high, arrive, step, isKept } = opened();
  time.advance(1000);
  step();
  const refused = { is: false };
  high.ledgerRefuses = () => refused.is;
  const session = { sessionCounter: 1, sessionRandom: 1, sequence: 1 };
  const record = { ...session, keyId: 1, accountFrom: 1, highestStudyNumber: 0 };
  high.ledger.senders.save({ ...record, senderId: '07'.repeat(8) });
  arrive();
  time.advance(1000);
  refused.is = true;
  const objectId = arrive();
  expect(isKept(objectId)).toBe(false);
  refused.is = false;
  for (let looks = 0; looks < 10; looks += 1) {
    time.advance(30_000);
    step();
  }
  expect(isKept(objectId)).toBe(true);
  expect([...high.disk.contents('/high/vault/objects').keys()]).toHaveLength(2);
});
