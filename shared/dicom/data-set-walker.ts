/**
 * Walks a data set (PS3.5 section 7) from header to header: no recursion, no value read unless requested, time linear in the
 * number of elements, memory linear in the nesting depth. Both are bounded.
 */
import { DiodeError, type ErrorCode } from '../errors.ts';
import type { ByteWindow } from './byte-window.ts';
import {
  carriesRepresentation,
  type ElementHeader,
  formatTag,
  isDelimiter,
  isEncapsulated,
  readElementHeader,
  representations,
  tags,
  undefinedLength,
} from './data-element.ts';
import { type Encoding, explicitLittleEndian, implicitLittleEndian } from './transfer-syntax.ts';

export interface WalkRules {
  /** Elements, items and fragments together. */
  readonly elementsMax: number;
  /** Sequences inside sequences. */
  readonly depthMax: number;
  /**
   * `all`: into every sequence. `undefined-length`: only into those ended by a delimiter; a length is believed, so that
   * what vendors put inside can do no harm.
   */
  readonly descend: 'all' | 'undefined-length';
  /** Code of an element that runs past the end of everything. */
  readonly overrunCode: ErrorCode;
}

/** Is told about the elements of the data set itself, never those inside sequences, as they come. */
export interface RootVisitor {
  /** What to do with an element: skip it, get its value, or end the walk before it. */
  visit(tag: number, representation: number): 'pass' | 'value' | 'stop';
  /** The requested value: at most its first 4096 bytes, valid until the call returns. A sequence has none. */
  value(tag: number, bytes: Uint8Array, valueOffset: number): void;
}

export interface WalkEnd {
  /** `complete`: the data set ended, up to 7 bytes before the end of all. `stopped`: the visitor ended it. `needs-more`: the window did not reach. */
  readonly end: 'complete' | 'stopped' | 'needs-more';
  /** Where the walk ended. */
  readonly offset: number;
  readonly elements: number;
  /** Deepest nesting of sequences seen. */
  readonly depth: number;
  /** Elements of an explicit data set that have no known representation, or are UN and explicit inside. */
  readonly irregular: number;
  /**
   * Elements at any depth that contain a whole file for another program, or say what kind it is (PS3.3 table C.24-2). What
   * only looked like a sequence counts, too.
   */
  readonly documents: number;
}

/** The most of a value that a visitor gets. */
export const visitedBytesMax = 4096;

/** One open sequence, item or encapsulated value. */
interface Frame {
  readonly kind: 'sequence' | 'item' | 'fragments';
  /** Whether a delimiter ends it, rather than its length. */
  readonly delimited: boolean;
  /** First byte that cannot be part of it. */
  readonly bound: number;
  readonly encoding: Encoding;
  /** Whether it is only assumed to be a sequence: its value has no representation, but begins with an item. */
  readonly presumed: boolean;
}

type Step = DiodeError | WalkEnd['end'] | 'go-on';

/**
 * Walks from `start` to the end of the window's bytes.
 *
 * Errors: E_DICOM_LENGTH (past the end: `overrunCode`), E_DICOM_NESTING, E_DICOM_ELEMENTS, E_DICOM_SYNTAX.
 */
export function walkDataSet(
  window: ByteWindow,
  start: number,
  encoding: Encoding,
  rules: WalkRules,
  visitor: RootVisitor,
): WalkEnd | DiodeError {
  return new DataSetWalk(window, start, encoding, rules, visitor).run();
}

class DataSetWalk {
  readonly #window: ByteWindow;
  readonly #encoding: Encoding;
  readonly #rules: WalkRules;
  readonly #visitor: RootVisitor;
  readonly #frames: Frame[] = [];
  #offset: number;
  #elements = 0;
  #depth = 0;
  #depthSeen = 0;
  #irregular = 0;
  #documents = 0;

  constructor(window: ByteWindow, start: number, encoding: Encoding, rules: WalkRules, visitor: RootVisitor) {
    this.#window = window;
    this.#offset = start;
    this.#encoding = encoding;
    this.#rules = rules;
    this.#visitor = visitor;
  }

  run(): WalkEnd | DiodeError {
    // Each step advances the offset or closes a frame, and elementsMax bounds the frames.
    for (;;) {
      const step = this.#step();
      if (step === 'go-on') continue;
      if (step instanceof DiodeError) {
        if (this.#leavePresumed(step)) continue;
        return step;
      }
      return {
        end: step,
        offset: this.#offset,
        elements: this.#elements,
        depth: this.#depthSeen,
        irregular: this.#irregular,
        documents: this.#documents,
      };
    }
  }

  #step(): Step {
    const frame = this.#frames.at(-1);
    const bound = frame?.bound ?? this.#window.totalBytes;
    if (this.#offset >= bound) {
      if (frame === undefined) return 'complete';
      if (frame.delimited || this.#offset > bound) return this.#overrun('a delimiter is missing', bound);
      return this.#close(frame);
    }
    if (this.#offset + 8 > bound) {
      // Anything too short for an element is after the data set: the caller judges it.
      return frame === undefined ? 'complete' : this.#overrun('an element header is cut off', bound);
    }
    if (this.#elements >= this.#rules.elementsMax) {
      return new DiodeError('E_DICOM_ELEMENTS', `more than ${this.#rules.elementsMax} elements`);
    }
    this.#elements += 1;
    const header = readElementHeader(this.#window, this.#offset, frame?.encoding ?? this.#encoding);
    if (header === undefined) {
      const long = this.#window.locate(this.#offset, 8) !== undefined;
      if (!long || this.#offset + 12 <= this.#window.totalBytes) return 'needs-more';
      return this.#overrun('an element header is cut off', bound);
    }
    if (isDelimiter(header.tag)) return this.#delimiter(header, frame, bound);
    if (frame !== undefined && frame.kind !== 'item') {
      return this.#syntax(`${formatTag(header.tag)} is found where an item is expected`);
    }
    return this.#element(header, frame, bound);
  }

  #element(header: ElementHeader, frame: Frame | undefined, bound: number): Step {
    const { tag, representation, valueBytes } = header;
    const wish = frame === undefined ? this.#visitor.visit(tag, representation) : 'pass';
    if (wish === 'stop') return 'stopped';
    if (header.irregular) this.#irregular += 1;
    const isDocument = tag === tags.encapsulatedDocument || tag === tags.mimeTypeOfEncapsulatedDocument;
    if (isDocument && valueBytes !== 0) this.#documents += 1;

    const valueOffset = this.#offset + header.headerBytes;
    const encoding = frame?.encoding ?? this.#encoding;
    if (valueBytes === undefinedLength) return this.#openDelimited(header, valueOffset, encoding, bound);
    const end = valueOffset + valueBytes;
    if (end > bound) return this.#overrun(`${formatTag(tag)} claims ${valueBytes} bytes`, bound);
    if (wish === 'value' && representation !== representations.sequence) {
      const length = Math.min(valueBytes, visitedBytesMax);
      const at = this.#window.locate(valueOffset, length);
      if (at === undefined) return 'needs-more';
      this.#visitor.value(tag, this.#window.bytes.subarray(at, at + length), valueOffset);
    } else if (this.#rules.descend === 'all') {
      if (representation === representations.sequence) {
        return this.#open(
          { kind: 'sequence', delimited: false, bound: end, encoding, presumed: false },
          valueOffset,
        );
      }
      const unknown = representation === representations.unknown;
      if ((unknown || representation === representations.none) && valueBytes >= 8 && tag !== tags.pixelData) {
        return this.#openPresumed(valueOffset, end, unknown ? implicitLittleEndian : encoding);
      }
    }
    this.#offset = end;
    return 'go-on';
  }

  /** An item, or one of the two delimiters (PS3.5 section 7.5). */
  #delimiter(header: ElementHeader, frame: Frame | undefined, bound: number): Step {
    const { tag, valueBytes } = header;
    const valueOffset = this.#offset + 8;
    if (frame !== undefined && tag === tags.item && frame.kind !== 'item') {
      const delimited = valueBytes === undefinedLength;
      if (!delimited && valueOffset + valueBytes > bound) {
        return this.#overrun(`an item claims ${valueBytes} bytes`, bound);
      }
      if (frame.kind === 'sequence') {
        const { encoding } = frame;
        const itemBound = delimited ? bound : valueOffset + valueBytes;
        return this.#open(
          { kind: 'item', delimited, bound: itemBound, encoding, presumed: false },
          valueOffset,
        );
      }
      if (delimited) return this.#syntax('a fragment has no length');
      this.#offset = valueOffset + valueBytes;
      return 'go-on';
    }
    const closes = frame?.kind === 'item' ? tags.itemDelimitation : tags.sequenceDelimitation;
    if (frame?.delimited !== true || tag !== closes) {
      return this.#syntax(`${formatTag(tag)} has nothing to end`);
    }
    // Readers differ on whether to skip a length that must be zero.
    if (valueBytes !== 0 && this.#rules.descend === 'all') {
      return this.#syntax(`${formatTag(tag)} has a length`);
    }
    this.#offset = valueOffset;
    return this.#close(frame);
  }

  #openDelimited(header: ElementHeader, valueOffset: number, encoding: Encoding, bound: number): Step {
    const { tag, representation } = header;
    if (isEncapsulated(tag, representation)) {
      return this.#open(
        { kind: 'fragments', delimited: true, bound, encoding, presumed: false },
        valueOffset,
      );
    }
    let inside = encoding;
    if (representation === representations.unknown) {
      // PS3.5 section 6.2.2: implicit little endian. Some writers keep explicit VR: the first item shows which.
      inside = implicitLittleEndian;
      if (encoding.littleEndian && valueOffset + 16 <= bound) {
        const carries = carriesRepresentation(this.#window, valueOffset + 8);
        if (carries === undefined) return 'needs-more';
        if (carries === 'known') {
          inside = explicitLittleEndian;
          this.#irregular += 1;
        }
      }
    }
    return this.#open(
      { kind: 'sequence', delimited: true, bound, encoding: inside, presumed: false },
      valueOffset,
    );
  }

  /**
   * Without a representation, a sequence of defined length looks like any other value. If it begins with an item, it is walked
   * as a sequence, as a reader with a dictionary would; if that fails, it was only a value.
   */
  #openPresumed(valueOffset: number, end: number, encoding: Encoding): Step {
    const header = readElementHeader(this.#window, valueOffset, { ...encoding, explicitVr: false });
    if (header === undefined) return 'needs-more';
    if (
      header.tag === tags.item &&
      (header.valueBytes === undefinedLength || valueOffset + 8 + header.valueBytes <= end)
    ) {
      return this.#open(
        { kind: 'sequence', delimited: false, bound: end, encoding, presumed: true },
        valueOffset,
      );
    }
    this.#offset = end;
    return 'go-on';
  }

  #leavePresumed(error: DiodeError): boolean {
    if (error.code === 'E_DICOM_NESTING' || error.code === 'E_DICOM_ELEMENTS') return false;
    const index = this.#frames.findLastIndex((frame) => frame.presumed);
    const presumed = this.#frames[index];
    if (presumed === undefined) return false;
    for (const frame of this.#frames.splice(index)) {
      if (frame.kind !== 'item') this.#depth -= 1;
    }
    this.#offset = presumed.bound;
    return true;
  }

  #open(frame: Frame, offset: number): Step {
    if (frame.kind !== 'item') {
      if (this.#depth >= this.#rules.depthMax) {
        return new DiodeError(
          'E_DICOM_NESTING',
          `sequences are nested deeper than ${this.#rules.depthMax} at byte ${offset}`,
        );
      }
      this.#depth += 1;
      this.#depthSeen = Math.max(this.#depthSeen, this.#depth);
    }
    this.#frames.push(frame);
    this.#offset = offset;
    return 'go-on';
  }

  #close(frame: Frame): Step {
    if (frame.kind !== 'item') this.#depth -= 1;
    this.#frames.pop();
    return 'go-on';
  }

  #overrun(what: string, bound: number): DiodeError {
    const past = bound >= this.#window.totalBytes;
    const code = past ? this.#rules.overrunCode : 'E_DICOM_LENGTH';
    const left = Math.max(0, bound - this.#offset);
    return new DiodeError(code, `${what} at byte ${this.#offset}, where only ${left} are left`);
  }

  #syntax(what: string): DiodeError {
    return new DiodeError('E_DICOM_SYNTAX', `${what} at byte ${this.#offset}`);
  }
}
