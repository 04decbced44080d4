/** Vectors of the seal of a source block; the bad ones are blocks that must not open. */
import { ObjectSeal } from '../../../shared/crypto/seal.ts';
import { type ObjectType, objectType, type Protection, protection } from '../../../shared/wire/datagram.ts';
import { ObjectLayout } from '../../../shared/wire/object-layout.ts';
import { fromHex, hex, type Named, type Refused } from '../vector-file.ts';
import { content, otherSecret, secret, senderId } from './parties.ts';

export interface SealPlace {
  readonly secret: string;
  readonly senderId: string;
  readonly objectId: string;
  readonly type: ObjectType;
  readonly protection: Protection;
  readonly objectBytes: number;
  readonly symbolBytes: number;
  readonly maximumSourceSymbols: number;
  readonly blockNumber: number;
}

/** `block` is what is in the source symbols: payload as it goes out, seal, zeroes up to the last symbol's end. */
export type SealVector = Named &
  SealPlace & { readonly block: string } & ({ readonly payload: string } | Refused);

export const sealAbout =
  'Sealed source blocks (k x symbolBytes: payload, 16 bytes of seal, zeroes), and blocks that must not open.';

/** The seal and the cut that belong to a place. */
export function sealAt(place: SealPlace): { seal: ObjectSeal; layout: ObjectLayout } {
  const { objectBytes, symbolBytes, maximumSourceSymbols, type } = place;
  const layout = new ObjectLayout(objectBytes, symbolBytes, maximumSourceSymbols);
  const seal = new ObjectSeal({
    secret: fromHex(place.secret),
    senderId: fromHex(place.senderId),
    objectId: fromHex(place.objectId),
    type,
    protection: place.protection,
    layout,
  });
  return { seal, layout };
}

const place: SealPlace = {
  secret: hex(secret),
  senderId: hex(senderId),
  objectId: 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf',
  type: objectType.instance,
  protection: protection.sealed,
  objectBytes: 125,
  symbolBytes: 40,
  maximumSourceSymbols: 3,
  blockNumber: 0,
};

function blockOf(at: SealPlace): { payload: Uint8Array; block: Uint8Array } {
  const { seal, layout } = sealAt(at);
  const start = layout.payloadOffset(at.blockNumber);
  const payload = content(at.objectBytes).slice(start, start + layout.payloadBytes(at.blockNumber));
  const block = new Uint8Array(layout.sourceSymbols(at.blockNumber) * at.symbolBytes);
  block.set(Buffer.concat(seal.seal(at.blockNumber, payload)));
  return { payload, block };
}

export function sealVectors(): SealVector[] {
  const opens = (name: string, change: Partial<SealPlace>): SealVector => {
    const at = { ...place, ...change };
    const { payload, block } = blockOf(at);
    return { name, ...at, block: hex(block), payload: hex(payload) };
  };
  /** A block that was sealed for one place and arrives at another; its payload has the same length in both. */
  const elsewhere = (name: string, change: Partial<SealPlace>, sealedFor = place): SealVector => ({
    name,
    ...sealedFor,
    ...change,
    block: hex(blockOf(sealedFor).block),
    error: 'E_BLOCK_OPEN',
  });
  const spoiled = (name: string, at: SealPlace, offset: number): SealVector => {
    const { payload, block } = blockOf(at);
    const index = offset < 0 ? payload.length + 16 + offset : offset;
    block[index] = (block[index] ?? 0) ^ 1;
    return { name, ...at, block: hex(block), error: 'E_BLOCK_OPEN' };
  };
  const unencrypted = { ...place, protection: protection.authenticated };
  return [
    opens('the first block', {}),
    opens('the last block, not full', { blockNumber: 1 }),
    opens('a manifest', { type: objectType.manifest }),
    opens('authenticated, not encrypted', { protection: protection.authenticated }),
    opens('one byte in one symbol', { objectBytes: 1, maximumSourceSymbols: 200 }),
    elsewhere('of another block', { blockNumber: 1 }, { ...place, objectBytes: 128 }),
    elsewhere('of another object', { objectId: 'b0a1a2a3a4a5a6a7a8a9aaabacadaeaf' }),
    elsewhere('of another sender', { senderId: '0102030405060709' }),
    elsewhere('under another secret', { secret: hex(otherSecret) }),
    elsewhere('of another type', { type: objectType.manifest }),
    elsewhere('of another object size', { objectBytes: 126 }),
    elsewhere('of another largest block', { maximumSourceSymbols: 2 }),
    elsewhere('of another symbol size', { symbolBytes: 41 }, { ...place, objectBytes: 50 }),
    elsewhere('in the other mode', { protection: protection.authenticated }),
    spoiled('a bit of the payload is turned over', place, 0),
    spoiled('a bit of the last payload byte is turned over', place, -17),
    spoiled('a bit of the seal is turned over', place, -1),
    spoiled('not encrypted, and a bit of the payload is turned over', unencrypted, 0),
    spoiled('not encrypted, and a bit of the seal is turned over', unencrypted, -16),
  ];
}
