/**
 * The demo: receiver, lossy relay and sender as three processes. Real or synthetic studies cross the link
 * while somebody watches; at the end every released file is compared with its source, byte for byte.
 *
 *     npm run demo [-- DIR] [--seed N] [--loss PERCENT] [--keep] [--json]
 */
import { createSocket } from 'node:dgram';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import type { StudySummary } from '../../receiver/ledger/study-records.ts';
import { studyState } from '../../receiver/ledger/study-state.ts';
import type { ReceiverStatus } from '../../receiver/status.ts';
import type { SenderStatus } from '../../sender/status.ts';
import { readSnapshot } from '../../shared/console/command-line.ts';
import { bar, Progress } from '../../shared/console/progress.ts';
import { bytesText, durationText, rateText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import type { RelayReport } from './datagram-relay.ts';
import { type Account, accountFor, filesBelow, type SourceFile, sourceFiles } from './demo-account.ts';
import { Processes, type RunningProgram } from './processes.ts';
import { writeStudies } from './synthetic-study.ts';

interface DemoOptions {
  readonly seed: number;
  readonly loss: number;
  readonly rate: number;
  readonly keep: boolean;
  readonly json: boolean;
}

const burstDatagrams = 8;
const quietSeconds = 3;
const limitMs = 110_000;
const lookMs = 200;
const studiesMax = 10_000;

class Demo {
  readonly #options: DemoOptions;
  readonly #folder: string;
  readonly #processes = new Processes();
  readonly #progress = new Progress(process.stderr, () => performance.now());
  #relay: RunningProgram | undefined;
  #sources: SourceFile[] = [];
  #sourceBytes = 0;

  constructor(options: DemoOptions) {
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), 'dicom-diode-demo-'));
  }

  async run(directory: string | undefined): Promise<boolean> {
    try {
      const prepared = await this.#prepare(directory);
      await this.#start();
      const startedMs = performance.now();
      renameSync(prepared, join(this.#path('low/watch'), 'demo'));
      const inTime = await this.#watch(startedMs);
      const seconds = (performance.now() - startedMs) / 1000;
      const ok = this.#report(inTime, seconds);
      if (this.#options.keep) await this.#keepRunning();
      return ok;
    } finally {
      await this.#processes.cleanUp();
      if (!this.#options.keep) rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  /** Lays the files out beside the watch folder, to be moved in with one rename. */
  async #prepare(directory: string | undefined): Promise<string> {
    for (const name of ['low/watch', 'low/spool', 'high/vault', 'high/inbox'])
      mkdirSync(this.#path(name), { recursive: true });
    const prepared = this.#path('low/prepared');
    if (directory === undefined) {
      this.#say('writing synthetic studies, about 300 MB');
      await writeStudies(prepared, { seed: this.#options.seed });
    } else {
      this.#say(`copying ${directory}`);
      cpSync(directory, prepared, {
        recursive: true,
        filter: (source) => !source.split('/').at(-1)?.startsWith('.'),
      });
    }
    // The sources stay where the demo can compare with them; what goes in are copies.
    const sources = this.#path('sources');
    cpSync(prepared, sources, { recursive: true });
    this.#sources = sourceFiles(sources);
    this.#sourceBytes = this.#sources.reduce((sum, { path }) => sum + readFileSync(path).length, 0);
    return prepared;
  }

  async #start(): Promise<void> {
    const { seed, loss, rate } = this.#options;
    const receiverPort = await freePort();
    const key = this.#path('key');
    await this.#command('dist/sender/main.js', ['keygen', key]);
    writeFileSync(
      this.#path('receiver.toml'),
      `keyFile = "${key}"\n[link]\naddress = "127.0.0.1"\nport = ${receiverPort}\n[vault]\nfolder = "high/vault"\n[inbox]\nfolder = "high/inbox"\n`,
    );
    const receiver = this.#processes.startScript('dist/receiver/main.js', {
      arguments: ['run', '--config', this.#path('receiver.toml')],
    });
    await receiver.waitForLine(/receiver started/);
    const relayFlags = [
      '--listen',
      '127.0.0.1:0',
      '--target',
      `127.0.0.1:${receiverPort}`,
      '--seed',
      String(seed),
    ];
    const lossFlags = loss > 0 ? ['--loss', String(loss / 100), '--burst', String(burstDatagrams)] : [];
    this.#relay = this.#processes.startScript('dist/test/harness/relay.js', {
      arguments: [...relayFlags, ...lossFlags],
    });
    const listening = await this.#relay.waitForLine(/"listening"/);
    writeFileSync(
      this.#path('sender.toml'),
      `keyFile = "${key}"\n[watch]\nfolder = "low/watch"\nscanIntervalMs = 250\nquietSeconds = ${quietSeconds}\n[spool]\nfolder = "low/spool"\n[link]\naddress = "127.0.0.1"\nport = ${JSON.parse(listening.text).listening}\nrateMegabitsPerSecond = ${rate}\n[passes]\ncarouselGapSeconds = 2\n`,
    );
    const sender = this.#processes.startScript('dist/sender/main.js', {
      arguments: ['run', '--config', this.#path('sender.toml')],
    });
    await sender.waitForLine(/sender started/);
    const link = loss > 0 ? `loses ${loss} % in bursts of ${burstDatagrams} on average` : 'loses nothing';
    this.#say(
      `${this.#sources.length} files, ${bytesText(this.#sourceBytes)}; the link ${link} (seed ${seed})`,
    );
  }

  /** Shows what happens until every file is accounted for. @returns false when it took too long */
  async #watch(startedMs: number): Promise<boolean> {
    const ledger = this.#ledger();
    try {
      for (;;) {
        const elapsedMs = performance.now() - startedMs;
        const studies = ledger.studies.summaries(studiesMax);
        this.#draw(studies, elapsedMs);
        if (this.#isDone(studies)) break;
        if (elapsedMs > limitMs) return false;
        await sleep(lookMs);
      }
    } finally {
      ledger.close();
      this.#progress.clear();
    }
    return true;
  }

  /** Every file is accounted for, everything is closed and transmitted, and nothing that was announced is open. */
  #isDone(studies: readonly StudySummary[]): boolean {
    const sender = this.#sender();
    if (sender === undefined || filesBelow(this.#path('low/watch')).length > 0) return false;
    // What the sender tells is half a second old, so it alone does not say that it has seen every file.
    const arrived = studies.reduce((sum, study) => sum + study.instances, 0);
    const counted = Object.values(sender.counters).reduce((sum, count) => sum + count, 0);
    if (arrived + counted < this.#sources.length) return false;
    const closed =
      sender.openStudies === 0 &&
      sender.highestStudyNumber === studies.filter((study) => study.studyNumber !== undefined).length;
    return closed && studies.every(isEnded) && sender.queue.objects === 0;
  }

  #draw(studies: readonly StudySummary[], elapsedMs: number): void {
    const receiver = this.#receiver();
    const instances = studies.reduce((sum, study) => sum + study.instances, 0);
    const bytes = studies.reduce((sum, study) => sum + study.bytes, 0);
    const released = studies.filter((study) => study.state === studyState.released).length;
    const lost = receiver?.link.lost ?? 0;
    const repaired = receiver?.assemble.symbolsRepaired ?? 0;
    const summary = `${durationText(elapsedMs)}: ${instances} instances, ${bytesText(bytes)} in the vault; ${released} of ${studies.length} studies released; ${lost} datagrams lost, ${repaired} symbols repaired`;
    // What goes on now comes first: a terminal shows the beginning of a long list.
    const lines = [...studies]
      .sort((a, b) => Number(isEnded(a)) - Number(isEnded(b)) || b.firstSeenMs - a.firstSeenMs)
      .map((study) => {
        const expected = study.expected ?? study.instances;
        const known = study.expected === undefined ? '?' : String(study.expected);
        const done = bar(
          study.instances,
          Math.max(expected, study.expected === undefined ? study.instances * 2 : 0),
        );
        return `${done} ${study.state.padEnd(10)} ${String(study.instances).padStart(5)} of ${known.padEnd(5)} ${bytesText(study.bytes).padStart(8)}  ${shortUid(study.studyUid)}`;
      });
    this.#progress.show({ lines: [summary, ...lines], summary });
  }

  #report(inTime: boolean, seconds: number): boolean {
    const ledger = this.#ledger();
    const studies = ledger.studies.summaries(studiesMax);
    const account = accountFor(this.#sources, {
      inboxFolder: this.#path('high/inbox'),
      rejectedFolder: this.#path('low/spool/rejected'),
      ledger,
    });
    ledger.close();
    const relay = this.#relayReport();
    const lost =
      relay === undefined ? 0 : relay.channel.lost + relay.channel.lostInBurst + relay.channel.lostInBlackout;
    const repaired = this.#receiver()?.assemble.symbolsRepaired ?? 0;
    const ok = inTime && account.unaccounted === 0 && account.foreign === 0;
    if (this.#options.json) {
      const { delivered, preambleZeroed, duplicate, conflict, held, rejected, deliveredBytes } = account;
      const counts = {
        delivered,
        preambleZeroed,
        duplicate,
        conflict,
        held,
        rejected,
        bytes: deliveredBytes,
      };
      const link = {
        datagramsLost: lost,
        symbolsRepaired: repaired,
        seconds: Math.round(seconds * 100) / 100,
      };
      const inbox = this.#path('high/inbox');
      process.stdout.write(`${JSON.stringify({ ok, studies: studies.length, ...counts, ...link, inbox })}\n`);
    } else {
      process.stdout.write(
        `${this.#reportText(studies, account, { lost, repaired, seconds, inTime, ok })}\n`,
      );
    }
    return ok;
  }

  #reportText(
    studies: readonly StudySummary[],
    account: Account,
    run: { lost: number; repaired: number; seconds: number; inTime: boolean; ok: boolean },
  ): string {
    const rows = [...studies]
      .sort((a, b) => (a.studyNumber ?? 0) - (b.studyNumber ?? 0))
      .map((study) => {
        const verified = account.verifiedByStudy.get(study.inboxName ?? '') ?? 0;
        const released = study.instances - study.heldInstances;
        const mark = verified === released ? `all ${verified}` : `${verified} of ${released}`;
        const took = durationText(Math.max(0, study.changedAtMs - study.firstSeenMs));
        return [
          shortUid(study.studyUid),
          study.state,
          study.instances,
          bytesText(study.bytes),
          study.repairedSymbols,
          took,
          mark,
        ];
      });
    const { delivered, duplicate, conflict, held, rejected, unaccounted, foreign } = account;
    const total = `${this.#sources.length} files put in = ${delivered} delivered + ${duplicate} duplicate + ${conflict} conflict + ${held} held + ${rejected} rejected`;
    const link = `${run.lost} datagrams lost on the link, ${run.repaired} symbols repaired, ${durationText(run.seconds * 1000)}, ${rateText((account.deliveredBytes * 8) / run.seconds)} from folder to inbox`;
    const lines = [
      table(['study', 'state', 'instances', 'size', 'repaired', 'time', 'verified'], rows),
      '',
      total + (unaccounted > 0 ? ` + ${unaccounted} UNACCOUNTED` : ''),
      link,
    ];
    if (!run.inTime) lines.push(`NOT DONE within ${durationText(limitMs)}`);
    if (foreign > 0) lines.push(`${foreign} files in the inbox are not what was put in`);
    lines.push(run.ok ? sameText(account.preambleZeroed) : 'THE DEMO FAILED');
    return lines.join('\n');
  }

  async #keepRunning(): Promise<void> {
    this.#say(`everything stays running; Ctrl-C ends it. The folder is ${this.#folder}`);
    this.#say(`  node dist/receiver/main.js status --config ${this.#path('receiver.toml')}`);
    this.#say(`  node dist/sender/main.js status --config ${this.#path('sender.toml')}`);
    await new Promise<void>((done) => {
      process.once('SIGINT', done);
      process.once('SIGTERM', done);
    });
  }

  async #command(script: string, flags: readonly string[]): Promise<void> {
    const program = this.#processes.startScript(script, { arguments: flags });
    const { code } = await program.waitForExit();
    if (code !== 0) throw new Error(`${script} ${flags[0]} ended with ${code}: ${program.text('stderr')}`);
  }

  #relayReport(): RelayReport | undefined {
    const last = this.#relay?.lines.findLast((line) => line.text.includes('"channel"'));
    return last === undefined ? undefined : JSON.parse(last.text);
  }

  #sender(): SenderStatus | undefined {
    return readSnapshot<SenderStatus>(this.#path('low/spool/status.json'));
  }

  #receiver(): ReceiverStatus | undefined {
    return readSnapshot<ReceiverStatus>(this.#path('high/vault/status.json'));
  }

  #ledger(): ReceiverLedger {
    return new ReceiverLedger(this.#path('high/vault/ledger.sqlite'));
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #say(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}

/** A port nobody uses now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const { port } = socket.address();
  await new Promise<void>((closed) => socket.close(closed));
  return port;
}

function sameText(preambleZeroed: number): string {
  const same = 'every released file is its source, byte for byte';
  if (preambleZeroed === 0) return same;
  return `${same}; of ${preambleZeroed} the preamble became zeros, as gate.preamble says: they are the same from byte 128 on`;
}

function isEnded({ state }: StudySummary): boolean {
  return state === studyState.released || state === studyState.held || state === studyState.quarantined;
}

function shortUid(uid: string): string {
  return uid.length <= 28 ? uid : `${uid.slice(0, 12)}…${uid.slice(-15)}`;
}

const program = new Command('demo')
  .description('sends studies over a lossy link between two real programs and verifies every byte')
  .argument('[directory]', 'a folder of DICOM files; default: synthetic studies, about 300 MB')
  .option('--seed <n>', 'seed of the link and of the synthetic studies', Number, 1)
  .option('--loss <percent>', 'share of datagrams the link loses, in bursts', Number, 3)
  .option('--rate <megabits>', 'rate of the link in Mb/s', Number, 500)
  .option('--keep', 'leave everything running afterwards', false)
  .option('--json', 'print one JSON object as the last line', false)
  .parse();
const [directory] = program.args;
if (directory !== undefined && !existsSync(directory)) {
  program.error(`demo: there is no folder ${directory}`);
}
const ok = await new Demo(program.opts<DemoOptions>()).run(
  directory === undefined ? undefined : resolve(directory),
);
process.exit(ok ? 0 : 1);
