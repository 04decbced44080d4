/**
 * The object id: what an object is and how it is cut, under a key. Different content or a different layout gives a
 * different id; the same object has the same id in every pass and session, so symbols of all passes combine.
 */
import { createHmac } from 'node:crypto';
import { assert } from '../assert.ts';
import { DocumentWriter } from '../wire/binary.ts';
import { type ObjectType, objectIdBytes, wireVersion } from '../wire/datagram.ts';

export interface ObjectIdentity {
  readonly type: ObjectType;
  /** 32 bytes */
  readonly sha256: Uint8Array;
  readonly objectBytes: number;
  readonly symbolBytes: number;
  readonly maximumSourceSymbols: number;
}

/** First 128 bits of HMAC-SHA-256 over type, SHA-256, size, symbol size, k and wire version. */
export function deriveObjectId(key: Uint8Array, identity: ObjectIdentity): Uint8Array {
  assert(identity.sha256.length === 32, 'SHA-256 has 32 bytes');
  const document = new DocumentWriter()
    .uint8(identity.type)
    .bytes(identity.sha256)
    .uint64(identity.objectBytes)
    .uint16(identity.symbolBytes)
    .uint8(identity.maximumSourceSymbols)
    .uint8(wireVersion)
    .finish();
  return new Uint8Array(createHmac('sha256', key).update(document).digest()).slice(0, objectIdBytes);
}
