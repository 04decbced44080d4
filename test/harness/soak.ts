/**
 * Hours in small: mixed load at 1 % loss, one side or the other restarted each minute, memory and descriptors of both
 * looked at every few seconds; in the end every byte compared and both ledgers compared with their files.
 *
 *     npm run soak -- --minutes 30 [--seed S] [--json]
 *
 * It prints, for each side, resident memory and open descriptors of the first quarter against the last. It ends with 1
 * when an instance is lost, released twice or wrong, or when a ledger and its files differ.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { Progress } from '../../shared/console/progress.ts';
import { Processes } from './processes.ts';
import { Random } from './random.ts';
import { Transfer } from './transfer.ts';
import { TransferLoad } from './transfer-load.ts';

type Side = 'sender' | 'receiver';

interface Sample {
  readonly side: Side;
  readonly atMs: number;
  readonly residentMB: number;
  readonly descriptors: number;
}

const sampleMs = 3000;
const restartMs = 60_000;
/** Just after its start a program has not yet all it needs. */
const warmUpMs = 15_000;
const settleMs = 300_000;
const waitingMax = 400;

const program = new Command('soak')
  .option('--minutes <n>', 'how long there is load', Number, 30)
  .option('--seed <n>', 'seed of load and losses', Number, 1)
  .option('--json', 'print one JSON object', false)
  .parse();
const options = program.opts<{ minutes: number; seed: number; json: boolean }>();
const processes = new Processes();
const progress = new Progress(process.stderr, () => performance.now());
try {
  process.exitCode = (await soak()) ? 0 : 1;
} finally {
  await processes.cleanUp();
}

async function soak(): Promise<boolean> {
  const transfer = new Transfer({ processes, seed: options.seed });
  Object.assign(transfer.senderSettings, { 'passes.carouselGapSeconds': 10, 'beacon.rollSeconds': 10 });
  await transfer.prepare(['--loss', '0.01', '--burst', '4']);
  await transfer.startReceiver();
  await transfer.startSender();
  const load = new TransferLoad(transfer, new Random(options.seed).fork('soak'), waitingMax);
  const loading = load.run();
  const samples: Sample[] = [];
  const startedMs = performance.now();
  const endMs = startedMs + options.minutes * 60_000;
  const bornMs = { sender: startedMs, receiver: startedMs };
  let restarts = 0;
  for (let dueMs = startedMs + restartMs; performance.now() < endMs; ) {
    await sleep(sampleMs);
    const now = performance.now();
    for (const side of ['sender', 'receiver'] as const) {
      const pid = transfer[side]?.pid;
      if (pid !== undefined && now - bornMs[side] >= warmUpMs)
        samples.push({ side, atMs: now - startedMs, ...usageOf(pid) });
    }
    if (now >= dueMs) {
      const side = restarts % 2 === 0 ? 'sender' : 'receiver';
      await transfer[side]?.stop();
      await (side === 'sender' ? transfer.startSender() : transfer.startReceiver());
      bornMs[side] = performance.now();
      restarts += 1;
      dueMs += restartMs;
    }
    const summary = `${Math.round((now - startedMs) / 1000)} s, ${transfer.releasedFiles()} of ${transfer.instances} instances released, ${restarts} restarts`;
    progress.show({ summary, lines: [summary] });
  }
  load.stop();
  await loading;
  const inTime = await transfer.untilAllReleased(settleMs).then(
    () => true,
    () => false,
  );
  await transfer.sender?.stop();
  await transfer.receiver?.stop();
  const verified = {
    sender: await transfer.configured('sender', 'verify'),
    receiver: await transfer.configured('receiver', 'verify'),
  };
  const account = transfer.account();
  progress.clear();
  const series = (['sender', 'receiver'] as const).map((side) => quarters(samples, side));
  const isClean =
    inTime &&
    account.absent + account.twice + account.wrong === 0 &&
    verified.sender.code === 0 &&
    verified.receiver.code === 0;
  const report = {
    seed: options.seed,
    minutes: options.minutes,
    restarts,
    studies: load.studies,
    ...account,
    series,
  };
  if (options.json) process.stdout.write(`${JSON.stringify({ isClean, ...report, verified })}\n`);
  else
    process.stdout.write(
      [
        `${isClean ? 'clean' : 'NOT CLEAN'}: ${options.minutes} minutes, ${restarts} restarts (seed ${options.seed}); ${load.studies} studies, ${account.instances} instances: ` +
          `${account.released} released, ${account.absent} lost, ${account.twice} released twice, ${account.wrong} wrong`,
        ...series.map(
          ({ side, residentMB, descriptors }) =>
            `${side.padEnd(8)} resident ${text(residentMB)} MB, descriptors ${text(descriptors)} (first quarter → last: median and most)`,
        ),
        `verify   sender ${verified.sender.code}: ${verdictOf(verified.sender.output)}; receiver ${verified.receiver.code}: ${verdictOf(verified.receiver.output)}`,
        '',
      ].join('\n'),
    );
  return isClean;
}

interface Quarter {
  readonly median: number;
  readonly most: number;
}

function quarters(samples: readonly Sample[], side: Side) {
  const own = samples.filter((sample) => sample.side === side);
  const wholeMs = options.minutes * 60_000;
  const of = (fromMs: number, toMs: number, value: (sample: Sample) => number): Quarter => {
    const values = own.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(value);
    values.sort((a, b) => a - b);
    return { median: values[Math.floor(values.length / 2)] ?? 0, most: values.at(-1) ?? 0 };
  };
  const both = (value: (sample: Sample) => number) => ({
    first: of(0, wholeMs / 4, value),
    last: of((wholeMs * 3) / 4, wholeMs, value),
  });
  return {
    side,
    samples: own.length,
    residentMB: both(({ residentMB }) => residentMB),
    descriptors: both(({ descriptors }) => descriptors),
  };
}

function usageOf(pid: number): Pick<Sample, 'residentMB' | 'descriptors'> {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const residentMB = Math.round((Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6);
    return { residentMB, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return { residentMB: 0, descriptors: 0 };
  }
}

function text({ first, last }: { first: Quarter; last: Quarter }): string {
  return `${first.median}/${first.most} → ${last.median}/${last.most}`;
}

/** The summary of `verify`; progress, on standard error, may stand behind it. */
function verdictOf(output: string): string {
  return output.split('\n').find((line) => / read; /.test(line)) ?? output.trim();
}
