/** Goal: keys and object ids are those of the vectors, read by the program and by a second reading of PROTOCOL.md. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { objectPlanner } from '../../sender/identity.ts';
import { deriveObjectIdKey, deriveObjectKey, deriveTagKey } from '../../shared/crypto/keys.ts';
import { deriveObjectId } from '../../shared/crypto/object-id.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import type { KeyVector, ObjectIdVector } from './cases/derivation.ts';
import { identity } from './cases/parties.ts';
import { hkdf, objectIdKeyOf, objectIdOf } from './second-reading.ts';
import { fromHex, hex, readVectors } from './vector-file.ts';

describe('key derivation', () => {
  it.each(readVectors<KeyVector>('key-derivation'))('$name', (vector) => {
    const [secret, senderId, objectId] = [vector.secret, vector.senderId, vector.objectId].map(fromHex) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    expect(hex(deriveTagKey(secret))).toBe(vector.tagKey);
    expect(hex(deriveObjectIdKey(secret, senderId))).toBe(vector.objectIdKey);
    expect(hex(deriveObjectKey(secret, 'seal', senderId, objectId))).toBe(vector.sealKey);
    expect(hex(deriveObjectKey(secret, 'authenticate', senderId, objectId))).toBe(vector.authenticateKey);

    const info = (text: string, ...parts: Uint8Array[]) => Buffer.concat([Buffer.from(text), ...parts]);
    expect(hex(hkdf(secret, info('dicom-diode 1 datagram tag'), 16))).toBe(vector.tagKey);
    expect(hex(hkdf(secret, info('dicom-diode 1 object id', senderId), 32))).toBe(vector.objectIdKey);
    expect(hex(hkdf(secret, info('dicom-diode 1 seal', senderId, objectId), 32))).toBe(vector.sealKey);
    expect(hex(hkdf(secret, info('dicom-diode 1 authenticate', senderId, objectId), 32))).toBe(
      vector.authenticateKey,
    );
  });
});

describe('object id', () => {
  const vectors = readVectors<ObjectIdVector>('object-id');

  it.each(vectors)('$name', (vector) => {
    const object = { ...vector, sha256: fromHex(vector.sha256) };
    expect(hex(deriveObjectId(fromHex(vector.objectIdKey), object))).toBe(vector.objectId);
    expect(hex(objectIdOf(fromHex(vector.objectIdKey), object))).toBe(vector.objectId);
  });

  it('is another one for each vector', () => {
    expect(new Set(vectors.map(({ objectId }) => objectId)).size).toBe(vectors.length);
  });

  it('is what the sender plans for an object', () => {
    const sha256 = createHash('sha256').update('an object').digest();
    const { objectId, symbolBytes, maximumSourceSymbols } = objectPlanner(identity)(
      objectType.instance,
      sha256,
      9,
    );
    const key = objectIdKeyOf(identity.secret, identity.senderId);
    const object = { type: 1, sha256, objectBytes: 9, symbolBytes, maximumSourceSymbols };
    expect(objectId).toBe(hex(objectIdOf(key, object)));
  });

  it('is refused for an object of more blocks than a receiver keeps account of', () => {
    const small = { ...identity, parameters: { ...identity.parameters, sourceSymbols: 1 } };
    const plan = (objectBytes: number) => () =>
      objectPlanner(small)(objectType.instance, new Uint8Array(32), objectBytes);
    expect(plan(2 ** 20 * (432 - 16))).not.toThrow();
    expect(plan(2 ** 20 * (432 - 16) + 1)).toThrow(expect.objectContaining({ code: 'E_TOO_LARGE' }));
  });
});
