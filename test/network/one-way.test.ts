/**
 * Goal: not one frame goes from the high side to the low side: no ARP, no ICMP, no IPv6, whatever the receiver does.
 * Method: both programs in network namespaces set up by the files of hw-notes; everything that reaches the low side is
 * captured and counted while a transfer runs and the receiver is stopped, killed and started again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { highAddress, lowAddress, NamespacePair } from '../bench/namespaces.ts';
import { GuardedLink, knock } from '../harness/guarded-link.ts';
import { hasProgram } from '../harness/peer-namespace.ts';
import { Processes } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { Transfer } from '../harness/transfer.ts';

const missing = whatIsMissing();
if (missing !== undefined && process.env['CI'] !== undefined) throw new Error(missing);

const processes = new Processes();
let namespaces: NamespacePair | undefined;

afterAll(async () => {
  await processes.cleanUp();
  namespaces?.remove();
});

it.skipIf(missing !== undefined)('a whole run, and nothing comes back', async () => {
  namespaces = new NamespacePair();
  const link = new GuardedLink(namespaces);
  const { low, high } = namespaces;
  const transfer = new Transfer({ processes, seed: 21, low, high, address: highAddress });
  Object.assign(transfer.senderSettings, {
    'link.sourceAddress': lowAddress,
    'link.rateMegabitsPerSecond': 40,
  });
  await transfer.prepare();
  const port = Number(transfer.senderSettings['link.port']);

  // Without the files, a datagram to a closed port is answered: so this is what is looked for, and it is seen.
  const unguarded = await link.capture(processes, transfer.low('unguarded.pcap'));
  knock(namespaces, port);
  await transfer.until('the kernel of the high side answers', () => unguarded.capturedBytes > 0);
  expect(await unguarded.stop()).toBeGreaterThan(0);

  link.quieten();
  link.guard(transfer.low(), port);
  const before = { toLow: link.framesToLow(), fromHigh: link.framesFromHigh() };
  const capture = await link.capture(processes, transfer.low('link.pcap'));
  const toReceiver = () => link.counters('low')['to_receiver'] ?? 0;
  const more = async (what: string, datagrams: number) => {
    const reached = toReceiver() + datagrams;
    await transfer.until(what, () => toReceiver() >= reached);
  };

  await transfer.startSender();
  transfer.putStudy({ instances: 60, bytes: 60_000 });
  await more('the sender sends to a host without a receiver', 200);
  const receiver = await transfer.startReceiver();
  await more('a part arrives', 500);
  await receiver.stop();
  await more('the port is closed', 300);
  const again = await transfer.startReceiver();
  await more('a part arrives again', 500);
  again.signal('SIGKILL');
  await again.waitForExit();
  await more('the port is closed again', 300);
  await transfer.startReceiver();
  await transfer.untilAllReleased();
  expect(transfer.account()).toMatchObject({ absent: 0, twice: 0, wrong: 0 });

  const { from_sender: arrived, ...highCounters } = link.counters('high');
  // Not even the kernel's word that the port is closed: it knows no way back, so it never came as far as a rule.
  expect(highCounters).toEqual({
    sent_to_link: 0,
    stray_from_link: 0,
    from_elsewhere: 0,
    forwarded: 0,
    port_closed: 0,
  });
  expect(arrived).toBeGreaterThan(1000);
  const { to_receiver: sent, ...lowCounters } = link.counters('low');
  expect(lowCounters).toEqual({ came_from_link: 0, stray_to_link: 0, left_elsewhere: 0, forwarded: 0 });
  expect(sent).toBeGreaterThan(1000);

  // Somebody on the high side sets it up wrongly and sends: the rules alone stop it, and count it.
  link.tryToSendBack(lowAddress);
  await transfer.until('the rules stop it', () => (link.counters('high')['sent_to_link'] ?? 0) >= 2);

  expect(await capture.stop()).toBe(0);
  expect({ toLow: link.framesToLow(), fromHigh: link.framesFromHigh() }).toEqual(before);
  expect(link.counters('low')['came_from_link']).toBe(0);
});

function whatIsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces with names need root';
  const programs = ['ip', 'ethtool', 'taskset', 'nft', 'tcpdump'].filter((name) => !hasProgram(name));
  if (programs.length > 0) return `${programs.join(', ')} not installed`;
  return existsSync(join(repositoryRoot(), 'dist/sender/main.js')) ? undefined : 'the programs are not built';
}
