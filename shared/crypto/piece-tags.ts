/**
 * Whether bytes read later are those that were hashed: a tag for each piece of a file, made along with its SHA-256, and
 * compared each time before bytes of that piece are used. Hashing the file again for each pass would cost five times as
 * much, and would only tell at the end that its first bytes were wrong.
 *
 * GMAC under a random key for each file: whoever changes the file can't make it match without that key, and the numbers of
 * the pieces are nonces that are never reused under a key. Key and tags are one list of bytes, kept with the file's record
 * and apart from the file.
 */
import { type CipherGCM, createCipheriv, timingSafeEqual } from 'node:crypto';
import { assert } from '../assert.ts';

/** Size of each piece but the last. Smaller ones cost more calls (30 µs each), larger ones more memory to use a part. */
export const pieceBytes = 1_048_576;
/** Of the key. */
export const pieceKeyBytes = 32;
const tagBytes = 16;
const nonceBytes = 12;
const algorithm = 'aes-256-gcm';

/** Makes the tags of a file that comes in parts of any size, in order. */
export class PieceTagger {
  readonly #key: Uint8Array;
  readonly #tags: Uint8Array[];
  #cipher: CipherGCM | undefined;
  #inPiece = 0;

  /** @param key random bytes, new ones for each file */
  constructor(key: Uint8Array) {
    assert(key.length === pieceKeyBytes, 'a key of its length');
    this.#key = key;
    this.#tags = [key];
  }

  update(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; ) {
      this.#cipher ??= cipherOf(this.#key, this.#tags.length - 1);
      const part = bytes.subarray(offset, offset + pieceBytes - this.#inPiece);
      this.#cipher.setAAD(part);
      offset += part.length;
      this.#inPiece += part.length;
      if (this.#inPiece === pieceBytes) this.#endPiece();
    }
  }

  /** Key and tags. */
  finish(): Uint8Array {
    this.#endPiece();
    return Buffer.concat(this.#tags);
  }

  #endPiece(): void {
    if (this.#cipher === undefined) return;
    this.#tags.push(tagOf(this.#cipher));
    this.#cipher = undefined;
    this.#inPiece = 0;
  }
}

/** Whether these are the bytes of that piece. @param tags as {@link PieceTagger.finish} gave them */
export function isPiece(tags: Uint8Array, piece: number, bytes: Uint8Array): boolean {
  const start = pieceKeyBytes + piece * tagBytes;
  const wanted = tags.subarray(start, start + tagBytes);
  if (wanted.length !== tagBytes) return false;
  const cipher = cipherOf(tags.subarray(0, pieceKeyBytes), piece);
  cipher.setAAD(bytes);
  return timingSafeEqual(tagOf(cipher), wanted);
}

function cipherOf(key: Uint8Array, piece: number): CipherGCM {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeUInt32BE(piece, nonceBytes - 4);
  return createCipheriv(algorithm, key, nonce);
}

function tagOf(cipher: CipherGCM): Buffer {
  cipher.final();
  return cipher.getAuthTag();
}
