/**
 * What sealing and opening a source block costs, and hashing the same bytes, in MB/s on one core: the two things that
 * protections ask of every byte, and that no design of this program makes cheaper.
 */
import { createHash } from 'node:crypto';
import { ObjectSeal } from '../../shared/crypto/seal.ts';
import { objectType, type Protection, protection, symbolBytesOf } from '../../shared/wire/datagram.ts';
import { ObjectLayout, sealTagBytes } from '../../shared/wire/object-layout.ts';
import { Random } from '../harness/random.ts';
import { medianNanoseconds } from './measure.ts';

export interface SealRow {
  readonly blockBytes: number;
  readonly protection: keyof typeof protection;
  readonly sealMBps: number;
  readonly openMBps: number;
  /** SHA-256, which every object has beside its seals. */
  readonly hashMBps: number;
}

const datagramBytes = 1472;
/** The default, and small blocks. */
const sourceSymbols = [200, 20];

export async function run(): Promise<{ rows: SealRow[] }> {
  const rows = sourceSymbols.flatMap((k) => [measure(k, 'sealed'), measure(k, 'authenticated')]);
  console.table(rows);
  return { rows };
}

function measure(k: number, mode: keyof typeof protection): SealRow {
  const random = new Random(1);
  const symbolBytes = symbolBytesOf(datagramBytes);
  const payload = random.bytes(k * symbolBytes - sealTagBytes);
  const seal = new ObjectSeal(object(random, protection[mode], payload.length, symbolBytes, k));
  const pieces = seal.seal(0, payload);
  const ciphertext = Buffer.concat(pieces.slice(0, -1));
  const tag = pieces.at(-1) ?? new Uint8Array(0);
  const target = new Uint8Array(payload.length);
  if (!seal.open(0, ciphertext, tag, target)) throw new Error('a block did not open');
  const megabytesPerSecond = (task: () => unknown): number =>
    Math.round((payload.length * 1000) / medianNanoseconds(task));
  return {
    blockBytes: payload.length,
    protection: mode,
    sealMBps: megabytesPerSecond(() => seal.seal(0, payload)),
    openMBps: megabytesPerSecond(() => seal.open(0, ciphertext, tag, target)),
    hashMBps: megabytesPerSecond(() => createHash('sha256').update(payload).digest()),
  };
}

function object(random: Random, mode: Protection, objectBytes: number, symbolBytes: number, k: number) {
  return {
    secret: random.bytes(32),
    senderId: random.bytes(8),
    objectId: random.bytes(16),
    type: objectType.instance,
    protection: mode,
    layout: new ObjectLayout(objectBytes, symbolBytes, k),
  };
}
