import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import {
  collectorOfLargeBuffers,
  GrownHeap,
  keepYoungRoom,
  UsedBuffers,
  usedLargeBuffers,
} from '../../../shared/collector.ts';
import { startThread, stopThread } from '../../../shared/supervision.ts';

/** Whether something makes a collection of a kind; others may come from anywhere. */
async function collects(kind: number, act: () => void): Promise<boolean> {
  const kinds: unknown[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      kinds.push(Reflect.get(Object(Reflect.get(entry, 'detail')), 'kind'));
  });
  observer.observe({ entryTypes: ['gc'] });
  act();
  for (let look = 0; look < 200 && !kinds.includes(kind); look += 1) await sleep(10);
  observer.disconnect();
  return kinds.includes(kind);
}

test('buffers that are used once are collected as they go: what is young', async () => {
  const used = new UsedBuffers();
  expect(await collects(constants.NODE_PERFORMANCE_GC_MINOR, () => used.add(13e6))).toBe(true);
});

test('large ones that are old when they are dropped are collected with the whole heap', async () => {
  const used = usedLargeBuffers();
  used.add(15e6);
  expect(await collects(constants.NODE_PERFORMANCE_GC_MAJOR, () => used.add(2e6))).toBe(true);
});

test('a thread that keeps no buffers collects when much is outside its heap', () => {
  let collections = 0;
  const look = collectorOfLargeBuffers(() => {
    collections += 1;
  });
  const kept = new Uint8Array(40e6);
  look();
  expect([collections, kept.length]).toEqual([1, 40e6]);
});

test('what is used is counted over many calls', () => {
  let collections = 0;
  const collect = () => {
    collections += 1;
  };
  const used = new UsedBuffers(collect, 12e6, () => 0);
  for (let datagrams = 0; datagrams < 100_000; datagrams += 1) used.add(1472);
  expect(collections).toBe(12);
});

test('collecting takes a twentieth of the time at most, however much is used', () => {
  let nowMs = 1000;
  let collections = 0;
  const collect = () => {
    collections += 1;
    nowMs += 100;
  };
  const used = new UsedBuffers(collect, 1e6, () => nowMs);
  for (let turn = 0; turn < 10_000; turn += 1, nowMs += 1) used.add(2e6);
  expect(collections).toBeGreaterThan(3);
  expect(collections).toBeLessThanOrEqual(6);
});

test('a heap that has grown to twice what was in use is collected, and not before', () => {
  let usedBytes = 10e6;
  let collections = 0;
  const heap = new GrownHeap(
    () => {
      collections += 1;
      usedBytes = 30e6;
    },
    () => usedBytes,
  );
  for (const [grownTo, expected] of [
    [25e6, 0],
    [27e6, 1],
    [59e6, 1],
    [61e6, 2],
  ] as const) {
    usedBytes = grownTo;
    heap.look();
    expect(collections).toBe(expected);
  }
});

/** A thread that says how large its room for what is young is: at first, and when asked, after much that lived on. */
const growing = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { parentPort } from 'node:worker_threads';
  const tell = () => parentPort.postMessage(
    getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size);
  let kept = [];
  parentPort.on('message', () => {
    for (let round = 0; round < 20; round += 1)
      kept = Array.from({ length: 100_000 }, (_, number) => ({ number, text: String(number) }));
    tell();
  });
  tell();`;

function growingThread(): { readonly worker: Worker; readonly told: () => Promise<number> } {
  const waiting: ((bytes: number) => void)[] = [];
  const worker = startThread<number>({
    file: new URL(`data:text/javascript,${encodeURIComponent(growing)}`),
    workerData: undefined,
    onMessage: (bytes) => waiting.shift()?.(bytes),
    die: (error) => {
      throw error;
    },
  });
  return { worker, told: () => new Promise((resolve) => waiting.push(resolve)) };
}

test('the room for what is young stays small, also when a thread was started after it was asked for', async () => {
  keepYoungRoom();
  const first = growingThread();
  await first.told();
  const second = growingThread();
  await second.told();
  first.worker.postMessage('grow');
  expect(await first.told()).toBeLessThan(6e6);
  await Promise.all([stopThread(first.worker), stopThread(second.worker)]);
});
