/**
 * A hostile scanner and a hostile writer beside honest ones, against the real programs:
 *
 *     npm run hostile -- --minutes 30 [--seed S] [--only KINDS] [--without KINDS] [--settle SECONDS] [--json]
 *
 * Kinds of the scanner: malformed, steps, idle, cut, same-uid, studies, contexts, loris. Of the writer: fifo, symlink,
 * changing, kept-open, socket, deep, empty, names, unreadable, broken, bomb. It ends with 1 when something is not as it must be, or a kind came
 * to nothing each time.
 */
import { Command } from 'commander';
import { Progress } from '../../shared/console/progress.ts';
import { HostileRun } from './hostile-run.ts';
import { Processes } from './processes.ts';

const list = (text: string) => text.split(',').filter((word) => word !== '');

const options = new Command('hostile')
  .option('--minutes <n>', 'how long', Number, 30)
  .option('--seed <n>', 'seed of all that is done', Number, 1)
  .option('--only <kinds>', 'these kinds, separated by commas', list)
  .option('--without <kinds>', 'all kinds but these', list, [])
  .option('--settle <seconds>', 'how long honest files may take after it', Number, 180)
  .option('--json', 'print one JSON object', false)
  .parse()
  .opts<{
    minutes: number;
    seed: number;
    only?: string[];
    without: string[];
    settle: number;
    json: boolean;
  }>();
const processes = new Processes();
const progress = new Progress(process.stderr, () => performance.now());
try {
  const { seed, only, without, minutes, settle, json } = options;
  const run = new HostileRun({
    processes,
    seed,
    loadMs: minutes * 60_000,
    settleMs: settle * 1000,
    only,
    without,
    onProgress: (summary) => progress.show({ summary, lines: [summary] }),
  });
  const report = await run.run();
  progress.clear();
  const { problems, acts } = report;
  const kinds = Object.entries(acts).map(
    ([kind, { succeeded, failed }]) => `${kind} ${succeeded}${failed > 0 ? ` and ${failed} failed` : ''}`,
  );
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else
    process.stdout.write(
      [
        `${problems.length === 0 ? 'all is as it must be' : 'NOT AS IT MUST BE'}: ${minutes} minutes (seed ${seed})`,
        `hostile   ${kinds.join(', ')}`,
        `honest    ${report.honestFiles} files, ${report.honestStores} stored (${report.refusedStores} attempts refused), ${report.echoes} echoes, the slowest in ${report.slowestEchoMs} ms`,
        `programs  resident at most ${report.peakMB.sender} and ${report.peakMB.receiver} MB; ended in ${report.stopMs.sender} and ${report.stopMs.receiver} ms; ${report.diskMB} MB of disk`,
        ...problems.map((problem) => `  ${problem}`),
        '',
      ].join('\n'),
    );
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await processes.cleanUp();
}
