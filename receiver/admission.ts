/**
 * Admission: decides about a datagram before anything is allocated for it. Length, magic, version and key
 * id are hints anybody can forge; the tag is what counts. Every refusal is counted by its code.
 */

import { deriveTagKey } from '../shared/crypto/keys.ts';
import { DatagramTag } from '../shared/crypto/siphash.ts';
import type { ErrorCode } from '../shared/errors.ts';
import { readKeyId, readPreamble } from '../shared/wire/datagram.ts';

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

  /**
   * @param secrets the key ring: secrets of 32 bytes by key id
   * @param memory where the datagrams lie, if they do: their tags are then checked in place
   */
  constructor(datagramBytes: number, secrets: ReadonlyMap<number, Uint8Array>, memory?: WebAssembly.Memory) {
    this.#datagramBytes = datagramBytes;
    this.#memory = memory;
    this.useSecrets(secrets);
  }

  /** Another key ring from now on. */
  useSecrets(secrets: ReadonlyMap<number, Uint8Array>): void {
    this.#tags = new Map(
      [...secrets].map(([keyId, secret]) => [keyId, new DatagramTag(deriveTagKey(secret), this.#memory)]),
    );
  }

  /** Whether a datagram is of this link and of a sender that has one of the keys. */
  admit(datagram: Uint8Array): boolean {
    const hint = readPreamble(datagram, this.#datagramBytes);
    if (hint !== undefined) return this.#refuse(hint);
    const tag = this.#tags.get(readKeyId(datagram));
    if (tag === undefined) return this.#refuse('E_DATAGRAM_KEY');
    if (!tag.verify(datagram)) return this.#refuse('E_DATAGRAM_TAG');
    this.admitted += 1;
    return true;
  }

  #refuse(code: ErrorCode): false {
    for (const known of refusalCodes) if (known === code) this.refused[known] += 1;
    return false;
  }
}
