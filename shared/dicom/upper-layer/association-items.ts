/**
 * The items and sub-items of A-ASSOCIATE PDUs: type, length of 16 bits, value (PS3.8 section 9.3.2), and the fields that
 * all of them share.
 */
import { assert } from '../../assert.ts';
import { isAeTitle, isUid } from '../../wire/limits.ts';
import { associationLimits } from './limits.ts';
import { invalidParameter } from './protocol-violation.ts';

/** PS3.8 sections 9.3.2 and 9.3.3, PS3.7 annex D.3.3. */
export const itemTypes = {
  applicationContext: 0x10,
  proposedContext: 0x20,
  answeredContext: 0x21,
  abstractSyntax: 0x30,
  transferSyntax: 0x40,
  userInformation: 0x50,
  maximumLength: 0x51,
  implementationClassUid: 0x52,
  implementationVersionName: 0x55,
} as const;

export interface Item {
  readonly type: number;
  readonly value: Uint8Array;
}

const itemHeaderBytes = 4;
const itemBytesMax = 0xffff;

/** Reads items one after another. @throws ProtocolViolation if one is longer than what contains it */
export function* readItems(bytes: Uint8Array): Generator<Item> {
  for (let offset = 0; offset < bytes.length; ) {
    if (bytes.length - offset < itemHeaderBytes) throw invalidParameter('item of A-ASSOCIATE is cut off');
    const start = offset + itemHeaderBytes;
    const length = readUint16(bytes, offset + 2);
    if (length > bytes.length - start) throw invalidParameter('item of A-ASSOCIATE is too long');
    yield { type: bytes[offset] ?? 0, value: bytes.subarray(start, start + length) };
    offset = start + length;
  }
}

export function writeItem(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const value = Buffer.concat(parts);
  assert(value.length <= itemBytesMax, 'an item fits into its length field');
  const header = Buffer.from([type, 0, 0, 0]);
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value]);
}

export function uidItem(type: number, uid: string): Uint8Array {
  return writeItem(type, Buffer.from(uid, 'latin1'));
}

/** The UID in an item; undefined if it is not one. Peers pad it, though PS3.8 annex F does not. */
export function readItemUid(value: Uint8Array): string | undefined {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    .toString('latin1', 0, 80)
    .replace(/[\0 ]{1,2}$/, '');
  return isUid(text) ? text : undefined;
}

/** An AE title as 16 characters (PS3.5 table 6.2-1), without the spaces around it. @throws ProtocolViolation */
export function readAeTitle(field: Uint8Array): string {
  const text = Buffer.from(field.buffer, field.byteOffset, field.byteLength)
    .toString('latin1')
    .replaceAll('\0', ' ')
    .trim();
  if (!isAeTitle(text)) throw invalidParameter('AE title is empty or has characters that are not allowed');
  return text;
}

export function writeAeTitle(title: string): Uint8Array {
  assert(isAeTitle(title), 'an AE title was checked before it is used');
  return Buffer.from(title.padEnd(associationLimits.aeTitleCharacters, ' '), 'latin1');
}

export function readUint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) * 256 + (bytes[offset + 1] ?? 0);
}
