/**
 * Plays many seeds: `npm run simulate -- --seeds N [--first-seed S] [--scenario link|chaos|hostile|all] [--jobs N]`.
 * A failing seed is printed with what was wrong and the command that replays it; the last line is a summary;
 * the exit code is 1 if any failed. The seeds are shared out to processes, one a processor.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { durationText } from '../../shared/console/quantities.ts';
import { playSeeds, type Scenario, scenarioNames, type Tally } from './scenarios.ts';

interface Options {
  readonly seeds: number;
  readonly firstSeed: number;
  readonly scenario: Scenario | 'all';
  readonly jobs: number;
}

/** Seeds that a process is given at a time. */
const chunkSeeds = 10;
const progressIntervalMs = 10_000;

interface Chunk {
  readonly scenario: Scenario;
  readonly firstSeed: number;
  readonly seeds: number;
}

if (process.send !== undefined && process.argv.length === 2) work();
else await play(readOptions());

/** A process that plays what it is given. */
function work(): void {
  process.on('message', (chunk: Chunk) => {
    const seeds = Array.from({ length: chunk.seeds }, (_, index) => chunk.firstSeed + index);
    process.send?.(playSeeds(chunk.scenario, seeds));
  });
}

function readOptions(): Options {
  return new Command('simulate')
    .description('plays seeds of simulated links, restarts, losses and broken hosts against the real core')
    .option('--seeds <n>', 'how many', wholeNumber, 1000)
    .option('--first-seed <n>', 'the first one', wholeNumber, 1)
    .addOption(
      new Option('--scenario <name>', 'what is played').choices([...scenarioNames, 'all']).default('all'),
    )
    .option('--jobs <n>', 'processes', wholeNumber, availableParallelism())
    .parse()
    .opts<Options>();
}

async function play(options: Options): Promise<void> {
  const startedMs = performance.now();
  const chunks = chunksOf(options);
  const total = chunks.reduce((sum, chunk) => sum + chunk.seeds, 0);
  const tallies: Tally[] = [];
  const played = () => tallies.reduce((sum, tally) => sum + tally.seeds, 0);
  const failed = () => tallies.reduce((sum, tally) => sum + tally.failures.length, 0);
  const progress = setInterval(() => {
    process.stderr.write(`${played()} of ${total} seeds, ${failed()} failed\n`);
  }, progressIntervalMs);
  const players = Array.from({ length: Math.min(options.jobs, chunks.length) }, () =>
    playChunks(chunks, (tally) => {
      tallies.push(tally);
      for (const { scenario, seed, message } of tally.failures) {
        console.log(`seed ${seed} of ${scenario} FAILED: ${message}`);
        console.log(`  again: npm run simulate -- --scenario ${scenario} --seeds 1 --first-seed ${seed}`);
      }
    }),
  );
  try {
    await Promise.all(players);
  } finally {
    clearInterval(progress);
  }
  console.log(summary(options, tallies, performance.now() - startedMs));
  process.exitCode = failed() === 0 && played() === total ? 0 : 1;
}

/** All scenarios in turn, so that a short run has some of each. */
function chunksOf({ seeds, firstSeed, scenario }: Options): Chunk[] {
  const names = scenario === 'all' ? scenarioNames : [scenario];
  const chunks: Chunk[] = [];
  for (let first = firstSeed; first < firstSeed + seeds; first += chunkSeeds) {
    for (const name of names)
      chunks.push({
        scenario: name,
        firstSeed: first,
        seeds: Math.min(chunkSeeds, firstSeed + seeds - first),
      });
  }
  return chunks;
}

/** One process, given a chunk at a time until none is left. */
function playChunks(chunks: Chunk[], onTally: (tally: Tally) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(new URL(import.meta.url));
    const next = () => {
      const chunk = chunks.shift();
      if (chunk === undefined) child.disconnect();
      else child.send(chunk);
    };
    child.on('message', (tally: Tally) => {
      onTally(tally);
      next();
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`a process of the simulation ended with ${signal ?? `exit code ${code}`}`));
    });
    next();
  });
}

function summary(options: Options, tallies: readonly Tally[], tookMs: number): string {
  const sum = (of: (tally: Tally) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
  const failures = sum((tally) => tally.failures.length);
  const scenarios = options.scenario === 'all' ? scenarioNames.join(', ') : options.scenario;
  return (
    `${options.seeds} seeds of ${scenarios}, ${failures} failed; ` +
    `${sum((t) => t.files)} files put in, ${sum((t) => t.released)} released, the others named; ` +
    `${sum((t) => t.datagrams)} datagrams, ${sum((t) => t.lost)} lost; ` +
    `${durationText(sum((t) => t.virtualMs))} of virtual time in ${durationText(tookMs)}`
  );
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('1 or more.');
  return value;
}
