/**
 * The header of one data element (PS3.5 section 7.1): tag, value representation, value length.
 * Reads what is in real files, too: unknown representations, and elements without one in an explicit data set.
 */
import type { ByteWindow } from './byte-window.ts';
import type { Encoding } from './transfer-syntax.ts';

/** Value length FFFFFFFF: undefined, ended by a delimiter (PS3.5 section 7.1.1). */
export const undefinedLength = 0xffff_ffff;

/** Tags as one number, group × 65536 + element. */
export const tags = {
  item: 0xfffe_e000,
  itemDelimitation: 0xfffe_e00d,
  sequenceDelimitation: 0xfffe_e0dd,
  pixelData: 0x7fe0_0010,
  fileMetaGroupLength: 0x0002_0000,
  mediaStorageSopClassUid: 0x0002_0002,
  mediaStorageSopInstanceUid: 0x0002_0003,
  transferSyntaxUid: 0x0002_0010,
  specificCharacterSet: 0x0008_0005,
  sopClassUid: 0x0008_0016,
  sopInstanceUid: 0x0008_0018,
  modality: 0x0008_0060,
  patientName: 0x0010_0010,
  patientId: 0x0010_0020,
  patientBirthDate: 0x0010_0030,
  studyInstanceUid: 0x0020_000d,
  seriesInstanceUid: 0x0020_000e,
  encapsulatedDocument: 0x0042_0011,
  mimeTypeOfEncapsulatedDocument: 0x0042_0012,
  /** Padding at the end of a data set (PS3.5 section 7.2). */
  dataSetTrailingPadding: 0xfffc_fffc,
} as const;

/** `(0008,0018)`, for messages. */
export function formatTag(tag: number): string {
  const digits = tag.toString(16).padStart(8, '0').toUpperCase();
  return `(${digits.slice(0, 4)},${digits.slice(4)})`;
}

/** Representations with a 16-bit length (PS3.5 table 7.1-2). All others, including new ones, have a 32-bit one. */
const shortRepresentations = new Set(
  'AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US'.split(' ').map(representationCode),
);
const longRepresentations = new Set(
  'OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' ').map(representationCode),
);

function representationCode(letters: string): number {
  return letters.charCodeAt(0) * 256 + letters.charCodeAt(1);
}

const binaryRepresentations = new Set('OB OD OF OL OV OW'.split(' ').map(representationCode));

/** The representations that the walker treats specially. */
export const representations = {
  sequence: representationCode('SQ'),
  unknown: representationCode('UN'),
  /** An element of implicit VR has none. */
  none: 0,
} as const;

/** Those of the file meta information (PS3.10 table 7.1-1). */
const metaRepresentations = new Set('AE OB SH UI UL UR'.split(' ').map(representationCode));

/** Whether an element of the file meta information may have this representation: no sequence, nothing new. */
export function isMetaRepresentation(representation: number): boolean {
  return metaRepresentations.has(representation);
}

/** Whether a value of undefined length is encapsulated in fragments (PS3.5 annex A.4) rather than a sequence. */
export function isEncapsulated(tag: number, representation: number): boolean {
  if (representation === representations.sequence) return false;
  return tag === tags.pixelData || binaryRepresentations.has(representation);
}

/** Items and their delimiters, group FFFE (PS3.5 section 7.5). */
export function isDelimiter(tag: number): boolean {
  return tag === tags.item || tag === tags.itemDelimitation || tag === tags.sequenceDelimitation;
}

export interface ElementHeader {
  readonly tag: number;
  /** Value representation as two bytes (`SQ` is 0x5351); 0 if the element has none. */
  readonly representation: number;
  /** Bytes of the header: 8 or 12. */
  readonly headerBytes: number;
  /** Bytes of the value, or {@link undefinedLength}. */
  readonly valueBytes: number;
  /** Whether an explicit data set has a representation here that PS3.5 does not define, or none. */
  readonly irregular: boolean;
}

/** Reads the header at `offset`; `undefined` if the window does not reach that far. The caller checked the end. */
export function readElementHeader(
  window: ByteWindow,
  offset: number,
  encoding: Encoding,
): ElementHeader | undefined {
  const at = window.locate(offset, 8);
  if (at === undefined) return undefined;
  const { view } = window;
  const little = encoding.littleEndian;
  const tag = view.getUint16(at, little) * 65_536 + view.getUint16(at + 2, little);
  if (!encoding.explicitVr || isDelimiter(tag)) {
    return {
      tag,
      representation: 0,
      headerBytes: 8,
      valueBytes: view.getUint32(at + 4, little),
      irregular: false,
    };
  }
  const representation = view.getUint16(at + 4, false);
  const known = shortRepresentations.has(representation) || longRepresentations.has(representation);
  if (!known && !isPrintable(representation)) {
    return {
      tag,
      representation: 0,
      headerBytes: 8,
      valueBytes: view.getUint32(at + 4, little),
      irregular: true,
    };
  }
  const nextField = view.getUint16(at + 6, little);
  // Vendors that invent representations write either form; only the long one has two zero bytes here.
  const short = known ? shortRepresentations.has(representation) : nextField !== 0;
  if (short) return { tag, representation, headerBytes: 8, valueBytes: nextField, irregular: !known };
  const lengthAt = window.locate(offset, 12);
  if (lengthAt === undefined) return undefined;
  const valueBytes = window.view.getUint32(lengthAt + 8, little);
  return { tag, representation, headerBytes: 12, valueBytes, irregular: !known };
}

/**
 * Whether the element at `offset` has a representation: one that PS3.5 defines, something that only looks like one,
 * or none; undefined beyond the window.
 */
export function carriesRepresentation(
  window: ByteWindow,
  offset: number,
): 'known' | 'unknown' | 'none' | undefined {
  const at = window.locate(offset, 8);
  if (at === undefined) return undefined;
  const representation = window.view.getUint16(at + 4, false);
  if (shortRepresentations.has(representation) || longRepresentations.has(representation)) return 'known';
  return isPrintable(representation) ? 'unknown' : 'none';
}

function isPrintable(representation: number): boolean {
  const first = representation >>> 8;
  const second = representation & 0xff;
  return first >= 0x20 && first <= 0x7e && second >= 0x20 && second <= 0x7e;
}
