/** Goal: whatever parts of a file are asked for, each is the bytes that were hashed, and they are never read twice in a pass. */
import { expect, it } from 'vitest';
import { CheckedFile } from '../../../../sender/encode/checked-file.ts';
import { PieceTagger, pieceBytes } from '../../../../shared/crypto/piece-tags.ts';
import { Random } from '../../../harness/random.ts';

function file(bytes: Uint8Array) {
  const tagger = new PieceTagger(new Random(7).bytes(32));
  tagger.update(bytes);
  const content = bytes.slice();
  let bytesRead = 0;
  const disk = {
    readAt: (target: Uint8Array, offset: number) => {
      const part = content.subarray(offset, offset + target.length);
      target.set(part);
      bytesRead += part.length;
      return part.length;
    },
    close: () => {},
  };
  const checked = new CheckedFile(disk, bytes.length, tagger.finish());
  return { checked, content, bytesRead: () => bytesRead };
}

it.each([1, 1000, 274_184, pieceBytes, pieceBytes + 1, 2_500_000])(
  'gives a file in order in parts of %i bytes, and reads it once',
  (partBytes) => {
    const bytes = new Random(partBytes).bytes(3 * pieceBytes + 4321);
    const end = partBytes === 1 ? 4000 : bytes.length;
    const { checked, bytesRead } = file(bytes);
    for (let offset = 0; offset < end; offset += partBytes) {
      const part = checked.read(offset, partBytes);
      expect(Buffer.compare(part, bytes.subarray(offset, offset + partBytes))).toBe(0);
    }
    expect(checked.read(bytes.length, partBytes)).toHaveLength(0);
    checked.close();
    if (partBytes > 1) expect(bytesRead()).toBe(bytes.length);
  },
);

it('gives any parts in any order', () => {
  const random = new Random(3);
  const bytes = random.bytes(4 * pieceBytes + 99);
  const { checked } = file(bytes);
  for (let count = 0; count < 200; count += 1) {
    const offset = random.between(0, bytes.length);
    const length = random.between(0, 2 * pieceBytes);
    const part = checked.read(offset, length);
    expect(Buffer.compare(part, bytes.subarray(offset, offset + length)), `at ${offset}`).toBe(0);
  }
});

it('gives nothing of a piece that is not what was hashed, at each try, and the others', () => {
  const bytes = new Random(5).bytes(3 * pieceBytes);
  const { checked, content } = file(bytes);
  content[pieceBytes + 5] = (content[pieceBytes + 5] ?? 0) ^ 1;
  const damaged = expect.objectContaining({ code: 'E_SPOOL_DAMAGED' });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    expect(() => checked.read(pieceBytes - 10, 20)).toThrow(damaged);
    expect(() => checked.read(0, bytes.length)).toThrow(damaged);
    expect(
      Buffer.compare(checked.read(pieceBytes - 10, 10), bytes.subarray(pieceBytes - 10, pieceBytes)),
    ).toBe(0);
    expect(checked.read(2 * pieceBytes, 10)).toHaveLength(10);
  }
});

it('uses no memory for files that were read to their end and wait with their last datagrams', () => {
  const files = Array.from({ length: 50 }, (_, number) => file(new Random(number).bytes(1000)).checked);
  const before = process.memoryUsage().arrayBuffers;
  for (const checked of files) expect(checked.read(0, 1000)).toHaveLength(1000);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * pieceBytes);
});
