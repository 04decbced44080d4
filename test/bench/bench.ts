/**
 * The benchmarks: `npm run bench [-- NAME] [-- --json]`. Results are ratios of one run on one machine; none of
 * them is an assertion. With --json the last line is one JSON object.
 */
import { cpus } from 'node:os';
import { Command } from 'commander';

interface Benchmark {
  run(): Promise<object>;
}

/** By name: each is loaded when it is asked for. */
const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  fec: () => import('./fec.ts'),
  tag: () => import('./tag.ts'),
};

const program = new Command('bench')
  .argument('[name]', `one of ${Object.keys(benchmarks).join(', ')}; default: all`)
  .option('--json', 'print one JSON object as the last line', false)
  .parse();
const [only] = program.args;
const { json } = program.opts<{ json: boolean }>();
if (only !== undefined && benchmarks[only] === undefined)
  program.error(`bench: there is no benchmark ${only}`);

const machine = { processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version };
console.log(`${machine.processor}, ${machine.cores} cores, Node ${machine.node}`);
const results: Record<string, object> = {};
for (const [name, load] of Object.entries(benchmarks)) {
  if (only !== undefined && only !== name) continue;
  console.log(`\n${name}`);
  results[name] = await (await load()).run();
}
if (json) console.log(JSON.stringify(only === undefined ? { machine, ...results } : results[only]));
