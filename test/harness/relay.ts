/**
 * The lossy link as a program between two real ones: takes datagrams in on one UDP address and sends them out to
 * another, with what a {@link DatagramRelay} does to them on the way.
 *
 *     node dist/test/harness/relay.js --listen 127.0.0.1:0 --target 127.0.0.1:9000 --seed 1 --loss 0.03 --burst 8
 *
 * On stdout, a JSON line each: first `{"listening":port,…}`, then a report each second and, with `"final":true`, at the
 * end. SIGUSR2 makes the link dark, and light again. It ends on SIGTERM or SIGINT, and when its parent ends.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { CommanderError } from 'commander';
import { DatagramRelay } from './datagram-relay.ts';
import { Random } from './random.ts';
import { parseRelayOptions } from './relay-options.ts';

/** Asked of the kernel, which gives at most net.core.rmem_max and wmem_max. */
const socketBufferBytes = 32 * 2 ** 20;

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function main(): Promise<void> {
  const { listen, target, seed, channel } = parseRelayOptions(process.argv.slice(2));
  const input = createSocket('udp4');
  input.bind({ address: listen.host, port: listen.port, exclusive: true });
  await once(input, 'listening');
  const output = createSocket('udp4');
  output.connect(target.port, target.host);
  await once(output, 'connect');
  input.setRecvBufferSize(socketBufferBytes);
  output.setSendBufferSize(socketBufferBytes);

  const relay = new DatagramRelay(input, output, channel, new Random(seed));
  const end = (): void => {
    clearInterval(ticks);
    relay.close();
    print({ final: true, ...relay.report() });
  };
  const parent = process.ppid;
  const ticks = setInterval(() => {
    if (process.ppid === parent) print(relay.report());
    else end();
  }, 1000);
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  process.on('SIGUSR2', () => relay.toggleDark());
  // Nobody reads any more: the parent has gone.
  process.stdout.on('error', () => process.exit());
  print({
    listening: input.address().port,
    receiveBufferBytes: input.getRecvBufferSize(),
    sendBufferBytes: output.getSendBufferSize(),
  });
}

try {
  await main();
} catch (error) {
  // Commander has already said what is wrong.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode;
}
