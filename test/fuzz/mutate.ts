/** Changes to bytes that parsers stumble over: flipped bits, lengths that lie, parts doubled, dropped, swapped, cut off. */
import type { Random } from '../harness/random.ts';

/** Numbers at the edges of what fields take. */
const edges = [
  0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000,
  0xffff_fffe, 0xffff_ffff,
];
const insertedMax = 64;
const repeatedMax = 8;

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const mutations: readonly Mutation[] = [
  (bytes, random) => {
    const at = random.integer(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8));
    return bytes;
  },
  (bytes, random) => {
    bytes[random.integer(bytes.length)] = random.integer(256);
    return bytes;
  },
  (bytes, random) => {
    const width = random.pick([1, 2, 4, 8]);
    if (bytes.length < width) return bytes;
    writeNumber(
      bytes,
      random.integer(bytes.length - width + 1),
      width,
      random.pick(edges),
      random.chance(0.5),
    );
    return bytes;
  },
  (bytes, random) => {
    // A number that is there, a little more or less: off by one.
    if (bytes.length < 4) return bytes;
    const at = random.integer(bytes.length - 3);
    const change = random.between(-9, 9);
    if (random.chance(0.5)) bytes.writeUInt32LE((bytes.readUInt32LE(at) + change) >>> 0, at);
    else bytes.writeUInt32BE((bytes.readUInt32BE(at) + change) >>> 0, at);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random.integer(bytes.length + 1)),
  (bytes, random) => {
    const [start, end] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  (bytes, random) => {
    const [start, end] = range(bytes, random);
    const part = bytes.subarray(start, end);
    const parts = new Array<Buffer>(random.between(1, repeatedMax)).fill(part);
    return Buffer.concat([bytes.subarray(0, end), ...parts, bytes.subarray(end)]);
  },
  (bytes, random) => {
    const at = random.integer(bytes.length + 1);
    const inserted = random.bytes(random.between(1, insertedMax));
    return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const [start, end] = range(bytes, random);
    bytes.fill(random.pick([0, 0xff, 0x20, 0x5c]), start, end);
    return bytes;
  },
  (bytes, random) => {
    const [start, end] = range(bytes, random);
    const target = random.integer(bytes.length);
    bytes.copy(bytes, target, start, end);
    return bytes;
  },
];

/** One to eight changes to a copy of `bytes`; now and then nothing but noise. */
export function mutate(bytes: Uint8Array, random: Random, other: Uint8Array = bytes): Uint8Array {
  if (random.chance(0.01)) return random.bytes(random.integer(2000));
  let changed: Buffer = Buffer.from(bytes);
  // The beginning of one and the end of another.
  if (random.chance(0.1))
    changed = Buffer.concat([
      changed.subarray(0, random.integer(changed.length + 1)),
      Buffer.from(other).subarray(random.integer(other.length + 1)),
    ]);
  const count = 2 ** random.integer(4);
  for (let step = 0; step < count && changed.length > 0; step += 1) {
    changed = random.pick(mutations)(changed, random);
  }
  return changed;
}

function range(bytes: Buffer, random: Random): [start: number, end: number] {
  const start = random.integer(bytes.length);
  const longest = random.chance(0.8) ? Math.min(32, bytes.length - start) : bytes.length - start;
  return [start, start + random.integer(longest + 1)];
}

function writeNumber(bytes: Buffer, at: number, width: number, value: number, littleEndian: boolean): void {
  for (let index = 0; index < width; index += 1) {
    const shift = littleEndian ? index : width - 1 - index;
    bytes[at + index] = Math.floor(value / 256 ** shift) % 256;
  }
}

/**
 * Changes some fields as wholes: a reader checks them one by one.
 * @param fields where each begins, and how wide it is
 */
export function changeFields(
  bytes: Uint8Array,
  fields: readonly (readonly [offset: number, width: number])[],
  random: Random,
): void {
  for (let count = random.between(1, 3); count > 0; count -= 1) {
    const [offset, width] = random.pick(fields);
    const value = random.chance(0.4)
      ? new Uint8Array(width).fill(random.pick([0, 1, 0xff]))
      : random.bytes(width);
    bytes.set(value, offset);
  }
}
