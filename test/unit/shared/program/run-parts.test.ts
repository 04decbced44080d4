/**
 * Goal: parts start in order and stop in reverse, whatever fails on the way, and where nothing waits all of it is done at
 * once. Method: parts that write down what is done with them, on a loop that the test drives.
 */
import { describe, expect, it } from 'vitest';
import type { Part } from '../../../../shared/program/part.ts';
import { listParts, RunningParts } from '../../../../shared/program/run-parts.ts';
import { SimulatedLoop } from '../../../simulation/simulated-loop.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

function scene() {
  const done: string[] = [];
  const time = new VirtualClock();
  const loop = new SimulatedLoop(time);
  const parts = new RunningParts(loop);
  const part = (name: string, more: Partial<Part> = {}): Part => ({
    name,
    start: () => void done.push(`start ${name}`),
    started: () => void done.push(`started ${name}`),
    chores: [{ everyMs: 10, act: () => void done.push(`chore ${name}`) }],
    stop: () => void done.push(`stop ${name}`),
    ...more,
  });
  const run = (ms: number) => {
    time.advance(ms);
    loop.run();
  };
  return { done, time, loop, parts, part, run };
}

const failure = new Error('it can not');
const fails = () => {
  throw failure;
};

describe('parts', () => {
  it('start in order, have their turns, and stop in reverse: at once, where none of them waits', () => {
    const { done, parts, part, run } = scene();
    for (const name of ['a', 'b']) parts.use(part(name));
    run(20);
    expect(done).toEqual([]);
    expect(parts.start()).toBeUndefined();
    expect(done.splice(0)).toEqual(['start a', 'start b', 'started a', 'started b']);
    run(10);
    expect(done.splice(0)).toEqual(['chore a', 'chore b']);
    expect(parts.stop()).toBeUndefined();
    run(20);
    expect(done).toEqual(['stop b', 'stop a']);
    // Who stops twice stops once.
    parts.stop();
    expect(done).toHaveLength(2);
  });

  it('wait for the start of each before the next one, and so with the stop', async () => {
    const { done, parts, part } = scene();
    const slowly = (what: string) => async () => {
      await new Promise((resolve) => setImmediate(resolve));
      done.push(what);
    };
    parts.use(part('a', { start: slowly('start a'), stop: slowly('stop a') }));
    parts.use(part('b', { stop: slowly('stop b') }));
    await parts.start();
    expect(done.splice(0)).toEqual(['start a', 'start b', 'started a', 'started b']);
    await parts.stop();
    expect(done).toEqual(['stop b', 'stop a']);
  });

  it.each([
    ['throws', fails],
    ['is refused later', async () => fails()],
  ])('all stop when the start of one %s, and none has its turns', async (_, start) => {
    const { done, parts, part, run } = scene();
    parts.use(part('a'));
    parts.use(part('b', { start }));
    parts.use(part('c'));
    await expect(async () => parts.start()).rejects.toBe(failure);
    expect(done.splice(0)).toEqual(['start a', 'stop c', 'stop b', 'stop a']);
    run(20);
    expect(done).toEqual([]);
  });

  it('say why they could not start, also when one can not stop then', async () => {
    const { parts, part } = scene();
    parts.use(
      part('a', {
        stop: () => {
          throw new Error('another one');
        },
      }),
    );
    parts.use(part('b', { start: fails }));
    expect(() => parts.start()).toThrow(failure);
  });

  it.each([
    ['throws', fails],
    ['is refused later', async () => fails()],
  ])('stop all when the stop of one %s, and say so', async (_, stop) => {
    const { done, parts, part } = scene();
    parts.use(part('a'));
    parts.use(part('b', { stop }));
    parts.use(part('c'));
    parts.start();
    done.length = 0;
    await expect(async () => parts.stop()).rejects.toBe(failure);
    expect(done).toEqual(['stop c', 'stop a']);
  });

  it('that were made before one could not be are stopped', () => {
    const { done, loop, part } = scene();
    const list = () =>
      listParts(loop, (parts) => {
        parts.use(part('a'));
        fails();
      });
    expect(list).toThrow(failure);
    expect(done).toEqual(['stop a']);
  });

  it('have one name each, and one section of the status each', () => {
    const { parts, part } = scene();
    parts.use(part('a', { status: () => ({ a: 1 }), measures: () => [{ name: 'diode_a_total', value: 1 }] }));
    parts.use(part('b', { status: () => ({ b: 2 }) }));
    expect(() => parts.use(part('a'))).toThrow('there is one part a');
    expect(parts.status()).toEqual({ a: 1, b: 2, measures: [{ name: 'diode_a_total', value: 1 }] });
    parts.use(part('c', { status: () => ({ b: 3 }) }));
    expect(() => parts.status()).toThrow('one owner');
  });

  it('are all told of other keys, the last one first', () => {
    const { done, parts, part } = scene();
    for (const name of ['a', 'b']) parts.use(part(name, { useKeys: () => void done.push(name) }));
    const ring = { keys: [], names: new Map(), senders: new Map() } as never;
    parts.useKeys(ring);
    expect(done).toEqual(['b', 'a']);
  });
});
