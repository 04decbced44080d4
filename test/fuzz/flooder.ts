/**
 * Floods the port of a link with forged datagrams at a rate, until it is stopped. It is given what a recording of the
 * link takes, and no key. Its last line on the standard output says how many it sent.
 *
 *     node flooder.js OPTIONS_AS_JSON
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SenderLink } from '../../sender/link/link.ts';
import { wireTimeMs } from '../../shared/wire/wire-time.ts';
import { Random } from '../harness/random.ts';
import { forgedDatagrams } from './forged-datagrams.ts';

export interface FloodOptions {
  readonly address: string;
  readonly port: number;
  readonly datagramBytes: number;
  readonly rateMegabitsPerSecond: number;
  /** A file of real datagrams, one behind the other. */
  readonly recording: string;
  readonly seed: number;
  /** Ends by itself then. */
  readonly datagramsMax: number;
}

const stockDatagrams = 20_000;
/** Of a thousand bursts so many end in a datagram of another length. */
const oddLengthsInThousand = 20;

const options: FloodOptions = JSON.parse(process.argv[2] ?? '{}');
const { datagramBytes, datagramsMax } = options;
const random = new Random(options.seed).fork('flood');
const recording = readFileSync(options.recording);
const real = Array.from({ length: Math.floor(recording.length / datagramBytes) }, (_, index) =>
  recording.subarray(index * datagramBytes, (index + 1) * datagramBytes),
);
const stock = forgedDatagrams(real, datagramBytes, stockDatagrams, random);
const link = await SenderLink.open({
  ...options,
  sourceAddress: undefined,
  interface: undefined,
  sendBufferBytes: 4 * 2 ** 20,
});
const datagramMs = wireTimeMs(datagramBytes, options.rateMegabitsPerSecond);
let sent = 0;
let stopped = false;
process.once('SIGTERM', () => {
  stopped = true;
});
process.stdout.write('flooding\n');

const startedMs = performance.now();
while (!stopped && sent < datagramsMax) {
  const due = Math.min(datagramsMax, (performance.now() - startedMs) / datagramMs);
  while (sent < due && link.ready && !link.hasRefused) sendBurst();
  if (link.hasRefused) link.sendRefused();
  await sleep(1);
}
process.stdout.write(`${JSON.stringify({ sent })}\n`);
link.close();

function sendBurst(): void {
  const count = link.segments;
  const start = random.integer(stockDatagrams - count - 1) * datagramBytes;
  const odd = random.chance(oddLengthsInThousand / 1000) ? 1 + random.integer(datagramBytes - 1) : 0;
  // The last part of a burst may be shorter: one more datagram, of a length that is none.
  const whole = odd > 0 ? Math.max(1, count - 1) : count;
  if (count > 1 || odd === 0)
    link.send(stock.subarray(start, start + whole * datagramBytes + (count > 1 ? odd : 0)));
  else link.send(stock.subarray(start, start + odd));
  sent += count > 1 && odd > 0 ? whole + 1 : whole;
}
