import { describe, expect, it } from 'vitest';
import { defaultAreaBytes, SpillArea } from '../../../../receiver/vault/spill.ts';
import { limits } from '../../../../shared/wire/limits.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';

const symbolBytes = 16;
const facts = {
  objectId: 'ab'.repeat(16),
  senderId: '07'.repeat(8),
  keyId: 1,
  objectBytes: 1_000_000,
  maximumSourceSymbols: 8,
};
const collected = (esi: number) => ({
  encodingSymbolIds: [esi],
  symbols: new Uint8Array(symbolBytes).fill(esi),
});

/** An area for three blocks, on a disk that may be full. */
function area() {
  const disk = new SimulatedDisk();
  const state = { isFull: false };
  const open = () =>
    new SpillArea({
      disk,
      path: '/spill.area',
      symbolBytes,
      areaBytes: 3 * (256 + limits.sourceSymbolsMax * symbolBytes),
      mayGrow: () => !state.isFull,
    });
  return { open, state, bytes: () => disk.facts('/spill.area')?.bytes ?? 0 };
}

describe('the spill area', () => {
  it('gives back what it took, once, and refuses what it has no slot for', () => {
    const spill = area().open();
    for (const block of [0, 1, 2]) expect(spill.store(facts, block, collected(block))).toBe(true);
    expect(spill.store(facts, 3, collected(3))).toBe(false);
    expect(spill.take(facts, 1)).toEqual(collected(1));
    expect(spill.take(facts, 1)).toBeUndefined();
    expect(spill.store(facts, 3, collected(3))).toBe(true);
  });

  it('does not grow while the disk is full, and uses what it has', () => {
    const { open, state, bytes } = area();
    for (const spill of [open(), open()]) {
      state.isFull = false;
      spill.drop(facts);
      expect(spill.store(facts, 0, collected(0))).toBe(true);
      const before = bytes();
      state.isFull = true;
      expect(spill.store(facts, 1, collected(1))).toBe(false);
      spill.take(facts, 0);
      expect(spill.store(facts, 1, collected(1))).toBe(true);
      expect(bytes()).toBe(before);
    }
  });

  it('finds what an earlier life left, also when its slots do not follow each other', () => {
    const { open } = area();
    const before = open();
    for (const block of [0, 1, 2]) before.store(facts, block, collected(block));
    const after = open();
    expect(after.found.map(({ blockNumber }) => blockNumber).sort()).toEqual([0, 1, 2]);
    expect(after.take(facts, 2)).toEqual(collected(2));
    expect(after.usedSlots).toBe(2);
  });

  it('keeps what two keys claim under one object id apart, also after a restart', () => {
    const { open } = area();
    const other = { ...facts, senderId: 'bb'.repeat(8), keyId: 2 };
    const before = open();
    before.store(facts, 0, collected(5));
    before.store(other, 0, collected(6));
    before.store(other, 1, collected(7));
    const after = open();
    expect(after.found).toHaveLength(3);
    after.drop(other);
    expect(after.take(facts, 0)).toEqual(collected(5));
    expect(after.usedSlots).toBe(0);
  });

  it('is shared: who has most slots gives up its oldest for another sender, and nobody for its own', () => {
    const spill = area().open();
    const other = { ...facts, objectId: 'cd'.repeat(16), senderId: 'bb'.repeat(8), keyId: 2 };
    for (const block of [0, 1, 2]) spill.store(other, block, collected(block));
    expect(spill.store(other, 3, collected(3))).toBe(false);
    expect(spill.store(facts, 0, collected(9))).toBe(true);
    expect(spill.store(facts, 1, collected(8))).toBe(false);
    expect([0, 1, 2].map((block) => spill.take(other, block)?.encodingSymbolIds)).toEqual([
      undefined,
      [1],
      [2],
    ]);
    expect(spill.take(facts, 0)).toEqual(collected(9));
    expect(spill.usedSlots).toBe(0);
  });

  it('is a twentieth of the disk when nothing else is said, within bounds', () => {
    expect([1e9, 100e9, 1e12].map(defaultAreaBytes)).toEqual([1024e6, 5e9, 16_384e6]);
  });
});
