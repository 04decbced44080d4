/** Goal: tags of pieces know the bytes they were made of, however these came, and no others. */
import { expect, it } from 'vitest';
import { isPiece, PieceTagger, pieceBytes } from '../../../../shared/crypto/piece-tags.ts';
import { Random } from '../../../harness/random.ts';

const key = new Random(9).bytes(32);

it.each([1, pieceBytes - 1, pieceBytes, pieceBytes + 1, 3 * pieceBytes, 3 * pieceBytes + 7])(
  'of %i bytes are the same in parts of any size, one for each piece',
  (length) => {
    const bytes = new Random(1).bytes(length);
    const whole = new PieceTagger(key);
    whole.update(bytes);
    const tags = whole.finish();
    expect(tags).toHaveLength(32 + 16 * Math.ceil(length / pieceBytes));
    const random = new Random(2);
    const parted = new PieceTagger(key);
    for (let offset = 0; offset < length; ) {
      const part = bytes.subarray(offset, offset + 1 + random.integer(pieceBytes));
      parted.update(part);
      offset += part.length;
    }
    expect(parted.finish()).toEqual(tags);
    for (let piece = 0; piece * pieceBytes < length; piece += 1) {
      const part = bytes.slice(piece * pieceBytes, (piece + 1) * pieceBytes);
      expect(isPiece(tags, piece, part)).toBe(true);
      expect(isPiece(tags, piece + 1, part)).toBe(false);
      part[random.integer(part.length)] = (part[0] ?? 0) ^ 255;
      part[0] = (part[0] ?? 0) ^ 1;
      expect(isPiece(tags, piece, part)).toBe(false);
    }
  },
);
