/**
 * Goal: no half-dead program. Any part that dies takes the whole of it down, with a message and an exit code that its
 * supervisor sees; after that, and after a stop in the middle, what was on its way arrives. Method: the real programs; a
 * module that is preloaded by the test kills one of their threads.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Processes } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { Transfer, type TransferOptions } from '../harness/transfer.ts';

const built = existsSync(join(repositoryRoot(), 'dist/sender/main.js'));
if (!built && process.env['CI'] !== undefined) throw new Error('the programs are not built');

const withFault = (fault: string): readonly string[] => [
  'env',
  `NODE_OPTIONS=--import=${join(repositoryRoot(), 'dist/test/harness/fault-in-thread.js')}`,
  `FAULT_OF_A_TEST=${fault}`,
];

describe.skipIf(!built)('a program of which a part dies', () => {
  let processes: Processes;
  afterEach(() => processes.cleanUp());

  async function prepared(options: Partial<TransferOptions> = {}): Promise<Transfer> {
    processes = new Processes();
    const transfer = new Transfer({ processes, seed: 61, ...options });
    await transfer.prepare();
    return transfer;
  }

  it.each([
    ['sender', 'encode-thread throw'],
    ['sender', 'encode-thread exit'],
    ['sender', 'link-thread throw'],
    ['receiver', 'link-thread throw'],
    ['receiver', 'link-thread exit'],
    ['receiver', 'gate-thread throw'],
    ['receiver', 'gate-thread exit'],
  ] as const)('ends as a whole: %s, %s', async (side, fault) => {
    const transfer = await prepared(
      side === 'sender' ? { low: withFault(fault) } : { high: withFault(fault) },
    );
    const program = transfer.begin(side);
    const { code } = await program.waitForExit(30_000);
    expect(code).toBe(1);
    expect(program.text('stdout') + program.text('stderr')).toContain('E_INTERNAL');
  });

  it('goes on after a stop in the middle, on both sides', async () => {
    const transfer = await prepared();
    // The study takes about four seconds a pass.
    transfer.senderSettings['link.rateMegabitsPerSecond'] = 20;
    await transfer.startReceiver();
    await transfer.startSender();
    transfer.putStudy({ instances: 80, bytes: 100_000 });
    const arrived = () => transfer.receiverStatus()?.assemble.blocksFinished ?? 0;
    await transfer.until('some of it has arrived', () => arrived() > 5);
    for (const side of ['sender', 'receiver'] as const) {
      expect(await transfer[side]?.stop()).toEqual({ code: 0, signal: null });
    }
    expect(transfer.releasedFiles()).toBe(0);
    transfer.senderSettings['link.rateMegabitsPerSecond'] = 200;
    await transfer.startReceiver();
    await transfer.startSender();
    await transfer.untilAllReleased();
    expect(transfer.account()).toEqual({ instances: 80, released: 80, absent: 0, twice: 0, wrong: 0 });
  });
});
