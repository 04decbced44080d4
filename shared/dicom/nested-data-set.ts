/**
 * A small data set in memory, including everything inside its sequences: for the data sets of DIMSE-N services, which are
 * messages, not images. Depth, elements and bytes are bounded.
 */
import { DiodeError } from '../errors.ts';
import { ByteWindow } from './byte-window.ts';
import { isDelimiter, readElementHeader, representations, tags, undefinedLength } from './data-element.ts';
import { decodeUid } from './file-meta.ts';
import type { Encoding } from './transfer-syntax.ts';

const depthMax = 8;

/** Elements by tag: items of a sequence, or the bytes of a value. There may be very many, so each is small. */
export class NestedDataSet {
  readonly #bytes: Uint8Array;
  /** Of each value its tag, and where it begins and ends. */
  readonly #values: number[] = [];
  #sequences: Map<number, readonly NestedDataSet[]> | undefined;

  /** @param bytes of the whole data set: values are read from there when requested */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /**
   * @param sequenceTags which tags are sequences; implicit VR does not tell. Only they are descended into.
   * @param elementsMax elements, items and delimiters altogether
   *
   * Errors: E_DICOM_LENGTH, E_DICOM_NESTING, E_DICOM_ELEMENTS.
   */
  static read(
    bytes: Uint8Array,
    encoding: Encoding,
    sequenceTags: ReadonlySet<number>,
    elementsMax: number,
  ): NestedDataSet | DiodeError {
    const reading = new Reading(bytes, encoding, sequenceTags, elementsMax);
    try {
      return reading.dataSet(bytes.length, 0);
    } catch (error) {
      if (error instanceof DiodeError) return error;
      throw error;
    }
  }

  setValue(tag: number, start: number, end: number): void {
    this.#values.push(tag, start, end);
  }

  setItems(tag: number, items: readonly NestedDataSet[]): void {
    this.#sequences ??= new Map();
    this.#sequences.set(tag, items);
  }

  /** A text value without padding; empty if there is none. */
  text(tag: number): string {
    // The last one with that tag counts.
    for (let at = this.#values.length - 3; at >= 0; at -= 3) {
      if (this.#values[at] !== tag) continue;
      return decodeUid(this.#bytes.subarray(this.#values[at + 1], this.#values[at + 2])).trim();
    }
    return '';
  }

  /** Items of a sequence; empty if there is no such sequence. */
  items(tag: number): readonly NestedDataSet[] {
    return this.#sequences?.get(tag) ?? [];
  }
}

class Reading {
  readonly #bytes: Uint8Array;
  readonly #window: ByteWindow;
  readonly #encoding: Encoding;
  readonly #sequenceTags: ReadonlySet<number>;
  readonly #elementsMax: number;
  #offset = 0;
  #elements = 0;

  constructor(bytes: Uint8Array, encoding: Encoding, sequenceTags: ReadonlySet<number>, elementsMax: number) {
    this.#bytes = bytes;
    this.#elementsMax = elementsMax;
    this.#window = ByteWindow.ofPrefix(bytes, bytes.length);
    this.#encoding = encoding;
    this.#sequenceTags = sequenceTags;
  }

  /** Elements up to `end`, or up to the delimiter of the item they are in. */
  dataSet(end: number, depth: number): NestedDataSet {
    const dataSet = new NestedDataSet(this.#bytes);
    while (this.#offset < end) {
      const { tag, representation, valueBytes } = this.#header(end);
      if (tag === tags.itemDelimitation) break;
      if (isDelimiter(tag)) throw new DiodeError('E_DICOM_LENGTH', 'an item or delimiter is out of place');
      const isSequence = representation === representations.sequence || valueBytes === undefinedLength;
      if (isSequence || this.#sequenceTags.has(tag)) {
        dataSet.setItems(tag, this.#items(end, valueBytes, depth + 1));
      } else {
        const start = this.#offset;
        this.#offset = this.#end(end, valueBytes);
        dataSet.setValue(tag, start, this.#offset);
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
      if (tag !== tags.item) throw new DiodeError('E_DICOM_LENGTH', 'an item is expected');
      items.push(this.dataSet(this.#end(sequenceEnd, valueBytes), depth));
    }
    return items;
  }

  #header(end: number): { tag: number; representation: number; valueBytes: number } {
    this.#elements += 1;
    if (this.#elements > this.#elementsMax) throw new DiodeError('E_DICOM_ELEMENTS');
    const header = readElementHeader(this.#window, this.#offset, this.#encoding);
    if (header === undefined || this.#offset + header.headerBytes > end) {
      throw new DiodeError('E_DICOM_LENGTH', 'an element header is cut off');
    }
    this.#offset += header.headerBytes;
    return header;
  }

  #end(outer: number, bytes: number): number {
    if (bytes === undefinedLength) return outer;
    if (bytes > outer - this.#offset) throw new DiodeError('E_DICOM_LENGTH');
    return this.#offset + bytes;
  }
}
