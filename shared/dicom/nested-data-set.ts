/**
 * A small data set in memory with everything inside its sequences: for the data sets of DIMSE-N services, which are
 * messages and not images. Depth, elements and bytes are bounded.
 */
import { DiodeError } from '../errors.ts';
import { ByteWindow } from './byte-window.ts';
import { isDelimiter, readElementHeader, representations, tags, undefinedLength } from './data-element.ts';
import { decodeUid } from './file-meta.ts';
import type { Encoding } from './transfer-syntax.ts';

const depthMax = 8;
const elementsMax = 200_000;

/** Elements by tag: items of a sequence, or the bytes of a value. */
export class NestedDataSet {
  readonly #values = new Map<number, Uint8Array>();
  readonly #sequences = new Map<number, readonly NestedDataSet[]>();

  /**
   * @param sequenceTags which tags are sequences; implicit VR does not tell. Only they are descended into.
   *
   * Errors: E_DICOM_LENGTH, E_DICOM_NESTING, E_DICOM_ELEMENTS.
   */
  static read(
    bytes: Uint8Array,
    encoding: Encoding,
    sequenceTags: ReadonlySet<number>,
  ): NestedDataSet | DiodeError {
    const reading = new Reading(bytes, encoding, sequenceTags);
    try {
      return reading.dataSet(bytes.length, 0);
    } catch (error) {
      if (error instanceof DiodeError) return error;
      throw error;
    }
  }

  setValue(tag: number, value: Uint8Array): void {
    this.#values.set(tag, value);
  }

  setItems(tag: number, items: readonly NestedDataSet[]): void {
    this.#sequences.set(tag, items);
  }

  /** A text value without padding; empty where there is none. */
  text(tag: number): string {
    const value = this.#values.get(tag);
    return value === undefined ? '' : decodeUid(value).trim();
  }

  /** Items of a sequence; none where there is no such sequence. */
  items(tag: number): readonly NestedDataSet[] {
    return this.#sequences.get(tag) ?? [];
  }
}

class Reading {
  readonly #bytes: Uint8Array;
  readonly #window: ByteWindow;
  readonly #encoding: Encoding;
  readonly #sequenceTags: ReadonlySet<number>;
  #offset = 0;
  #elements = 0;

  constructor(bytes: Uint8Array, encoding: Encoding, sequenceTags: ReadonlySet<number>) {
    this.#bytes = bytes;
    this.#window = ByteWindow.ofPrefix(bytes, bytes.length);
    this.#encoding = encoding;
    this.#sequenceTags = sequenceTags;
  }

  /** Elements up to `end`, or up to the delimiter of the item they are in. */
  dataSet(end: number, depth: number): NestedDataSet {
    const dataSet = new NestedDataSet();
    while (this.#offset < end) {
      const { tag, representation, valueBytes } = this.#header(end);
      if (tag === tags.itemDelimitation) break;
      if (isDelimiter(tag)) throw new DiodeError('E_DICOM_LENGTH', 'an item or delimiter is out of place');
      const isSequence = representation === representations.sequence || valueBytes === undefinedLength;
      if (isSequence || this.#sequenceTags.has(tag)) {
        dataSet.setItems(tag, this.#items(end, valueBytes, depth + 1));
      } else {
        dataSet.setValue(tag, this.#value(end, valueBytes));
      }
    }
    return dataSet;
  }

  #items(end: number, bytes: number, depth: number): NestedDataSet[] {
    if (depth > depthMax) throw new DiodeError('E_DICOM_NESTING');
    const items: NestedDataSet[] = [];
    const sequenceEnd = this.#end(end, bytes);
    while (this.#offset < sequenceEnd) {
      const { tag, valueBytes } = this.#header(sequenceEnd);
      if (tag === tags.sequenceDelimitation) break;
      if (tag !== tags.item) throw new DiodeError('E_DICOM_LENGTH', 'an item is due');
      items.push(this.dataSet(this.#end(sequenceEnd, valueBytes), depth));
    }
    return items;
  }

  #header(end: number): { tag: number; representation: number; valueBytes: number } {
    this.#elements += 1;
    if (this.#elements > elementsMax) throw new DiodeError('E_DICOM_ELEMENTS');
    const header = readElementHeader(this.#window, this.#offset, this.#encoding);
    if (header === undefined || this.#offset + header.headerBytes > end) {
      throw new DiodeError('E_DICOM_LENGTH', 'an element header is cut off');
    }
    this.#offset += header.headerBytes;
    return header;
  }

  #value(end: number, bytes: number): Uint8Array {
    const start = this.#offset;
    this.#offset = this.#end(end, bytes);
    return this.#bytes.subarray(start, this.#offset);
  }

  #end(outer: number, bytes: number): number {
    if (bytes === undefinedLength) return outer;
    if (bytes > outer - this.#offset) throw new DiodeError('E_DICOM_LENGTH');
    return this.#offset + bytes;
  }
}
