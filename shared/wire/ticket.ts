/**
 * The ticket: what a receiver is missing, for a person to carry back to the sender, as a file, a picture or a typed code.
 *
 * It can only ask for what its sender already has. It is bound to that sender by a separate key, has a number that can be
 * used once, and a day. The same content has only one spelling. The format is in PROTOCOL.md, section 13.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { assert } from '../assert.ts';
import { deriveTicketKey } from '../crypto/keys.ts';
import { DiodeError } from '../errors.ts';
import { fromBase32, fromTypedCode, toBase32, toTypedCode } from './crockford-base32.ts';
import { senderIdBytes } from './datagram.ts';
import { limits } from './limits.ts';

const ticketFormat = 1;
const codeFormat = 2;
const textPrefix = 'DDT1:';
const ticketIdBytes = 8;
const ticketMacBytes = 16;
/** A code is 155 bits, 31 digits: format 3, number 40, day 16, serial 16, MAC 80. */
const codeDigits = 31;
const codeMacBytes = 10;
const codeNumberMax = 2 ** 40 - 1;
const dayMax = 0xffff;
const dayMs = 86_400_000;

/** Places in a manifest: 0 is the manifest itself, 1 its first instance. Both ends are included. */
export interface TicketRange {
  readonly first: number;
  readonly last: number;
}

export interface TicketStudy {
  readonly studyNumber: number;
  /** That of the manifest to which the places refer; 0 if the receiver saw none. */
  readonly revision: number;
  /** Ascending, not adjacent; undefined: the whole study. */
  readonly ranges: readonly TicketRange[] | undefined;
}

export interface Ticket {
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  /** 8 bytes as hexadecimal: no two tickets have the same. */
  readonly ticketId: string;
  /** Days since 1970 on the sender's clock, as far as the receiver knows it. */
  readonly day: number;
  readonly keyId: number;
  /** Ascending by number. */
  readonly studies: readonly TicketStudy[];
}

/** A typed code: one whole study. Only the MAC shows which sender it is for. */
export interface TicketCode {
  readonly studyNumber: number;
  readonly day: number;
  /** 0 to 65535, random: two codes of one study on one day differ. */
  readonly serial: number;
}

/** A ticket as read, not verified yet. */
export interface ReadTicket<Content> {
  readonly content: Content;
  /** Whether it was made with this secret for this sender. */
  isMadeWith(secret: Uint8Array, senderId: Uint8Array): boolean;
}

export function dayOf(wallMs: number): number {
  return Math.min(dayMax, Math.max(0, Math.floor(wallMs / dayMs)));
}

/** @returns the text, or undefined if the ticket is too large: the caller then asks for it in less detail */
export function encodeTicket(ticket: Ticket, secret: Uint8Array): string | undefined {
  const document = documentOf(ticket);
  const key = deriveTicketKey(secret, Buffer.from(ticket.senderId, 'hex'));
  const text = textPrefix + toBase32(Buffer.concat([document, mac(key, document, ticketMacBytes)]));
  return text.length + 1 <= limits.ticketBytesMax ? text : undefined;
}

/** Reads a ticket's text. Total: anything gives a value or the error. @throws DiodeError E_TICKET */
export function decodeTicket(text: string): ReadTicket<Ticket> {
  if (text.length > limits.ticketBytesMax)
    throw new DiodeError('E_TICKET', 'the text is too long for a ticket');
  const trimmed = text.trim();
  if (!trimmed.toUpperCase().startsWith(textPrefix))
    throw new DiodeError('E_TICKET', `a ticket must begin with ${textPrefix}`);
  const bytes = fromBase32(trimmed.slice(textPrefix.length));
  const split = bytes.length - ticketMacBytes;
  if (split < 1) throw new DiodeError('E_TICKET', 'the text is cut off');
  const [document, given] = [bytes.subarray(0, split), bytes.subarray(split)];
  const content = readDocument(document);
  return {
    content,
    isMadeWith: (secret, senderId) =>
      Buffer.from(senderId).toString('hex') === content.senderId &&
      timingSafeEqual(mac(deriveTicketKey(secret, senderId), document, ticketMacBytes), given),
  };
}

/** @returns at most 40 characters; undefined if the study number is beyond what a code can express */
export function encodeTicketCode(
  code: TicketCode,
  secret: Uint8Array,
  senderId: Uint8Array,
): string | undefined {
  if (code.studyNumber > codeNumberMax) return undefined;
  const document = codeDocument(code);
  const proof = mac(deriveTicketKey(secret, senderId), document, codeMacBytes);
  const value = Buffer.concat([document.subarray(1), proof]).reduce(
    (sum, byte) => (sum << 8n) | BigInt(byte),
    0n,
  );
  return toTypedCode((BigInt(codeFormat) << 152n) | value, codeDigits);
}

/** Reads a typed code. Total, like {@link decodeTicket}. @throws DiodeError E_TICKET */
export function decodeTicketCode(text: string): ReadTicket<TicketCode> {
  if (text.length > limits.ticketBytesMax)
    throw new DiodeError('E_TICKET', 'the text is too long for a code');
  const value = fromTypedCode(text, codeDigits);
  if (value >> 152n !== BigInt(codeFormat))
    throw new DiodeError('E_TICKET', 'the code is from another version');
  const bytes = Buffer.from((value & ((1n << 152n) - 1n)).toString(16).padStart(38, '0'), 'hex');
  const content = {
    studyNumber: bytes.readUIntBE(0, 5),
    day: bytes.readUInt16BE(5),
    serial: bytes.readUInt16BE(7),
  };
  if (content.studyNumber < 1) throw new DiodeError('E_TICKET', 'a study number begins at 1');
  const given = bytes.subarray(9);
  return {
    content,
    isMadeWith: (secret, senderId) =>
      timingSafeEqual(mac(deriveTicketKey(secret, senderId), codeDocument(content), codeMacBytes), given),
  };
}

function codeDocument({ studyNumber, day, serial }: TicketCode): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeUInt8(codeFormat, 0);
  bytes.writeUIntBE(studyNumber, 1, 5);
  bytes.writeUInt16BE(day, 6);
  bytes.writeUInt16BE(serial, 8);
  return bytes;
}

function mac(key: Uint8Array, document: Uint8Array, length: number): Uint8Array {
  return createHmac('sha256', key).update(document).digest().subarray(0, length);
}

function documentOf(ticket: Ticket): Uint8Array {
  const bytes: number[] = [ticketFormat];
  const number = (value: number) => {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 + (rest % 128));
    bytes.push(rest);
  };
  bytes.push(...fixedHex(ticket.senderId, senderIdBytes), ...fixedHex(ticket.ticketId, ticketIdBytes));
  bytes.push(ticket.day >>> 8, ticket.day & 0xff, ticket.keyId >>> 8, ticket.keyId & 0xff);
  number(ticket.studies.length);
  let before = 0;
  for (const { studyNumber, revision, ranges } of ticket.studies) {
    assert(studyNumber > before, 'studies of a ticket ascend');
    assert(ranges === undefined || ranges.length > 0, 'ranges of a study name something');
    number(studyNumber - before);
    number(revision);
    number(ranges?.length ?? 0);
    let next = 0;
    for (const { first, last } of ranges ?? []) {
      assert(first >= next && last >= first, 'ranges of a study ascend');
      number(first - next);
      number(last - first);
      // Two ranges without a place between them would be one range.
      next = last + 2;
    }
    before = studyNumber;
  }
  return Uint8Array.from(bytes);
}

function fixedHex(text: string, length: number): Uint8Array {
  const bytes = Buffer.from(text, 'hex');
  assert(bytes.length === length, 'a hexadecimal field has its length');
  return bytes;
}

function readDocument(document: Uint8Array): Ticket {
  const reader = new TicketReader(document);
  if (reader.byte() !== ticketFormat) throw new DiodeError('E_TICKET', 'the ticket is from another version');
  const senderId = reader.hex(senderIdBytes);
  const ticketId = reader.hex(ticketIdBytes);
  const day = reader.uint16();
  const keyId = reader.uint16();
  const studies: TicketStudy[] = [];
  let studyNumber = 0;
  for (let left = reader.number(document.length); left > 0; left -= 1) {
    studyNumber = reader.sum(studyNumber, reader.number(Number.MAX_SAFE_INTEGER));
    if (studyNumber <= (studies.at(-1)?.studyNumber ?? 0)) throw malformed();
    const revision = reader.number(0xffff_ffff);
    studies.push({ studyNumber, revision, ranges: readRanges(reader, document.length) });
  }
  reader.end();
  if (studies.length === 0) throw malformed();
  return { senderId, ticketId, day, keyId, studies };
}

function readRanges(reader: TicketReader, max: number): TicketRange[] | undefined {
  const ranges: TicketRange[] = [];
  let next = 0;
  for (let left = reader.number(max); left > 0; left -= 1) {
    const first = reader.sum(next, reader.number(limits.manifestEntriesMax));
    const last = reader.sum(first, reader.number(limits.manifestEntriesMax));
    if (last > limits.manifestEntriesMax) throw malformed();
    ranges.push({ first, last });
    next = last + 2;
  }
  return ranges.length === 0 ? undefined : ranges;
}

class TicketReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw malformed();
    this.#offset += 1;
    return byte;
  }

  uint16(): number {
    return this.byte() * 256 + this.byte();
  }

  hex(length: number): string {
    const start = this.#offset;
    if (length > this.#bytes.length - start) throw malformed();
    this.#offset += length;
    return Buffer.from(this.#bytes.subarray(start, this.#offset)).toString('hex');
  }

  /** Seven bits per byte, the lowest first, the top bit set if more follows; at most `max`, in its shortest form. */
  number(max: number): number {
    let value = 0;
    for (let place = 0; place < 8; place += 1) {
      const byte = this.byte();
      value += (byte & 127) * 128 ** place;
      if (value > max) throw malformed();
      if (byte < 128) {
        if (byte === 0 && place > 0) throw malformed();
        return value;
      }
    }
    throw malformed();
  }

  sum(a: number, b: number): number {
    if (a + b > Number.MAX_SAFE_INTEGER) throw malformed();
    return a + b;
  }

  end(): void {
    if (this.#offset !== this.#bytes.length) throw malformed();
  }
}

function malformed(): DiodeError {
  return new DiodeError('E_TICKET', 'the ticket does not follow its format');
}
