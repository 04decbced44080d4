/**
 * Writes DICOM data sets and Part 10 files (PS3.5 section 7, PS3.10 section 7) for tests: every encoding a scanner
 * may use. It shares no code with the reader in `shared/dicom`, so each can show a fault of the other.
 */
import { deflateRawSync } from 'node:zlib';
import { assert } from '../../shared/assert.ts';

export type TextVr =
  | 'AE'
  | 'AS'
  | 'CS'
  | 'DA'
  | 'DS'
  | 'DT'
  | 'IS'
  | 'LO'
  | 'LT'
  | 'PN'
  | 'SH'
  | 'ST'
  | 'TM'
  | 'UI'
  | 'UT';
export type NumberVr = 'AT' | 'FD' | 'FL' | 'SL' | 'SS' | 'UL' | 'US';
export type Vr = TextVr | NumberVr | 'OB' | 'OW' | 'SQ' | 'UN';

/** What a value representation takes: texts are UTF-8 or ready bytes, several values with a backslash between. */
export type ValueOf<V extends Vr> = V extends TextVr
  ? string | Uint8Array
  : V extends NumberVr
    ? number | readonly number[]
    : V extends 'OW'
      ? Uint16Array
      : V extends 'SQ'
        ? readonly DataSet[]
        : Uint8Array | Encapsulated;

/** Pixel data in fragments (PS3.5 annex A.4). `offsets` is the basic offset table; it may be empty. */
export interface Encapsulated {
  readonly offsets: readonly number[];
  readonly fragments: readonly Uint8Array[];
}

/** A data element: its tag as group * 2^16 + element, its value representation and a value that fits it. */
export type Element = {
  readonly [V in Vr]: { readonly tag: number; readonly vr: V; readonly value: ValueOf<V> };
}[Vr];

/** Elements in any order, each tag once; they are written in the order of their tags. */
export type DataSet = readonly Element[];

export interface TransferSyntax {
  readonly uid: string;
  readonly explicitVr: boolean;
  readonly littleEndian: boolean;
  readonly deflated: boolean;
}

/** PS3.5 annex A. */
export const transferSyntaxes = {
  implicitLittleEndian: { uid: '1.2.840.10008.1.2', explicitVr: false, littleEndian: true, deflated: false },
  explicitLittleEndian: { uid: '1.2.840.10008.1.2.1', explicitVr: true, littleEndian: true, deflated: false },
  deflated: { uid: '1.2.840.10008.1.2.1.99', explicitVr: true, littleEndian: true, deflated: true },
  explicitBigEndian: { uid: '1.2.840.10008.1.2.2', explicitVr: true, littleEndian: false, deflated: false },
  rleLossless: { uid: '1.2.840.10008.1.2.5', explicitVr: true, littleEndian: true, deflated: false },
  jpegBaseline: { uid: '1.2.840.10008.1.2.4.50', explicitVr: true, littleEndian: true, deflated: false },
} as const satisfies Record<string, TransferSyntax>;

export type TransferSyntaxName = keyof typeof transferSyntaxes;

/** Longest value in characters (PS3.5 section 6.2), where a test could pass it by mistake. */
const charactersMax: Partial<Record<Vr, number>> = {
  AE: 16,
  AS: 4,
  CS: 16,
  DA: 8,
  DS: 16,
  IS: 12,
  LO: 64,
  SH: 16,
  TM: 14,
  UI: 64,
};

const numberBytes: Readonly<Record<NumberVr, number>> = { AT: 4, FD: 8, FL: 4, SL: 4, SS: 2, UL: 4, US: 2 };

/** Those with a 32-bit length in explicit VR (PS3.5 table 7.1-1). */
const longVrs: ReadonlySet<Vr> = new Set<Vr>(['OB', 'OW', 'SQ', 'UN', 'UT']);

const undefinedLength = 0xffffffff;
const itemTag = 0xfffee000;
const itemEndTag = 0xfffee00d;
const sequenceEndTag = 0xfffee0dd;

/** Bytes that grow. */
class DataSetWriter {
  readonly #littleEndian: boolean;
  readonly #explicitVr: boolean;
  readonly #undefinedLengths: boolean;
  #bytes: Buffer;
  #view: DataView;
  #end = 0;

  constructor(syntax: TransferSyntax, undefinedLengths: boolean, capacity: number) {
    this.#littleEndian = syntax.littleEndian;
    this.#explicitVr = syntax.explicitVr;
    this.#undefinedLengths = undefinedLengths;
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get written(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, 0, this.#end);
  }

  dataSet(elements: DataSet): void {
    let previous = -1;
    for (const element of elements.toSorted((a, b) => a.tag - b.tag)) {
      assert(element.tag > previous, `tag ${element.tag.toString(16)} is in a data set twice`);
      previous = element.tag;
      this.#element(element);
    }
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.byteLength;
  }

  /** Bytes as they are, padded to an even length. */
  padded(bytes: Uint8Array, padding = 0): void {
    this.raw(bytes);
    if (bytes.byteLength % 2 === 1) this.raw(Uint8Array.of(padding));
  }

  #element(element: Element): void {
    switch (element.vr) {
      case 'SQ':
        this.#sequence(element.tag, element.value);
        return;
      case 'OW':
        this.#words(element.tag, element.value);
        return;
      case 'OB':
      case 'UN':
        if (element.value instanceof Uint8Array) {
          this.#header(element.tag, element.vr, evenLength(element.value));
          this.padded(element.value);
        } else this.#encapsulated(element.tag, element.value);
        return;
      case 'AT':
      case 'FD':
      case 'FL':
      case 'SL':
      case 'SS':
      case 'UL':
      case 'US': {
        const values = typeof element.value === 'number' ? [element.value] : element.value;
        this.#header(element.tag, element.vr, values.length * numberBytes[element.vr]);
        for (const value of values) this.#number(element.vr, value);
        return;
      }
      default:
        this.#text(element.tag, element.vr, element.value);
    }
  }

  #text(tag: number, vr: TextVr, value: string | Uint8Array): void {
    const padding = vr === 'UI' ? 0 : 0x20;
    if (typeof value !== 'string') {
      this.#header(tag, vr, evenLength(value));
      this.padded(value, padding);
      return;
    }
    const most = charactersMax[vr];
    if (most !== undefined && value.length > most) {
      assert(
        value.split('\\').every((part) => part.length <= most),
        `a value of ${tag.toString(16)} is longer than ${vr} allows`,
      );
    }
    const length = Buffer.byteLength(value, 'utf8');
    this.#header(tag, vr, length + (length % 2));
    this.#reserve(length + 1);
    this.#bytes.write(value, this.#end, 'utf8');
    this.#end += length;
    if (length % 2 === 1) this.#bytes[this.#end++] = padding;
  }

  #words(tag: number, words: Uint16Array): void {
    this.#header(tag, 'OW', words.byteLength);
    const start = this.#end;
    this.raw(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
    const nativeLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
    if (nativeLittleEndian !== this.#littleEndian) this.#bytes.subarray(start, this.#end).swap16();
  }

  #sequence(tag: number, items: readonly DataSet[]): void {
    this.#header(tag, 'SQ', undefinedLength);
    const start = this.#end;
    for (const item of items) {
      this.#tagAndLength(itemTag, undefinedLength);
      const itemStart = this.#end;
      this.dataSet(item);
      if (this.#undefinedLengths) this.#tagAndLength(itemEndTag, 0);
      else this.#view.setUint32(itemStart - 4, this.#end - itemStart, this.#littleEndian);
    }
    if (this.#undefinedLengths) this.#tagAndLength(sequenceEndTag, 0);
    else this.#view.setUint32(start - 4, this.#end - start, this.#littleEndian);
  }

  #encapsulated(tag: number, { offsets, fragments }: Encapsulated): void {
    assert(this.#explicitVr && this.#littleEndian, 'only explicit little endian carries fragments');
    this.#header(tag, 'OB', undefinedLength);
    this.#tagAndLength(itemTag, offsets.length * 4);
    for (const offset of offsets) this.#number('UL', offset);
    for (const fragment of fragments) {
      this.#tagAndLength(itemTag, evenLength(fragment));
      this.padded(fragment);
    }
    this.#tagAndLength(sequenceEndTag, 0);
  }

  #header(tag: number, vr: Vr, length: number): void {
    if (!this.#explicitVr) {
      this.#tagAndLength(tag, length);
      return;
    }
    this.#reserve(12);
    this.#tag(tag);
    this.#bytes.write(vr, this.#end, 'latin1');
    if (longVrs.has(vr)) {
      this.#view.setUint16(this.#end + 2, 0);
      this.#view.setUint32(this.#end + 4, length, this.#littleEndian);
      this.#end += 8;
    } else {
      assert(length <= 0xfffe, `a value of ${tag.toString(16)} is too long for ${vr}`);
      this.#view.setUint16(this.#end + 2, length, this.#littleEndian);
      this.#end += 4;
    }
  }

  #tagAndLength(tag: number, length: number): void {
    this.#reserve(8);
    this.#tag(tag);
    this.#view.setUint32(this.#end, length, this.#littleEndian);
    this.#end += 4;
  }

  #tag(tag: number): void {
    this.#view.setUint16(this.#end, tag >>> 16, this.#littleEndian);
    this.#view.setUint16(this.#end + 2, tag & 0xffff, this.#littleEndian);
    this.#end += 4;
  }

  #number(vr: NumberVr, value: number): void {
    this.#reserve(8);
    if (vr === 'US') this.#view.setUint16(this.#end, value, this.#littleEndian);
    else if (vr === 'SS') this.#view.setInt16(this.#end, value, this.#littleEndian);
    else if (vr === 'UL') this.#view.setUint32(this.#end, value, this.#littleEndian);
    else if (vr === 'SL') this.#view.setInt32(this.#end, value, this.#littleEndian);
    else if (vr === 'FL') this.#view.setFloat32(this.#end, value, this.#littleEndian);
    else if (vr === 'FD') this.#view.setFloat64(this.#end, value, this.#littleEndian);
    else {
      // AT is two words, group first in both byte orders.
      this.#view.setUint16(this.#end, value >>> 16, this.#littleEndian);
      this.#view.setUint16(this.#end + 2, value & 0xffff, this.#littleEndian);
    }
    this.#end += numberBytes[vr];
  }

  #reserve(more: number): void {
    const needed = this.#end + more;
    if (needed <= this.#bytes.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed + 256, this.#bytes.byteLength * 2));
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

function evenLength(bytes: Uint8Array): number {
  return bytes.byteLength + (bytes.byteLength % 2);
}

export interface EncodeOptions {
  /** Sequences and items end with delimiters instead of carrying their length (PS3.5 section 7.5.2). */
  readonly undefinedLengths?: boolean;
  /** Bytes to start with; only speed depends on it. */
  readonly expectedBytes?: number;
}

/** A data set alone, without deflate. */
export function encodeDataSet(
  dataSet: DataSet,
  syntax: TransferSyntax,
  options: EncodeOptions = {},
): Uint8Array {
  const writer = new DataSetWriter(syntax, options.undefinedLengths ?? false, options.expectedBytes ?? 1024);
  writer.dataSet(dataSet);
  return writer.written;
}

/** The implementation class UID of these files; a UUID-derived one (PS3.5 annex B.2). */
const implementationClassUid = '2.25.302914877610396126440963212486174208261';

const preambleAndPrefix = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM', 'latin1')]);

/** A Part 10 file: preamble, file meta information of the data set's SOP class and instance, and the data set. */
export function encodeFile(
  dataSet: DataSet,
  syntax: TransferSyntax,
  options: EncodeOptions = {},
): Uint8Array {
  const meta: Element[] = [
    { tag: 0x00020001, vr: 'OB', value: Uint8Array.of(0, 1) },
    { tag: 0x00020002, vr: 'UI', value: uidOf(dataSet, 0x00080016) },
    { tag: 0x00020003, vr: 'UI', value: uidOf(dataSet, 0x00080018) },
    { tag: 0x00020010, vr: 'UI', value: syntax.uid },
    { tag: 0x00020012, vr: 'UI', value: implementationClassUid },
  ];
  const group = encodeDataSet(meta, transferSyntaxes.explicitLittleEndian, { expectedBytes: 320 });
  const head = new DataSetWriter(transferSyntaxes.explicitLittleEndian, false, 512);
  head.raw(preambleAndPrefix);
  head.dataSet([{ tag: 0x00020000, vr: 'UL', value: group.byteLength }]);
  head.raw(group);

  const body = new DataSetWriter(syntax, options.undefinedLengths ?? false, options.expectedBytes ?? 1024);
  if (!syntax.deflated) body.raw(head.written);
  body.dataSet(dataSet);
  if (!syntax.deflated) return body.written;
  head.padded(deflateRawSync(body.written));
  return head.written;
}

function uidOf(dataSet: DataSet, tag: number): string | Uint8Array {
  const element = dataSet.find((candidate) => candidate.tag === tag);
  assert(element?.vr === 'UI', `the data set has no ${tag.toString(16)}`);
  return element.value;
}
