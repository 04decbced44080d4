/**
 * Plays many seeds: `npm run simulate -- --seeds N [--first-seed S]`. Each failing seed is printed with what
 * was wrong; the last line is a summary; the exit code is 1 if any failed.
 */
import { Command } from 'commander';
import { durationText } from '../../shared/console/quantities.ts';
import { playLinkScenario } from './link-scenario.ts';

const options = new Command('simulate')
  .description('plays seeds of simulated links, restarts and losses against the real core')
  .option('--seeds <n>', 'how many', Number, 1000)
  .option('--first-seed <n>', 'the first one', Number, 1)
  .parse()
  .opts<{ seeds: number; firstSeed: number }>();

const progressIntervalMs = 5000;
const startedMs = performance.now();
let shownMs = startedMs;
let failed = 0;
let files = 0;
let released = 0;
let datagrams = 0;
let lost = 0;
let virtualMs = 0;

for (let seed = options.firstSeed; seed < options.firstSeed + options.seeds; seed += 1) {
  try {
    const result = playLinkScenario(seed);
    files += result.files;
    released += result.released;
    datagrams += result.datagrams;
    lost += result.lost;
    virtualMs += result.virtualMs;
  } catch (error) {
    failed += 1;
    console.log(`seed ${seed} FAILED: ${error instanceof Error ? error.message : String(error)}`);
    console.log(`  again: npm run simulate -- --seeds 1 --first-seed ${seed}`);
  }
  if (performance.now() - shownMs > progressIntervalMs) {
    shownMs = performance.now();
    process.stderr.write(`${seed - options.firstSeed + 1} of ${options.seeds} seeds, ${failed} failed\n`);
  }
}

const took = durationText(performance.now() - startedMs);
console.log(
  `${options.seeds} seeds, ${failed} failed; ${files} files put in, ${released} released, the others named; ` +
    `${datagrams} datagrams, ${lost} lost; ${durationText(virtualMs)} of virtual time in ${took}`,
);
process.exitCode = failed === 0 ? 0 : 1;
