/**
 * Goal: whatever one scanner or one writer does, what honest ones send is released byte for byte, both programs stay small
 * and end when they are told to, and nothing gets out that was no writer's. Method: the short form of `npm run hostile`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { HostileRun } from '../harness/hostile-run.ts';
import { hasProgram } from '../harness/peer-namespace.ts';
import { Processes } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';

const missing = whatIsMissing();
if (missing !== undefined && process.env['CI'] !== undefined) throw new Error(missing);

const processes = new Processes();
afterAll(() => processes.cleanUp());

it.skipIf(missing !== undefined)(
  'a hostile scanner and a hostile writer hurt only themselves',
  async () => {
    const run = new HostileRun({ processes, seed: 7, loadMs: 20_000, settleMs: 120_000 });
    const report = await run.run();
    expect(report.problems).toEqual([]);
    expect(report.honestFiles).toBeGreaterThan(10);
    expect(report.honestStores).toBeGreaterThan(0);
    // Of the scanner and of the writer: each came to something.
    expect(Object.values(report.acts).map(({ succeeded }) => succeeded > 0)).toEqual(Array(19).fill(true));
  },
  240_000,
);

function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux') return 'every scanner has a loopback address of its own on Linux alone';
  if (!hasProgram('mkfifo')) return 'mkfifo not installed';
  return existsSync(join(repositoryRoot(), 'dist/sender/main.js')) ? undefined : 'the programs are not built';
}
