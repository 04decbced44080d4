/**
 * What identifies an instance, read from the beginning of a Part 10 file (PS3.10). Pixel data is never touched.
 * Lenient on the way to the UIDs, strict about the UIDs; the gate is strict about everything else.
 */
import { DiodeError } from '../errors.ts';
import { isUid } from '../wire/limits.ts';
import { ByteWindow, type ReadAt } from './byte-window.ts';
import { decodeText, withoutPadding } from './character-set.ts';
import { formatTag, tags } from './data-element.ts';
import { visitedBytesMax, type WalkRules, walkDataSet } from './data-set-walker.ts';
import { inflatePrefix } from './deflated-data-set.ts';
import { decodeUid, type FileMeta, readFileMeta } from './file-meta.ts';
import { elementsMaxOf } from './part10-limits.ts';
import { transferSyntaxUids } from './transfer-syntax.ts';

/** The patient as in the data set, without padding, in Unicode. PHI: never logged, never in a message. */
export interface Patient {
  readonly id?: string;
  readonly name?: string;
  readonly birthDate?: string;
  /**
   * For values that are not entirely valid text in their character set: the set they declare, then their bytes as hexadecimal.
   * Two such texts that look alike may be different.
   */
  readonly undecoded?: { readonly id?: string; readonly name?: string; readonly birthDate?: string };
}

export interface InstanceHeader {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  /** Explicit VR little endian if the file names none. */
  readonly transferSyntaxUid: string;
  readonly modality: string | undefined;
  readonly patient: Patient;
  /** First byte after the file meta information. */
  readonly dataSetOffsetBytes: number;
  readonly metaSopClassUid?: string;
  readonly metaSopInstanceUid?: string;
  /** A patient attribute is longer than what is read of one, or there is a sequence in its place. */
  readonly patientUnread?: true;
}

const patientValues = {
  id: tags.patientId,
  name: tags.patientName,
  birthDate: tags.patientBirthDate,
} as const;
type PatientValue = keyof typeof patientValues;
const patientTags = Object.values(patientValues);

/** A CS value (PS3.5 table 6.2-1): it goes into tables and logs, so nothing else does. */
const modalityPattern = /^[A-Z0-9 _]{1,16}$/;

/** How much of a file may be read for its header. Real headers need less than 100 KiB. */
const headerBytesMax = 16 * 2 ** 20;
/** Deflated bytes tried first, and at most; and what they may inflate to. */
const deflatedBytesFirst = 4096;
const deflatedBytesMax = 2 ** 20;
const inflatedBytesMax = headerBytesMax;
/** On the way to the UIDs; fewer in a small deflated file, as the gate counts them. */
const headerElementsMax = 200_000;

const rules: Omit<WalkRules, 'elementsMax'> = {
  depthMax: 64,
  descend: 'undefined-length',
  overrunCode: 'E_FILE_TRUNCATED',
};

const wantedTags: ReadonlySet<number> = new Set([
  tags.specificCharacterSet,
  tags.sopClassUid,
  tags.sopInstanceUid,
  tags.modality,
  tags.patientName,
  tags.patientId,
  tags.patientBirthDate,
  tags.studyInstanceUid,
  tags.seriesInstanceUid,
]);

/**
 * Reads the header from the first bytes of a file of `fileBytes`; `needs-more` if it continues beyond them.
 *
 * Errors: E_FILE_EMPTY, E_NOT_DICOM, E_DICOMDIR, E_NO_UID, E_BAD_UID, E_FILE_TRUNCATED, and for a damaged structure
 * before the UIDs E_DICOM_LENGTH, E_DICOM_SYNTAX, E_DICOM_NESTING, E_DICOM_ELEMENTS, E_DICOM_DEFLATE.
 */
export function readInstanceHeader(
  prefix: Uint8Array,
  fileBytes: number,
): InstanceHeader | DiodeError | 'needs-more' {
  return readHeader(ByteWindow.ofPrefix(prefix, fileBytes));
}

/**
 * Reads the header of a file, at most 16 MiB of it: values that nobody needs are skipped.
 *
 * Errors: like {@link readInstanceHeader}, E_TOO_LARGE for a header beyond 16 MiB, E_FILE_READ.
 */
export function readInstanceHeaderFromFile(readAt: ReadAt, fileBytes: number): InstanceHeader | DiodeError {
  const window = ByteWindow.ofFile(readAt, fileBytes, { readBytesMax: headerBytesMax });
  const header = readHeader(window);
  if (header !== 'needs-more') return header;
  return (
    window.failure ??
    new DiodeError('E_TOO_LARGE', `the header extends over more than ${headerBytesMax} bytes`)
  );
}

function readHeader(window: ByteWindow): InstanceHeader | DiodeError | 'needs-more' {
  const meta = readFileMeta(window);
  if (meta === 'needs-more' || meta instanceof DiodeError) return meta;
  return meta.deflated
    ? readDeflated(window, meta)
    : readDataSet(window, meta.dataSetOffset, meta, window.totalBytes);
}

/** Inflates a little, then four times as much each time the header does not fit. */
function readDeflated(window: ByteWindow, meta: FileMeta): InstanceHeader | DiodeError | 'needs-more' {
  const available = window.totalBytes - meta.dataSetOffset;
  for (let length = deflatedBytesFirst; ; length *= 4) {
    const all = length >= available;
    const deflated = window.copy(meta.dataSetOffset, Math.min(length, available));
    if (deflated === undefined) return 'needs-more';
    const inflated = inflatePrefix(deflated, inflatedBytesMax);
    if (inflated instanceof DiodeError) return inflated;
    const inner = ByteWindow.ofPrefix(inflated, all ? inflated.byteLength : Infinity);
    const header = readDataSet(inner, 0, meta, window.totalBytes);
    if (header !== 'needs-more') return header;
    if (length >= deflatedBytesMax) {
      return new DiodeError('E_TOO_LARGE', `the header extends over more than ${length} deflated bytes`);
    }
  }
}

function readDataSet(
  window: ByteWindow,
  offset: number,
  meta: FileMeta,
  fileBytes: number,
): InstanceHeader | DiodeError | 'needs-more' {
  const values = new HeaderValues();
  const elementsMax = Math.min(headerElementsMax, elementsMaxOf(fileBytes));
  const walk = walkDataSet(
    window,
    offset,
    meta.encoding,
    { ...rules, elementsMax },
    {
      visit: (tag) => (tag > tags.seriesInstanceUid ? 'stop' : values.visit(tag)),
      value: (tag, bytes) => values.value(tag, bytes),
    },
  );
  if (walk instanceof DiodeError) return walk;
  if (walk.end === 'needs-more') return 'needs-more';
  const header = values.header(meta);
  const cutOff = walk.end === 'complete' && walk.offset < window.totalBytes;
  return cutOff && header instanceof DiodeError ? new DiodeError('E_FILE_TRUNCATED') : header;
}

/** Collects the values of a header during a walk, and builds the header from them. The first of two values counts. */
export class HeaderValues {
  readonly #values = new Map<number, Uint8Array>();
  readonly #asked = new Set<number>();

  visit(tag: number): 'pass' | 'value' {
    if (!wantedTags.has(tag) || this.#asked.has(tag)) return 'pass';
    this.#asked.add(tag);
    return 'value';
  }

  value(tag: number, bytes: Uint8Array): void {
    this.#values.set(tag, bytes.slice());
  }

  /** Errors: E_NO_UID, E_BAD_UID. */
  header(meta: FileMeta): InstanceHeader | DiodeError {
    const studyUid = this.#uid(tags.studyInstanceUid);
    if (studyUid instanceof DiodeError) return studyUid;
    const seriesUid = this.#uid(tags.seriesInstanceUid);
    if (seriesUid instanceof DiodeError) return seriesUid;
    const sopInstanceUid = this.#uid(tags.sopInstanceUid);
    if (sopInstanceUid instanceof DiodeError) return sopInstanceUid;
    const sopClassUid = this.#uid(tags.sopClassUid, meta.sopClassUid);
    if (sopClassUid instanceof DiodeError) return sopClassUid;
    const { explicitLittleEndian } = transferSyntaxUids;
    const transferSyntaxUid = checkUid(
      meta.transferSyntaxUid ?? explicitLittleEndian,
      tags.transferSyntaxUid,
    );
    if (transferSyntaxUid instanceof DiodeError) return transferSyntaxUid;

    const modality = this.#text(tags.modality)?.text.trim();
    const unread = patientTags.some(
      (tag) => this.#asked.has(tag) && (this.#values.get(tag)?.length ?? visitedBytesMax) >= visitedBytesMax,
    );
    return {
      sopClassUid,
      sopInstanceUid,
      studyUid,
      seriesUid,
      transferSyntaxUid,
      modality: modality !== undefined && modalityPattern.test(modality) ? modality : undefined,
      patient: this.#patient(),
      dataSetOffsetBytes: meta.dataSetOffset,
      ...(meta.sopClassUid !== undefined && { metaSopClassUid: meta.sopClassUid }),
      ...(meta.sopInstanceUid !== undefined && { metaSopInstanceUid: meta.sopInstanceUid }),
      ...(unread && { patientUnread: true }),
    };
  }

  #patient(): Patient {
    const values: Partial<Record<PatientValue, string>> = {};
    const undecoded: Partial<Record<PatientValue, string>> = {};
    for (const [value, tag] of Object.entries(patientValues) as [PatientValue, number][]) {
      const decoded = this.#text(tag);
      if (decoded === undefined) continue;
      values[value] = decoded.text;
      if (decoded.undecoded !== undefined) undecoded[value] = decoded.undecoded;
    }
    return { ...values, ...(Object.keys(undecoded).length > 0 && { undecoded }) };
  }

  #uid(tag: number, fallback?: string): string | DiodeError {
    const bytes = this.#values.get(tag);
    const text = (bytes === undefined ? '' : decodeUid(bytes)) || fallback;
    return text === undefined
      ? new DiodeError('E_NO_UID', `${formatTag(tag)} is missing`)
      : checkUid(text, tag);
  }

  #text(tag: number): { text: string; undecoded: string | undefined } | undefined {
    const padded = this.#values.get(tag);
    if (padded === undefined) return undefined;
    const bytes = bytesWithoutPadding(padded);
    const declared = this.#values.get(tags.specificCharacterSet);
    const characterSet = declared === undefined ? '' : decodeUid(declared).trim();
    const { text, isExact } = decodeText(bytes, characterSet);
    const unpadded = withoutPadding(text);
    if (isExact) return unpadded === '' ? undefined : { text: unpadded, undecoded: undefined };
    return { text: unpadded, undecoded: `${characterSet} ${Buffer.from(bytes).toString('hex')}` };
  }
}

/** No set has a character that ends in one of these bytes. */
function bytesWithoutPadding(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x20 || bytes[end - 1] === 0)) end -= 1;
  return bytes.subarray(0, end);
}

function checkUid(text: string, tag: number): string | DiodeError {
  if (isUid(text)) return text;
  return new DiodeError('E_BAD_UID', `${formatTag(tag)} does not follow PS3.5 section 9.1`);
}
