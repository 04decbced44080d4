import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { UsedBuffers } from '../../../shared/collector.ts';

test('buffers that are used once are collected as they go: what is young', async () => {
  const kinds: unknown[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      kinds.push(Reflect.get(Object(Reflect.get(entry, 'detail')), 'kind'));
  });
  const used = new UsedBuffers();
  observer.observe({ entryTypes: ['gc'] });
  used.add(13e6);
  for (let look = 0; look < 200 && kinds.length === 0; look += 1) await sleep(10);
  observer.disconnect();
  expect(kinds).toContain(constants.NODE_PERFORMANCE_GC_MINOR);
});

test('what is used is counted over many calls', () => {
  let collections = 0;
  const used = new UsedBuffers(() => {
    collections += 1;
  });
  for (let datagrams = 0; datagrams < 100_000; datagrams += 1) used.add(1472);
  expect(collections).toBe(12);
});
