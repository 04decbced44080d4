/**
 * Reading and writing of control documents (manifest, beacon, roll): big-endian, bounded, strict.
 * A reader never allocates by a number it has read before that number is checked.
 */
import { assert } from '../assert.ts';
import { DiodeError } from '../errors.ts';
import { isAeTitle, isUid, limits } from './limits.ts';

const ascii = new TextDecoder('latin1');

/** Reads one document. Every method throws E_DOCUMENT if the bytes are not what it expects. */
export class DocumentReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** At most 2^53 - 1. */
  uint64(): number {
    const value = this.#view.getBigUint64(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('a number is out of bounds');
    return Number(value);
  }

  /** A count with its bound: nothing is allocated for more. */
  count(max: number, elementBytesMin: number): number {
    const value = this.uint32();
    if (value > max) throw invalid('a list is too long');
    if (value * elementBytesMin > this.#bytes.length - this.#offset) throw invalid('a list ends early');
    return value;
  }

  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  hex(length: number): string {
    return Buffer.from(this.bytes(length)).toString('hex');
  }

  /** A UID with its length in one byte (PS3.5 section 9.1). */
  uid(): string {
    const text = this.#text(limits.uidCharactersMax);
    if (!isUid(text)) throw invalid('a UID is malformed');
    return text;
  }

  /** An AE title with its length in one byte (PS3.5 section 6.2). */
  aeTitle(): string {
    const text = this.#text(limits.aeTitleCharactersMax);
    if (!isAeTitle(text)) throw invalid('an AE title is malformed');
    return text;
  }

  /** An error code with its length in one byte. */
  code(): string {
    const text = this.#text(40);
    if (!/^E_[A-Z0-9_]{1,38}$/.test(text)) throw invalid('a code is malformed');
    return text;
  }

  /** One of the given numbers. */
  oneOf<T extends number>(allowed: readonly T[]): T {
    const value = this.uint8();
    const match = allowed.find((candidate) => candidate === value);
    if (match === undefined) throw invalid('a field has an unknown value');
    return match;
  }

  /** For problems that only the document's own rules reveal. */
  fail(detail: string): never {
    throw invalid(detail);
  }

  /** A document ends where its last field ends. */
  end(): void {
    if (this.#offset !== this.#bytes.length) throw invalid('a document has bytes after its end');
  }

  #text(max: number): string {
    const length = this.uint8();
    if (length > max) throw invalid('a text is too long');
    const start = this.#take(length);
    return ascii.decode(this.#bytes.subarray(start, start + length));
  }

  #take(length: number): number {
    const start = this.#offset;
    if (length > this.#bytes.length - start) throw invalid('a document ends early');
    this.#offset = start + length;
    return start;
  }
}

function invalid(detail: string): DiodeError {
  return new DiodeError('E_DOCUMENT', detail);
}

/** Writes one document. Its arguments come from this program, so a wrong one is a programmer's error. */
export class DocumentWriter {
  #bytes = Buffer.alloc(1024);
  #length = 0;

  uint8(value: number): this {
    const start = this.#grow(1);
    this.#bytes.writeUInt8(value, start);
    return this;
  }

  uint16(value: number): this {
    const start = this.#grow(2);
    this.#bytes.writeUInt16BE(value, start);
    return this;
  }

  uint32(value: number): this {
    const start = this.#grow(4);
    this.#bytes.writeUInt32BE(value, start);
    return this;
  }

  uint64(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, 'a number of a document is a safe integer');
    const start = this.#grow(8);
    this.#bytes.writeBigUInt64BE(BigInt(value), start);
    return this;
  }

  bytes(value: Uint8Array): this {
    const start = this.#grow(value.length);
    this.#bytes.set(value, start);
    return this;
  }

  hex(value: string, length: number): this {
    const bytes = Buffer.from(value, 'hex');
    assert(bytes.length === length, 'a hexadecimal field has its length');
    return this.bytes(bytes);
  }

  uid(value: string): this {
    assert(isUid(value), 'only a checked UID is written');
    return this.#text(value);
  }

  aeTitle(value: string): this {
    assert(isAeTitle(value), 'only a checked AE title is written');
    return this.#text(value);
  }

  code(value: string): this {
    return this.#text(value);
  }

  /** What is written so far, valid until more is. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy, and not a Buffer: a Buffer's slice() would share its memory. */
  finish(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  #text(value: string): this {
    return this.uint8(value.length).bytes(Buffer.from(value, 'latin1'));
  }

  /** Makes room, in another buffer if need be, so it must be called before the buffer is used. */
  #grow(length: number): number {
    const start = this.#length;
    this.#length += length;
    assert(this.#length <= limits.documentBytesMax, 'a document stays within its limit');
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
    }
    return start;
  }
}
