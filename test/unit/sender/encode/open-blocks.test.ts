/**
 * Goal: a burst of loss that the largest blocks survive is survived by small ones too. Method: the order of one pass,
 * and for each window of as many datagrams how many of each block are in it, against the block's repair symbols.
 */
import { describe, expect, it } from 'vitest';
import { Transmission } from '../../../../sender/encode/transmission.ts';
import type { ErasureCode } from '../../../../shared/fec/erasure-code.ts';
import { repairSymbolCount } from '../../../../shared/fec/repair-count.ts';
import { at, objectType, protection, readUint32, symbolBytesOf } from '../../../../shared/wire/datagram.ts';
import { ObjectLayout } from '../../../../shared/wire/object-layout.ts';

const openBlocks = 20;
const parameters = {
  datagramBytes: 512,
  sourceSymbols: 200,
  repairSymbols: 24,
  protection: protection.sealed,
};
/** Encodes nothing: the order does not depend on it. */
const orderOnly: ErasureCode = {
  name: 'reference',
  memory: undefined,
  allocate: (byteLength) => new Uint8Array(byteLength),
  encode: () => {},
  reconstruct: () => {},
};

/** The object of each datagram of one pass over objects of one size. */
function orderOf(objects: number, objectBytes: number): number[] {
  const transmission = new Transmission({
    identity: { senderId: new Uint8Array(8), keyId: 1, secret: new Uint8Array(32), parameters },
    session: { counter: 1, random: 2 },
    code: orderOnly,
    tag: { write: () => {} },
    openBlocks,
    allocate: orderOnly.allocate,
  });
  for (let number = 0; number < objects; number += 1) {
    const objectId = new Uint8Array(16);
    new DataView(objectId.buffer).setUint32(0, number);
    const pass = { objectId, type: objectType.instance, pass: 0, maximumSourceSymbols: 200 };
    transmission.add({ ...pass, objectBytes, read: (_offset, length) => new Uint8Array(length) }, 'routine');
  }
  const order: number[] = [];
  const datagram = new Uint8Array(512);
  while (transmission.next(datagram)) order.push(readUint32(datagram, at.objectId));
  expect(transmission.idle).toBe(true);
  return order;
}

describe('with as many blocks open as there are to be', () => {
  it.each([1, 5, 20, 58, 120, 200])('blocks of %i source symbols survive the burst', (k) => {
    const objectBytes = k * symbolBytesOf(512) - 16;
    expect(new ObjectLayout(objectBytes, symbolBytesOf(512), 200)).toMatchObject({ blockCount: 1 });
    const repair = repairSymbolCount(k, { maximumSourceSymbols: 200, repairSymbols: 24 });
    const order = orderOf(1000, objectBytes);
    expect(order).toHaveLength(1000 * (k + repair));
    // Slots are bounded: of the smallest blocks not as many are open as that.
    const open = Math.min(Math.ceil((openBlocks * 24) / repair), 6 * openBlocks);
    const burst = open * (repair - 1);
    const inWindow = new Map<number, number>();
    let most = 0;
    for (const [position, object] of order.entries()) {
      const count = (inWindow.get(object) ?? 0) + 1;
      inWindow.set(object, count);
      const left = order[position - burst];
      if (left !== undefined) inWindow.set(left, (inWindow.get(left) ?? 0) - 1);
      // The beginning, while blocks are being opened, and the tail, where fewer are left, are not full.
      const isFull = position > order.length / 4 && position < (order.length * 3) / 4;
      if (isFull) most = Math.max(most, count);
    }
    expect(most).toBeLessThanOrEqual(repair);
  });
});
