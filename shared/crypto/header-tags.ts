/**
 * Tags of datagrams, each under the key that its own header names: during a rotation, objects with several keys
 * go out side by side. Consecutive datagrams with one key are one call, so that a session with one key costs no more.
 */
import { present } from '../assert.ts';
import { readKeyId } from '../wire/datagram.ts';
import { deriveTagKey } from './keys.ts';
import { DatagramTag } from './siphash.ts';

export class HeaderTags {
  readonly #tags: ReadonlyMap<number, DatagramTag>;

  /**
   * @param secrets 32 bytes each, by key id
   * @param memory where the datagrams are, if given: their tags are then written in place
   */
  constructor(secrets: ReadonlyMap<number, Uint8Array>, memory?: WebAssembly.Memory) {
    this.#tags = new Map(
      [...secrets].map(([keyId, secret]) => [keyId, new DatagramTag(deriveTagKey(secret), memory)]),
    );
  }

  /** Writes the tag over all but the last 8 bytes into the last 8. The header must name a known key. */
  write(datagram: Uint8Array): void {
    this.#tagOf(readKeyId(datagram)).write(datagram);
  }

  /**
   * Gathers, numbers and tags datagrams: see {@link DatagramTag.gather}.
   *
   * @param bytes the whole memory they are in
   */
  gather(
    addresses: Uint32Array,
    bytes: Uint8Array,
    target: Uint8Array,
    datagramBytes: number,
    firstSequence: number,
  ): void {
    const keyIdAt = (index: number) => readKeyId(bytes, present(addresses[index], 'an address'));
    for (let first = 0; first < addresses.length; ) {
      const keyId = keyIdAt(first);
      let end = first + 1;
      while (end < addresses.length && keyIdAt(end) === keyId) end += 1;
      const some = target.subarray(first * datagramBytes, end * datagramBytes);
      this.#tagOf(keyId).gather(addresses.subarray(first, end), some, datagramBytes, firstSequence + first);
      first = end;
    }
  }

  #tagOf(keyId: number): DatagramTag {
    return present(this.#tags.get(keyId), 'a datagram names a key of the ring');
  }
}
