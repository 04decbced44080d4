/** Goal: a document is what its blocks are, in whatever order they come, and takes memory for what came alone. */
import { expect, it } from 'vitest';
import { MemorySink } from '../../../../receiver/assemble/memory-sink.ts';
import { limits } from '../../../../shared/wire/limits.ts';
import { Random } from '../../../harness/random.ts';

const blockBytes = 1000;

it.each([1, 999, 1000, 1001, 2000, 50_123])('gives a document of %i bytes, whatever the order', (length) => {
  const random = new Random(length);
  const document = random.bytes(length);
  const sink = new MemorySink(length);
  const offsets = Array.from({ length: Math.ceil(length / blockBytes) }, (_, block) => block * blockBytes);
  const partAt = (offset: number) => document.subarray(offset, offset + blockBytes);
  const read: number[] = [];
  for (const offset of random.shuffle(offsets)) {
    // Writing again, as a block that comes twice would, changes nothing.
    for (let time = 0; time < 2; time += 1) sink.write(partAt(offset), offset);
    read.push(offset);
    for (const each of read) {
      const target = new Uint8Array(partAt(each).length);
      sink.read(target, each);
      expect(Buffer.compare(target, partAt(each))).toBe(0);
    }
  }
  expect(sink.usedBytes).toBe(length);
  expect(Buffer.compare(sink.bytes, document)).toBe(0);
  // No copy for who takes it, beside which the parts would stand.
  expect(sink.bytes).toBe(sink.bytes);
  sink.discard();
  expect(sink.usedBytes).toBe(0);
});

it('takes nothing for what a header states', () => {
  const sink = new MemorySink(limits.documentBytesMax);
  const before = process.memoryUsage().arrayBuffers;
  sink.write(new Uint8Array(blockBytes), 0);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * blockBytes);
});
