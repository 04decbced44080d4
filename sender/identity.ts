/**
 * Who this sender is on the link, and under which key and layout its objects go out.
 * The sender id is random and lives as long as the ledger: a reinstalled sender is another sender.
 */
import { deriveObjectIdKey } from '../shared/crypto/keys.ts';
import { deriveObjectId } from '../shared/crypto/object-id.ts';
import { DiodeError } from '../shared/errors.ts';
import { type ObjectType, symbolBytesOf } from '../shared/wire/datagram.ts';
import { limits } from '../shared/wire/limits.ts';
import type { LinkParameters } from '../shared/wire/link-parameters.ts';
import { blockCountOf } from '../shared/wire/object-layout.ts';

export interface SenderIdentity {
  /** 8 bytes */
  readonly senderId: Uint8Array;
  /** The key of what is taken in now. */
  readonly keyId: number;
  /** 32 bytes, never logged */
  readonly secret: Uint8Array;
  /** The other keys of the ring, by id: objects that were planned under one of them still go out under it. */
  readonly otherSecrets?: ReadonlyMap<number, Uint8Array>;
  readonly parameters: LinkParameters;
}

/** All keys of the ring by id, the current one first. */
export function secretsOf(identity: SenderIdentity): ReadonlyMap<number, Uint8Array> {
  return new Map([[identity.keyId, identity.secret], ...(identity.otherSecrets ?? [])]);
}

/** One life of the sender's process. */
export interface Session {
  /** Higher than that of any session before. */
  readonly counter: number;
  readonly random: number;
}

/** The layout an object gets when it is taken in; it keeps it for all passes. */
export interface ObjectPlan {
  /** 16 bytes as hexadecimal */
  readonly objectId: string;
  readonly keyId: number;
  readonly symbolBytes: number;
  readonly maximumSourceSymbols: number;
}

/** Plans objects under one identity. The plan throws E_TOO_LARGE for an object of too many blocks. */
export function objectPlanner(identity: SenderIdentity) {
  const key = deriveObjectIdKey(identity.secret, identity.senderId);
  const symbolBytes = symbolBytesOf(identity.parameters.datagramBytes);
  const maximumSourceSymbols = identity.parameters.sourceSymbols;
  return (type: ObjectType, sha256: Uint8Array, objectBytes: number): ObjectPlan => {
    if (blockCountOf(objectBytes, symbolBytes, maximumSourceSymbols) > limits.blocksMax)
      throw new DiodeError('E_TOO_LARGE', 'the object has too many blocks: raise code.sourceSymbols');
    const id = deriveObjectId(key, { type, sha256, objectBytes, symbolBytes, maximumSourceSymbols });
    return {
      objectId: Buffer.from(id).toString('hex'),
      keyId: identity.keyId,
      symbolBytes,
      maximumSourceSymbols,
    };
  };
}
