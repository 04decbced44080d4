/**
 * Goal: a person asks the running programs and is told what became of it, or that nothing did. Method: both programs as
 * processes, and their command lines.
 */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SenderLedger } from '../../sender/ledger/ledger.ts';
import { snapshotFreshMs } from '../../shared/console/command-line.ts';
import { Processes } from '../harness/processes.ts';
import { Transfer } from '../harness/transfer.ts';

const processes = new Processes();
let transfer: Transfer;
let studyUid = '';

beforeAll(async () => {
  transfer = new Transfer({ processes, seed: 37 });
  transfer.senderSettings['watch.quietSeconds'] = 600;
  transfer.receiverSettings['gate.preamble'] = 'reject-executable';
  await transfer.prepare();
  await transfer.startReceiver();
  await transfer.startSender();
  const study = transfer.prepareStudy({ instances: 2, bytes: 20_000 });
  const file = openSync(transfer.low('prepared', 'study-1', '1.dcm'), 'r+');
  writeSync(file, 'MZ this is a program', 0);
  closeSync(file);
  study.moveIn();
  studyUid = study.studyUid;
  await transfer.until('both are taken in', () => transfer.senderStatus()?.openStudies === 1);
  await transfer.until('both are sent', () => transfer.senderStatus()?.queue.objects === 0);
});

afterAll(() => processes.cleanUp());

const held = async () =>
  JSON.parse((await transfer.configured('receiver', 'quarantine', 'list', '--json')).output).held;

it('the sender closes a study that is asked for, says so, and keeps who asked and why', async () => {
  const asked = await transfer.configured('sender', 'close', '--reason', 'the surgeon waits', '--json');
  expect(JSON.parse(asked.output)).toEqual({ ok: true, detail: '1 study closed', studies: 1 });
  expect(await transfer.configured('sender', 'close')).toEqual({ code: 0, output: 'no study is open' });
  const ledger = new SenderLedger(transfer.low('spool', 'ledger.sqlite'));
  expect(ledger.audit.of(studyUid)).toMatchObject([{ action: 'close study', reason: 'the surgeon waits' }]);
  ledger.close();
});

it('the receiver lets an instance through, and says under which name it is in the inbox', async () => {
  await transfer.until('the other one is released', () => transfer.releasedFiles() === 1);
  const [{ objectId, heldBecause }] = await held();
  expect(heldBecause).toBe('E_PREAMBLE');
  const asked = await transfer.configured('receiver', 'quarantine', 'release', objectId, '--reason', 'known');
  expect(asked).toEqual({ code: 0, output: `1 instance released to the inbox as ${studyUid}.rev1` });
  expect([transfer.releasedFiles(), await held()]).toEqual([2, []]);
});

it('a program that does not run is not asked, and does nothing of it later', async () => {
  const retire = () =>
    transfer.configured('receiver', 'senders', 'retire', 'ab'.repeat(8), '--reason', 'it was sold');
  await transfer.receiver?.stop();
  const atMs = transfer.receiverStatus()?.atMs ?? 0;
  await transfer.until('it is known to have stopped', () => Date.now() - atMs > snapshotFreshMs);
  const startedMs = performance.now();
  expect(await retire()).toMatchObject({ code: 1, output: expect.stringContaining('code: E_NOT_RUNNING') });
  expect(performance.now() - startedMs).toBeLessThan(9000);
  await transfer.startReceiver();
  // It answers again, to this request alone.
  expect(await retire()).toMatchObject({ code: 1, output: expect.stringContaining('code: E_USAGE') });
});

it('what verify finds is taken again: at once by a program that runs, and by one that does not when it starts', async () => {
  const verify = () => transfer.configured('receiver', 'verify');
  const damage = () => {
    const [name = ''] = readdirSync(transfer.high('vault', 'objects')).sort();
    const path = transfer.high('vault', 'objects', name);
    const came = readFileSync(path);
    // A file of its own: one of the inbox may share that of the vault.
    rmSync(path);
    writeFileSync(path, Buffer.from(came).fill(0, 200, 300));
    return () => existsSync(path) && readFileSync(path).equals(came);
  };
  const isFirstBack = damage();
  expect(await verify()).toMatchObject({
    code: 1,
    output: expect.stringContaining('1 difference: 1 instance set aside, to be collected again'),
  });
  await transfer.until('it came again', isFirstBack);

  await transfer.receiver?.stop();
  const atMs = transfer.receiverStatus()?.atMs ?? 0;
  await transfer.until('it is known to have stopped', () => Date.now() - atMs > snapshotFreshMs);
  const isSecondBack = damage();
  expect(await verify()).toMatchObject({
    code: 1,
    output: expect.stringContaining('1 difference: 1 instance set aside when diode-receiver starts'),
  });
  await transfer.startReceiver();
  await transfer.until('it came again', isSecondBack);
});
