import { describe, expect, it } from 'vitest';
import { encodeJpegFrame } from '../../harness/jpeg-baseline.ts';
import { ctPalette, Phantom } from '../../harness/phantom.ts';
import { Random } from '../../harness/random.ts';
import { decodeRleFrame, encodeRleFrame } from '../../harness/rle-lossless.ts';

/** Reads a scan of differences of means, each with its end of block (ISO/IEC 10918-1 annex F.2). */
function decodeMeans(frame: Uint8Array, blocks: number): number[] {
  const bytes = Buffer.from(frame).toString('latin1');
  const scan = bytes.slice(bytes.indexOf('\xff\xda') + 10, -2).replaceAll('\xff\0', '\xff');
  const bits = [...scan].map((byte) => byte.charCodeAt(0).toString(2).padStart(8, '0')).join('');
  const codes = ['00', '010', '011', '100', '101', '110', '1110', '11110', '111110', '1111110'];
  let at = 0;
  let coefficient = 0;
  return Array.from({ length: blocks }, () => {
    const category = codes.findIndex((code) => bits.startsWith(code, at));
    at += codes[category]?.length ?? 0;
    const magnitude = bits.slice(at, at + category);
    at += category + 1;
    const value = Number.parseInt(magnitude || '0', 2);
    coefficient += magnitude.startsWith('0') ? value - 2 ** category + 1 : value;
    return coefficient + 128;
  });
}

describe('RLE Lossless', () => {
  it('codes runs and literals as annex G says', () => {
    // High bytes all 0: a run of 8. Low bytes: three literals (a run of two among them), a run of 4, a literal.
    const pixels = Uint16Array.of(1, 2, 2, 9, 9, 9, 9, 5);
    const frame = encodeRleFrame(pixels, 8);
    const header = new DataView(frame.buffer);
    expect([0, 4, 8, 12].map((offset) => header.getUint32(offset, true))).toEqual([2, 64, 66, 0]);
    expect([...frame.subarray(64)]).toEqual([0xf9, 0, 2, 1, 2, 2, 0xfd, 9, 0, 5]);
  });

  it.each([
    ['noise', (random: Random, index: number) => random.word() & (index % 2 ? 0xffff : 0xfff)],
    ['runs', (_: Random, index: number) => Math.floor(index / 300)],
    ['pairs', (_: Random, index: number) => index >>> 1],
    ['one value', () => 0x8081],
  ])('decodes to what it was: %s', (_, pixel) => {
    const random = new Random(1);
    for (const columns of [1, 2, 127, 128, 129, 300]) {
      const pixels = Uint16Array.from({ length: columns * 11 }, (_unused, index) => pixel(random, index));
      const frame = encodeRleFrame(pixels, columns);
      expect(frame.byteLength % 2).toBe(0);
      expect(decodeRleFrame(frame, pixels.length)).toEqual(pixels);
    }
  });
});

describe('JPEG baseline', () => {
  it('codes a grey block by its mean', () => {
    const frame = Buffer.from(encodeJpegFrame(new Uint8Array(64).fill(133), 8, 8));
    expect(frame.toString('hex', 0, 2)).toBe('ffd8');
    // 133 - 128 = 5: category 3 (100), bits 101, end of block (0), a one to fill: 1001 0101.
    expect(frame.toString('hex', frame.length - 3)).toBe('95ffd9');
  });

  it('decodes to the means of its blocks, bytes of all ones included', () => {
    const random = new Random(1);
    const size = 256;
    // Many of the widest differences, which give eight ones in a row, at each place of a byte.
    const means = random.bytes((size / 8) ** 2).map((mean, block) => [0, 255, mean][block % 3] ?? 0);
    const pixels = Uint8Array.from({ length: size * size }, (_, index) => {
      const block = Math.floor(index / (8 * size)) * (size / 8) + Math.floor((index % size) / 8);
      return means[block] ?? 0;
    });
    const frame = encodeJpegFrame(pixels, size, size);
    expect(Buffer.from(frame).toString('latin1').includes('\xff\0')).toBe(true);
    const decoded = decodeMeans(frame, means.length);
    const errors = decoded.map((mean, block) => Math.abs(mean - (means[block] ?? 0)));
    expect(Math.max(...errors)).toBe(0);
  });
});

describe('the phantom', () => {
  it('is never twice the same, stays in 12 bits, and is no noise only', () => {
    const phantom = new Phantom(new Random(1));
    const slices = [0, 0.5, 0.5, 1].map((position) => {
      const pixels = new Uint16Array(128 * 128);
      phantom.draw(pixels, 128, position, ctPalette);
      return pixels;
    });
    expect(new Set(slices.map((pixels) => pixels.join())).size).toBe(4);
    for (const pixels of slices) {
      expect(Math.max(...pixels)).toBeLessThan(4096);
      expect(Math.max(...pixels.subarray(0, 128))).toBeLessThanOrEqual(ctPalette.outside + ctPalette.noise);
      expect(pixels[64 * 128 + 64]).toBeGreaterThanOrEqual(ctPalette.soft);
    }
  });
});
