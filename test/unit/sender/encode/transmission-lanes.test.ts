/** Goal: a repeat of the carousel never takes the place of a planned symbol. Method: what leaves, by its object. */
import { expect, it } from 'vitest';
import { type LaneName, Transmission } from '../../../../sender/encode/transmission.ts';
import { createErasureCode } from '../../../../shared/fec/engine.ts';
import { at, objectType, protection } from '../../../../shared/wire/datagram.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };

it('sends what is urgent, then what is planned, and repeats when there is neither', () => {
  const transmission = new Transmission({
    identity: { senderId: new Uint8Array(8), keyId: 1, secret: new Uint8Array(32), parameters },
    session: { counter: 1, random: 2 },
    code: createErasureCode(),
    tag: { write: () => {} },
    openBlocks: 16,
    allocate: (byteLength) => new Uint8Array(byteLength),
  });
  const add = (name: number, objectBytes: number, lane: LaneName) => {
    const objectId = new Uint8Array(16).fill(name);
    const pass = { objectId, type: objectType.instance, pass: 0, maximumSourceSymbols: 8 };
    transmission.add({ ...pass, objectBytes, read: (_offset, length) => new Uint8Array(length) }, lane);
  };
  const datagram = new Uint8Array(512);
  /** The objects of the next datagrams: one name for each run of them. */
  const next = (count: number) => {
    const names: (number | undefined)[] = [];
    for (let left = count; left > 0 && transmission.next(datagram); left -= 1)
      if (names.at(-1) !== datagram[at.objectId]) names.push(datagram[at.objectId]);
    return names;
  };
  add(1, 300_000, 'background');
  expect(next(100)).toEqual([1]);
  // Several blocks of it are open by now. Their symbols wait.
  add(2, 50_000, 'routine');
  add(3, 5000, 'urgent');
  expect(next(1)).toEqual([3]);
  expect(next(300)).toEqual([3, 2, 1]);
  add(4, 1, 'routine');
  expect(next(100_000)).toEqual([4, 1]);
  expect(transmission.idle).toBe(true);
});
