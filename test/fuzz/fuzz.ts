/**
 * Fuzzes every part that takes bytes from somebody who may mean harm:
 *
 *     npm run fuzz -- [--minutes N] [--target NAME]... [--seed N] [--jobs N] [--json]
 *     npm run fuzz -- --target NAME --input NUMBER [--seed N]     gives one input again
 *
 * Each target runs in a process of its own. It is a find when something other than a DiodeError is thrown, an invariant
 * is broken, one input takes seconds, a process says nothing for a minute, or live memory grows. That time is
 * linear in the length of an input is measured at the end. The exit code is 1 when anything was found.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism, setPriority } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { present } from '../../shared/assert.ts';
import { bytesText, durationText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { type FuzzReport, fuzz, type Linearity, measureLinearity } from './fuzz-run.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { fuzzTargets } from './targets.ts';

interface Options {
  readonly minutes: number;
  readonly target: string[];
  readonly seed: number;
  readonly jobs: number;
  readonly input?: number;
  readonly json: boolean;
}

interface Job {
  readonly target: string;
  readonly seed: number;
  readonly durationMs: number;
}

type Message =
  | { readonly kind: 'at'; readonly input: number }
  | { readonly kind: 'done'; readonly report: FuzzReport; readonly linearity: Linearity | undefined };

interface Result {
  readonly target: string;
  readonly report?: FuzzReport;
  readonly linearity?: Linearity | undefined;
  /** Set when the process hung or ended by itself: what happened, and near which input. */
  readonly death?: string;
}

const inputMsMax = 2000;
const silentMsMax = 60_000;
/** Live memory may differ by so much for other reasons than growth. */
const memorySlackBytes = 8 * 2 ** 20;
const exponentMax = 1.3;
const niceness = 10;

if (process.send !== undefined && process.argv.length === 2)
  process.once('message', (job: Job) => void work(job));
else process.exitCode = await main(readOptions());

async function work({ target: name, seed, durationMs }: Job): Promise<void> {
  setPriority(niceness);
  const tell = (message: Message) => process.send?.(message);
  const target = targetNamed(name);
  let toldAtMs = 0;
  const report = await fuzz(target, {
    seed,
    firstInput: 0,
    durationMs,
    inputsMax: Number.MAX_SAFE_INTEGER,
    inputMsMax,
    onProgress: (input) => {
      if (performance.now() - toldAtMs < 1000) return;
      toldAtMs = performance.now();
      tell({ kind: 'at', input });
    },
  });
  tell({ kind: 'done', report, linearity: await measureLinearity(target) });
  process.disconnect();
}

function readOptions(): Options {
  return new Command('fuzz')
    .description('gives broken input to every part that faces the link, a peer, a file or a person')
    .option('--minutes <n>', 'how long each target', number, 1)
    .option(
      '--target <name>',
      'only this one (repeatable)',
      (name, before: string[]) => [...before, name],
      [],
    )
    .option('--seed <n>', 'seed of all input', number, 1)
    .option('--jobs <n>', 'processes at a time', number, Math.max(fuzzTargets.length, availableParallelism()))
    .option('--input <number>', 'give one input of one target again', number)
    .option('--json', 'print one JSON object as the last line', false)
    .parse()
    .opts<Options>();
}

async function main(options: Options): Promise<number> {
  const targets = options.target.length === 0 ? fuzzTargets : options.target.map(targetNamed);
  if (options.input !== undefined) return await again(present(targets[0], 'a target'), options);
  const waiting = [...targets];
  const results: Result[] = [];
  const one = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const result = await runJob({
        target: target.name,
        seed: options.seed,
        durationMs: options.minutes * 60_000,
      });
      results.push(result);
      process.stderr.write(`${target.name} is done: ${result.report?.inputs ?? 0} inputs\n`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.jobs, targets.length) }, one));
  const problems = results.flatMap(problemsOf);
  console.log(reportText(results));
  for (const problem of problems) console.log(`FOUND ${problem}`);
  if (problems.length === 0)
    console.log('no crash, no hang, no error but the project’s own, no growth, time linear');
  if (options.json) console.log(JSON.stringify({ ok: problems.length === 0, problems, results }));
  return problems.length === 0 ? 0 : 1;
}

/** One input again, with whatever it throws. */
async function again(target: FuzzTarget, { seed, input = 0 }: Options): Promise<number> {
  const report = await fuzz(target, {
    seed,
    firstInput: input,
    durationMs: 60_000,
    inputsMax: 1,
    inputMsMax,
  });
  console.log(JSON.stringify(report, undefined, 2));
  return report.finds.length === 0 ? 0 : 1;
}

function runJob(job: Job): Promise<Result> {
  return new Promise((resolve) => {
    const child: ChildProcess = fork(new URL(import.meta.url), [], { execArgv: [] });
    let at = 0;
    let heardAtMs = performance.now();
    let result: Result | undefined;
    const watch = setInterval(() => {
      // The time measured at the end is bounded too, but longer.
      if (performance.now() - heardAtMs < silentMsMax) return;
      result ??= { target: job.target, death: `it hangs behind input ${at}` };
      child.kill('SIGKILL');
    }, 1000);
    child.on('message', (message: Message) => {
      heardAtMs = performance.now();
      if (message.kind === 'at') at = message.input;
      else result = { target: job.target, report: message.report, linearity: message.linearity };
    });
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      const death = `the process ended with ${code ?? signal} behind input ${at}`;
      resolve(result ?? { target: job.target, death });
    });
    child.send(job);
  });
}

function problemsOf({ target, report, linearity, death }: Result): string[] {
  const problems = death === undefined ? [] : [`${target}: ${death}`];
  if (report !== undefined) {
    problems.push(
      ...report.finds.map((find) => `${target} input ${find.input} (${find.bytes} bytes): ${find.what}`),
    );
    const [early, late] = report.memoryBytes;
    if (late > early + memorySlackBytes)
      problems.push(`${target}: live memory grew by ${bytesText(late - early)}`);
  }
  if (linearity !== undefined && linearity.exponent > exponentMax)
    problems.push(`${target}: time grows with length to the power of ${linearity.exponent.toFixed(2)}`);
  return problems;
}

function reportText(results: readonly Result[]): string {
  const rows = results.flatMap(({ target, report, linearity }) => {
    if (report === undefined) return [];
    const { inputs, bytes, durationMs, slowestMs, memoryBytes, rssBytes, finds, endings } = report;
    const last = linearity?.points.at(-1);
    return [
      [
        target,
        inputs,
        bytesText(bytes),
        durationText(durationMs),
        finds.length,
        `${slowestMs.toFixed(1)} ms`,
        `${bytesText(memoryBytes[0])} → ${bytesText(memoryBytes[1])}`,
        bytesText(rssBytes),
        linearity === undefined ? '-' : linearity.exponent.toFixed(2),
        last === undefined ? '-' : `${((last.ms * 1e6) / last.bytes).toFixed(1)} ns/B`,
        Object.entries(endings)
          .slice(0, 6)
          .map(([ending, count]) => `${ending} ${((100 * count) / inputs).toFixed(1)} %`)
          .join(', '),
      ],
    ];
  });
  const headings = [
    'target',
    'inputs',
    'bytes',
    'time',
    'finds',
    'slowest',
    'live memory',
    'RSS',
    'exponent',
    'cost',
    'endings',
  ];
  return table(headings, rows);
}

function targetNamed(name: string): FuzzTarget {
  const found = fuzzTargets.find((target) => target.name === name);
  if (found === undefined)
    throw new InvalidArgumentError(
      `there is no target ${name}: ${fuzzTargets.map((one) => one.name).join(', ')}`,
    );
  return found;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('A number is due.');
  return value;
}
