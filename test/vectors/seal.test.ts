/** Goal: blocks are sealed as the vectors say, and no changed byte or place opens. */
import { describe, expect, it } from 'vitest';
import type { SealVector } from './cases/seal.ts';
import { sealAt } from './cases/seal.ts';
import { cutOf, openBlock } from './second-reading.ts';
import { fromHex, hex, readVectors } from './vector-file.ts';

const vectors = readVectors<SealVector>('seal');

describe('seal', () => {
  it.each(vectors)('$name', (vector) => {
    const { seal, layout } = sealAt(vector);
    const block = fromHex(vector.block);
    const { blockNumber, objectBytes, symbolBytes, maximumSourceSymbols } = vector;
    const payloadBytes = layout.payloadBytes(blockNumber);
    const [payload, tag] = [block.slice(0, payloadBytes), block.slice(payloadBytes, payloadBytes + 16)];
    const target = new Uint8Array(payloadBytes);
    const opened = seal.open(blockNumber, payload, tag, target) ? target : undefined;
    const cut = cutOf(objectBytes, symbolBytes, maximumSourceSymbols).block(blockNumber);
    const place = {
      ...vector,
      senderId: Buffer.from(vector.senderId, 'hex'),
      objectId: Buffer.from(vector.objectId, 'hex'),
    };
    const reopened = openBlock(place, block, cut.payloadBytes, fromHex(vector.secret));
    if ('error' in vector) {
      // What does not open is refused with the code that the vector names: see object.json.
      expect(vector.error).toBe('E_BLOCK_OPEN');
      expect([opened, reopened]).toEqual([undefined, undefined]);
      return;
    }
    expect([opened, reopened].map((bytes) => hex(bytes ?? new Uint8Array(0)))).toEqual([
      vector.payload,
      vector.payload,
    ]);
    const sealed = Buffer.concat(seal.seal(blockNumber, fromHex(vector.payload)));
    expect(hex(sealed)).toBe(vector.block.slice(0, 2 * (payloadBytes + 16)));
    expect(block.slice(payloadBytes + 16).every((byte) => byte === 0)).toBe(true);
  });
});
