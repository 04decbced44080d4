/**
 * Kills either side with SIGKILL at random moments under load, and says what became of every instance.
 *
 *     npm run torture -- --kills 200 [--seed S] [--json]
 *
 * It ends with 1 when an instance is lost, released twice or wrong, or when a program died by itself.
 */
import { Command } from 'commander';
import { Progress } from '../../shared/console/progress.ts';
import { Processes } from './processes.ts';
import { isClean, runTorture } from './torture-run.ts';

const settleMs = 300_000;

const program = new Command('torture')
  .option('--kills <n>', 'how often a side is killed', Number, 200)
  .option('--seed <n>', 'seed of load, losses and moments', Number, 1)
  .option('--json', 'print one JSON object', false)
  .parse();
const options = program.opts<{ kills: number; seed: number; json: boolean }>();
const processes = new Processes();
const progress = new Progress(process.stderr, () => performance.now());
try {
  const report = await runTorture({
    processes,
    kills: options.kills,
    seed: options.seed,
    settleMs,
    onProgress: (kills, { instances, released }) => {
      const summary = `${kills} of ${options.kills} kills, ${released} of ${instances} instances released`;
      progress.show({ summary, lines: [summary] });
    },
  });
  progress.clear();
  if (options.json) process.stdout.write(`${JSON.stringify({ seed: options.seed, ...report })}\n`);
  else
    process.stdout.write(
      `${isClean(report) ? 'clean' : 'NOT CLEAN'}: ${report.kills.sender} kills of the sender and ${report.kills.receiver} of the receiver ` +
        `in ${report.secondsOfKills.toFixed(0)} s (seed ${options.seed}); ${report.studies} studies, ${report.instances} instances: ` +
        `${report.released} released, ${report.absent} lost, ${report.twice + report.releasedTwice} released twice, ${report.wrong} wrong; ` +
        `all there ${report.secondsToSettle.toFixed(1)} s after the last kill\n${report.ownDeaths.join('\n')}`,
    );
  process.exitCode = isClean(report) ? 0 : 1;
} finally {
  await processes.cleanUp();
}
