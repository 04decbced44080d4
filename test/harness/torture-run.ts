/**
 * Ends either side with SIGKILL at random moments under load, again and again, over a lossy link, and then compares the
 * account: every instance is released, once, byte for byte. A kill also hits a program that is just starting.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import type { Processes, RunningProgram } from './processes.ts';
import { Random } from './random.ts';
import { Transfer, type TransferAccount } from './transfer.ts';
import { TransferLoad } from './transfer-load.ts';

export interface TortureOptions {
  readonly processes: Processes;
  readonly kills: number;
  readonly seed: number;
  /** How long everything may take to be released after the last kill. */
  readonly settleMs: number;
  readonly onProgress?: (kills: number, account: { instances: number; released: number }) => void;
}

export interface TortureReport extends TransferAccount {
  readonly kills: { readonly sender: number; readonly receiver: number };
  readonly studies: number;
  /** Of the receiver's ledger: objects in more than one release. */
  readonly releasedTwice: number;
  /** Programs that ended though nobody ended them, with their last words. */
  readonly ownDeaths: readonly string[];
  readonly secondsOfKills: number;
  readonly secondsToSettle: number;
}

const aliveMs = { min: 200, max: 3000 };

export async function runTorture(options: TortureOptions): Promise<TortureReport> {
  const { processes, seed } = options;
  const random = new Random(seed).fork('torture');
  const transfer = new Transfer({ processes, seed });
  Object.assign(transfer.senderSettings, { 'watch.quietSeconds': 0.5, 'passes.carouselGapSeconds': 2 });
  await transfer.prepare(['--loss', '0.03', '--burst', '8', '--reorder', '0.01', '--duplicate', '0.005']);
  await transfer.startReceiver();
  await transfer.startSender();
  const startedMs = performance.now();
  const load = new TransferLoad(transfer, random.fork('load'), 600);
  const loading = load.run();
  const kills = { sender: 0, receiver: 0 };
  const ownDeaths: string[] = [];
  const moments = random.fork('moments');
  try {
    for (let kill = 1; kill <= options.kills; kill += 1) {
      await sleep(moments.between(aliveMs.min, aliveMs.max));
      const side = moments.next() < 0.5 ? 'sender' : 'receiver';
      ownDeaths.push(...revive(transfer));
      await killAndRestart(transfer, side);
      kills[side] += 1;
      options.onProgress?.(kill, { instances: transfer.instances, released: transfer.releasedFiles() });
    }
  } finally {
    load.stop();
    await loading;
  }
  const killedMs = performance.now();
  try {
    await transfer.untilAllReleased(options.settleMs);
  } catch {
    // The account below says what is not there.
  }
  ownDeaths.push(...revive(transfer));
  const settledMs = performance.now();
  await transfer.sender?.stop();
  await transfer.receiver?.stop();
  return {
    ...transfer.account(),
    kills,
    studies: load.studies,
    releasedTwice: releasedTwice(transfer),
    ownDeaths,
    secondsOfKills: (killedMs - startedMs) / 1000,
    secondsToSettle: (settledMs - killedMs) / 1000,
  };
}

export function isClean(report: TortureReport): boolean {
  const { absent, twice, wrong, releasedTwice: again, ownDeaths } = report;
  return absent === 0 && twice === 0 && wrong === 0 && again === 0 && ownDeaths.length === 0;
}

async function killAndRestart(transfer: Transfer, side: 'sender' | 'receiver'): Promise<void> {
  const program = side === 'sender' ? transfer.sender : transfer.receiver;
  program?.signal('SIGKILL');
  await program?.waitForExit();
  transfer.begin(side);
}

/** Starts again what ended by itself. @returns its last words */
function revive(transfer: Transfer): string[] {
  const words: string[] = [];
  for (const side of ['sender', 'receiver'] as const) {
    const program: RunningProgram | undefined = side === 'sender' ? transfer.sender : transfer.receiver;
    if (program?.exit === undefined) continue;
    const last = program.lines.slice(-3).map(({ text }) => text);
    words.push(`${side} ended by itself (${program.exit.code ?? program.exit.signal}): ${last.join(' / ')}`);
    transfer.begin(side);
  }
  return words;
}

function releasedTwice(transfer: Transfer): number {
  const ledger = new ReceiverLedger(transfer.high('vault', 'ledger.sqlite'));
  try {
    const seen = new Map<string, number>();
    for (const { senderId, studyUid } of ledger.studies.newest(1_000_000)) {
      for (const { kind, objectIds } of ledger.releases.ofStudy(senderId, studyUid)) {
        if (kind === 'partial') continue;
        for (const id of objectIds) seen.set(id, (seen.get(id) ?? 0) + 1);
      }
    }
    return [...seen.values()].filter((count) => count > 1).length;
  } finally {
    ledger.close();
  }
}
