/**
 * Admission: decides about a datagram before anything is allocated for it. Length, magic, version and key
 * id are hints that anyone can forge; the tag is what counts. Every refusal is counted by its code.
 */

import { deriveTagKey } from '../../shared/crypto/keys.ts';
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import { checkFixedFields, checkFixedFieldsAt, readKeyId } from '../../shared/wire/datagram.ts';

/** Codes of admission, in the order of its counters. */
export const refusalCodes = [
  'E_DATAGRAM_LENGTH',
  'E_DATAGRAM_MAGIC',
  'E_DATAGRAM_VERSION',
  'E_DATAGRAM_KEY',
  'E_DATAGRAM_TAG',
] as const satisfies readonly ErrorCode[];

export class Admission {
  readonly refused: Record<(typeof refusalCodes)[number], number> = {
    E_DATAGRAM_LENGTH: 0,
    E_DATAGRAM_MAGIC: 0,
    E_DATAGRAM_VERSION: 0,
    E_DATAGRAM_KEY: 0,
    E_DATAGRAM_TAG: 0,
  };
  admitted = 0;
  readonly #datagramBytes: number;
  readonly #memory: WebAssembly.Memory | undefined;
  #tags: ReadonlyMap<number, DatagramTag> = new Map();
  #verdicts = new Uint8Array(64);

  /**
   * @param secrets the key ring: secrets of 32 bytes by key id
   * @param memory the memory that the datagrams are in, if they share one: their tags are then checked in place
   */
  constructor(datagramBytes: number, secrets: ReadonlyMap<number, Uint8Array>, memory?: WebAssembly.Memory) {
    this.#datagramBytes = datagramBytes;
    this.#memory = memory;
    this.useSecrets(secrets);
  }

  /** Uses another key ring from now on. */
  useSecrets(secrets: ReadonlyMap<number, Uint8Array>): void {
    this.#tags = new Map(
      [...secrets].map(([keyId, secret]) => [keyId, new DatagramTag(deriveTagKey(secret), this.#memory)]),
    );
  }

  /** Whether a datagram is of this link and of a sender that has one of the keys. */
  admit(datagram: Uint8Array): boolean {
    const hint = checkFixedFields(datagram, this.#datagramBytes);
    if (hint !== undefined) return this.#refuse(hint);
    const tag = this.#tags.get(readKeyId(datagram));
    if (tag === undefined) return this.#refuse('E_DATAGRAM_KEY');
    if (!tag.verify(datagram)) return this.#refuse('E_DATAGRAM_TAG');
    this.admitted += 1;
    return true;
  }

  /**
   * The same for datagrams that follow each other in memory. Those admitted are moved together to the front.
   * @returns how many there are
   */
  admitMany(bytes: Uint8Array): number {
    const count = bytes.length / this.#datagramBytes;
    if (this.#verdicts.length < count) this.#verdicts = new Uint8Array(count);
    let admitted = 0;
    for (let first = 0; first < count; ) {
      const keyId = readKeyId(bytes, first * this.#datagramBytes);
      let end = first + 1;
      while (end < count && readKeyId(bytes, end * this.#datagramBytes) === keyId) end += 1;
      admitted = this.#admitRun(bytes, first, end, this.#tags.get(keyId), admitted);
      first = end;
    }
    this.admitted += admitted;
    return admitted;
  }

  /** Datagrams of one key id. Without a key there is no tag to check, and the preamble may say more. */
  #admitRun(
    bytes: Uint8Array,
    first: number,
    end: number,
    tag: DatagramTag | undefined,
    front: number,
  ): number {
    const length = this.#datagramBytes;
    const run = bytes.subarray(first * length, end * length);
    const verdicts = this.#verdicts.subarray(0, end - first);
    if (tag === undefined) verdicts.fill(0);
    else tag.verifyMany(run, length, length, end - first, verdicts);
    let next = front;
    for (let index = 0; index < end - first; index += 1) {
      const hint = checkFixedFieldsAt(run, index * length, length);
      if (hint !== undefined) this.#refuse(hint);
      else if (tag === undefined) this.#refuse('E_DATAGRAM_KEY');
      else if (verdicts[index] !== 1) this.#refuse('E_DATAGRAM_TAG');
      else {
        const start = (first + index) * length;
        if (start !== next * length) bytes.copyWithin(next * length, start, start + length);
        next += 1;
      }
    }
    return next;
  }

  #refuse(code: ErrorCode): false {
    for (const known of refusalCodes) if (known === code) this.refused[known] += 1;
    return false;
  }
}
