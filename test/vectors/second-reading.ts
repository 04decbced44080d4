/**
 * A receiver of one object, written from PROTOCOL.md and from nothing else: it shares no code with the two programs,
 * only the page. It is slow and checks little. It is here so that the page suffices to write one, and so that
 * program, page and vectors can't drift apart together.
 */
import { createDecipheriv, createHash, createHmac } from 'node:crypto';
import { sipHash } from '../unit/shared/crypto/siphash-reference.ts';

export interface Datagram {
  readonly type: number;
  readonly keyId: number;
  readonly protection: number;
  readonly maximumSourceSymbols: number;
  readonly senderId: Buffer;
  readonly sequence: bigint;
  readonly objectId: Buffer;
  readonly objectBytes: number;
  readonly blockNumber: number;
  readonly encodingSymbolId: number;
  readonly symbol: Buffer;
}

/** HKDF-SHA-256 without salt, for at most 32 bytes: one round of RFC 5869's expansion. */
export function hkdf(secret: Uint8Array, info: Uint8Array, length: number): Buffer {
  const pseudorandomKey = hmac(Buffer.alloc(32), secret);
  return hmac(pseudorandomKey, Buffer.concat([info, Buffer.of(1)])).subarray(0, length);
}

function hmac(key: Uint8Array, message: Uint8Array): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

const label = (text: string, ...parts: Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.from(`dicom-diode 1 ${text}`), ...parts]);

/** Reads a datagram whose tag is right; undefined for any other. */
export function readDatagram(bytes: Uint8Array, secret: Uint8Array): Datagram | undefined {
  const datagram = Buffer.from(bytes);
  const end = datagram.length - 8;
  if (end < 72 || datagram.toString('latin1', 0, 4) !== 'DDIO' || datagram.readUInt8(4) !== 1)
    return undefined;
  if (datagram.readUInt16BE(6) !== datagram.length) return undefined;
  const tag = sipHash(hkdf(secret, label('datagram tag'), 16), datagram.subarray(0, end));
  if (datagram.readBigUInt64LE(end) !== tag) return undefined;
  return {
    type: datagram.readUInt8(5),
    keyId: datagram.readUInt16BE(8),
    protection: datagram.readUInt8(10),
    maximumSourceSymbols: datagram.readUInt8(11),
    senderId: datagram.subarray(12, 20),
    sequence: datagram.readBigUInt64BE(28),
    objectId: datagram.subarray(36, 52),
    objectBytes: Number(datagram.readBigUInt64BE(52)),
    blockNumber: datagram.readUInt32BE(60),
    encodingSymbolId: datagram.readUInt8(64),
    symbol: datagram.subarray(72, end),
  };
}

export interface Cut {
  readonly blockCount: number;
  readonly symbolCount: number;
  /** k, offset and bytes of the payload of each block. */
  readonly block: (number: number) => { sourceSymbols: number; payloadOffset: number; payloadBytes: number };
}

/** The section "Objects and blocks": F bytes, T bytes a symbol, K symbols a block at most. */
export function cutOf(F: number, T: number, K: number): Cut {
  const B = Math.ceil(F / (K * T - 16));
  const N = Math.ceil((F + 16 * B) / T);
  const small = Math.floor(N / B);
  const large = N - small * B;
  return {
    blockCount: B,
    symbolCount: N,
    block: (b) => {
      const sourceSymbols = b < large ? small + 1 : small;
      const payloadOffset = (small * b + Math.min(b, large)) * T - 16 * b;
      const payloadBytes = Math.min(sourceSymbols * T - 16, F - payloadOffset);
      return { sourceSymbols, payloadOffset, payloadBytes };
    },
  };
}

/** A product in GF(2^8) with 0x11D, bit by bit. */
function multiply(a: number, b: number): number {
  let product = 0;
  let power = a;
  for (let bits = b; bits > 0; bits >>= 1) {
    if ((bits & 1) === 1) product ^= power;
    power = power & 0x80 ? (power << 1) ^ 0x11d : power << 1;
  }
  return product;
}

/** 1 / a for every a, found by trying. */
const inverses = Array.from({ length: 256 }, (_, a) => {
  for (let b = 1; b < 256; b++) if (multiply(a, b) === 1) return b;
  return 0;
});

/** The symbol with one ESI out of k others, by Lagrange's formula. */
export function symbolAt(esi: number, known: ReadonlyMap<number, Uint8Array>): Buffer {
  const [first] = known.values();
  const symbol = Buffer.alloc(first?.length ?? 0);
  for (const [p, bytes] of known) {
    let coefficient = 1;
    for (const q of known.keys()) {
      if (q !== p) coefficient = multiply(coefficient, multiply(esi ^ q, inverses[p ^ q] ?? 0));
    }
    for (const [index, byte] of bytes.entries()) {
      symbol[index] = (symbol[index] ?? 0) ^ multiply(coefficient, byte);
    }
  }
  return symbol;
}

/** The section "Seal": the payload of a block, or undefined when it does not open. */
export function openBlock(
  from: Pick<Datagram, 'type' | 'protection' | 'maximumSourceSymbols' | 'senderId' | 'objectId'> & {
    readonly objectBytes: number;
    readonly blockNumber: number;
    readonly symbolBytes: number;
  },
  block: Uint8Array,
  payloadBytes: number,
  secret: Uint8Array,
): Buffer | undefined {
  const sealed = from.protection === 1;
  const key = hkdf(secret, label(sealed ? 'seal' : 'authenticate', from.senderId, from.objectId), 32);
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(from.blockNumber, 8);
  const additional = Buffer.alloc(33);
  additional.writeUInt8(1, 0);
  additional.writeUInt8(from.type, 1);
  additional.writeUInt8(from.maximumSourceSymbols, 2);
  additional.set(from.objectId, 3);
  additional.writeBigUInt64BE(BigInt(from.objectBytes), 19);
  additional.writeUInt32BE(from.blockNumber, 27);
  additional.writeUInt16BE(from.symbolBytes, 31);
  const payload = Buffer.from(block.subarray(0, payloadBytes));
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  decipher.setAuthTag(block.subarray(payloadBytes, payloadBytes + 16));
  decipher.setAAD(sealed ? additional : Buffer.concat([additional, payload]));
  try {
    const opened = sealed ? decipher.update(payload) : payload;
    decipher.final();
    return opened;
  } catch {
    return undefined;
  }
}

export function objectIdOf(
  objectIdKey: Uint8Array,
  object: {
    readonly type: number;
    readonly sha256: Uint8Array;
    readonly objectBytes: number;
    readonly symbolBytes: number;
    readonly maximumSourceSymbols: number;
  },
): Buffer {
  const message = Buffer.alloc(45);
  message.writeUInt8(object.type, 0);
  message.set(object.sha256, 1);
  message.writeBigUInt64BE(BigInt(object.objectBytes), 33);
  message.writeUInt16BE(object.symbolBytes, 41);
  message.writeUInt8(object.maximumSourceSymbols, 43);
  message.writeUInt8(1, 44);
  return hmac(objectIdKey, message).subarray(0, 16);
}

export const objectIdKeyOf = (secret: Uint8Array, senderId: Uint8Array): Buffer =>
  hkdf(secret, label('object id', senderId), 32);

/** The object that datagrams of one object give; undefined when something does not fit or is missing. */
export function receiveObject(datagrams: readonly Uint8Array[], secret: Uint8Array): Buffer | undefined {
  const blocks = new Map<number, Map<number, Uint8Array>>();
  const read = datagrams.map((bytes) => readDatagram(bytes, secret)).filter((found) => found !== undefined);
  const [first] = read;
  if (first === undefined) return undefined;
  for (const { blockNumber, encodingSymbolId, symbol } of read) {
    const block = blocks.get(blockNumber) ?? new Map<number, Uint8Array>();
    blocks.set(blockNumber, block.set(encodingSymbolId, symbol));
  }
  const symbolBytes = first.symbol.length;
  const cut = cutOf(first.objectBytes, symbolBytes, first.maximumSourceSymbols);
  const payloads: Buffer[] = [];
  for (let blockNumber = 0; blockNumber < cut.blockCount; blockNumber++) {
    const { sourceSymbols: k, payloadBytes } = cut.block(blockNumber);
    const known = new Map([...(blocks.get(blockNumber) ?? [])].slice(0, k));
    if (known.size < k) return undefined;
    const source = Array.from({ length: k }, (_, esi) => known.get(esi) ?? symbolAt(esi, known));
    const place = { ...first, blockNumber, symbolBytes };
    const payload = openBlock(place, Buffer.concat(source), payloadBytes, secret);
    if (payload === undefined) return undefined;
    payloads.push(payload);
  }
  const object = Buffer.concat(payloads);
  const sha256 = createHash('sha256').update(object).digest();
  const id = objectIdOf(objectIdKeyOf(secret, first.senderId), { ...first, sha256, symbolBytes });
  return id.equals(first.objectId) ? object : undefined;
}
