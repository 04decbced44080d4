/**
 * Goal: each instance goes to the destinations that ask for how it came, and to no other. Method: the real programs over a
 * link that loses; scanners with AE titles of their own and one that writes files; a PACS for each rule.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { storeInstances } from '../../receiver/deliver/c-store-scu.ts';
import type { InstanceFile } from '../../receiver/deliver/instance-file.ts';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import { collectingScp } from '../harness/collecting-scp.ts';
import { writeInstances } from '../harness/instance-files.ts';
import { Processes } from '../harness/processes.ts';
import { freeTcpPort, Transfer } from '../harness/transfer.ts';

let processes: Processes;
let transfer: Transfer;
let closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  processes = new Processes();
  transfer = new Transfer({ processes, seed: 37 });
  await transfer.prepare(['--loss', '0.03', '--burst', '8']);
});

afterEach(async () => {
  await Promise.all(closing.map((close) => close()));
  closing = [];
  await processes.cleanUp();
}, 60_000);

/** A PACS that takes everything, and the lines that make it a destination with a rule. */
async function pacs(name: string, ...rule: readonly string[]) {
  const { scp, sink } = await collectingScp(['PACS']);
  closing.push(() => scp.close());
  const where = [`name = "${name}"`, 'host = "127.0.0.1"', `port = ${scp.port}`, 'calledAe = "PACS"'];
  return {
    name,
    lines: ['[[destinations]]', ...where, 'retrySeconds = 0.3', ...rule],
    uids: () => sink.instances.map(({ context }) => context.sopInstanceUid).sort(),
  };
}

it('sends an instance where its AE titles lead, also within one study, and a file nowhere by them', async () => {
  const port = await freeTcpPort();
  Object.assign(transfer.senderSettings, { 'dicom.address': '127.0.0.1', 'dicom.port': port });
  transfer.senderTables = ['DIODE', 'DIODE_NIGHT'].flatMap((title) => [
    '[[dicom.titles]]',
    `title = "${title}"`,
    'quietSeconds = 1',
  ]);
  const everything = await pacs('everything');
  const fromCt = await pacs('from-ct', 'callingAeTitles = ["CT1"]');
  const toNight = await pacs('to-night', 'calledAeTitles = ["DIODE_NIGHT"]');
  const both = await pacs('both', 'callingAeTitles = ["CT1"]', 'calledAeTitles = ["DIODE_NIGHT"]');
  const nobody = await pacs('nobody', 'callingAeTitles = ["diode", "PACS"]');
  const all = [everything, fromCt, toNight, both, nobody];
  transfer.receiverTables = all.flatMap(({ lines }) => lines);
  await transfer.startReceiver();
  await transfer.startSender();

  const sent = new Map<string, readonly InstanceFile[]>();
  const send = async (callingAe: string, calledAe: string, files: readonly InstanceFile[]) => {
    const to = { kind: 'dicom', name: 'sender', host: '127.0.0.1', port, callingAe, calledAe } as const;
    for await (const { outcome } of storeInstances(to, files)) expect(outcome).toBe('delivered');
    sent.set(`${callingAe} ${calledAe}`, files);
  };
  const folder = processes.temporaryFolder();
  const mixed = await writeInstances({ folder, seed: 41, count: 9, approximateBytes: 20_000 });
  await send('CT1', 'DIODE', mixed.slice(0, 3));
  await send('MR1', 'DIODE_NIGHT', mixed.slice(3, 6));
  await send('MR1', 'DIODE', mixed.slice(6));
  await send('CT1', 'DIODE_NIGHT', await writeInstances({ folder, seed: 42, count: 4 }));
  const fileStudy = transfer.putStudy({ instances: 5, bytes: 20_000 });

  const uidsOf = (...ways: readonly string[]) =>
    ways.flatMap((way) => (sent.get(way) ?? []).map(({ sopInstanceUid }) => sopInstanceUid)).sort();
  await transfer.until('one has everything', () => everything.uids().length === 9 + 4 + 5);
  // Whoever gets an instance is entered as it is released: nobody comes later.
  const ledger = new ReceiverLedger(transfer.high('vault', 'ledger.sqlite'));
  const nothingWaits = () => [...ledger.deliveries.open().values()].every(({ waiting }) => waiting === 0);
  await transfer.until('nothing waits', nothingWaits);
  ledger.close();
  expect(fromCt.uids()).toEqual(uidsOf('CT1 DIODE', 'CT1 DIODE_NIGHT'));
  expect(toNight.uids()).toEqual(uidsOf('MR1 DIODE_NIGHT', 'CT1 DIODE_NIGHT'));
  expect(both.uids()).toEqual(uidsOf('CT1 DIODE_NIGHT'));
  expect(nobody.uids()).toEqual([]);
  expect(everything.uids().filter((uid) => uid.startsWith(`${fileStudy}.`))).toHaveLength(5);
});
