/**
 * Preamble and file meta information (PS3.10 section 7.1): always explicit VR little endian, whatever follows.
 */
import { DiodeError } from '../errors.ts';
import type { ByteWindow } from './byte-window.ts';
import { withoutPadding } from './character-set.ts';
import { carriesRepresentation, isMetaRepresentation, tags } from './data-element.ts';
import { walkDataSet } from './data-set-walker.ts';
import {
  type Encoding,
  encodingOf,
  explicitLittleEndian,
  implicitLittleEndian,
  isDeflated,
  transferSyntaxUids,
} from './transfer-syntax.ts';

/** Bytes before the file meta information: 128 of preamble, then `DICM`. */
export const preambleBytes = 128;
const metaOffset = preambleBytes + 4;
const metaElementsMax = 1000;
const mediaStorageDirectory = '1.2.840.10008.1.3.10';

const wantedTags: ReadonlySet<number> = new Set([
  tags.fileMetaGroupLength,
  tags.mediaStorageSopClassUid,
  tags.mediaStorageSopInstanceUid,
  tags.transferSyntaxUid,
]);

export interface FileMeta {
  /** As in the file, without padding; undefined if the element is missing or empty. */
  readonly sopClassUid: string | undefined;
  readonly sopInstanceUid: string | undefined;
  /** Undefined if missing: `encoding` is then found from the data. */
  readonly transferSyntaxUid: string | undefined;
  /** First byte after the file meta information. */
  readonly dataSetOffset: number;
  readonly deflated: boolean;
  /** How the data set is encoded as its first element shows. */
  readonly encoding: Encoding;
  /** Whether the transfer syntax says the same. */
  readonly encodingAsDeclared: boolean;
  /** Tags ascend, representations are those of PS3.10, the group length is right or missing: readers agree on it. */
  readonly regular: boolean;
}

/**
 * Reads the file meta information.
 *
 * Errors: E_FILE_EMPTY, E_NOT_DICOM, E_FILE_TRUNCATED, E_DICOMDIR, and E_DICOM_LENGTH, E_DICOM_SYNTAX, E_DICOM_ELEMENTS
 * for a meta group that can't be read.
 */
export function readFileMeta(window: ByteWindow): FileMeta | DiodeError | 'needs-more' {
  if (window.totalBytes === 0) return new DiodeError('E_FILE_EMPTY');
  if (window.totalBytes < metaOffset)
    return new DiodeError('E_NOT_DICOM', 'the file is too short for Part 10');
  const magicAt = window.locate(preambleBytes, 4);
  if (magicAt === undefined) return 'needs-more';
  if (window.view.getUint32(magicAt, false) !== 0x4449_434d) return new DiodeError('E_NOT_DICOM');

  const uids = new Map<number, string>();
  let groupLengthEnd: number | undefined;
  let previous = 0;
  let regular = true;
  const rules = {
    elementsMax: metaElementsMax,
    depthMax: 1,
    descend: 'undefined-length',
    overrunCode: 'E_FILE_TRUNCATED',
  } as const;
  const walk = walkDataSet(window, metaOffset, explicitLittleEndian, rules, {
    visit(tag, representation) {
      // The group length is not believed: there are files where it is wrong or missing. The group number decides.
      if (tag >= 0x0003_0000 || tag < 0x0002_0000) return 'stop';
      regular &&= tag > previous && isMetaRepresentation(representation);
      previous = tag;
      return wantedTags.has(tag) && !uids.has(tag) ? 'value' : 'pass';
    },
    value(tag, bytes, valueOffset) {
      if (tag === tags.fileMetaGroupLength) groupLengthEnd = groupEnd(bytes, valueOffset);
      else uids.set(tag, decodeUid(bytes));
    },
  });
  if (walk instanceof DiodeError) return walk;
  if (walk.end === 'needs-more') return 'needs-more';
  const read = (tag: number) => uids.get(tag) || undefined;
  const sopClassUid = read(tags.mediaStorageSopClassUid);
  if (sopClassUid === mediaStorageDirectory) return new DiodeError('E_DICOMDIR');
  const transferSyntaxUid = read(tags.transferSyntaxUid);
  const deflated = transferSyntaxUid !== undefined && isDeflated(transferSyntaxUid);
  const declared = encodingOf(transferSyntaxUid ?? transferSyntaxUids.explicitLittleEndian);
  const seen = deflated ? declared : lookedAt(window, walk.offset, declared);
  if (seen === undefined) return 'needs-more';
  return {
    sopClassUid,
    sopInstanceUid: read(tags.mediaStorageSopInstanceUid),
    transferSyntaxUid,
    dataSetOffset: walk.offset,
    deflated,
    encoding: seen,
    regular: regular && walk.depth === 0 && (groupLengthEnd ?? walk.offset) === walk.offset,
    encodingAsDeclared: transferSyntaxUid !== undefined && seen.explicitVr === declared.explicitVr,
  };
}

/** Where the group claims to end: its length counts from the end of this value (PS3.10 table 7.1-1). */
function groupEnd(bytes: Uint8Array, valueOffset: number): number {
  if (bytes.byteLength !== 4) return -1;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 4);
  return valueOffset + 4 + view.getUint32(0, true);
}

/** There are files whose data set is implicit VR under an explicit transfer syntax, and vice versa. */
function lookedAt(window: ByteWindow, offset: number, declared: Encoding): Encoding | undefined {
  if (!declared.littleEndian || offset + 12 > window.totalBytes) return declared;
  const carries = carriesRepresentation(window, offset);
  if (carries === undefined) return undefined;
  if (carries === 'unknown') return declared;
  return carries === 'known' ? explicitLittleEndian : implicitLittleEndian;
}

/** A UID value without its padding: NUL by PS3.5 section 6.2, spaces by habit. */
export function decodeUid(bytes: Uint8Array): string {
  return withoutPadding(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'));
}
