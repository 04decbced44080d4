/**
 * The seal of a source block: AES-256-GCM, or GMAC over the same bytes where encryption is off.
 *
 * It is deterministic: the key stands for the content (see keys.ts), the nonce is the block number. So a
 * block's ciphertext is the same in every pass and session, and symbols of all passes combine.
 * The additional data binds a block to its place: never session, sequence or ESI, which vary.
 */
import { type CipherGCM, createCipheriv, createDecipheriv } from 'node:crypto';
import { assert } from '../assert.ts';
import {
  type ObjectType,
  objectIdBytes,
  type Protection,
  protection,
  wireVersion,
  writeUint32,
  writeUint64,
} from '../wire/datagram.ts';
import { type ObjectLayout, sealTagBytes } from '../wire/object-layout.ts';
import { deriveObjectKey } from './keys.ts';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
/** version, type, k, object id, object size, block number, symbol size: in this order. */
const additionalBytes = 1 + 1 + 1 + objectIdBytes + 8 + 4 + 2;

export interface SealedObject {
  readonly secret: Uint8Array;
  readonly senderId: Uint8Array;
  readonly objectId: Uint8Array;
  readonly type: ObjectType;
  readonly protection: Protection;
  readonly layout: ObjectLayout;
}

/** Seals and opens the blocks of one object. */
export class ObjectSeal {
  readonly #key: Uint8Array;
  readonly #protection: Protection;
  readonly #additional: Uint8Array;
  readonly #nonce = new Uint8Array(nonceBytes);

  constructor(object: SealedObject) {
    const use = object.protection === protection.sealed ? 'seal' : 'authenticate';
    this.#key = deriveObjectKey(object.secret, use, object.senderId, object.objectId);
    this.#protection = object.protection;
    this.#additional = new Uint8Array(additionalBytes);
    this.#additional[0] = wireVersion;
    this.#additional[1] = object.type;
    this.#additional[2] = object.layout.maximumSourceSymbols;
    this.#additional.set(object.objectId, 3);
    writeUint64(this.#additional, 3 + objectIdBytes, object.layout.objectBytes);
    this.#additional[additionalBytes - 2] = object.layout.symbolBytes >>> 8;
    this.#additional[additionalBytes - 1] = object.layout.symbolBytes;
  }

  /**
   * Seals a block's payload.
   * @returns the pieces that stand in the block one behind the other: payload (as it goes out), then 16 bytes
   */
  seal(blockNumber: number, payload: Uint8Array): { payload: Uint8Array; tag: Uint8Array } {
    this.#place(blockNumber);
    const cipher: CipherGCM = createCipheriv(algorithm, this.#key, this.#nonce);
    cipher.setAAD(this.#additional);
    const sealed = this.#protection === protection.sealed ? cipher.update(payload) : payload;
    if (this.#protection === protection.authenticated) cipher.setAAD(payload);
    cipher.final();
    return { payload: sealed, tag: cipher.getAuthTag() };
  }

  /**
   * Opens a block.
   * @returns the payload, or undefined when block and place do not belong together
   */
  open(blockNumber: number, payload: Uint8Array, tag: Uint8Array): Uint8Array | undefined {
    assert(tag.length === sealTagBytes, 'seal tag length');
    this.#place(blockNumber);
    const decipher = createDecipheriv(algorithm, this.#key, this.#nonce);
    decipher.setAAD(this.#additional);
    decipher.setAuthTag(tag);
    const opened = this.#protection === protection.sealed ? decipher.update(payload) : payload;
    if (this.#protection === protection.authenticated) decipher.setAAD(payload);
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return opened;
  }

  #place(blockNumber: number): void {
    writeUint32(this.#nonce, nonceBytes - 4, blockNumber);
    writeUint32(this.#additional, 3 + objectIdBytes + 8, blockNumber);
  }
}
