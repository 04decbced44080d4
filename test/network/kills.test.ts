/**
 * Goal: whenever a program is killed, nothing is lost, released twice or wrong. Method: the short form of
 * `npm run torture`: six kills under load over a lossy link.
 */
import { afterAll, expect, it } from 'vitest';
import { Processes } from '../harness/processes.ts';
import { runTorture } from '../harness/torture-run.ts';

const processes = new Processes();
afterAll(() => processes.cleanUp());

it('six kills under load', async () => {
  const report = await runTorture({ processes, kills: 6, seed: 7, settleMs: 120_000 });
  expect(report).toMatchObject({ absent: 0, twice: 0, wrong: 0, releasedTwice: 0, ownDeaths: [] });
  expect(report.kills.sender + report.kills.receiver).toBe(6);
  expect(report.released).toBeGreaterThan(50);
});
