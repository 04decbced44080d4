import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { burstLoss, Channel, type ChannelOptions, channelPresets } from '../../harness/channel.ts';
import { DatagramRelay } from '../../harness/datagram-relay.ts';
import { Processes } from '../../harness/processes.ts';
import { Random } from '../../harness/random.ts';
import { parseRelayOptions } from '../../harness/relay-options.ts';
import { repositoryRoot } from '../../harness/repository-root.ts';

const processes = new Processes();
const cleanUps: (() => void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
  await processes.cleanUp();
});

async function boundSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

async function connectedSocket(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** The far end: numbers of what arrives, and a wait for as many of them. */
async function farEnd(): Promise<{
  port: number;
  numbers: number[];
  arrived: (count: number) => Promise<void>;
}> {
  const socket = await boundSocket();
  cleanUps.push(() => socket.close());
  const numbers: number[] = [];
  let waiting: { count: number; resolve: () => void } | undefined;
  socket.on('message', (datagram) => {
    numbers.push(datagram.readUInt32BE(0));
    if (waiting !== undefined && numbers.length >= waiting.count) waiting.resolve();
  });
  const arrived = (count: number): Promise<void> =>
    numbers.length >= count
      ? Promise.resolve()
      : new Promise((resolve) => {
          waiting = { count, resolve };
        });
  return { port: socket.address().port, numbers, arrived };
}

function numbered(number: number): Buffer {
  const datagram = Buffer.alloc(64);
  datagram.writeUInt32BE(number, 0);
  return datagram;
}

/** Sends numbered datagrams to a port, few enough at a time for the smallest socket buffers. */
async function sendNumbers(port: number, count: number): Promise<void> {
  const socket = await connectedSocket(port);
  cleanUps.push(() => socket.close());
  for (let number = 0; number < count; number++) {
    socket.send(numbered(number));
    if (number % 10 === 9) await new Promise(setImmediate);
  }
}

async function startRelay(
  target: number,
  channel: ChannelOptions,
  seed = 1,
): Promise<{ port: number; relay: DatagramRelay }> {
  const input = await boundSocket();
  const relay = new DatagramRelay(input, await connectedSocket(target), channel, new Random(seed));
  cleanUps.push(() => relay.close());
  return { port: input.address().port, relay };
}

/** What a channel of this seed lets through of so many datagrams, when loss depends on no clock. */
function expectedNumbers(channel: ChannelOptions, count: number, seed = 1): number[] {
  const model = new Channel(channel, new Random(seed));
  return Array.from({ length: count }, (_, number) => number).filter(
    (number) => model.transmit(numbered(number), 0).length > 0,
  );
}

describe('a relay', () => {
  it('carries everything in order over a perfect channel', async () => {
    const far = await farEnd();
    const { port, relay } = await startRelay(far.port, {});
    await sendNumbers(port, 300);
    await far.arrived(300);
    expect(far.numbers).toEqual(Array.from({ length: 300 }, (_, number) => number));
    expect(relay.report()).toMatchObject({
      received: 300,
      sent: 300,
      sendErrors: 0,
      overflowed: 0,
      waiting: 0,
    });
  });

  it('loses exactly what the channel of its seed loses', async () => {
    const far = await farEnd();
    const channel = { ...burstLoss(4, 0.2), lossProbability: 0.1 };
    const expected = expectedNumbers(channel, 500, 9);
    const { port } = await startRelay(far.port, channel, 9);
    await sendNumbers(port, 500);
    await far.arrived(expected.length);
    expect(far.numbers).toEqual(expected);
    expect(expected.length).toBeLessThan(450);
  });

  it('delivers what it delays, all of it, the latency alone in order', async () => {
    const far = await farEnd();
    const { port } = await startRelay(far.port, { latencyMs: 15 });
    await sendNumbers(port, 200);
    await far.arrived(200);
    expect(far.numbers).toEqual(Array.from({ length: 200 }, (_, number) => number));

    const disorder = await farEnd();
    const { port: disorderPort } = await startRelay(disorder.port, {
      reordering: { probability: 0.5, windowMs: 30 },
    });
    await sendNumbers(disorderPort, 200);
    await disorder.arrived(200);
    expect(disorder.numbers).not.toEqual(far.numbers);
    expect(disorder.numbers.toSorted((a, b) => a - b)).toEqual(far.numbers);
  });

  it('goes dark and comes back', async () => {
    const far = await farEnd();
    const { port, relay } = await startRelay(far.port, {});
    relay.toggleDark();
    await sendNumbers(port, 10);
    while (relay.report().received < 10) await new Promise(setImmediate);
    relay.toggleDark();
    await sendNumbers(port, 5);
    await far.arrived(5);
    expect(far.numbers).toEqual([0, 1, 2, 3, 4]);
    expect(relay.report()).toMatchObject({ received: 15, dark: 10, sent: 5 });
  });
});

describe('the command line of the relay', () => {
  const required = ['--listen', '127.0.0.1:0', '--target', '127.0.0.1:9000'];

  it('turns flags into a channel', () => {
    const { listen, target, seed, channel } = parseRelayOptions([
      ...required,
      ...['--seed', '7', '--loss', '0.05', '--burst', '10', '--latency', '2', '--reorder', '0.1'],
      ...['--replay', '0.01', '--flip', '0.02', '--blackout', '500-600', '--blackout', '10-20'],
    ]);
    expect({ listen, target, seed }).toEqual({
      listen: { host: '127.0.0.1', port: 0 },
      target: { host: '127.0.0.1', port: 9000 },
      seed: 7,
    });
    expect(channel).toEqual({
      ...burstLoss(10, 0.05),
      latencyMs: 2,
      reordering: { probability: 0.1, windowMs: 10 },
      replay: { probability: 0.01, historyDatagrams: 1024 },
      bitFlips: { probability: 0.02, bitsMax: 8 },
      blackouts: [
        { fromMs: 10, toMs: 20 },
        { fromMs: 500, toMs: 600 },
      ],
    });
  });

  it('starts from a preset, which flags override', () => {
    const { channel } = parseRelayOptions([...required, '--preset', 'hostile', '--loss', '0.5']);
    expect(channel).toEqual({ ...channelPresets.hostile, lossProbability: 0.5 });
    expect(parseRelayOptions(required).channel).toEqual({});
  });
});

const script = 'dist/test/harness/relay.js';

describe.skipIf(!existsSync(join(repositoryRoot(), script)))('the relay program', () => {
  it('says where it listens, carries, and reports at its end', async () => {
    const far = await farEnd();
    const flags = [
      '--listen',
      '127.0.0.1:0',
      '--target',
      `127.0.0.1:${far.port}`,
      '--loss',
      '0.2',
      '--seed',
      '3',
    ];
    const program = processes.startScript(script, { arguments: flags });
    const ready = JSON.parse((await program.waitForLine(/listening/)).text) as { listening: number };
    const expected = expectedNumbers({ lossProbability: 0.2 }, 200, 3);
    await sendNumbers(ready.listening, 200);
    await far.arrived(expected.length);
    expect(far.numbers).toEqual(expected);
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    const report = JSON.parse((await program.waitForLine(/"final":true/)).text) as { received: number };
    expect(report.received).toBe(200);
    expect(program.text('stderr')).toBe('');
  });

  it('ends when its parent is gone', async () => {
    const parent = processes.start('parent', process.execPath, {
      arguments: [
        '-e',
        `require('node:child_process').spawn(process.execPath,
           ['${script}', '--listen', '127.0.0.1:0', '--target', '127.0.0.1:9'], { stdio: 'inherit' });`,
      ],
    });
    await parent.waitForLine(/listening/);
    parent.signal('SIGKILL');
    await parent.waitForLine(/"final":true/);
    // Its output has an end only when the relay has none of it any more.
    expect(await parent.waitForExit()).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it.each([
    ['no target', ['--listen', '127.0.0.1:0']],
    ['an impossible loss', ['--listen', '127.0.0.1:0', '--target', '127.0.0.1:9', '--loss', '3']],
    ['a host name', ['--listen', 'localhost:0', '--target', '127.0.0.1:9']],
  ])('refuses %s', async (_, flags) => {
    const program = processes.startScript(script, { arguments: flags });
    expect((await program.waitForExit()).code).not.toBe(0);
    expect(program.text('stderr')).toMatch(/error/i);
  });
});
