/** Goal: a program starts as a whole or not at all, and whatever happens, everything that was made is stopped, once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Key, type KeyRing } from '../../../../shared/crypto/key-file.ts';
import type { Loop } from '../../../../shared/program/loop.ts';
import type { Part } from '../../../../shared/program/part.ts';
import { listParts, RunningParts } from '../../../../shared/program/run-parts.ts';

function table() {
  const said: string[] = [];
  let chores = 0;
  const loop: Loop = {
    every: () => {
      chores += 1;
      return () => {
        chores -= 1;
      };
    },
    after: () => () => {},
    soon: () => () => {},
  };
  const part = (name: string, own: Partial<Part> = {}): Part => ({
    name,
    start: () => void said.push(`start ${name}`),
    started: () => void said.push(`started ${name}`),
    chores: [{ everyMs: 1, act: () => {} }],
    useKeys: () => void said.push(`keys ${name}`),
    stop: () => void said.push(`stop ${name}`),
    ...own,
  });
  const list = (...own: readonly Part[]) => {
    const parts = new RunningParts(loop);
    for (const each of own) parts.use(each);
    return parts;
  };
  return { said, part, list, loop, chores: () => chores };
}

const ring: KeyRing = {
  keys: [new Key(1, new Uint8Array(32), '')],
  names: new Map(),
  senders: new Map(),
};
const refuse = () => {
  throw new Error('refused');
};
const reject = () => Promise.reject(new Error('refused'));

it.each([
  ['throws', 'start', refuse],
  ['rejects', 'start', reject],
  ['throws once all have started', 'started', refuse],
] as const)('a part that %s leaves nothing running', async (_how, step, act) => {
  for (const at of [0, 1, 2]) {
    const { said, part, list, chores } = table();
    const parts = list(
      ...['a', 'b', 'c'].map((name, index) => part(name, index === at ? { [step]: act } : {})),
    );
    await expect((async () => parts.start())()).rejects.toThrow('refused');
    expect(said.filter((what) => what.startsWith('stop'))).toEqual(['stop c', 'stop b', 'stop a']);
    expect(chores()).toBe(0);
  }
});

it('parts that fail to stop keep none of the others, and the first failure is told', async () => {
  const { said, part, list } = table();
  const parts = list(part('a'), part('b', { stop: reject }), part('c', { stop: refuse }));
  await parts.start();
  await expect((async () => parts.stop())()).rejects.toThrow('refused');
  expect(said).toContain('stop a');
});

it('a stop in the middle of a start waits for the part that is starting, and starts no other', async () => {
  const { said, part, list, chores } = table();
  const slow = async () => {
    await sleep(20);
    said.push('start b');
  };
  const parts = list(part('a'), part('b', { start: slow }), part('c'));
  const starting = parts.start();
  await parts.stop();
  await starting;
  expect(said).toEqual(['start a', 'start b', 'stop c', 'stop b', 'stop a']);
  expect(chores()).toBe(0);
});

it('who stops it again waits until it has stopped', async () => {
  const { said, part, list } = table();
  const parts = list(part('a', { stop: () => sleep(20).then(() => void said.push('stopped a')) }));
  await parts.start();
  void parts.stop();
  await parts.stop();
  expect(said).toContain('stopped a');
});

it.each([
  ['throws', refuse],
  ['rejects', reject],
])('what keeps a part from being made is told, also where another %s when it stops', async (_how, stop) => {
  const { loop, part } = table();
  const list = () =>
    listParts(loop, (parts) => {
      parts.use(part('a', { stop }));
      throw new Error('the cause');
    });
  expect(list).toThrow('the cause');
  // A rejection that nobody hears of would end the process with another message.
  await sleep(5);
});

it('keys that one part can not take are not taken by those before it', () => {
  const { said, part, list } = table();
  const parts = list(part('link'), part('pipeline', { useKeys: refuse }));
  expect(() => parts.useKeys(ring)).toThrow('refused');
  expect(said).toEqual([]);
});
