/**
 * How a transfer syntax encodes the data set (PS3.5 section 10 and annex A). What it does to pixel data does not concern
 * us: pixel data is never decoded.
 */
export interface Encoding {
  readonly littleEndian: boolean;
  /** Whether elements carry their value representation (PS3.5 section 7.1.2) or not (7.1.3). */
  readonly explicitVr: boolean;
}

export const implicitLittleEndian: Encoding = { littleEndian: true, explicitVr: false };
export const explicitLittleEndian: Encoding = { littleEndian: true, explicitVr: true };
export const explicitBigEndian: Encoding = { littleEndian: false, explicitVr: true };

export const transferSyntaxUids = {
  implicitLittleEndian: '1.2.840.10008.1.2',
  explicitLittleEndian: '1.2.840.10008.1.2.1',
  deflatedExplicitLittleEndian: '1.2.840.10008.1.2.1.99',
  explicitBigEndian: '1.2.840.10008.1.2.2',
} as const;

/** Deflated as a whole (PS3.5 annex A.5), including JPIP referenced deflate (A.7) and its HTJ2K variant. */
const deflatedUids: ReadonlySet<string> = new Set([
  transferSyntaxUids.deflatedExplicitLittleEndian,
  '1.2.840.10008.1.2.4.95',
  '1.2.840.10008.1.2.4.205',
]);

/** The encoding of a data set. An unknown UID is explicit little endian, as all encapsulated ones are (PS3.5 A.4). */
export function encodingOf(transferSyntaxUid: string): Encoding {
  if (transferSyntaxUid === transferSyntaxUids.implicitLittleEndian) return implicitLittleEndian;
  if (transferSyntaxUid === transferSyntaxUids.explicitBigEndian) return explicitBigEndian;
  return explicitLittleEndian;
}

/** Whether the data set after the file meta information is one raw deflate stream (RFC 1951). */
export function isDeflated(transferSyntaxUid: string): boolean {
  return deflatedUids.has(transferSyntaxUid);
}
