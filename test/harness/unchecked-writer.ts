/**
 * Writes Part 10 files element by element and checks nothing: for tests that need a file to be wrong in one place.
 * Sound files come from dicom-writer.ts.
 */
import { deflateRawSync } from 'node:zlib';
import { type TransferSyntax, transferSyntaxes } from './dicom-writer.ts';

type Encoding = Pick<TransferSyntax, 'explicitVr' | 'littleEndian'>;

export interface ElementToWrite {
  /** Group × 65536 + element. */
  readonly tag: number;
  /** Two letters, also of a representation that does not exist. */
  readonly representation: string;
  /** A value, the items of a sequence, or fragments behind an empty offset table. */
  readonly value: string | Uint8Array | readonly Item[] | Fragments;
  /** Written in place of the true length; FFFFFFFF ends a sequence by delimiters. */
  readonly length?: number;
}

export type Item = readonly ElementToWrite[];

export interface Fragments {
  readonly fragments: readonly Uint8Array[];
}

export const undefinedLength = 0xffff_ffff;
const longRepresentations = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));

/** An element with a text or binary value. */
export function element(
  tag: number,
  representation: string,
  value: ElementToWrite['value'],
  length?: number,
): ElementToWrite {
  return { tag, representation, value, ...(length !== undefined && { length }) };
}

/** A sequence of undefined length. */
export function delimitedSequence(tag: number, items: readonly Item[]): ElementToWrite {
  return { tag, representation: 'SQ', value: items, length: undefinedLength };
}

/** Encodes elements in the order given. */
export function encodeElements(elements: readonly ElementToWrite[], encoding: Encoding): Buffer {
  return Buffer.concat(elements.map((one) => encodeElement(one, encoding)));
}

function encodeElement(one: ElementToWrite, encoding: Encoding): Buffer {
  const delimited = one.length === undefinedLength;
  const value = encodeValue(one, encoding, delimited);
  return Buffer.concat([
    encodeHeader(one.tag, one.representation, one.length ?? value.length, encoding),
    value,
  ]);
}

function encodeValue(
  { value, representation }: ElementToWrite,
  encoding: Encoding,
  delimited: boolean,
): Buffer {
  if (typeof value === 'string')
    return padded(Buffer.from(value, 'latin1'), representation === 'UI' ? 0 : 0x20);
  if (value instanceof Uint8Array) return Buffer.from(value);
  if ('fragments' in value) {
    const parts = [new Uint8Array(0), ...value.fragments].map((fragment) =>
      Buffer.concat([encodeHeader(0xfffe_e000, '', fragment.length, encoding), fragment]),
    );
    return Buffer.concat([...parts, encodeHeader(0xfffe_e0dd, '', 0, encoding)]);
  }
  const items = value.map((item) => {
    const content = encodeElements(item, encoding);
    const head = encodeHeader(0xfffe_e000, '', delimited ? undefinedLength : content.length, encoding);
    return Buffer.concat(
      delimited ? [head, content, encodeHeader(0xfffe_e00d, '', 0, encoding)] : [head, content],
    );
  });
  return Buffer.concat(delimited ? [...items, encodeHeader(0xfffe_e0dd, '', 0, encoding)] : items);
}

/** The header alone: tag, representation and length. Items and delimiters have the empty representation. */
export function encodeHeader(
  tag: number,
  representation: string,
  length: number,
  encoding: Encoding,
): Buffer {
  const long = longRepresentations.has(representation);
  const header = Buffer.alloc(encoding.explicitVr && long ? 12 : 8);
  const put16 = (number: number, at: number) =>
    encoding.littleEndian ? header.writeUInt16LE(number, at) : header.writeUInt16BE(number, at);
  const put32 = (number: number, at: number) =>
    encoding.littleEndian ? header.writeUInt32LE(number, at) : header.writeUInt32BE(number, at);
  put16(Math.floor(tag / 65_536), 0);
  put16(tag % 65_536, 2);
  if (!encoding.explicitVr || representation === '') put32(length, 4);
  else {
    header.write(representation, 4, 'latin1');
    if (long) put32(length, 8);
    else put16(length % 65_536, 6);
  }
  return header;
}

function padded(bytes: Buffer, padding: number): Buffer {
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from([padding])]);
}

export interface Part10ToWrite {
  /** Default explicit VR little endian. */
  readonly syntax?: TransferSyntax;
  /** Named in the file in place of that of `syntax`. */
  readonly transferSyntaxUid?: string;
  /** Undefined: the class and instance of the data set. */
  readonly metaSopClassUid?: string;
  readonly metaSopInstanceUid?: string;
  readonly preamble?: string;
  /** The data set; when bytes are given they are taken as they are, undeflated. */
  readonly dataSet: readonly ElementToWrite[] | Uint8Array;
}

/** A whole file: preamble, `DICM`, file meta information with a right group length, data set. */
export function encodePart10(file: Part10ToWrite): Buffer {
  const syntax = file.syntax ?? transferSyntaxes.explicitLittleEndian;
  const transferSyntaxUid = file.transferSyntaxUid ?? syntax.uid;
  const preamble = Buffer.alloc(128);
  preamble.write(file.preamble ?? '', 'latin1');
  const meta = encodeElements(
    [
      element(0x0002_0001, 'OB', Uint8Array.of(0, 1)),
      element(0x0002_0002, 'UI', file.metaSopClassUid ?? textOf(file.dataSet, 0x0008_0016)),
      element(0x0002_0003, 'UI', file.metaSopInstanceUid ?? textOf(file.dataSet, 0x0008_0018)),
      element(0x0002_0010, 'UI', transferSyntaxUid),
    ],
    transferSyntaxes.explicitLittleEndian,
  );
  const groupLength = Buffer.alloc(4);
  groupLength.writeUInt32LE(meta.length);
  const head = encodeElements(
    [element(0x0002_0000, 'UL', groupLength)],
    transferSyntaxes.explicitLittleEndian,
  );
  return Buffer.concat([preamble, Buffer.from('DICM'), head, meta, dataSetOf(file.dataSet, syntax)]);
}

function dataSetOf(dataSet: Part10ToWrite['dataSet'], syntax: TransferSyntax): Uint8Array {
  if (dataSet instanceof Uint8Array) return dataSet;
  const encoded = encodeElements(dataSet, syntax);
  return syntax.deflated ? deflateRawSync(encoded) : encoded;
}

function textOf(dataSet: Part10ToWrite['dataSet'], tag: number): string {
  const found = dataSet instanceof Uint8Array ? undefined : dataSet.find((one) => one.tag === tag)?.value;
  return typeof found === 'string' ? found : '';
}

export interface InstanceToWrite {
  readonly sopClassUid?: string;
  readonly sopInstanceUid?: string;
  readonly studyUid?: string;
  readonly seriesUid?: string;
  readonly patientName?: string;
  readonly patientId?: string;
  readonly birthDate?: string;
  /** Elements that are added, in place of those with their tag; then all are put in order. */
  readonly more?: readonly ElementToWrite[];
}

/** The elements of a small CT image that nothing is wrong with. */
export function ctImage(instance: InstanceToWrite = {}): ElementToWrite[] {
  const more = instance.more ?? [];
  const own = [
    element(0x0008_0016, 'UI', instance.sopClassUid ?? '1.2.840.10008.5.1.4.1.1.2'),
    element(0x0008_0018, 'UI', instance.sopInstanceUid ?? '2.25.11'),
    element(0x0008_0060, 'CS', 'CT'),
    element(0x0010_0010, 'PN', instance.patientName ?? 'TEST^PATIENT'),
    element(0x0010_0020, 'LO', instance.patientId ?? 'TEST-1'),
    element(0x0010_0030, 'DA', instance.birthDate ?? '19700101'),
    element(0x0020_000d, 'UI', instance.studyUid ?? '2.25.1'),
    element(0x0020_000e, 'UI', instance.seriesUid ?? '2.25.2'),
    element(0x0028_0010, 'US', Uint8Array.of(4, 0)),
    element(0x7fe0_0010, 'OW', new Uint8Array(32).fill(7)),
  ].filter(({ tag }) => more.every((other) => other.tag !== tag));
  return [...own, ...more].sort((a, b) => a.tag - b.tag);
}
