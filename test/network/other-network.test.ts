/**
 * Goal: what comes by another network than the link's is none of the link's, even where it is sent to the link's address;
 * and what is meant for the link leaves by no other. Method: a third namespace as the hospital's network, with and without
 * the rules of hw-notes; datagrams that are refused are counted, so one that came in shows.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { highAddress, highInterface, lowAddress, lowInterface, NamespacePair } from '../bench/namespaces.ts';
import { GuardedLink } from '../harness/guarded-link.ts';
import { OtherNetwork, sendFrom } from '../harness/other-network.ts';
import { hasProgram } from '../harness/peer-namespace.ts';
import { Processes } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { Transfer } from '../harness/transfer.ts';

const missing = whatIsMissing();
if (missing !== undefined && process.env['CI'] !== undefined) throw new Error(missing);

const processes = new Processes();
let namespaces: NamespacePair | undefined;
let other: OtherNetwork | undefined;

afterAll(async () => {
  await processes.cleanUp();
  other?.remove();
  namespaces?.remove();
});

it.skipIf(missing !== undefined)('nothing reaches the link but by its interface', async () => {
  namespaces = new NamespacePair();
  other = new OtherNetwork(namespaces);
  const { low, high } = namespaces;
  const link = new GuardedLink(namespaces);
  const transfer = new Transfer({ processes, seed: 31, low, high, address: highAddress });
  await transfer.prepare();
  const port = Number(transfer.receiverSettings['link.port']);
  await transfer.startReceiver();
  const refused = () =>
    Object.values(transfer.receiverStatus()?.link.refused ?? {}).reduce((a, b) => a + b, 0);
  const codes = () => transfer.receiverStatus()?.alarms.map(({ code }) => code) ?? [];
  await transfer.until(
    'the socket is bound',
    () => transfer.receiverStatus()?.link.boundTo === highInterface,
  );

  // By the link it comes as far as the program, which refuses it; by the other network it does not.
  sendFrom(low, port, 20);
  await transfer.until('what came by the link is refused', () => refused() === 20);
  // A socket that is bound to the same address alone hears it: nothing else on the way delays it.
  const script = `const socket = require('node:dgram').createSocket('udp4');
    socket.on('message', () => process.exit(0));
    socket.bind(${port + 1}, '${highAddress}', () => console.log('bound'));`;
  const [program = '', ...flags] = high;
  const beside = processes.start('beside', program, {
    arguments: [...flags, process.execPath, '-e', script],
  });
  await beside.waitForLine(/bound/);
  other.send(port + 1, 5);
  expect((await beside.waitForExit()).code).toBe(0);
  other.send(port, 50);
  await sleep(1500);
  expect(refused()).toBe(20);
  expect(codes()).not.toContain('E_LINK_INTERFACE');

  link.quieten();
  link.guard(transfer.low(), port);
  other.send(port, 50);
  await transfer.until('the rules count it', () => (link.counters('high')['from_elsewhere'] ?? 0) >= 50);
  const counters = transfer.low('counters.json');
  writeFileSync(counters, run(high, ['nft', '-j', 'list', 'counters']));
  const doctor = await transfer.configured('receiver', 'doctor', '--json', '--counters', counters);
  expect(doctor.output).toMatch(/they stopped traffic that must not occur: from_elsewhere \d+/);

  // The whole way goes on as before.
  Object.assign(transfer.senderSettings, { 'link.sourceAddress': lowAddress });
  await transfer.startSender();
  transfer.putStudy({ instances: 5, bytes: 40_000 });
  await transfer.untilAllReleased();
  expect(transfer.senderStatus()?.link.boundTo).toBe(lowInterface);
  await transfer.sender?.stop();
  await transfer.receiver?.stop();
});

it.skipIf(missing !== undefined)(
  'an interface that was taken away and came again is bound to anew, without a restart',
  async () => {
    // Without the rules of the other test, which are for its port.
    other?.remove();
    namespaces?.remove();
    other = undefined;
    namespaces = new NamespacePair();
    const { low, high } = namespaces;
    const transfer = new Transfer({ processes, seed: 32, low, high, address: highAddress });
    await transfer.prepare();
    await transfer.startReceiver();
    await transfer.startSender();
    transfer.putStudy({ instances: 3, bytes: 40_000 });
    await transfer.untilAllReleased();
    // Both ends of a pair go together.
    run(low, ['ip', 'link', 'delete', lowInterface]);
    await transfer.until('the sender stops its queue', () => transfer.senderStatus()?.link.stopped === 'all');
    await transfer.until('nothing is bound', () => transfer.receiverStatus()?.link.boundTo === undefined);
    transfer.putStudy({ instances: 3, bytes: 40_000 });
    namespaces.join();
    await transfer.untilAllReleased();
    expect(transfer.account()).toMatchObject({ released: 6, absent: 0, twice: 0, wrong: 0 });
    expect(transfer.senderStatus()?.link.boundTo).toBe(lowInterface);
    expect(transfer.receiverStatus()?.link.boundTo).toBe(highInterface);
    expect([transfer.sender?.exit, transfer.receiver?.exit]).toEqual([undefined, undefined]);
  },
);

function run(side: readonly string[], command: readonly string[]): string {
  const [program = '', ...flags] = [...side, ...command];
  return execFileSync(program, flags, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function whatIsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces with names need root';
  const programs = ['ip', 'ethtool', 'taskset', 'nft'].filter((name) => !hasProgram(name));
  if (programs.length > 0) return `${programs.join(', ')} not installed`;
  return existsSync(join(repositoryRoot(), 'dist/sender/main.js')) ? undefined : 'the programs are not built';
}
