/**
 * What the tag of a datagram costs, in us for each datagram on one core: one at a time and as many as one read of
 * a segmented receive gives, in memory of the kernel and elsewhere (where they are copied).
 */
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import { webAssemblyPageBytes } from '../../shared/webassembly.ts';
import { Random } from '../harness/random.ts';
import { medianNanoseconds } from './measure.ts';

export interface TagRow {
  readonly datagramBytes: number;
  readonly place: 'kernel memory' | 'elsewhere';
  readonly datagramsAtOnce: number;
  readonly writeUs: number;
  readonly verifyUs: number;
}

const cases = [
  [1472, 1],
  [1472, 44],
  [8972, 1],
  [8972, 7],
] as const;

export async function run(): Promise<{ rows: TagRow[] }> {
  const rows = cases.flatMap(([datagramBytes, atOnce]) => [
    measure(datagramBytes, atOnce, 'kernel memory'),
    measure(datagramBytes, atOnce, 'elsewhere'),
  ]);
  console.table(rows.map((row) => ({ ...row, 'verify MB/s': Math.round(row.datagramBytes / row.verifyUs) })));
  return { rows };
}

function measure(datagramBytes: number, datagramsAtOnce: number, place: TagRow['place']): TagRow {
  const length = datagramBytes * datagramsAtOnce;
  const pages = Math.ceil(length / webAssemblyPageBytes);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const bytes = place === 'kernel memory' ? new Uint8Array(memory.buffer, 0, length) : new Uint8Array(length);
  const random = new Random(1);
  random.fill(bytes);
  const tag = new DatagramTag(random.bytes(16), memory);
  const verdicts = new Uint8Array(datagramsAtOnce);

  const isOne = datagramsAtOnce === 1;
  const write = isOne
    ? () => tag.write(bytes)
    : () => tag.writeMany(bytes, datagramBytes, datagramBytes, datagramsAtOnce);
  const verify = isOne
    ? () => tag.verify(bytes)
    : () => tag.verifyMany(bytes, datagramBytes, datagramBytes, datagramsAtOnce, verdicts);
  const microseconds = (task: () => unknown): number =>
    Number((medianNanoseconds(task) / 1000 / datagramsAtOnce).toFixed(3));
  return {
    datagramBytes,
    place,
    datagramsAtOnce,
    writeUs: microseconds(write),
    verifyUs: microseconds(verify),
  };
}
