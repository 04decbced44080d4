/**
 * Goal: with real programs, keys change in the middle of a transfer and nothing is lost; a recording of the link, played
 * again, changes nothing; no secret and nothing of a patient is anywhere but where it belongs. Method: three studies
 * cross while keys are added, used and revoked; a recorder stands in the link; then everything that was written is read.
 */
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import { type Key, readKeyFile } from '../../shared/crypto/key-file.ts';
import { readKeyId } from '../../shared/wire/datagram.ts';
import { LinkRecorder } from '../harness/link-recorder.ts';
import { Processes } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { filesBelow, Transfer } from '../harness/transfer.ts';

const isBuilt = existsSync(join(repositoryRoot(), 'dist/sender/main.js'));
if (!isBuilt && process.env['CI'] !== undefined) throw new Error('the programs are not built');

const processes = new Processes();
let recorder: LinkRecorder | undefined;

afterAll(async () => {
  await processes.cleanUp();
  recorder?.close();
});

/** What the harness puts into every instance, and into the name of a file that is rejected. */
const patient = 'SYNTHETIC';
/** Where files of patients may lie. */
const patientFolders = [
  'low/watch/',
  'low/prepared/',
  'low/spool/objects/',
  'low/spool/rejected/',
  'high/vault/objects/',
  'high/inbox/',
];

it.skipIf(!isBuilt)('keys change, a recording is played, and nothing of it shows', async () => {
  const transfer = new Transfer({ processes, seed: 31 });
  Object.assign(transfer.senderSettings, { 'link.rateMegabitsPerSecond': 40, 'log.level': 'debug' });
  Object.assign(transfer.receiverSettings, { 'log.level': 'debug' });
  await transfer.prepare();
  recorder = await LinkRecorder.start(Number(transfer.receiverSettings['link.port']));
  transfer.senderSettings['link.port'] = recorder.port;
  const secrets = new Map<number, Key>();
  const lowKey = transfer.low('key');
  const carryKeys = () => {
    for (const key of readKeyFile(lowKey)) secrets.set(key.id, key);
    copyFileSync(lowKey, transfer.high('key'));
  };
  const outputs: string[] = [];
  const command = async (...flags: string[]) => {
    const { code, output } = await transfer.command('sender', [...flags, '--json']);
    expect(code, output).toBe(0);
    outputs.push(output);
    return JSON.parse(output);
  };
  carryKeys();
  const [oldKey] = readKeyFile(lowKey);

  const receiver = await transfer.startReceiver();
  const sender = await transfer.startSender();
  const receiverReads = async (count: number) => {
    const fromLine = receiver.lineCount;
    receiver.signal('SIGHUP');
    const line = await receiver.waitForLine(/keys read again/, { fromLine });
    expect(JSON.parse(line.text).data.keys).toBe(count);
  };
  const senderReads = async (keyId: number) => {
    const fromLine = sender.lineCount;
    sender.signal('SIGHUP');
    const line = await sender.waitForLine(/sender started/, { fromLine });
    expect(JSON.parse(line.text).data.keyId).toBe(keyId);
  };

  // In the middle of a study: a key more, then the other one, then only that one.
  transfer.putStudy({ instances: 60, bytes: 60_000 });
  const arrived = (share: number) => () => (transfer.receiverStatus()?.link.admitted ?? 0) > share;
  await transfer.until('a part of it is on its way', arrived(200));
  const { keyId: newId } = await command('keygen', '--add', lowKey);
  carryKeys();
  await receiverReads(2);
  await command('keys', 'use', String(newId), lowKey);
  await senderReads(newId);
  transfer.putStudy({ instances: 30, bytes: 60_000 });
  await transfer.untilAllReleased();
  expect(new Set(recorder.recorded.map((datagram) => readKeyId(datagram)))).toEqual(
    new Set([oldKey.id, newId]),
  );
  await command('keys', 'revoke', String(oldKey.id), lowKey);
  carryKeys();
  await senderReads(newId);
  expect(sender.text('stdout')).toContain('objects planned again');
  await receiverReads(1);
  transfer.putStudy({ instances: 10, bytes: 60_000 });
  // A file that is none, with a name that says too much.
  writeFileSync(transfer.low('watch', `${patient}^JANE.dcm`), 'nothing');
  await transfer.untilAllReleased();
  await transfer.until('the file is rejected', () => sender.text('stdout').includes('file rejected'));
  expect(transfer.account()).toMatchObject({ instances: 100, absent: 0, twice: 0, wrong: 0 });
  await sender.stop();

  // A recording of it all is played, to this receiver and to the next one.
  const state = () => {
    const ledger = new ReceiverLedger(transfer.high('vault', 'ledger.sqlite'));
    const rows = ledger.studies.newest(100).map((study) => ({
      study,
      instances: ledger.instances.ofStudy(study.senderId, study.studyUid),
      releases: ledger.releases.ofStudy(study.senderId, study.studyUid),
    }));
    const senders = ledger.senders.all();
    ledger.close();
    return { inbox: filesBelow(transfer.high('inbox')).sort(), rows, senders };
  };
  const heard = () => {
    const link = transfer.receiverStatus()?.link;
    const refused = Object.values(link?.refused ?? {}).reduce((sum, count) => sum + count, 0);
    return { all: (link?.admitted ?? 0) + refused, ofOldKey: link?.refused['E_DATAGRAM_KEY'] ?? 0 };
  };
  const before = state();
  for (const isRestarted of [false, true]) {
    if (isRestarted) {
      outputs.push(receiver.text('stdout'), receiver.text('stderr'));
      await transfer.receiver?.stop();
      const next = await transfer.startReceiver();
      await transfer.until('it tells of itself', () => transfer.receiverStatus()?.pid === next.pid);
    }
    const heardBefore = heard();
    const played = await recorder.play();
    // The loopback interface may lose some of so many.
    await transfer.until('most of it was heard', () => heard().all - heardBefore.all > played / 2);
    expect(heard().ofOldKey).toBeGreaterThan(heardBefore.ofOldKey + 100);
    // A life that heard them before drops them as heard; the next one knows them as old.
    if (isRestarted)
      await transfer.until('it is noticed', () =>
        (transfer.receiverStatus()?.alarms ?? []).some(({ code }) => code === 'E_DATAGRAM_REPLAY'),
      );
    expect(state()).toEqual(before);
  }

  for (const flags of [['status'], ['status', '--json'], ['doctor'], ['missing']]) {
    const sides = flags[0] === 'missing' ? (['receiver'] as const) : (['sender', 'receiver'] as const);
    const told = await Promise.all(sides.map((side) => transfer.configured(side, ...flags)));
    outputs.push(...told.map(({ output }) => output));
  }
  await transfer.receiver?.stop();
  for (const program of [sender, transfer.receiver])
    outputs.push(program?.text('stdout') ?? '', program?.text('stderr') ?? '');
  const files = [...placesOf('low', transfer.lowFolder), ...placesOf('high', transfer.highFolder)];
  const written = files.map(({ name, path }) => ({ name, bytes: readFileSync(path) }));
  const said = outputs.map((text, number) => ({ name: `output ${number}`, bytes: Buffer.from(text) }));
  const all = [...written, ...said];
  const filesWith = (text: string | Buffer) =>
    all.filter(({ bytes }) => bytes.includes(text)).map(({ name }) => name);

  // The search works: it finds the one key where it is, and patients where their files are.
  const [current] = readKeyFile(lowKey);
  expect(filesWith(Buffer.from(current.secret).toString('base64url')).sort()).toEqual([
    'high/key',
    'low/key',
  ]);
  expect(filesWith(patient).some((name) => name.startsWith('high/vault/objects/'))).toBe(true);
  expect(secrets.size).toBe(2);
  for (const { secret } of secrets.values()) {
    const bytes = Buffer.from(secret);
    const forms = [
      bytes,
      bytes.toString('hex'),
      bytes.toString('base64'),
      bytes.toString('base64url'),
      [...bytes].join(','),
    ];
    for (const form of forms)
      expect(filesWith(form).filter((name) => !/^(low|high)\/key$/.test(name))).toEqual([]);
  }
  expect(
    filesWith(patient).filter((name) => !patientFolders.some((folder) => name.startsWith(folder))),
  ).toEqual([]);
  const named = files.filter(({ name }) => name.includes(patient)).map(({ name }) => name);
  expect(named.filter((name) => !name.startsWith('low/spool/rejected/'))).toEqual([]);
  expect(named).toHaveLength(1);

  // Who stands on the fibre reads nothing of a patient.
  expect(recorder.recorded.length).toBeGreaterThan(1000);
  expect(recorder.recorded.some((datagram) => Buffer.from(datagram).includes(patient))).toBe(false);

  // Nobody but user and group can look at anything the programs made.
  const open = [transfer.low('spool'), transfer.high('vault'), transfer.high('inbox')]
    .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
    .map((entry) => join(entry.parentPath, entry.name))
    // What the scanner gave has the mode the scanner gave it, in a folder that is closed.
    .filter((path) => (statSync(path).mode & 0o007) !== 0 && !statSync(path).isFile());
  expect(open).toEqual([]);
});

function placesOf(side: string, folder: string): { name: string; path: string }[] {
  return filesBelow(folder).map((name) => ({ name: `${side}/${name}`, path: join(folder, name) }));
}
