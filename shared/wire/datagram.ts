/**
 * The datagram: a header that describes itself, one encoding symbol, a keyed tag.
 *
 * Every datagram of a link has the same length, and each one contains everything needed to use it:
 * there is no start datagram to lose. All numbers are big-endian, except the tag (SipHash's own order).
 * PROTOCOL.md draws this layout; the vectors in test/vectors pin it.
 */
import { assert } from '../assert.ts';
import type { ErrorCode } from '../errors.ts';
import { limits } from './limits.ts';
import { blockCountOf } from './object-layout.ts';

/** The version of everything in this folder. Another version is a different protocol. */
export const wireVersion = 1;

/** "DDIO" */
export const magic = 0x4444494f;

/** What an object is: `type` in the header. */
export const objectType = { instance: 1, manifest: 2, beacon: 3, roll: 4 } as const;
export type ObjectType = (typeof objectType)[keyof typeof objectType];

/** How source blocks are protected: encrypted and authenticated, or authenticated only. */
export const protection = { sealed: 1, authenticated: 2 } as const;
export type Protection = (typeof protection)[keyof typeof protection];

/** Byte offsets of the header's fields, in wire order. */
export const at = {
  magic: 0, //                 4
  version: 4, //               1
  type: 5, //                  1
  datagramBytes: 6, //         2
  keyId: 8, //                 2
  protection: 10, //           1
  maximumSourceSymbols: 11, // 1  k, the largest source block of this object
  senderId: 12, //             8
  sessionCounter: 20, //       4
  sessionRandom: 24, //        4
  sequence: 28, //             8
  objectId: 36, //            16
  objectBytes: 52, //          8
  blockNumber: 60, //          4
  encodingSymbolId: 64, //     1  ESI
  pass: 65, //                 1  for statistics only
  reserved: 66, //             6  zero
  symbol: 72,
} as const;

export const headerBytes = at.symbol;
export const tagBytes = 8;
export const objectIdBytes = 16;
export const senderIdBytes = 8;

/** Bytes of one encoding symbol on a link with datagrams of this length. */
export function symbolBytesOf(datagramBytes: number): number {
  assert(datagramBytes >= limits.datagramBytesMin, 'datagram too short for a symbol');
  return datagramBytes - headerBytes - tagBytes;
}

/** What a sender writes into the header of each datagram of one object in one session. */
export interface HeaderFields {
  /** What the object is; a calibration's datagrams have a type but no object. */
  readonly type: ObjectType | 5;
  readonly datagramBytes: number;
  readonly keyId: number;
  readonly protection: Protection;
  readonly maximumSourceSymbols: number;
  /** 8 bytes */
  readonly senderId: Uint8Array;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  /** 16 bytes */
  readonly objectId: Uint8Array;
  readonly objectBytes: number;
}

/** Writes the fields that all datagrams of an object share; symbol fields and sequence are zero afterwards. */
export function writeObjectHeader(datagram: Uint8Array, fields: HeaderFields): void {
  assert(datagram.length === fields.datagramBytes, 'a datagram has the length its header states');
  assert(fields.senderId.length === senderIdBytes && fields.objectId.length === objectIdBytes, 'id length');
  const view = new DataView(datagram.buffer, datagram.byteOffset, headerBytes);
  view.setUint32(at.magic, magic);
  view.setUint8(at.version, wireVersion);
  view.setUint8(at.type, fields.type);
  view.setUint16(at.datagramBytes, fields.datagramBytes);
  view.setUint16(at.keyId, fields.keyId);
  view.setUint8(at.protection, fields.protection);
  view.setUint8(at.maximumSourceSymbols, fields.maximumSourceSymbols);
  datagram.set(fields.senderId, at.senderId);
  view.setUint32(at.sessionCounter, fields.sessionCounter);
  view.setUint32(at.sessionRandom, fields.sessionRandom);
  writeUint64(datagram, at.sequence, 0);
  datagram.set(fields.objectId, at.objectId);
  writeUint64(datagram, at.objectBytes, fields.objectBytes);
  datagram.fill(0, at.blockNumber, headerBytes);
}

/** Writes the fields of one symbol into a datagram that has its object header. */
export function writeSymbolHeader(
  datagram: Uint8Array,
  blockNumber: number,
  encodingSymbolId: number,
  pass: number,
): void {
  writeUint32(datagram, at.blockNumber, blockNumber);
  datagram[at.encodingSymbolId] = encodingSymbolId;
  datagram[at.pass] = Math.min(pass, 255);
}

/** Numbers a datagram: each one that leaves has its own number. */
export function writeSequence(datagram: Uint8Array, sequence: number): void {
  writeUint64(datagram, at.sequence, sequence);
}

/** A header as read. One instance is reused, so that reading allocates nothing. */
export class DatagramHeader {
  type: ObjectType = objectType.instance;
  keyId = 0;
  protection: Protection = protection.sealed;
  maximumSourceSymbols = 0;
  sessionCounter = 0;
  sessionRandom = 0;
  sequence = 0;
  objectBytes = 0;
  blockNumber = 0;
  encodingSymbolId = 0;
  pass = 0;
}

/**
 * Reads and checks the fields that decide whether the tag is worth computing.
 * @returns the code of the hint alarm, or undefined if the datagram may be ours
 */
export function checkFixedFields(datagram: Uint8Array, datagramBytes: number): ErrorCode | undefined {
  if (datagram.length !== datagramBytes) return 'E_DATAGRAM_LENGTH';
  return checkFixedFieldsAt(datagram, 0, datagramBytes);
}

/** The same for a datagram at an offset, among others of its length. */
export function checkFixedFieldsAt(
  bytes: Uint8Array,
  offset: number,
  datagramBytes: number,
): ErrorCode | undefined {
  if (readUint32(bytes, offset + at.magic) !== magic) return 'E_DATAGRAM_MAGIC';
  if (bytes[offset + at.version] !== wireVersion) return 'E_DATAGRAM_VERSION';
  if (readUint16(bytes, offset + at.datagramBytes) !== datagramBytes) return 'E_DATAGRAM_LENGTH';
  return undefined;
}

/** The key id, to choose the tag's key. Call it after {@link checkFixedFields}. */
export function readKeyId(datagram: Uint8Array, offset = 0): number {
  return readUint16(datagram, offset + at.keyId);
}

/**
 * Reads the whole header of a datagram whose tag is right, and checks each field against its bounds.
 * Fields that depend on the object's layout (block number, ESI) are checked with the layout.
 * @returns undefined if all is well
 */
export function readHeader(bytes: Uint8Array, header: DatagramHeader, start = 0): ErrorCode | undefined {
  const type = bytes[start + at.type] ?? 0;
  const mode = bytes[start + at.protection] ?? 0;
  const k = bytes[start + at.maximumSourceSymbols] ?? 0;
  if (!isObjectType(type) || !isProtection(mode)) return 'E_DATAGRAM_FIELD';
  if (k < 1 || k > limits.sourceSymbolsMax) return 'E_DATAGRAM_FIELD';
  if (readUint16(bytes, start + at.reserved) !== 0) return 'E_DATAGRAM_FIELD';
  if (readUint32(bytes, start + at.reserved + 2) !== 0) return 'E_DATAGRAM_FIELD';
  header.type = type;
  header.keyId = readUint16(bytes, start + at.keyId);
  header.protection = mode;
  header.maximumSourceSymbols = k;
  header.sessionCounter = readUint32(bytes, start + at.sessionCounter);
  header.sessionRandom = readUint32(bytes, start + at.sessionRandom);
  header.sequence = readUint64(bytes, start + at.sequence);
  header.objectBytes = readUint64(bytes, start + at.objectBytes);
  header.blockNumber = readUint32(bytes, start + at.blockNumber);
  header.encodingSymbolId = bytes[start + at.encodingSymbolId] ?? 0;
  header.pass = bytes[start + at.pass] ?? 0;
  const bytesMax = type === objectType.instance ? limits.objectBytesMax : limits.documentBytesMax;
  if (header.objectBytes < 1 || header.objectBytes > bytesMax) return 'E_DATAGRAM_FIELD';
  const blocks = blockCountOf(
    header.objectBytes,
    symbolBytesOf(readUint16(bytes, start + at.datagramBytes)),
    k,
  );
  if (blocks > limits.blocksMax) return 'E_DATAGRAM_FIELD';
  if (header.sequence > Number.MAX_SAFE_INTEGER) return 'E_DATAGRAM_FIELD';
  if (header.encodingSymbolId >= limits.encodingSymbolsMax) return 'E_DATAGRAM_FIELD';
  return undefined;
}

export function isObjectType(value: number): value is ObjectType {
  return value >= objectType.instance && value <= objectType.roll;
}

export function isProtection(value: number): value is Protection {
  return value === protection.sealed || value === protection.authenticated;
}

export function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset) * 0x1_0000 + readUint16(bytes, offset + 2);
}

/** Values above 2^53 come back inexact, but above every limit. */
export function readUint64(bytes: Uint8Array, offset: number): number {
  return readUint32(bytes, offset) * 0x1_0000_0000 + readUint32(bytes, offset + 4);
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

export function writeUint64(bytes: Uint8Array, offset: number, value: number): void {
  writeUint32(bytes, offset, Math.floor(value / 0x1_0000_0000));
  writeUint32(bytes, offset + 4, value % 0x1_0000_0000);
}
