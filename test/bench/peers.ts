/**
 * The peers on the same veth pair, each at its best: udpcast with forward error correction, from file to file on
 * disk, and iperf3, which sends and counts datagrams and touches no payload.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Processes } from '../harness/processes.ts';
import type { Tool } from './machine.ts';
import { highAddress, highInterface, lowInterface, type NamespacePair } from './namespaces.ts';
import { median, quantile, searchHighest, type Verdict } from './statistics.ts';

export const peerTools: readonly Tool[] = [
  { command: 'udp-sender', debianPackage: 'udpcast' },
  { command: 'udp-receiver', debianPackage: 'udpcast' },
  { command: 'iperf3', debianPackage: 'iperf3' },
];

export interface PeerResult {
  /** Median of the runs at the best rate, in bits of payload per second; 0 when no rate was kept. */
  readonly bitsPerSecond: number;
  /** As told to the peer, in Mb/s; 0 is without a limit. */
  readonly rateMegabits: number;
  readonly how: string;
}

export const notMeasured: PeerResult = { bitsPerSecond: Number.NaN, rateMegabits: 0, how: 'not measured' };

const iperf3Seconds = 4;
const iperf3LossMax = 0.001;
/** More than udpcast ever took at its lowest rate here; it may hang, and is ended then. */
const udpcastMs = 60_000;

/**
 * udpcast's best rate at which a file comes out as it went in, then the median of some runs at it.
 *
 * @param input a file; its copy is written beside it
 */
export async function measureUdpcast(
  namespaces: NamespacePair,
  input: string,
  runs: number,
): Promise<PeerResult> {
  const wanted = await digestOf(input);
  const transfer = (rate: number) => udpcastOnce(namespaces, input, wanted, rate);
  const search = { start: 900, min: 50, max: 2000, factor: 1.35, refinements: 2 };
  let rate = await searchHighest(search, async (megabits): Promise<Verdict> => {
    const bitsPerSecond = await transfer(Math.round(megabits));
    return verdictOf(bitsPerSecond ?? 0, bitsPerSecond !== undefined, megabits);
  });
  const how = 'udp-sender --async --fec 8x8/128, udp-receiver --rcvbuf 64M';
  for (let attempts = 0; rate !== undefined && attempts < 6; attempts++, rate *= 0.9) {
    const results: (number | undefined)[] = [];
    for (let run = 0; run < runs; run++) results.push(await transfer(Math.round(rate)));
    const intact = results.filter((result) => result !== undefined);
    if (intact.length === runs) return { bitsPerSecond: median(intact), rateMegabits: Math.round(rate), how };
  }
  return { bitsPerSecond: 0, rateMegabits: 0, how };
}

/** What arrived of the payload at iperf3's best rate with less than 0.1 % lost, with stock and with large buffers. */
export async function measureIperf3(namespaces: NamespacePair, runs: number): Promise<PeerResult> {
  const results: PeerResult[] = [];
  for (const buffers of [[], ['-w', '4M']]) {
    const how = ['iperf3 -u -l 1472', ...buffers].join(' ');
    const deliver = (rate: number) => iperf3Once(namespaces, rate, buffers);
    const unlimited = await deliver(0);
    let rate: number | undefined = 0;
    if (unlimited.loss >= iperf3LossMax) {
      const start = unlimited.deliveredBitsPerSecond / 1e6 / 1.5;
      const search = { start, min: 50, max: 20_000, factor: 1.3, refinements: 3 };
      rate = await searchHighest(search, async (megabits) => {
        const { deliveredBitsPerSecond, loss } = await deliver(megabits);
        return verdictOf(deliveredBitsPerSecond, loss < iperf3LossMax, megabits);
      });
    }
    for (let attempts = 0; rate !== undefined && attempts < 6; attempts++) {
      const delivered: { deliveredBitsPerSecond: number; loss: number }[] = [];
      for (let run = 0; run < runs; run++) delivered.push(await deliver(rate));
      const bitsPerSecond = median(delivered.map((result) => result.deliveredBitsPerSecond));
      const isClean =
        quantile(
          delivered.map(({ loss }) => loss),
          1,
        ) < iperf3LossMax;
      if (isClean) results.push({ bitsPerSecond, rateMegabits: Math.round(rate), how });
      if (isClean) break;
      rate = 0.9 * (rate === 0 ? bitsPerSecond / 1e6 : rate);
    }
  }
  return (
    results.sort((a, b) => b.bitsPerSecond - a.bitsPerSecond)[0] ?? {
      bitsPerSecond: 0,
      rateMegabits: 0,
      how: 'iperf3 -u -l 1472',
    }
  );
}

/** Where a peer reaches less than four fifths of what it was told, telling it more brings nothing. */
function verdictOf(bitsPerSecond: number, isIntact: boolean, rateMegabits: number): Verdict {
  if (!isIntact) return 'fails';
  return bitsPerSecond < 0.8e6 * rateMegabits ? 'saturated' : 'keeps';
}

/** @returns bits per second from the first byte to the last one of the output, or undefined unless it is intact */
async function udpcastOnce(
  namespaces: NamespacePair,
  input: string,
  wanted: string,
  rateMegabits: number,
): Promise<number | undefined> {
  const output = `${input}.received`;
  rmSync(output, { force: true });
  const processes = new Processes();
  const start = (side: readonly string[], command: string, flags: readonly string[]) => {
    const [program = '', ...before] = side;
    return processes.start(command, program, { arguments: [...before, command, ...flags] });
  };
  try {
    const receiving = [
      '--nokbd',
      '--nosync',
      '--no-progress',
      '--interface',
      highInterface,
      '--rcvbuf',
      '64M',
    ];
    const receiver = start(namespaces.high, 'udp-receiver', [...receiving, '-f', output]);
    await receiver.waitForLine(/UDP receiver/, { timeoutMs: 10_000 });
    const sending = ['--async', '--nokbd', '--no-progress', '--interface', lowInterface];
    const address = ['--mcast-rdv-address', highAddress, '--mcast-data-address', highAddress];
    const rate = ['--fec', '8x8/128', '--max-bitrate', `${rateMegabits}m`, '--autostart', '1'];
    start(namespaces.low, 'udp-sender', [...sending, ...address, ...rate, '-f', input]);
    const bytes = statSync(input).size;
    const endMs = performance.now() + udpcastMs;
    let firstMs: number | undefined;
    let lastMs = 0;
    let size = 0;
    while (size < bytes && receiver.exit === undefined && performance.now() < endMs) {
      await sleep(5);
      const now = existsSync(output) ? statSync(output).size : 0;
      if (now > size) {
        firstMs ??= performance.now();
        lastMs = performance.now();
      }
      size = now;
    }
    if (size !== bytes || firstMs === undefined) return undefined;
    if ((await digestOf(output)) !== wanted) return undefined;
    return (bytes * 8000) / (lastMs - firstMs);
  } finally {
    await processes.cleanUp();
    rmSync(output, { force: true });
  }
}

async function iperf3Once(
  namespaces: NamespacePair,
  rateMegabits: number,
  buffers: readonly string[],
): Promise<{ deliveredBitsPerSecond: number; loss: number }> {
  const processes = new Processes();
  try {
    const [high = '', ...beforeServer] = namespaces.high;
    const server = processes.start('iperf3 server', high, {
      arguments: [...beforeServer, 'iperf3', '-s', '-1', '--forceflush'],
    });
    await server.waitForLine(/listening/, { timeoutMs: 10_000 });
    const [low = '', ...beforeClient] = namespaces.low;
    const rate = rateMegabits === 0 ? '0' : `${Math.round(rateMegabits)}M`;
    const flags = [
      '-u',
      '-c',
      highAddress,
      '-l',
      '1472',
      '-b',
      rate,
      '-t',
      String(iperf3Seconds),
      ...buffers,
    ];
    const client = processes.start('iperf3', low, {
      arguments: [...beforeClient, 'iperf3', ...flags, '--json'],
    });
    await client.waitForExit(1000 * iperf3Seconds + 30_000);
    const sum = JSON.parse(client.text('stdout')).end?.sum;
    const [lost, packets, bits] = [sum?.lost_packets, sum?.packets, sum?.bits_per_second].map(Number);
    if (lost === undefined || bits === undefined || !(Number(packets) > 0))
      throw new Error(`iperf3 gave no result: ${client.text('stdout').slice(0, 500)}`);
    const loss = lost / Number(packets);
    return { deliveredBitsPerSecond: bits * (1 - loss), loss };
  } finally {
    await processes.cleanUp();
  }
}

async function digestOf(path: string): Promise<string> {
  const digest = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) digest.update(part);
  return digest.digest('hex');
}
