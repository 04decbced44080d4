/**
 * JPEG baseline (ISO/IEC 10918-1) of 8-bit grey frames, mean of each 8 x 8 block only: coarse pictures that any
 * decoder shows, from a coder of one page. For tests of how fragments travel, not of how they look.
 */
import { assert } from '../../shared/assert.ts';

/** One quantization step for all coefficients: that of a mean is one grey level. */
const quantization = 8;

/** Huffman codes of the difference categories 0 to 9: annex K.3.1, table K.3. */
const categoryCodes = [
  '00',
  '010',
  '011',
  '100',
  '101',
  '110',
  '1110',
  '11110',
  '111110',
  '1111110',
] as const;
const categoryLengths = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const categories = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
/** The only code of the other coefficients: "no more in this block", one bit. */
const blockEndLengths = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const blockEndCode = '0';

/** Codes one frame, row by row in `pixels`; rows and columns are multiples of 8. */
export function encodeJpegFrame(pixels: Uint8Array, rows: number, columns: number): Uint8Array {
  assert(rows % 8 === 0 && columns % 8 === 0 && pixels.length === rows * columns, 'a frame is whole blocks');
  const scan = new BitWriter();
  let previous = 0;
  for (let row = 0; row < rows; row += 8) {
    for (let column = 0; column < columns; column += 8) {
      const coefficient = Math.round((8 * (blockMean(pixels, columns, row, column) - 128)) / quantization);
      writeDifference(scan, coefficient - previous);
      scan.write(blockEndCode);
      previous = coefficient;
    }
  }
  return Buffer.concat([
    Uint8Array.of(0xff, 0xd8),
    segment(0xdb, [0, ...new Array<number>(64).fill(quantization)]),
    segment(0xc0, [8, rows >>> 8, rows & 255, columns >>> 8, columns & 255, 1, 1, 0x11, 0]),
    segment(0xc4, [0x00, ...categoryLengths, ...categories]),
    segment(0xc4, [0x10, ...blockEndLengths, 0]),
    segment(0xda, [1, 1, 0x00, 0, 63, 0]),
    scan.finish(),
    Uint8Array.of(0xff, 0xd9),
  ]);
}

function segment(marker: number, payload: readonly number[]): Uint8Array {
  const length = payload.length + 2;
  return Uint8Array.of(0xff, marker, length >>> 8, length & 255, ...payload);
}

function blockMean(pixels: Uint8Array, columns: number, row: number, column: number): number {
  let sum = 0;
  for (let y = row; y < row + 8; y++) {
    for (let x = column; x < column + 8; x++) sum += pixels[y * columns + x] ?? 0;
  }
  return sum / 64;
}

/** Category and magnitude bits of a difference (section F.1.2.1): negative ones as one's complement. */
function writeDifference(scan: BitWriter, difference: number): void {
  const magnitude = Math.abs(difference);
  const category = magnitude === 0 ? 0 : 32 - Math.clz32(magnitude);
  const code = categoryCodes[category];
  assert(code !== undefined, 'means of bytes differ by at most 256');
  scan.write(code);
  if (category === 0) return;
  const bits = difference > 0 ? difference : difference + 2 ** category - 1;
  scan.write(bits.toString(2).padStart(category, '0'));
}

/** Collects bits; a byte of all ones is followed by a zero byte (section F.1.2.3). */
class BitWriter {
  readonly #bytes: number[] = [];
  #bits = 0;
  #count = 0;

  write(bits: string): void {
    for (const bit of bits) {
      this.#bits = (this.#bits << 1) | (bit === '1' ? 1 : 0);
      if (++this.#count < 8) continue;
      this.#bytes.push(this.#bits);
      if (this.#bits === 0xff) this.#bytes.push(0);
      this.#bits = 0;
      this.#count = 0;
    }
  }

  finish(): Uint8Array {
    if (this.#count > 0) this.write('1'.repeat(8 - this.#count));
    return Uint8Array.from(this.#bytes);
  }
}
