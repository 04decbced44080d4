import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import { withTag } from '../unit/shared/crypto/siphash-reference.ts';

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });

const anyKey = fc.uint8Array({ minLength: 16, maxLength: 16 });
const anyDatagram = fc.uint8Array({ minLength: 8, maxLength: 300 });

it('writes the tag of the definition for every key, message and address, and finds it right', () => {
  fc.assert(
    fc.property(anyKey, anyDatagram, fc.integer({ min: 0, max: 64 }), (key, datagram, address) => {
      const expected = withTag(key, datagram);
      const tag = new DatagramTag(key, memory);
      const inside = new Uint8Array(memory.buffer, address, datagram.length);
      inside.set(datagram);
      for (const bytes of [inside, datagram.slice()]) {
        tag.write(bytes);
        expect(Buffer.compare(bytes, expected)).toBe(0);
        expect(tag.verify(bytes)).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});

it('finds any other datagram wrong', () => {
  fc.assert(
    fc.property(anyKey, anyDatagram, (key, datagram) => {
      const isRight = Buffer.compare(withTag(key, datagram), datagram) === 0;
      expect(new DatagramTag(key).verify(datagram)).toBe(isRight);
    }),
    { numRuns: 1000 },
  );
});
