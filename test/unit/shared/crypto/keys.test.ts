import { hkdfSync } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  deriveObjectIdKey,
  deriveObjectKey,
  deriveTagKey,
  deriveTicketKey,
} from '../../../../shared/crypto/keys.ts';
import { Random } from '../../../harness/random.ts';

test('every key is the one that HKDF-SHA-256 of RFC 5869 gives', () => {
  const random = new Random(7);
  for (let trial = 0; trial < 50; trial += 1) {
    const [secret, senderId, objectId] = [random.bytes(32), random.bytes(8), random.bytes(16)];
    const expected = (label: string, length: number, ...rest: Uint8Array[]) =>
      new Uint8Array(hkdfSync('sha256', secret, '', Buffer.concat([Buffer.from(label), ...rest]), length));
    expect(deriveTagKey(secret)).toEqual(expected('dicom-diode 1 datagram tag', 16));
    expect(deriveObjectIdKey(secret, senderId)).toEqual(expected('dicom-diode 1 object id', 32, senderId));
    expect(deriveTicketKey(secret, senderId)).toEqual(expected('dicom-diode 1 ticket', 32, senderId));
    for (const use of ['seal', 'authenticate'] as const)
      expect(deriveObjectKey(secret, use, senderId, objectId)).toEqual(
        expected(`dicom-diode 1 ${use}`, 32, senderId, objectId),
      );
  }
});
