import { describe, expect, it } from 'vitest';
import { AssertionFailure } from '../../../../shared/assert.ts';
import { DatagramTag } from '../../../../shared/crypto/siphash.ts';
import { Random } from '../../../harness/random.ts';
import { sipHash, withTag } from './siphash-reference.ts';

/** Published with SipHash: key 00 01 .. 0f, messages of 0 to 63 bytes 00 01 .. 3e, as 64-bit numbers. */
const published = `
  726fdb47dd0e0e31 74f839c593dc67fd 0d6c8009d9a94f5a 85676696d7fb7e2d cf2794e0277187b7 18765564cd99a68d
  cbc9466e58fee3ce ab0200f58b01d137 93f5f5799a932462 9e0082df0ba9e4b0 7a5dbbc594ddb9f3 f4b32f46226bada7
  751e8fbc860ee5fb 14ea5627c0843d90 f723ca908e7af2ee a129ca6149be45e5 3f2acc7f57c29bdb 699ae9f52cbe4794
  4bc1b3f0968dd39c bb6dc91da77961bd bed65cf21aa2ee98 d0f2cbb02e3b67c7 93536795e3a33e88 a80c038ccd5ccec8
  b8ad50c6f649af94 bce192de8a85b8ea 17d835b85bbb15f3 2f2e6163076bcfad de4daaaca71dc9a5 a6a2506687956571
  ad87a3535c49ef28 32d892fad841c342 7127512f72f27cce a7f32346f95978e3 12e0b01abb051238 15e034d40fa197ae
  314dffbe0815a3b4 027990f029623981 cadcd4e59ef40c4d 9abfd8766a33735c 0e3ea96b5304a7d0 ad0c42d6fc585992
  187306c89bc215a9 d4a60abcf3792b95 f935451de4f21df2 a9538f0419755787 db9acddff56ca510 d06c98cd5c0975eb
  e612a3cb9ecba951 c766e62cfcadaf96 ee64435a9752fe72 a192d576b245165a 0a8787bf8ecb74b2 81b3e73d20b49b6f
  7fa8220ba3b2ecea 245731c13ca42499 b78dbfaf3a8d83bd ea1ad565322a1a0b 60e61c23a3795013 6606d7e446282b93
  6ca4ecb15c5f91e1 9f626da15c9625f3 e51b38608ef25f57 958a324ceb064572`
  .trim()
  .split(/\s+/);

const key = Uint8Array.from({ length: 16 }, (_, i) => i);

const memories = {
  'memory of nobody': undefined,
  'memory of the thread': new WebAssembly.Memory({ initial: 8, maximum: 8 }),
  'shared memory': new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true }),
};

describe.each(Object.entries(memories))('datagrams in %s', (_, memory) => {
  const tag = new DatagramTag(key, memory);

  /** A buffer with these bytes, in the memory if there is one, from an odd address on. */
  const place = (content: Uint8Array): Uint8Array => {
    if (memory === undefined) return content.slice();
    const bytes = new Uint8Array(memory.buffer, 1001, content.length);
    bytes.set(content);
    return bytes;
  };

  it('gives the published tags, little-endian', () => {
    expect(published).toHaveLength(64);
    for (const [length, expected] of published.entries()) {
      const datagram = place(new Uint8Array(length + 8).fill(0xa5));
      for (let i = 0; i < length; i++) datagram[i] = i;
      expect(sipHash(key, datagram.subarray(0, length)).toString(16).padStart(16, '0')).toBe(expected);
      tag.write(datagram);
      const written = Buffer.from(datagram.subarray(length)).reverse().toString('hex');
      expect(written).toBe(expected);
      expect(tag.verify(datagram)).toBe(true);
    }
    const empty = place(new Uint8Array(8));
    tag.write(empty);
    expect(Buffer.from(empty).toString('hex')).toBe('310e0edd47db6f72');
  });

  it('refuses each changed bit, and a tag of another key', () => {
    const datagram = place(new Random(5).bytes(61));
    tag.write(datagram);
    for (let bit = 0; bit < 8 * datagram.length; bit++) {
      const changed = 1 << (bit & 7);
      datagram[bit >> 3] = (datagram[bit >> 3] ?? 0) ^ changed;
      expect(tag.verify(datagram)).toBe(false);
      datagram[bit >> 3] = (datagram[bit >> 3] ?? 0) ^ changed;
    }
    expect(tag.verify(datagram)).toBe(true);
    for (let i = 0; i < 16; i++) {
      const other = new DatagramTag(
        key.map((byte, at) => (at === i ? byte ^ 0x80 : byte)),
        memory,
      );
      expect(other.verify(datagram)).toBe(false);
      other.write(datagram);
      expect(tag.verify(datagram)).toBe(false);
      tag.write(datagram);
    }
  });

  it.each([
    { count: 1, datagramBytes: 1472, strideBytes: 1472 },
    { count: 44, datagramBytes: 1472, strideBytes: 1472 },
    { count: 32, datagramBytes: 100, strideBytes: 113 },
    { count: 33, datagramBytes: 8, strideBytes: 8 },
    { count: 50, datagramBytes: 8972, strideBytes: 9000 },
    { count: 7, datagramBytes: 70, strideBytes: 65_536 },
  ])('takes $count of $datagramBytes bytes, $strideBytes apart', ({ count, datagramBytes, strideBytes }) => {
    const content = new Random(7).bytes((count - 1) * strideBytes + datagramBytes);
    const bytes = place(content);
    tag.writeMany(bytes, strideBytes, datagramBytes, count);
    const expected = content.slice();
    for (let i = 0; i < count; i++) {
      const at = i * strideBytes;
      expected.set(withTag(key, content.slice(at, at + datagramBytes)), at);
    }
    expect(Buffer.compare(bytes, expected)).toBe(0);

    const verdicts = new Uint8Array(count + 1).fill(7);
    expect(tag.verifyMany(bytes, strideBytes, datagramBytes, count, verdicts)).toBe(count);
    expect(verdicts).toEqual(Uint8Array.from({ length: count + 1 }, (_, i) => (i < count ? 1 : 7)));
    for (const wrong of [0, count - 1, count >> 1]) {
      const last = wrong * strideBytes + datagramBytes - 1;
      bytes[last] = (bytes[last] ?? 0) ^ 1;
      expect(tag.verifyMany(bytes, strideBytes, datagramBytes, count, verdicts)).toBe(count - 1);
      for (let i = 0; i < count; i++) expect(verdicts[i]).toBe(i === wrong ? 0 : 1);
      bytes[last] = (bytes[last] ?? 0) ^ 1;
    }
  });

  it('takes nothing for nothing', () => {
    tag.writeMany(new Uint8Array(0), 1472, 1472, 0);
    expect(tag.verifyMany(new Uint8Array(0), 1472, 1472, 0, new Uint8Array(0))).toBe(0);
  });
});

it('keeps its key when the caller overwrites it', () => {
  const own = key.slice();
  const tag = new DatagramTag(own);
  own.fill(0);
  const datagram = withTag(key, new Uint8Array(40));
  expect(tag.verify(datagram)).toBe(true);
});

it('takes what can be no datagram for a wrong one', () => {
  const tag = new DatagramTag(key);
  for (const length of [0, 1, 7, 8973, 65_536, 2 ** 20])
    expect(tag.verify(new Uint8Array(length))).toBe(false);
});

it('refuses what a program must not ask for', () => {
  const tag = new DatagramTag(key);
  const bytes = new Uint8Array(100);
  for (const wrong of [
    () => new DatagramTag(new Uint8Array(15)),
    () => tag.write(new Uint8Array(7)),
    () => tag.write(new Uint8Array(8973)),
    () => tag.writeMany(bytes, 40, 50, 2),
    () => tag.writeMany(bytes, 51, 50, 2),
    () => tag.writeMany(bytes, 50, 50, -1),
    () => tag.writeMany(bytes, 50, 50, 1.5),
    () => tag.writeMany(new Uint8Array(2 ** 21), 2 ** 20, 50, 2),
    () => tag.verifyMany(bytes, 50, 50, 3, new Uint8Array(3)),
    () => tag.verifyMany(bytes, 50, 50, 2, new Uint8Array(1)),
  ]) {
    expect(wrong).toThrow(AssertionFailure);
  }
});
