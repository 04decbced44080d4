/** The worked example of PROTOCOL.md: every number of one small object, from the secret to the datagram. */
import { createHash } from 'node:crypto';
import { deriveObjectIdKey, deriveObjectKey, deriveTagKey } from '../../../shared/crypto/keys.ts';
import { at, objectType, tagBytes } from '../../../shared/wire/datagram.ts';
import { hex, type Named } from '../vector-file.ts';
import { content, identity, keyId, secret, senderId, session } from './parties.ts';
import { sealAt } from './seal.ts';
import { sentDatagrams } from './sent-datagrams.ts';

export interface ExampleVector extends Named {
  readonly secret: string;
  readonly keyId: number;
  readonly senderId: string;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  readonly datagramBytes: number;
  readonly tagKey: string;
  readonly objectIdKey: string;
  readonly object: string;
  readonly sha256: string;
  readonly objectId: string;
  readonly sealKey: string;
  readonly nonce: string;
  readonly additionalData: string;
  /** The source block: payload sealed, seal, zeroes. */
  readonly block: string;
  readonly datagrams: readonly {
    readonly encodingSymbolId: number;
    readonly header: string;
    readonly symbol: string;
    readonly tag: string;
  }[];
}

export const exampleAbout =
  'The worked example of PROTOCOL.md: an object of 500 bytes, one source block of two symbols, first pass.';

export function exampleVector(): ExampleVector {
  const object = content(500);
  const datagrams = sentDatagrams(object);
  const { datagramBytes } = identity.parameters;
  const objectId = (datagrams[0] ?? new Uint8Array(0)).slice(at.objectId, at.objectBytes);
  const place = {
    secret: hex(secret),
    senderId: hex(senderId),
    objectId: hex(objectId),
    type: objectType.instance,
    protection: identity.parameters.protection,
    objectBytes: object.length,
    symbolBytes: datagramBytes - at.symbol - tagBytes,
    maximumSourceSymbols: identity.parameters.sourceSymbols,
    blockNumber: 0,
  };
  const { layout, seal } = sealAt(place);
  const block = new Uint8Array(layout.sourceSymbols(0) * layout.symbolBytes);
  block.set(Buffer.concat(seal.seal(0, object)));
  return {
    name: 'worked example',
    secret: hex(secret),
    keyId,
    senderId: hex(senderId),
    sessionCounter: session.counter,
    sessionRandom: session.random,
    datagramBytes,
    tagKey: hex(deriveTagKey(secret)),
    objectIdKey: hex(deriveObjectIdKey(secret, senderId)),
    object: hex(object),
    sha256: createHash('sha256').update(object).digest('hex'),
    objectId: hex(objectId),
    sealKey: hex(deriveObjectKey(secret, 'seal', senderId, objectId)),
    nonce: '00'.repeat(12),
    additionalData: additionalOf(place, objectId),
    block: hex(block),
    datagrams: datagrams.map((datagram) => ({
      encodingSymbolId: datagram[at.encodingSymbolId] ?? 0,
      header: hex(datagram.subarray(0, at.symbol)),
      symbol: hex(datagram.subarray(at.symbol, -tagBytes)),
      tag: hex(datagram.subarray(-tagBytes)),
    })),
  };
}

/** Version, type, k, object id, object size, block number, symbol size. */
function additionalOf(
  place: { type: number; maximumSourceSymbols: number; objectBytes: number; symbolBytes: number },
  objectId: Uint8Array,
): string {
  const additional = Buffer.alloc(33);
  additional.set([1, place.type, place.maximumSourceSymbols, ...objectId]);
  additional.writeBigUInt64BE(BigInt(place.objectBytes), 19);
  additional.writeUInt32BE(0, 27);
  additional.writeUInt16BE(place.symbolBytes, 31);
  return additional.toString('hex');
}
