/**
 * Plays broken conversations to the storage SCP: malformed-pdus.js [--count N] [--seed S]. One in fifty goes over a real
 * connection, with a peer beside it that does nothing wrong. Ends with 1 when something does not hold.
 */
import { parseArgs } from 'node:util';
import { createStorageScp } from '../../sender/intake/storage-scp.ts';
import { associateRequest, control, dataPdu, echoRequest, verification } from './association-bytes.ts';
import { CollectingSink } from './collecting-sink.ts';
import { type Ending, malformedStream, playStream } from './malformed-streams.ts';
import { Random } from './random.ts';
import { RawConnection, splitPdus } from './raw-connection.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
const count = Number(values.count);
const overNetworkEach = 50;

const random = new Random(Number(values.seed));
const sink = new CollectingSink();
const scp = await createStorageScp(
  {
    host: '127.0.0.1',
    port: 0,
    applicationEntities: [{ title: 'DIODE', priority: 'routine', quietSeconds: 60 }],
    times: { closeMs: 500 },
  },
  sink,
);
const bystander = await RawConnection.to(scp.port);
bystander.send(
  associateRequest({
    contexts: [{ id: 1, abstractSyntax: verification, transferSyntaxes: ['1.2.840.10008.1.2'] }],
  }),
);
await bystander.pdus(1);
let echoes = 0;

const endings: Record<Ending, number> = { aborted: 0, rejected: 0, released: 0, left: 0 };
const startedMs = performance.now();
let earlyBytes = 0;
for (let run = 0; run < count; run += 1) {
  const pieces = malformedStream(random.fork(String(run)));
  try {
    endings[await playStream(pieces)] += 1;
  } catch (cause) {
    console.error(`seed ${values.seed}, run ${run}`);
    throw cause;
  }
  if (run % overNetworkEach === 0) await overNetwork(pieces);
  if (run === Math.floor(count / 10)) earlyBytes = process.memoryUsage().rss;
}
const grownMegabytes = (process.memoryUsage().rss - earlyBytes) / 1e6;
const seconds = (performance.now() - startedMs) / 1000;
bystander.socket.destroy();
await scp.close();
console.log(
  JSON.stringify({
    count,
    endings,
    echoes,
    seconds: Math.round(seconds),
    grownMegabytes: Math.round(grownMegabytes),
  }),
);
if (grownMegabytes > 100) {
  console.error('memory is not flat');
  process.exitCode = 1;
}

async function overNetwork(pieces: readonly Uint8Array[]): Promise<void> {
  const connection = await RawConnection.to(scp.port);
  for (const piece of pieces) connection.socket.write(piece);
  connection.socket.end();
  await connection.closed;
  bystander.send(dataPdu(1, control.lastCommand, echoRequest()));
  echoes += 1;
  if ((await bystander.pdus(echoes + 1)).length !== echoes + 1)
    throw new Error('the peer beside it was not answered');
  if (splitPdus(bystander.heard).at(-1)?.[0] !== 4) throw new Error('the peer beside it was aborted');
}
