import { expect, test } from 'vitest';
import { Random } from '../../../harness/random.ts';
import { HighSide } from '../../../simulation/high-side.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { datagramsOf, identity, secret } from '../assemble/datagrams.ts';

function opened() {
  const time = new VirtualClock();
  const { parameters, keyId } = identity;
  const limits = { memoryBytes: 1e6, deadlineMs: 60_000, spillBytes: 1e6 };
  const secrets = new Map([[keyId, secret]]);
  const high = new HighSide({ parameters, secrets, ...limits }, time.host(), new Random(1));
  time.advance(1000);
  let made = 0;
  // A sync ends in some later step: enough of them, and no time between them.
  const step = () => {
    for (let steps = 0; steps < 64; steps += 1) high.step();
  };
  const arrive = () => {
    made += 1;
    const { objectId, datagrams } = datagramsOf(new Uint8Array(700).fill(made));
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

test('objects that stream in are kept in groups, a group every 25 ms', () => {
  const { time, high, arrive, step, isKept } = opened();
  expect(isKept(arrive())).toBe(true);
  const ids: string[] = [];
  for (let ms = 4; ms < 24; ms += 4) {
    time.advance(4);
    ids.push(arrive());
  }
  expect(ids.map(isKept)).toEqual(ids.map(() => false));
  expect(high.reception.isKeeping).toBe(true);
  time.advance(5);
  step();
  expect(ids.map(isKept)).toEqual(ids.map(() => true));
  expect(high.reception.isKeeping).toBe(false);
});
