/**
 * Closes a run with one plain line of counts. Where a whole run is demanded (CI), a skipped test is a failure:
 * a peer that was not installed must not look like a peer that was passed. Only the corpus may be missing.
 */
import type { Reporter, TestModule } from 'vitest/node';
import { corpusFolder } from './corpus.ts';

export class WholeRunReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const skippedNames: string[] = [];
    for (const module of modules) {
      if (module.state() === 'failed') counts.failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') counts.passed += 1;
        else if (state === 'failed') counts.failed += 1;
        else {
          counts.skipped += 1;
          const allowed = corpusFolder() === undefined && /corpus/.test(test.fullName);
          if (!allowed) skippedNames.push(`${module.relativeModuleId}: ${test.fullName}`);
        }
      }
    }
    if (process.env['CI'] !== undefined && skippedNames.length > 0) {
      console.error(`skipped, which this run does not allow:\n${skippedNames.join('\n')}`);
      process.exitCode = 1;
    }
    console.log(`tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}
