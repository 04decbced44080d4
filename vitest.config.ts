import { defineConfig } from 'vitest/config';
import { WholeRunReporter } from './test/harness/whole-run-reporter.ts';

const project = (name: string, testTimeout: number) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], pool: 'forks' as const, testTimeout },
});

/** The tiers of the suite, fastest first. Timeouts stop a hang; none of them decides what is right. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: [process.env['CI'] === undefined ? 'default' : 'dot', new WholeRunReporter()],
    projects: [
      project('unit', 60_000),
      project('vectors', 60_000),
      project('property', 120_000),
      project('simulation', 300_000),
      project('network', 300_000),
    ],
  },
});
