/**
 * A sender host that was taken over, as a process: it has a key of its own and puts one attack after the other on the
 * link at a rate, again and again, until it is stopped. Its last line says how many datagrams it sent and of what.
 *
 *     node attacker.js OPTIONS_AS_JSON
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SenderLink } from '../../sender/link/link.ts';
import { present } from '../../shared/assert.ts';
import { readKeyFile } from '../../shared/crypto/key-file.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { wireTimeMs } from '../../shared/wire/wire-time.ts';
import { attacks } from './attacks.ts';
import { Random } from './random.ts';

export interface AttackerOptions {
  readonly address: string;
  readonly port: number;
  readonly keyFile: string;
  readonly parameters: LinkParameters;
  readonly rateMegabitsPerSecond: number;
  readonly seed: number;
  /** All of them when left out. */
  readonly only?: readonly (keyof typeof attacks)[];
  /** Ends by itself then. */
  readonly limitMs: number;
}

const options: AttackerOptions = JSON.parse(process.argv[2] ?? '{}');
const { parameters, rateMegabitsPerSecond, limitMs } = options;
const { datagramBytes } = parameters;
const random = new Random(options.seed).fork('attacker');
const [key] = readKeyFile(options.keyFile);
const from = { senderId: random.bytes(8), keyId: key.id, secret: key.secret, parameters };
const names = options.only ?? (Object.keys(attacks) as (keyof typeof attacks)[]);
const link = await SenderLink.open({
  ...options,
  datagramBytes,
  sourceAddress: undefined,
  interface: undefined,
  sendBufferBytes: 4 * 2 ** 20,
});
const datagramMs = wireTimeMs(datagramBytes, rateMegabitsPerSecond);
const sent: Record<string, number> = {};
let stopped = false;
process.once('SIGTERM', () => {
  stopped = true;
});
process.stdout.write('attacking\n');

const startedMs = performance.now();
for (let round = 0; !stopped; round += 1) {
  const name = present(names[round % names.length], 'an attack to be made');
  const stock = attacks[name](from, random);
  sent[name] = (sent[name] ?? 0) + (await sendAll(stock)) / datagramBytes;
  if (performance.now() - startedMs > limitMs) break;
}
process.stdout.write(`${JSON.stringify({ sent })}\n`);
link.close();

/** @returns bytes that left */
async function sendAll(stock: Uint8Array): Promise<number> {
  const beganMs = performance.now();
  const burst = link.segments * datagramBytes;
  let start = 0;
  while (!stopped && start < stock.length) {
    const due = ((performance.now() - beganMs) / datagramMs) * datagramBytes;
    while (start < stock.length && start < due && link.ready && !link.hasRefused) {
      link.send(stock.subarray(start, start + burst));
      start += burst;
    }
    if (link.hasRefused) link.sendRefused();
    await sleep(1);
  }
  return Math.min(start, stock.length);
}
