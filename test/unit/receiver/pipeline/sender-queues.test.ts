import { expect, test } from 'vitest';
import { SenderQueues } from '../../../../receiver/pipeline/sender-queues.ts';

/** Serves what waits until nothing does, each sender at its cost. @returns the senders in their turns */
function serve(queues: SenderQueues<number>, costs: Record<string, number>, turns = 1000): string[] {
  const served: string[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const next = queues.take(2);
    if (next === undefined) break;
    served.push(next.senderId);
    queues.charge(next.senderId, next.items.length * (costs[next.senderId] ?? 1));
  }
  return served;
}

test('instances of one sender keep their order, also those put back', () => {
  const queues = new SenderQueues<number>();
  for (let item = 1; item <= 5; item += 1) queues.add('a', item);
  const first = queues.take(3);
  expect(first).toEqual({ senderId: 'a', items: [1, 2, 3] });
  queues.putBack('a', [2, 3]);
  expect(queues.size).toBe(4);
  expect(queues.take(3)?.items).toEqual([2, 3, 4]);
  expect(queues.takeAll()).toEqual([5]);
  expect(queues.take(3)).toBeUndefined();
  expect(queues.size).toBe(0);
});

test('a sender whose things are slow keeps another waiting for one of them, not for all', () => {
  const queues = new SenderQueues<number>();
  for (let item = 0; item < 100; item += 1) queues.add('slow', item);
  for (let item = 0; item < 100; item += 1) queues.add('quick', item);
  const served = serve(queues, { slow: 1000, quick: 1 });
  expect(served.slice(0, 51).filter((sender) => sender === 'slow').length).toBeLessThanOrEqual(1);
});

test('what a sender took is remembered while nothing of it waits, so that one at a time is no way around', () => {
  const queues = new SenderQueues<number>();
  const served: string[] = [];
  for (let item = 0; item < 100; item += 1) queues.add('quick', item);
  for (let turn = 0; turn < 60; turn += 1) {
    queues.add('slow', turn);
    const next = queues.take(1);
    if (next === undefined) break;
    served.push(next.senderId);
    queues.charge(next.senderId, next.senderId === 'slow' ? 1000 : 1);
  }
  expect(served.filter((sender) => sender === 'slow').length).toBeLessThanOrEqual(1);
});

test('a newcomer has its turn at once, and what nobody asked of it before is not made up for', () => {
  const queues = new SenderQueues<number>();
  for (let item = 0; item < 100; item += 1) queues.add('old', item);
  serve(queues, { old: 10 }, 25);
  for (let item = 0; item < 100; item += 1) queues.add('new', item);
  const served = serve(queues, { old: 10, new: 10 }, 20);
  expect(served.filter((sender) => sender === 'new').length).toBeGreaterThanOrEqual(9);
  expect(served.filter((sender) => sender === 'old').length).toBeGreaterThanOrEqual(9);
});

test('any number of sender ids takes bounded memory, and loses nothing that waits', () => {
  const queues = new SenderQueues<number>();
  queues.add('waits', 1);
  for (let id = 0; id < 10_000; id += 1) queues.charge(`sender ${id}`, 1);
  expect(queues.takeAll()).toEqual([1]);
});
