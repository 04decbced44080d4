import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ObjectIdIndex } from '../../../../receiver/assemble/object-id-index.ts';

/** Few ids that meet in few slots: the first word decides the slot. */
function idOf(name: number): Uint8Array {
  const id = new Uint8Array(16);
  id[3] = name % 4;
  id[0] = name >> 6;
  id[15] = name;
  return id;
}

const change = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), name: fc.nat(255), value: fc.nat(2 ** 31 - 1) }),
  fc.record({ kind: fc.constant('delete' as const), name: fc.nat(255), value: fc.constant(0) }),
);

describe('the index of object ids', () => {
  it('is a Map, whatever is set and deleted', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 600 }), (changes) => {
        const index = new ObjectIdIndex(4);
        const map = new Map<number, number>();
        for (const { kind, name, value } of changes) {
          if (kind === 'set') {
            index.set(idOf(name), 0, value);
            map.set(name, value);
          } else {
            index.delete(idOf(name), 0);
            map.delete(name);
          }
          if (index.size !== map.size) return false;
        }
        return Array.from({ length: 256 }, (_, name) => name).every(
          (name) => index.find(idOf(name), 0) === (map.get(name) ?? -1),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('finds an id where it stands in a datagram', () => {
    const index = new ObjectIdIndex();
    index.set(idOf(9), 0, 5);
    const datagram = new Uint8Array(64).fill(0xff);
    datagram.set(idOf(9), 36);
    expect([index.find(datagram, 36), index.find(datagram, 35)]).toEqual([5, -1]);
  });

  it('does not grow by ids that come and go', () => {
    const index = new ObjectIdIndex(8);
    const id = new Uint8Array(16);
    for (let round = 0; round < 50_000; round += 1) {
      new DataView(id.buffer).setUint32(0, round * 2_654_435_761);
      index.set(id, 0, 1);
      index.delete(id, 0);
    }
    expect(index.size).toBe(0);
    expect(index.find(id, 0)).toBe(-1);
  });

  it('takes no negative number and no odd capacity', () => {
    expect(() => new ObjectIdIndex().set(idOf(1), 0, -1)).toThrow('not negative');
    expect(() => new ObjectIdIndex(3)).toThrow('power of two');
  });
});
