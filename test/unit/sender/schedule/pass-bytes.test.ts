/** Goal: what a pass is counted as is what it sends. Method: objects of many sizes through the real transmission. */
import { expect, it } from 'vitest';
import { Transmission } from '../../../../sender/encode/transmission.ts';
import { passBytesOf } from '../../../../sender/schedule/pass-bytes.ts';
import { createErasureCode } from '../../../../shared/fec/engine.ts';
import { objectType, protection, symbolBytesOf } from '../../../../shared/wire/datagram.ts';

it.each([1, 416, 417, 3000, 3440, 3441, 10_000, 100_001])('of an object of %i bytes', (bytes) => {
  const parameters = {
    datagramBytes: 512,
    sourceSymbols: 8,
    repairSymbols: 3,
    protection: protection.sealed,
  };
  const transmission = new Transmission({
    identity: { senderId: new Uint8Array(8), keyId: 1, secret: new Uint8Array(32), parameters },
    session: { counter: 1, random: 2 },
    code: createErasureCode(),
    tag: { write: () => {} },
    openBlocks: 4,
    allocate: (byteLength) => new Uint8Array(byteLength),
  });
  const object = { bytes, symbolBytes: symbolBytesOf(512), maximumSourceSymbols: 8 };
  const pass = { objectId: new Uint8Array(16), type: objectType.instance, pass: 0, maximumSourceSymbols: 8 };
  transmission.add(
    { ...pass, objectBytes: bytes, read: (_offset, length) => new Uint8Array(length) },
    'routine',
  );
  const datagram = new Uint8Array(512);
  while (transmission.next(datagram));
  expect(passBytesOf(parameters)(object)).toBe(transmission.sequence * 512);
});
