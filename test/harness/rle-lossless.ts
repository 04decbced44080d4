/**
 * RLE Lossless (PS3.5 annex G): one segment for each byte of a pixel, the most significant first, each segment
 * coded by runs and literals (PackBits). One frame is one fragment.
 */
import { assert } from '../../shared/assert.ts';

const headerBytes = 64;

/** Codes one frame of 16-bit grey pixels; rows are coded apart, as annex G.3.1 asks. */
export function encodeRleFrame(pixels: Uint16Array, columns: number): Uint8Array {
  assert(columns > 0 && pixels.length % columns === 0, 'a frame is whole rows');
  const planes = [new Uint8Array(pixels.length), new Uint8Array(pixels.length)] as const;
  for (let index = 0; index < pixels.length; index++) {
    const pixel = pixels[index] ?? 0;
    planes[0][index] = pixel >>> 8;
    planes[1][index] = pixel;
  }
  const segments = planes.map((plane) => encodeSegment(plane, columns));
  const frame = new Uint8Array(segments.reduce((sum, segment) => sum + segment.byteLength, headerBytes));
  const header = new DataView(frame.buffer);
  header.setUint32(0, segments.length, true);
  let offset = headerBytes;
  for (const [index, segment] of segments.entries()) {
    header.setUint32(4 + 4 * index, offset, true);
    frame.set(segment, offset);
    offset += segment.byteLength;
  }
  return frame;
}

/** Codes one byte plane: a run of n as 257 - n and the byte, n literal bytes as n - 1 and the bytes; even at the end. */
function encodeSegment(plane: Uint8Array, columns: number): Uint8Array {
  // The worst case is one count byte before each 128 literals, at least one in each row.
  const coded = new Uint8Array(plane.length + (plane.length / columns) * (Math.ceil(columns / 128) + 1) + 2);
  let end = 0;
  for (let rowStart = 0; rowStart < plane.length; rowStart += columns) {
    const rowEnd = rowStart + columns;
    let at = rowStart;
    while (at < rowEnd) {
      const run = runLength(plane, at, rowEnd);
      if (run >= 2) {
        coded[end++] = 257 - run;
        coded[end++] = plane[at] ?? 0;
        at += run;
        continue;
      }
      let literals = 1;
      // A run of two inside literals saves nothing: only three of a kind end them.
      while (literals < 128 && at + literals < rowEnd && runLength(plane, at + literals, rowEnd) < 3)
        literals++;
      coded[end++] = literals - 1;
      coded.set(plane.subarray(at, at + literals), end);
      end += literals;
      at += literals;
    }
  }
  return coded.slice(0, end + (end % 2));
}

/** How many bytes from `at` are alike, at most 128. */
function runLength(plane: Uint8Array, at: number, end: number): number {
  const most = Math.min(end - at, 128);
  let length = 1;
  while (length < most && plane[at + length] === plane[at]) length++;
  return length;
}

/** Decodes what {@link encodeRleFrame} gives, for its test: literal and run, as annex G.3.2 says. */
export function decodeRleFrame(frame: Uint8Array, pixelCount: number): Uint16Array {
  const header = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const pixels = new Uint16Array(pixelCount);
  for (let segment = 0; segment < 2; segment++) {
    let at = header.getUint32(4 + 4 * segment, true);
    const shift = segment === 0 ? 8 : 0;
    for (let pixel = 0; pixel < pixelCount; ) {
      const count = header.getInt8(at++);
      const length = count >= 0 ? count + 1 : 1 - count;
      for (let index = 0; index < length; index++) {
        const byte = header.getUint8(count >= 0 ? at + index : at);
        pixels[pixel] = (pixels[pixel++] ?? 0) | (byte << shift);
      }
      at += count >= 0 ? length : 1;
    }
  }
  return pixels;
}
