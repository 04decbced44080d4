/**
 * Goal: while the link is down nothing is sent into the void and nothing counts as a pass; afterwards everything goes on
 * by itself. Method: both programs in network namespaces, a veth pair as the fibre, one pass and no carousel, so that a
 * pass that counted and did not arrive would be missing in the end.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { SenderLedger } from '../../sender/ledger/ledger.ts';
import { highAddress, highInterface, lowAddress, lowInterface, NamespacePair } from '../bench/namespaces.ts';
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

it.skipIf(missing !== undefined)(
  'a sender that starts while the interface of the link is switched off',
  async () => {
    namespaces = new NamespacePair();
    const { low, high } = namespaces;
    const transfer = new Transfer({ processes, seed: 12, low, high, address: highAddress });
    Object.assign(transfer.senderSettings, { 'passes.count': 1, 'passes.carouselPercent': 0 });
    await transfer.prepare();
    await transfer.startReceiver();
    const hardware = hardwareOf(high, highInterface);
    setLink(low, 'down', lowInterface);
    const sender = await transfer.startSender();
    transfer.putStudy({ instances: 20, bytes: 60_000 });
    await transfer.until('it took the files in', () => transfer.senderStatus()?.queue.objects === 21);
    expect(transfer.senderStatus()?.link.stopped).toBe('all');
    expect(transfer.senderStatus()?.alarms.map(({ code }) => code)).toContain('E_LINK_DOWN');

    setLink(low, 'up', lowInterface);
    const neighbour = ['ip', 'neighbour', 'replace', highAddress, 'lladdr', hardware, 'dev', lowInterface];
    run(low, [...neighbour, 'nud', 'permanent']);
    await transfer.untilAllReleased();
    expect(transfer.account()).toMatchObject({ released: 20, absent: 0, twice: 0, wrong: 0 });
    await transfer.until('the alarms are cleared', () => transfer.senderStatus()?.alarms.length === 0);
    expect(sender.exit).toBeUndefined();
    await sender.stop();
    await transfer.receiver?.stop();
  },
);

it.skipIf(missing !== undefined)('a link that goes down in the middle of a transfer', async () => {
  namespaces ??= new NamespacePair();
  const { low, high } = namespaces;
  const transfer = new Transfer({ processes, seed: 11, low, high, address: highAddress });
  Object.assign(transfer.senderSettings, {
    'link.sourceAddress': lowAddress,
    'link.rateMegabitsPerSecond': 40,
    'passes.count': 1,
    'passes.carouselPercent': 0,
  });
  await transfer.prepare();
  await transfer.startReceiver();
  await transfer.startSender();
  const passes = () => {
    const ledger = new SenderLedger(transfer.low('spool', 'ledger.sqlite'));
    const sent = ledger.objects.forCarousel(1, 1000).length;
    ledger.close();
    return sent;
  };
  const datagrams = () => transfer.senderStatus()?.datagrams ?? 0;
  transfer.putStudy({ instances: 200, bytes: 60_000 });
  await transfer.until('a part of it is on its way', () => passes() > 20);
  expect(transfer.senderStatus()?.link).toMatchObject({ interface: 'tx0', stopped: 'none' });
  expect(transfer.senderStatus()?.alarms).toEqual([]);

  setLink(high, 'down');
  await transfer.until('the sender stops its queue', () => transfer.senderStatus()?.link.stopped === 'all');
  expect(transfer.senderStatus()?.alarms.map(({ code }) => code)).toContain('E_LINK_DOWN');
  // Passes that were lost are taken back meanwhile, so they are counted behind the datagrams.
  const still = await settled(datagrams);
  const before = { passes: passes(), datagrams: still };
  await sleep(1500);
  expect({ passes: passes(), datagrams: datagrams() }).toEqual(before);
  expect(transfer.releasedFiles()).toBe(0);
  const status = await transfer.configured('sender', 'status');
  expect(status.output).toMatch(/STOPPED: nothing can be sent now/);
  expect(transfer.receiverStatus()?.alarms.map(({ code }) => code)).toContain('E_LINK_DOWN');

  setLink(high, 'up');
  await transfer.untilAllReleased();
  expect(transfer.account()).toMatchObject({ absent: 0, twice: 0, wrong: 0 });
  await transfer.until('the alarm is cleared', () =>
    (transfer.senderStatus()?.alarms ?? []).every(({ code }) => code !== 'E_LINK_DOWN'),
  );
});

/** The counter is told four times a second; one that does not come to rest in time is found out later. */
async function settled(count: () => number): Promise<number> {
  let last = count();
  for (let look = 0; look < 5; look += 1) {
    await sleep(600);
    const now = count();
    if (now === last) break;
    last = now;
  }
  return last;
}

function setLink(side: readonly string[], state: 'up' | 'down', networkInterface = highInterface): void {
  run(side, ['ip', 'link', 'set', networkInterface, state]);
}

function hardwareOf(side: readonly string[], networkInterface: string): string {
  return run(side, ['cat', `/sys/class/net/${networkInterface}/address`]).trim();
}

function run(side: readonly string[], command: readonly string[]): string {
  const [program = '', ...flags] = [...side, ...command];
  return execFileSync(program, flags, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

function whatIsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces with names need root';
  const programs = ['ip', 'ethtool', 'taskset'].filter((name) => !hasProgram(name));
  if (programs.length > 0) return `${programs.join(', ')} not installed`;
  return existsSync(join(repositoryRoot(), 'dist/sender/main.js')) ? undefined : 'the programs are not built';
}
