/** Vectors of key derivation and of object ids. */
import { deriveObjectIdKey, deriveObjectKey, deriveTagKey } from '../../../shared/crypto/keys.ts';
import { deriveObjectId } from '../../../shared/crypto/object-id.ts';
import { objectType } from '../../../shared/wire/datagram.ts';
import { fromHex, hex, type Named } from '../vector-file.ts';
import { otherSecret, secret, senderId } from './parties.ts';

export interface KeyVector extends Named {
  readonly secret: string;
  readonly senderId: string;
  readonly objectId: string;
  readonly tagKey: string;
  readonly objectIdKey: string;
  readonly sealKey: string;
  readonly authenticateKey: string;
}

export interface ObjectIdVector extends Named {
  readonly objectIdKey: string;
  readonly type: 1 | 2 | 3 | 4;
  readonly sha256: string;
  readonly objectBytes: number;
  readonly symbolBytes: number;
  readonly maximumSourceSymbols: number;
  readonly objectId: string;
}

export const keysAbout =
  'Keys derived from the secret by HKDF-SHA-256 (RFC 5869) without salt. tagKey has 16 bytes, the others 32.';

export function keyVectors(): KeyVector[] {
  const objectId = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);
  const derived = (name: string, from: Uint8Array, sender: Uint8Array, object: Uint8Array) => ({
    name,
    secret: hex(from),
    senderId: hex(sender),
    objectId: hex(object),
    tagKey: hex(deriveTagKey(from)),
    objectIdKey: hex(deriveObjectIdKey(from, sender)),
    sealKey: hex(deriveObjectKey(from, 'seal', sender, object)),
    authenticateKey: hex(deriveObjectKey(from, 'authenticate', sender, object)),
  });
  return [
    derived('one secret, one sender, one object', secret, senderId, objectId),
    derived('another object: other seal and authenticate keys', secret, senderId, objectId.toReversed()),
    derived('another sender: the same tag key', secret, senderId.toReversed(), objectId),
    derived('another secret: all keys are others', otherSecret, senderId, objectId),
  ];
}

export const objectIdsAbout =
  'Object ids: the first 16 bytes of HMAC-SHA-256(objectIdKey, type, sha256, objectBytes, symbolBytes, maximumSourceSymbols, wire version).';

export function objectIdVectors(): ObjectIdVector[] {
  const base = {
    objectIdKey: hex(deriveObjectIdKey(secret, senderId)),
    type: objectType.instance,
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    objectBytes: 528_384,
    symbolBytes: 1392,
    maximumSourceSymbols: 200,
  } as const;
  const identified = (name: string, change: Partial<Omit<ObjectIdVector, 'name' | 'objectId'>>) => {
    const identity = { ...base, ...change };
    const sha256 = fromHex(identity.sha256);
    return {
      name,
      ...identity,
      objectId: hex(deriveObjectId(fromHex(identity.objectIdKey), { ...identity, sha256 })),
    };
  };
  return [
    identified('an instance', {}),
    identified('another key', { objectIdKey: hex(deriveObjectIdKey(secret, senderId.toReversed())) }),
    identified('a manifest of the same bytes', { type: objectType.manifest }),
    identified('a beacon', { type: objectType.beacon }),
    identified('a page of a roll', { type: objectType.roll }),
    identified('other content', { sha256: 'f'.repeat(64) }),
    identified('one byte more', { objectBytes: 528_385 }),
    identified('the largest object: 64 GiB', { objectBytes: 64 * 2 ** 30 }),
    identified('jumbo datagrams', { symbolBytes: 8892 }),
    identified('smaller blocks', { maximumSourceSymbols: 64 }),
  ];
}
