/**
 * The strict check of a whole Part 10 file: all of its structure, none of its pixels. Strict means that all readers must see
 * the same elements in it; if they could differ, what is checked here and what is opened elsewhere would not be the same.
 *
 * A file is walked through a small window and never read whole, except for deflated ones, which are inflated in memory
 * within a bound.
 */
import { DiodeError } from '../errors.ts';
import { ByteWindow, type ReadAt } from './byte-window.ts';
import { formatTag, tags } from './data-element.ts';
import { type WalkEnd, type WalkRules, walkDataSet } from './data-set-walker.ts';
import { inflateWhole } from './deflated-data-set.ts';
import { type FileMeta, preambleBytes, readFileMeta } from './file-meta.ts';
import { elementsMaxOf, inflatedBytesMaxOf, type Part10Limits, part10Limits } from './part10-limits.ts';

/** Gzip's checksum and length: some writers of deflated data sets leave them after the stream. */
const deflateTrailerBytesMax = 8;

export interface Part10Report {
  readonly meta: FileMeta;
  /** The 128 bytes before `DICM`. */
  readonly preamble: Uint8Array;
  /** Elements, items and fragments together. */
  readonly elements: number;
  readonly depth: number;
  /** Elements at any depth that contain an encapsulated document, or say what kind it is. */
  readonly documents: number;
  /** Of the inflated data set. */
  readonly dataSetBytes: number;
  /** Zeros after the data set, or what follows a deflate stream. */
  readonly trailingBytes: number;
}

/** Is told about the elements of the data set itself, and gets the values it requests. */
export interface ValueVisitor {
  visit(tag: number): 'pass' | 'value';
  value(tag: number, bytes: Uint8Array): void;
}

export interface Part10WalkOptions {
  readonly limits?: Partial<Part10Limits>;
  readonly visitor?: ValueVisitor;
}

/**
 * Walks a file of `fileBytes`. Never throws; time linear in elements and deflated bytes.
 *
 * Errors: E_FILE_EMPTY, E_NOT_DICOM, E_DICOMDIR, E_FILE_TRUNCATED, E_FILE_READ, E_DICOM_META, E_DICOM_SYNTAX,
 * E_DICOM_LENGTH, E_DICOM_NESTING, E_DICOM_ELEMENTS, E_DICOM_ORDER, E_DICOM_TRAILING, E_DICOM_DEFLATE.
 */
export function walkPart10(
  readAt: ReadAt,
  fileBytes: number,
  options: Part10WalkOptions = {},
): Part10Report | DiodeError {
  const limits = { ...part10Limits, ...options.limits };
  const file = ByteWindow.ofFile(readAt, fileBytes);
  const preamble = file.copy(0, Math.min(preambleBytes, fileBytes));
  const meta = readFileMeta(file);
  if (meta instanceof DiodeError) return meta;
  if (meta === 'needs-more' || preamble === undefined) return unread(file);
  const metaError = checkMeta(meta, limits);
  if (metaError !== undefined) return metaError;

  let window = file;
  let start = meta.dataSetOffset;
  let leftBytes = 0;
  if (meta.deflated) {
    const inflated = inflate(file, meta, limits);
    if (inflated instanceof DiodeError) return inflated;
    window = ByteWindow.ofPrefix(inflated.bytes, inflated.bytes.byteLength);
    start = 0;
    leftBytes = inflated.leftBytes;
  }
  const order = new OrderedVisitor(options.visitor);
  const walk = walkDataSet(window, start, meta.encoding, rulesOf(limits, fileBytes), order);
  if (walk instanceof DiodeError) return walk;
  if (walk.end === 'needs-more') return unread(window);
  const trailing = checkEnd(window, walk, order, limits);
  if (trailing instanceof DiodeError) return trailing;
  return {
    meta,
    preamble,
    elements: walk.elements,
    depth: walk.depth,
    documents: walk.documents,
    dataSetBytes: window.totalBytes - start,
    trailingBytes: trailing + leftBytes,
  };
}

function rulesOf(limits: Part10Limits, fileBytes: number): WalkRules {
  const elementsMax = elementsMaxOf(fileBytes, limits);
  return { elementsMax, depthMax: limits.depthMax, descend: 'all', overrunCode: 'E_DICOM_LENGTH' };
}

function unread(window: ByteWindow): DiodeError {
  return window.failure ?? new DiodeError('E_FILE_READ');
}

function checkMeta(meta: FileMeta, limits: Part10Limits): DiodeError | undefined {
  if (meta.dataSetOffset - preambleBytes > limits.metaBytesMax) {
    return new DiodeError('E_DICOM_META', `it is larger than ${limits.metaBytesMax} bytes`);
  }
  if (!meta.regular) return new DiodeError('E_DICOM_META', 'its elements or its length are wrong');
  if (meta.transferSyntaxUid === undefined)
    return new DiodeError('E_DICOM_META', 'it names no transfer syntax');
  if (meta.encodingAsDeclared) return undefined;
  return new DiodeError('E_DICOM_SYNTAX', 'the first element is not encoded as the transfer syntax requires');
}

function inflate(file: ByteWindow, meta: FileMeta, limits: Part10Limits) {
  const deflatedBytes = file.totalBytes - meta.dataSetOffset;
  if (deflatedBytes > limits.deflatedBytesMax) {
    return new DiodeError('E_DICOM_DEFLATE', `its ${deflatedBytes} deflated bytes exceed the limit`);
  }
  const deflated = file.copy(meta.dataSetOffset, deflatedBytes);
  if (deflated === undefined) return unread(file);
  const inflated = inflateWhole(deflated, inflatedBytesMaxOf(deflatedBytes, limits));
  if (inflated instanceof DiodeError || inflated.leftBytes <= deflateTrailerBytesMax) return inflated;
  return new DiodeError('E_DICOM_TRAILING', `${inflated.leftBytes} bytes follow the deflate stream`);
}

/** Requires strictly ascending tags in the data set (PS3.5 section 7.1), and ends the walk where they don't ascend. */
class OrderedVisitor {
  readonly #inner: ValueVisitor | undefined;
  /** Tag of the last element. */
  last = -1;
  /** The tag that did not ascend. */
  disordered: number | undefined;

  constructor(inner: ValueVisitor | undefined) {
    this.#inner = inner;
  }

  visit(tag: number): 'pass' | 'value' | 'stop' {
    if (tag <= this.last) {
      this.disordered = tag;
      return 'stop';
    }
    this.last = tag;
    return this.#inner?.visit(tag) ?? 'pass';
  }

  value(tag: number, bytes: Uint8Array): void {
    this.#inner?.value(tag, bytes);
  }
}

/** @returns the zeros after the data set */
function checkEnd(
  window: ByteWindow,
  walk: WalkEnd,
  order: OrderedVisitor,
  limits: Part10Limits,
): number | DiodeError {
  if (walk.irregular > 0) {
    return new DiodeError('E_DICOM_SYNTAX', `elements not encoded as PS3.5 requires: ${walk.irregular}`);
  }
  const trailingBytes = window.totalBytes - walk.offset;
  if (trailingBytes === 0) return 0;
  if (trailingBytes <= limits.trailingZerosMax) {
    const trailing = window.copy(walk.offset, trailingBytes);
    if (trailing === undefined) return unread(window);
    if (trailing.every((byte) => byte === 0)) return trailingBytes;
  }
  if (order.disordered !== undefined && order.last < tags.pixelData) {
    const detail = `${formatTag(order.disordered)} follows ${formatTag(order.last)}`;
    return new DiodeError('E_DICOM_ORDER', detail);
  }
  return new DiodeError('E_DICOM_TRAILING', `${trailingBytes} bytes follow the data set`);
}
