/**
 * What somebody without the key puts on the link: noise, headers that look right, real datagrams changed in some place,
 * and datagrams whole and right under another key. None of them has a right tag.
 */
import { assert } from '../../shared/assert.ts';
import { deriveTagKey } from '../../shared/crypto/keys.ts';
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import { at, tagBytes } from '../../shared/wire/datagram.ts';
import type { Random } from '../harness/random.ts';

/** The headers's fields that anybody may hope to get somewhere with. */
const forgedFields = [
  [at.type, 1],
  [at.keyId, 2],
  [at.sessionCounter, 4],
  [at.sequence, 8],
  [at.objectId, 16],
  [at.objectBytes, 8],
  [at.blockNumber, 4],
  [at.encodingSymbolId, 1],
] as const;

/**
 * Makes a stock of forged datagrams from real ones, one behind the other.
 * @param real of the link that is attacked, as a recording has them; may be empty
 */
export function forgedDatagrams(
  real: readonly Uint8Array[],
  datagramBytes: number,
  count: number,
  random: Random,
): Uint8Array {
  const stranger = new DatagramTag(deriveTagKey(random.bytes(32)));
  const stock = new Uint8Array(count * datagramBytes);
  for (let index = 0; index < count; index += 1) {
    const forged = stock.subarray(index * datagramBytes, (index + 1) * datagramBytes);
    if (real.length === 0 || random.chance(0.1)) {
      random.fill(forged);
      continue;
    }
    const original = random.pick(real);
    assert(original.length === datagramBytes, 'a recording is of this link');
    forged.set(original);
    const kind = random.integer(4);
    if (kind === 0) flipBits(forged, random);
    else if (kind === 1) random.fill(forged.subarray(at.symbol, datagramBytes - tagBytes));
    else {
      const [offset, width] = random.pick(forgedFields);
      random.fill(forged.subarray(offset, offset + width));
      // Some take the trouble to tag what they forged, with the only keys they have.
      if (kind === 2) stranger.write(forged);
      // What a field was by chance before would be a replay, and no forgery.
      else flipBits(forged, random);
    }
  }
  return stock;
}

function flipBits(datagram: Uint8Array, random: Random): void {
  const flips = new Set(
    Array.from({ length: random.between(1, 4) }, () => random.integer(datagram.length * 8)),
  );
  for (const bit of flips) datagram[bit >> 3] = (datagram[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}
