/** Vectors of single datagrams, as they come to a receiver of 512-byte datagrams with one key. */
import { deriveTagKey } from '../../../shared/crypto/keys.ts';
import { DatagramTag } from '../../../shared/crypto/siphash.ts';
import type { ErrorCode } from '../../../shared/errors.ts';
import { at, objectType, protection, tagBytes } from '../../../shared/wire/datagram.ts';
import { limits } from '../../../shared/wire/limits.ts';
import { hex, type Named, type Refused } from '../vector-file.ts';
import { content, identity, otherSecret, secret } from './parties.ts';
import { sentDatagrams } from './sent-datagrams.ts';

export interface HeaderVector {
  readonly type: number;
  readonly keyId: number;
  readonly protection: number;
  readonly maximumSourceSymbols: number;
  readonly senderId: string;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  readonly sequence: number;
  readonly objectId: string;
  readonly objectBytes: number;
  readonly blockNumber: number;
  readonly encodingSymbolId: number;
  readonly pass: number;
}

export type DatagramVector = Named & { readonly datagram: string } & (
    | { readonly header: HeaderVector; readonly symbol: string }
    | Refused
  );

export const datagramAbout =
  'Datagrams for a receiver with datagramBytes = 512, protection = 1 (sealed), key 4660 with the secret 000102..1f: what each says, or the code under which it is refused and counted.';

const tag = new DatagramTag(deriveTagKey(secret));

type Change = readonly [offset: number, bytes: readonly number[]];

/** A datagram with some bytes replaced, and with the tag that is then right. */
function tagged(datagram: Uint8Array, ...changes: readonly Change[]): Uint8Array {
  const copy = changed(datagram, ...changes);
  tag.write(copy);
  return copy;
}

function changed(datagram: Uint8Array, ...changes: readonly Change[]): Uint8Array {
  const copy = datagram.slice();
  for (const [offset, bytes] of changes) copy.set(bytes, offset);
  return copy;
}

function uint64(value: bigint): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return [...bytes];
}

export function datagramVectors(): DatagramVector[] {
  const bytes = content(5000);
  const all = sentDatagrams(bytes);
  const [first = new Uint8Array(0)] = all;
  const repair = all.find((datagram) => (datagram[at.encodingSymbolId] ?? 0) >= 7) ?? first;
  const [manifest = first] = sentDatagrams(bytes.slice(0, 300), { type: objectType.manifest });
  const [beacon = first] = sentDatagrams(bytes.slice(0, 200), { type: objectType.beacon });
  const [roll = first] = sentDatagrams(bytes.slice(0, 100), { type: objectType.roll });
  const otherMode = { ...identity.parameters, protection: protection.authenticated };
  const [authenticated = first] = sentDatagrams(bytes, { from: { ...identity, parameters: otherMode } });
  const [otherKey = first] = sentDatagrams(bytes, { from: { ...identity, secret: otherSecret } });
  const [unknownKey = first] = sentDatagrams(bytes, { from: { ...identity, keyId: 4661 } });
  const extremes = tagged(
    first,
    [at.maximumSourceSymbols, [200]],
    [at.sessionCounter, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    [at.sequence, uint64(BigInt(Number.MAX_SAFE_INTEGER))],
    [at.objectBytes, uint64(BigInt(limits.objectBytesMax))],
    [at.encodingSymbolId, [254, 255]],
  );
  return [
    described('first source symbol of an instance', first),
    described('a repair symbol', repair),
    described('a manifest', manifest),
    described('a beacon', beacon),
    described('a page of a roll', roll),
    described('every field at its largest value', extremes),

    refused('empty', new Uint8Array(0), 'E_DATAGRAM_LENGTH'),
    refused('one byte short', first.slice(0, -1), 'E_DATAGRAM_LENGTH'),
    refused('one byte long', new Uint8Array([...first, 0]), 'E_DATAGRAM_LENGTH'),
    refused('only a header', first.slice(0, at.symbol), 'E_DATAGRAM_LENGTH'),
    refused('another length is stated', tagged(first, [at.datagramBytes, [0x05, 0xc0]]), 'E_DATAGRAM_LENGTH'),
    refused('another magic', tagged(first, [at.magic, [0x44, 0x44, 0x49, 0x4e]]), 'E_DATAGRAM_MAGIC'),
    refused('zeroes', new Uint8Array(512), 'E_DATAGRAM_MAGIC'),
    refused('version 0', tagged(first, [at.version, [0]]), 'E_DATAGRAM_VERSION'),
    refused('version 2', tagged(first, [at.version, [2]]), 'E_DATAGRAM_VERSION'),
    refused('a key that is not there', unknownKey, 'E_DATAGRAM_KEY'),
    refused('key 0, which no key has', tagged(first, [at.keyId, [0, 0]]), 'E_DATAGRAM_KEY'),
    refused('the tag of another secret', otherKey, 'E_DATAGRAM_TAG'),
    refused('a bit of the symbol turned over', flipped(first, at.symbol), 'E_DATAGRAM_TAG'),
    refused('a bit of the sequence turned over', flipped(first, at.sequence + 7), 'E_DATAGRAM_TAG'),
    refused('a bit of the session turned over', flipped(first, at.sessionCounter), 'E_DATAGRAM_TAG'),
    refused('a bit of the tag turned over', flipped(first, 511), 'E_DATAGRAM_TAG'),
    refused('the tag in the other byte order', reversedTag(first), 'E_DATAGRAM_TAG'),
    refused('no tag', changed(first, [504, uint64(0n)]), 'E_DATAGRAM_TAG'),
    refused('the other mode of protection', authenticated, 'E_DATAGRAM_MODE'),
    refused('type 0', tagged(first, [at.type, [0]]), 'E_DATAGRAM_FIELD'),
    refused('type 6', tagged(first, [at.type, [6]]), 'E_DATAGRAM_FIELD'),
    refused('protection 0', tagged(first, [at.protection, [0]]), 'E_DATAGRAM_FIELD'),
    refused('protection 3', tagged(first, [at.protection, [3]]), 'E_DATAGRAM_FIELD'),
    refused('k = 0', tagged(first, [at.maximumSourceSymbols, [0]]), 'E_DATAGRAM_FIELD'),
    refused('k = 201', tagged(first, [at.maximumSourceSymbols, [201]]), 'E_DATAGRAM_FIELD'),
    refused('first reserved byte not zero', tagged(first, [at.reserved, [1]]), 'E_DATAGRAM_FIELD'),
    refused('last reserved byte not zero', tagged(first, [at.symbol - 1, [1]]), 'E_DATAGRAM_FIELD'),
    refused('an object of no bytes', tagged(first, [at.objectBytes, uint64(0n)]), 'E_DATAGRAM_FIELD'),
    refused(
      'an object above 64 GiB',
      tagged(first, [at.maximumSourceSymbols, [200]], [at.objectBytes, uint64(2n ** 36n + 1n)]),
      'E_DATAGRAM_FIELD',
    ),
    refused(
      'an object of 2^63 bytes',
      tagged(first, [at.objectBytes, uint64(2n ** 63n)]),
      'E_DATAGRAM_FIELD',
    ),
    refused(
      'an object of more blocks than the limit',
      tagged(first, [at.maximumSourceSymbols, [1]], [at.objectBytes, uint64(2n ** 36n)]),
      'E_DATAGRAM_FIELD',
    ),
    refused(
      'a manifest above 32 MiB',
      tagged(manifest, [at.objectBytes, uint64(2n ** 25n + 1n)]),
      'E_DATAGRAM_FIELD',
    ),
    refused('a sequence number of 2^53', tagged(first, [at.sequence, uint64(2n ** 53n)]), 'E_DATAGRAM_FIELD'),
    refused('block 2 of 2 blocks', tagged(first, [at.blockNumber, [0, 0, 0, 2]]), 'E_DATAGRAM_FIELD'),
    refused('block 2^32 - 1', tagged(first, [at.blockNumber, [255, 255, 255, 255]]), 'E_DATAGRAM_FIELD'),
    refused('ESI 255', tagged(first, [at.encodingSymbolId, [255]]), 'E_DATAGRAM_FIELD'),
  ];
}

function refused(name: string, datagram: Uint8Array, error: ErrorCode): DatagramVector {
  return { name, datagram: hex(datagram), error };
}

function flipped(datagram: Uint8Array, offset: number): Uint8Array {
  return changed(datagram, [offset, [(datagram[offset] ?? 0) ^ 1]]);
}

function reversedTag(datagram: Uint8Array): Uint8Array {
  return changed(datagram, [datagram.length - tagBytes, [...datagram.slice(-tagBytes)].reverse()]);
}

/** What a datagram says, read field by field here and not by the code that the vectors check. */
function described(name: string, datagram: Uint8Array): DatagramVector {
  const bytes = Buffer.from(datagram);
  return {
    name,
    datagram: hex(datagram),
    header: {
      type: bytes.readUInt8(5),
      keyId: bytes.readUInt16BE(8),
      protection: bytes.readUInt8(10),
      maximumSourceSymbols: bytes.readUInt8(11),
      senderId: bytes.toString('hex', 12, 20),
      sessionCounter: bytes.readUInt32BE(20),
      sessionRandom: bytes.readUInt32BE(24),
      sequence: Number(bytes.readBigUInt64BE(28)),
      objectId: bytes.toString('hex', 36, 52),
      objectBytes: Number(bytes.readBigUInt64BE(52)),
      blockNumber: bytes.readUInt32BE(60),
      encodingSymbolId: bytes.readUInt8(64),
      pass: bytes.readUInt8(65),
    },
    symbol: hex(datagram.subarray(72, datagram.length - 8)),
  };
}
