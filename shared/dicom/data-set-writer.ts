/**
 * Writes the small data sets of DIMSE-N messages (PS3.5 section 7). The data sets of instances are never written: they pass
 * through unchanged.
 */
import type { Encoding } from './transfer-syntax.ts';

const undefinedLength = 0xffff_ffff;
const itemTag = 0xfffe_e000;
const itemEndTag = 0xfffe_e00d;
const sequenceEndTag = 0xfffe_e0dd;

/** Elements have to be written in the order of their tags. */
export class DataSetWriter {
  readonly #encoding: Encoding;
  readonly #parts: Buffer[] = [];

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
  }

  uid(tag: number, uid: string): void {
    this.#element(tag, 'UI', Buffer.from(uid.length % 2 === 0 ? uid : `${uid}\0`, 'latin1'));
  }

  unsignedShort(tag: number, value: number): void {
    this.#element(tag, 'US', this.#number(value, 2));
  }

  /** A sequence with its items, as `writeItem` writes them. */
  sequence<T>(tag: number, items: readonly T[], writeItem: (item: T) => void): void {
    this.#parts.push(this.#tag(tag));
    if (this.#encoding.explicitVr) this.#parts.push(Buffer.from('SQ\0\0', 'latin1'));
    this.#parts.push(this.#number(undefinedLength, 4));
    for (const item of items) {
      this.#parts.push(this.#tag(itemTag), this.#number(undefinedLength, 4));
      writeItem(item);
      this.#parts.push(this.#tag(itemEndTag), this.#number(0, 4));
    }
    this.#parts.push(this.#tag(sequenceEndTag), this.#number(0, 4));
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  #element(tag: number, representation: 'UI' | 'US', value: Buffer): void {
    const { explicitVr } = this.#encoding;
    const length = this.#number(value.length, explicitVr ? 2 : 4);
    const head = explicitVr ? [this.#tag(tag), Buffer.from(representation, 'latin1')] : [this.#tag(tag)];
    this.#parts.push(...head, length, value);
  }

  #tag(tag: number): Buffer {
    return Buffer.concat([this.#number(tag >>> 16, 2), this.#number(tag & 0xffff, 2)]);
  }

  #number(value: number, bytes: 2 | 4): Buffer {
    const buffer = Buffer.alloc(bytes);
    if (this.#encoding.littleEndian) buffer.writeUIntLE(value, 0, bytes);
    else buffer.writeUIntBE(value, 0, bytes);
    return buffer;
  }
}
