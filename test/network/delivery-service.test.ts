/**
 * Goal: a PACS that is down, breaks, stays silent or refuses costs time and nothing else; an operator sees it and can act.
 * Method: the real programs and command lines, with PACS that do what the test says.
 */
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReceiverStatus } from '../../receiver/status.ts';
import { type CollectingScp, collectingScp } from '../harness/collecting-scp.ts';
import { dataSetHashes } from '../harness/instance-files.ts';
import { Processes } from '../harness/processes.ts';
import { type ScriptedScp, scriptedScp } from '../harness/scripted-scp.ts';
import { freeTcpPort, Transfer } from '../harness/transfer.ts';

let processes: Processes;
let transfer: Transfer;
let closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  processes = new Processes();
  transfer = new Transfer({ processes, seed: 29 });
  await transfer.prepare();
});

afterEach(async () => {
  await Promise.all(closing.map((close) => close()));
  closing = [];
  await processes.cleanUp();
}, 60_000);

async function archive(port: number): Promise<CollectingScp> {
  const started = await collectingScp(['PACS'], { port });
  closing.push(() => started.scp.close());
  return started;
}

async function scripted(script: Parameters<typeof scriptedScp>[0]): Promise<ScriptedScp> {
  const scp = await scriptedScp(script);
  closing.push(() => scp.close());
  return scp;
}

function destination(name: string, port: number, ...more: readonly string[]): string[] {
  return [
    '[[destinations]]',
    `name = "${name}"`,
    'host = "127.0.0.1"',
    `port = ${port}`,
    'calledAe = "PACS"',
    'responseSeconds = 1',
    'retrySeconds = 0.3',
    'retryMinutesMax = 0.02',
    ...more,
  ];
}

async function json(...words: readonly string[]) {
  return JSON.parse((await transfer.configured('receiver', ...words, '--json')).output);
}

const statusOf = (name: string) =>
  transfer.receiverStatus()?.destinations.find((each) => each.name === name) ??
  ({ waiting: -1, failed: -1 } as const);

describe('a PACS', () => {
  it('that is down gets everything when it is there again, also when the receiver died meanwhile', async () => {
    const port = await freeTcpPort();
    const other = await archive(0);
    transfer.receiverTables = [
      ...destination('late', port, 'alarmMinutes = 0.03'),
      ...destination('other', other.scp.port),
    ];
    await transfer.startReceiver();
    await transfer.startSender();
    const studyUid = transfer.putStudy({ instances: 30, bytes: 20_000 });
    await transfer.until('the other one has all', () => other.sink.hashes().size === 30);
    await transfer.until('it waits', () => statusOf('late').waiting === 30);
    const alarms = () =>
      (transfer.receiverStatus()?.alarms ?? []).map(({ code, subject }) => `${code} ${subject}`);
    await transfer.until('it is an alarm', () => alarms().includes('E_DELIVERY_WAITING late'));

    const tested = await transfer.configured('receiver', 'destinations', 'test');
    expect(tested.code).toBe(1);
    expect(tested.output).toMatch(/late +FAILS +no connection \(ECONNREFUSED\) +E_PEER_CONNECT/);
    expect(tested.output).toMatch(/other +works +C-ECHO was answered by/);
    const status: ReceiverStatus & { studies: { state: string; deliveries: object }[] } =
      await json('status');
    expect(status.studies).toMatchObject([{ state: 'released', deliveries: { waiting: 30, sent: 30 } }]);

    transfer.receiver?.signal('SIGKILL');
    await transfer.receiver?.waitForExit();
    await transfer.startReceiver();
    await transfer.until('it waits again', () => statusOf('late').waiting === 30);
    const late = await archive(port);
    expect((await transfer.configured('receiver', 'destinations', 'retry', 'late')).code).toBe(0);
    await transfer.until('it has all', () => late.sink.hashes().size === 30);
    await transfer.until('nothing waits', () => statusOf('late').waiting === 0);
    expect(other.sink.instances).toHaveLength(30);
    const vault = new Map(
      [...(await dataSetHashes(transfer.high('vault', 'objects')))].map(([uid, [hash]]) => [uid, hash]),
    );
    expect(late.sink.hashes()).toEqual(vault);
    expect(other.sink.hashes()).toEqual(vault);
    expect((await json('status')).studies).toMatchObject([{ studyUid, state: 'delivered' }]);
    await transfer.until('the alarm is over', () => alarms().length === 0);
    expect((await transfer.configured('receiver', 'destinations')).output).toMatch(
      /late +PACS@127\.0\.0\.1:\d+ +0/,
    );
  });

  it('that aborts, stays silent or refuses loses one instance its turn, and a person sees which', async () => {
    const is = (uid: string, number: number) => uid.endsWith(`.${number}`);
    let isRepaired = false;
    const broken = await scripted({
      store: (count, uid) => {
        if (is(uid, 4)) return isRepaired ? 0 : 0xc001;
        if (count === 6) return 'abort';
        if (count === 9) return 'drop';
        return count === 12 ? 'silence' : 0;
      },
    });
    transfer.receiverTables = destination('pacs', broken.port);
    await transfer.startReceiver();
    await transfer.startSender();
    const studyUid = transfer.putStudy({ instances: 20, bytes: 20_000 });
    await transfer.until(
      'all but one arrived',
      () => statusOf('pacs').failed === 1 && statusOf('pacs').waiting === 0,
    );
    const { deliveries } = await json('deliveries', studyUid);
    const failed = deliveries.filter(({ state }: { state: string }) => state !== 'sent');
    expect(deliveries).toHaveLength(20);
    expect(failed).toMatchObject([
      { state: 'failed', code: 'E_PEER_REFUSED', status: 0xc001, sopInstanceUid: `${studyUid}.1.4` },
    ]);
    expect(new Set(broken.instances).size).toBe(20);
    expect((await json('status')).studies).toMatchObject([{ state: 'released' }]);
    expect((await transfer.configured('receiver', 'status')).output).toMatch(
      /ALARM +critical E_DELIVERY_FAILED pacs/,
    );

    isRepaired = true;
    const retried = await transfer.configured('receiver', 'destinations', 'retry', 'pacs');
    expect(retried.output).toContain('1 instance queued for pacs (1 had failed): tried right away');
    await transfer.until(
      'it is there',
      () => statusOf('pacs').failed === 0 && statusOf('pacs').waiting === 0,
    );
    expect((await json('status')).studies).toMatchObject([{ state: 'delivered' }]);
    expect((await transfer.configured('receiver', 'destinations', 'retry', 'nobody')).output).toContain(
      'E_USAGE',
    );
  });

  it('may be all there is: without an inbox, and the vault empty when it has everything', async () => {
    const only = await archive(0);
    transfer.receiverSettings['inbox.enabled'] = false;
    transfer.receiverSettings['vault.keepForDays'] = 0;
    transfer.receiverTables = [
      ...destination('archive', only.scp.port, 'modalities = ["OT"]'),
      ...destination('never', only.scp.port, 'modalities = ["CT"]'),
    ];
    await transfer.startReceiver();
    await transfer.startSender();
    transfer.putStudy({ instances: 25, bytes: 20_000 });
    await transfer.until('it has all', () => only.sink.hashes().size === 25);
    await transfer.until(
      'the vault is empty',
      () => readdirSync(transfer.high('vault', 'objects')).length === 0,
    );
    expect(transfer.releasedFiles()).toBe(0);
    expect((await json('status')).studies).toMatchObject([{ state: 'delivered' }]);

    // The carousel brings it again and again, also to another life of the receiver: it is known, and not taken.
    const again = () => transfer.receiverStatus()?.assemble.ofFinished ?? 0;
    transfer.receiver?.signal('SIGKILL');
    await transfer.receiver?.waitForExit();
    await transfer.startReceiver();
    await transfer.until('it comes again', () => again() > 100);
    expect(readdirSync(transfer.high('vault', 'objects'))).toEqual([]);
    expect(only.sink.instances).toHaveLength(25);
    expect(await json('missing')).toEqual({ missing: [], more: [] });
  });
});
