/**
 * Splits a stream of bytes into PDUs (PS3.8 section 9.3.1), however the network divided it.
 *
 * The length of a PDU is checked once its header has arrived, before a byte of it is kept. Data (P-DATA-TF) is never
 * collected: each fragment is passed on as slices of what came. Everything else is short and collected as a whole.
 */
import { assert } from '../../assert.ts';
import { associationLimits } from './limits.ts';
import { abortReasons, invalidParameter, ProtocolViolation } from './protocol-violation.ts';

/** PDU types (PS3.8 section 9.3). */
export const pduTypes = {
  associateRequest: 0x01,
  associateAccept: 0x02,
  associateReject: 0x03,
  data: 0x04,
  releaseRequest: 0x05,
  releaseResponse: 0x06,
  abort: 0x07,
} as const;

export type PduType = (typeof pduTypes)[keyof typeof pduTypes];

/** A PDU other than data, without its header. */
export interface CollectedPdu {
  readonly type: Exclude<PduType, typeof pduTypes.data>;
  readonly body: Uint8Array;
}

/** Part of one presentation data value (PS3.8 section 9.3.5.1): as much of it as one piece of the stream contained. */
export interface DataPart {
  readonly type: typeof pduTypes.data;
  readonly contextId: number;
  /** Whether it belongs to the command set or to the data set (PS3.8 annex E.2). */
  readonly isCommand: boolean;
  /** Whether the command or data set ends with this part. */
  readonly isLast: boolean;
  /** A view of the bytes given to `feed`. May be empty. */
  readonly bytes: Uint8Array;
}

const pduHeaderBytes = 6;
/** Item length (4), presentation context id, message control header. */
const dataHeaderBytes = 6;
/** What an item length includes besides the fragment: context id and control header. */
const controlBytes = 2;
/** A-ASSOCIATE-RJ, A-RELEASE-RQ, A-RELEASE-RP, A-ABORT. */
const shortBodyBytes = 4;

const empty = new Uint8Array(0);

export interface PduReaderOptions {
  /** What was announced to the peer as its longest P-DATA-TF. */
  readonly dataPduBytesMax?: number;
  /** Checks whether a PDU of this type may come now. Throws before anything is collected. */
  readonly expects?: (type: PduType) => boolean;
}

/** The parser. `feed` gives it bytes, `next` returns PDUs and data parts, one at a time. */
export class PduReader {
  readonly #dataPduBytesMax: number;
  readonly #expects: (type: PduType) => boolean;
  #input: Uint8Array = empty;
  #position = 0;
  readonly #header = new Uint8Array(pduHeaderBytes);
  #headerFilled = 0;
  #type: PduType | undefined;
  /** Bytes left in the PDU. */
  #remaining = 0;
  #body: Uint8Array = empty;
  #bodyFilled = 0;
  readonly #dataHeader = new Uint8Array(dataHeaderBytes);
  #dataHeaderFilled = 0;
  /** Bytes left in the presentation data value; undefined between two. */
  #dataRemaining: number | undefined;

  constructor(options: PduReaderOptions = {}) {
    this.#dataPduBytesMax = options.dataPduBytesMax ?? associationLimits.dataPduBytesMax;
    this.#expects = options.expects ?? (() => true);
  }

  /** Whether a PDU has begun but not ended: the peer owes the rest. */
  get insidePdu(): boolean {
    return this.#headerFilled > 0;
  }

  /** Gives the next bytes. Earlier ones must be used up: `next` has returned undefined. */
  feed(bytes: Uint8Array): void {
    assert(this.#position === this.#input.length, 'bytes are fed when those before are used up');
    this.#input = bytes;
    this.#position = 0;
  }

  /**
   * The next PDU or part of data, or `undefined` when more bytes are needed.
   * @throws ProtocolViolation; the reader must not be used after it
   */
  next(): CollectedPdu | DataPart | undefined {
    if (this.#type === undefined && !this.#readHeader()) return this.#needMore();
    const read = this.#type === pduTypes.data ? this.#readData() : this.#readBody();
    return read ?? this.#needMore();
  }

  #needMore(): undefined {
    // A piece of the stream may be a slice of something larger: it is not kept while we wait.
    this.#input = empty;
    this.#position = 0;
    return undefined;
  }

  #readHeader(): boolean {
    this.#headerFilled = this.#fill(this.#header, this.#headerFilled);
    if (this.#headerFilled < pduHeaderBytes) {
      if (this.#headerFilled > 0) this.#checkType(this.#header[0]);
      return false;
    }
    const type = this.#checkType(this.#header[0]);
    const length = readUint32(this.#header, 2);
    checkLength(type, length, this.#dataPduBytesMax);
    this.#type = type;
    this.#remaining = length;
    this.#body = empty;
    this.#bodyFilled = 0;
    return true;
  }

  #checkType(type: number | undefined): PduType {
    if (!isPduType(type)) throw new ProtocolViolation(abortReasons.unrecognizedPdu, 'unknown type of PDU');
    if (!this.#expects(type)) {
      throw new ProtocolViolation(abortReasons.unexpectedPdu, `PDU of type ${type} at the wrong time`);
    }
    return type;
  }

  #readBody(): CollectedPdu | undefined {
    const type = this.#type;
    assert(type !== undefined && type !== pduTypes.data, 'a body is read of what is no data');
    const available = Math.min(this.#remaining - this.#bodyFilled, this.#input.length - this.#position);
    this.#reserve(this.#bodyFilled + available);
    this.#body.set(this.#input.subarray(this.#position, this.#position + available), this.#bodyFilled);
    this.#position += available;
    this.#bodyFilled += available;
    if (this.#bodyFilled < this.#remaining) return undefined;
    const body = this.#body.subarray(0, this.#bodyFilled);
    this.#endPdu();
    return { type, body };
  }

  /** Memory grows with what came, not with what was announced. */
  #reserve(bytes: number): void {
    if (bytes <= this.#body.length) return;
    const larger = new Uint8Array(Math.min(this.#remaining, Math.max(bytes, 2 * this.#body.length)));
    larger.set(this.#body.subarray(0, this.#bodyFilled));
    this.#body = larger;
  }

  #readData(): DataPart | undefined {
    if (this.#dataRemaining === undefined && !this.#readDataHeader()) return undefined;
    const remaining = this.#dataRemaining ?? 0;
    const available = Math.min(remaining, this.#input.length - this.#position);
    if (available === 0 && remaining > 0) return undefined;
    const bytes = this.#input.subarray(this.#position, this.#position + available);
    this.#position += available;
    this.#remaining -= available;
    const ended = available === remaining;
    const control = this.#dataHeader[5] ?? 0;
    const contextId = this.#dataHeader[4] ?? 0;
    this.#dataRemaining = ended ? undefined : remaining - available;
    if (ended) this.#dataHeaderFilled = 0;
    if (ended && this.#remaining === 0) this.#endPdu();
    return {
      type: pduTypes.data,
      contextId,
      isCommand: (control & 1) !== 0,
      isLast: ended && (control & 2) !== 0,
      bytes,
    };
  }

  #readDataHeader(): boolean {
    const before = this.#dataHeaderFilled;
    if (before === 0 && this.#remaining < dataHeaderBytes) {
      throw invalidParameter('P-DATA-TF ends inside the header of a presentation data value');
    }
    this.#dataHeaderFilled = this.#fill(this.#dataHeader, before);
    this.#remaining -= this.#dataHeaderFilled - before;
    if (this.#dataHeaderFilled < dataHeaderBytes) return false;
    const length = readUint32(this.#dataHeader, 0);
    if (length < controlBytes || length - controlBytes > this.#remaining) {
      throw invalidParameter('presentation data value with an impossible length');
    }
    if ((this.#dataHeader[4] ?? 0) % 2 === 0) {
      throw invalidParameter('presentation context id is not odd');
    }
    this.#dataRemaining = length - controlBytes;
    return true;
  }

  #endPdu(): void {
    this.#type = undefined;
    this.#headerFilled = 0;
    this.#remaining = 0;
    this.#body = empty;
    this.#bodyFilled = 0;
  }

  #fill(target: Uint8Array, filled: number): number {
    const count = Math.min(target.length - filled, this.#input.length - this.#position);
    target.set(this.#input.subarray(this.#position, this.#position + count), filled);
    this.#position += count;
    return filled + count;
  }
}

function isPduType(type: number | undefined): type is PduType {
  return type !== undefined && type >= pduTypes.associateRequest && type <= pduTypes.abort;
}

/** Whether a PDU of this type may be this long. */
function checkLength(type: PduType, length: number, dataPduBytesMax: number): void {
  if (type === pduTypes.data) {
    if (length > dataPduBytesMax) throw invalidParameter('P-DATA-TF is longer than was announced');
    if (length < dataHeaderBytes) throw invalidParameter('P-DATA-TF has no presentation data value');
  } else if (type === pduTypes.associateRequest || type === pduTypes.associateAccept) {
    if (length > associationLimits.associatePduBytesMax) throw invalidParameter('A-ASSOCIATE is too long');
  } else if (length !== shortBodyBytes) {
    throw invalidParameter('PDU of fixed length has the wrong length');
  }
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset, false);
}
