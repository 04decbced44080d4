import { describe, expect, it } from 'vitest';
import { createRing, type RingDescription, RingReader, RingWriter } from '../../../shared/ring.ts';
import { Random } from '../../harness/random.ts';

const datagramBytes = 64;

/** Both ends in one thread, with their wake-ups counted. */
function ends(slots: number, start = 0) {
  const ring = createRing(datagramBytes, slots);
  startAt(ring, start);
  const woken = { reader: 0, writer: 0 };
  const writer = new RingWriter(ring, () => {
    woken.reader += 1;
  });
  const reader = new RingReader(ring, () => {
    woken.writer += 1;
  });
  return { ring, writer, reader, woken };
}

/** Both positions as they are after so many datagrams. */
function startAt(ring: RingDescription, position: number): void {
  const control = new Uint32Array(ring.memory.buffer, 0, 2);
  control.fill(position);
}

function write(writer: RingWriter, values: readonly number[]): void {
  for (const [index, value] of values.entries()) writer.region(index, 1).fill(value);
  writer.publish(values.length);
}

function read(reader: RingReader, count: number): number[] {
  const values = Array.from(
    { length: count },
    (_, index) => reader.region(index, 1)[datagramBytes - 1] ?? -1,
  );
  reader.consume(count);
  return values;
}

describe('a ring', () => {
  it('has a power of two of slots, in shared memory', () => {
    const { ring, writer } = ends(5);
    expect([ring.slots, writer.free]).toEqual([8, 8]);
    expect(ring.memory.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(() => createRing(8972, 2 ** 20)).toThrow('a ring of at most a gibibyte');
  });

  it('gives datagrams in the order they were written, when they are published', () => {
    const { writer, reader } = ends(4);
    writer.region(0, 1).fill(1);
    expect(reader.available).toBe(0);
    write(writer, [1, 2, 3]);
    expect([reader.available, writer.free]).toEqual([3, 1]);
    expect(read(reader, 2)).toEqual([1, 2]);
    expect([writer.published, writer.consumed]).toEqual([3, 2]);
    write(writer, [4, 5, 6]);
    expect(read(reader, 4)).toEqual([3, 4, 5, 6]);
  });

  it('takes no more than fits and gives no more than is there', () => {
    const { writer, reader } = ends(4);
    write(writer, [1, 2, 3, 4]);
    expect(() => writer.publish(1)).toThrow('only free slots');
    expect(() => reader.consume(5)).toThrow('only what is there');
    expect(read(reader, 4)).toEqual([1, 2, 3, 4]);
    expect(() => reader.consume(1)).toThrow('only what is there');
  });

  it.each([2 ** 32 - 1, 2 ** 32 - 6, 2 ** 31 - 3, 2 ** 31])(
    'goes on where positions wrap: from %d',
    (start) => {
      const { writer, reader } = ends(8, start);
      const random = new Random(start % 1000);
      let written = 0;
      let seen = 0;
      while (seen < 200) {
        const some = random.integer(writer.free + 1);
        write(
          writer,
          Array.from({ length: some }, (_, index) => (written + index) % 256),
        );
        written += some;
        expect(reader.available).toBe(written - seen);
        expect(writer.free).toBe(8 - written + seen);
        const count = random.integer(reader.available + 1);
        const expected = Array.from({ length: count }, (_, index) => (seen + index) % 256);
        expect(read(reader, count)).toEqual(expected);
        seen += count;
      }
      expect((writer.consumed - start) >>> 0).toBe(seen);
      expect(writer.published).toBe((start + written) % 2 ** 32);
    },
  );

  it('is taken up by new ends where the old ones stopped', () => {
    const { ring, writer, reader } = ends(4);
    write(writer, [1, 2, 3]);
    read(reader, 1);
    const again = new RingReader(ring, () => {});
    expect(read(again, 2)).toEqual([2, 3]);
    write(new RingWriter(ring, () => {}), [9]);
    expect(read(again, 1)).toEqual([9]);
  });
});

describe('a reader with nothing to do', () => {
  it('is woken once by what is published', () => {
    const { writer, reader, woken } = ends(4);
    expect(reader.sleep()).toBe(true);
    write(writer, [1]);
    write(writer, [2]);
    expect(woken.reader).toBe(1);
  });

  it('does not sleep when something is there already', () => {
    const { writer, reader, woken } = ends(4);
    write(writer, [1]);
    expect(reader.sleep()).toBe(false);
    write(writer, [2]);
    expect(woken.reader).toBe(0);
  });
});

describe('a writer without room', () => {
  it('is woken once there is as much as half of the ring', () => {
    const { writer, reader, woken } = ends(8);
    write(writer, [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(writer.sleep(4)).toBe(true);
    read(reader, 3);
    expect(woken.writer).toBe(0);
    read(reader, 1);
    read(reader, 1);
    expect(woken.writer).toBe(1);
  });

  it('does not sleep when there is room already', () => {
    const { writer, reader, woken } = ends(8);
    write(writer, [1, 2, 3]);
    expect(writer.sleep(5)).toBe(false);
    read(reader, 3);
    expect(woken.writer).toBe(0);
  });
});
