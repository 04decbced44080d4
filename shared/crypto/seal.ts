/**
 * The seal of a source block: AES-256-GCM, or GMAC over the same bytes if encryption is off.
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
/**
 * Bytes given to the cipher at once. Each call creates a new buffer: one of this size comes from memory already in use, one
 * for a whole block from fresh pages, which cost more than the cipher (measured: 2.9 compared with 1 GB/s).
 */
const partBytes = 65_536;
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
   * @returns the consecutive pieces of the block: the payload as it goes out, then 16 bytes
   */
  seal(blockNumber: number, payload: Uint8Array): Uint8Array[] {
    this.#place(blockNumber);
    const cipher: CipherGCM = createCipheriv(algorithm, this.#key, this.#nonce);
    cipher.setAAD(this.#additional);
    const pieces: Uint8Array[] = [];
    if (this.#protection === protection.sealed) {
      for (const part of partsOf(payload)) pieces.push(cipher.update(part));
    } else {
      pieces.push(payload);
      cipher.setAAD(payload);
    }
    cipher.final();
    pieces.push(cipher.getAuthTag());
    return pieces;
  }

  /**
   * Opens a block.
   * @param target where the payload goes, of the same length; worthless if the block does not open
   * @returns whether block and place belong together
   */
  open(blockNumber: number, payload: Uint8Array, tag: Uint8Array, target: Uint8Array): boolean {
    assert(tag.length === sealTagBytes, 'seal tag length');
    assert(target.length === payload.length, 'room for the payload');
    this.#place(blockNumber);
    const decipher = createDecipheriv(algorithm, this.#key, this.#nonce);
    decipher.setAAD(this.#additional);
    decipher.setAuthTag(tag);
    if (this.#protection === protection.sealed) {
      let done = 0;
      for (const part of partsOf(payload)) {
        target.set(decipher.update(part), done);
        done += part.length;
      }
    } else {
      target.set(payload);
      decipher.setAAD(payload);
    }
    try {
      decipher.final();
    } catch {
      return false;
    }
    return true;
  }

  #place(blockNumber: number): void {
    writeUint32(this.#nonce, nonceBytes - 4, blockNumber);
    writeUint32(this.#additional, 3 + objectIdBytes + 8, blockNumber);
  }
}

function* partsOf(payload: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < payload.length; start += partBytes)
    yield payload.subarray(start, start + partBytes);
}
