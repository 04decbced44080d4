/**
 * Goal: whatever one scanner or one writer does, what honest ones send is released byte for byte, both programs stay small
 * and end when they are told to, and nothing gets out that was no writer's. Method: the short form of `npm run hostile`.
 */
import { afterAll, expect, it } from 'vitest';
import { HostileRun } from '../harness/hostile-run.ts';
import { Processes } from '../harness/processes.ts';

const processes = new Processes();
afterAll(() => processes.cleanUp());

it('a hostile scanner and a hostile writer hurt only themselves', async () => {
  const run = new HostileRun({ processes, seed: 7, loadMs: 20_000, settleMs: 120_000 });
  const report = await run.run();
  expect(report.problems).toEqual([]);
  expect(report.honestFiles).toBeGreaterThan(10);
  expect(report.honestStores).toBeGreaterThan(0);
  expect(Object.keys(report.acts).length).toBeGreaterThan(4);
}, 240_000);
