/**
 * The benchmarks: `npm run bench [-- NAME] [-- --json]`. Results are ratios of one run on one machine; none of
 * them is an assertion. With --json the last line is one JSON object.
 */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { machine, machineText } from './machine.ts';
import type { BenchmarkOptions } from './options.ts';
import { removeScratchAtExit } from './scratch.ts';

interface Benchmark {
  run(options: BenchmarkOptions): Promise<object>;
}

/** By name: each is loaded when it is asked for. */
const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  fec: () => import('./fec.ts'),
  tag: () => import('./tag.ts'),
  seal: () => import('./seal.ts'),
  link: () => import('./link.ts'),
  loss: () => import('./loss.ts'),
  memory: () => import('./memory.ts'),
  hostile: () => import('./hostile.ts'),
  latency: () => import('./latency.ts'),
  restart: () => import('./restart.ts'),
  repeat: () => import('./repeat.ts'),
  dicom: () => import('./dicom.ts'),
  delivery: () => import('./delivery.ts'),
};

const program = new Command('bench')
  .argument('[name]', `one of ${Object.keys(benchmarks).join(', ')}; default: all`)
  .option('--json', 'print one JSON object as the last line', false)
  .option('--runs <n>', 'runs of which the median is taken', wholeNumber, 3)
  .option('--trials <n>', 'loss: trials of each point', wholeNumber, 200)
  .option('--scale <x>', 'size of every study, object and backlog; the figures stand for 1', share, 1)
  .option('--folder <folder>', 'on a real disk, with room', '/var/tmp')
  .option('--results <folder>', 'loss: where loss.csv and loss.svg go; default: docs, for a run in full')
  .option('--rate <Mb/s>', 'link: this rate on the wire, without search and without peers', wholeNumber)
  .option('--against <folder>', 'link: take turns with the programs of this checkout, built, at --rate')
  .option('--profile <folder>', 'link: profile sender and receiver, and say where the time goes')
  .option('--hostile', 'memory: beside every attack of a sender with a key', false)
  .option('--seed <n>', 'seed of all randomness', wholeNumber, 1)
  .parse();
const [only] = program.args;
const { json, ...options } = program.opts<BenchmarkOptions & { json: boolean }>();
if (only !== undefined && benchmarks[only] === undefined)
  program.error(`bench: there is no benchmark ${only}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    // Leaving runs what kills the programs and takes namespaces and folders away.
    removeScratchAtExit();
    process.exit(130);
  });

const facts = machine();
console.log(machineText(facts));
if (facts.load > availableParallelism() / 10)
  console.log('other programs are busy here: figures are too low');
const results: Record<string, object> = {};
for (const [name, load] of Object.entries(benchmarks)) {
  if (only !== undefined && only !== name) continue;
  console.log(`\n${name}`);
  results[name] = await (await load()).run(options);
}
if (json) console.log(JSON.stringify(only === undefined ? { machine: facts, ...results } : results[only]));

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('1 or more.');
  return value;
}

function share(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 10)) throw new InvalidArgumentError('Above 0, at most 10.');
  return value;
}
