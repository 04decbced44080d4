/**
 * Messages to P-DATA-TF PDUs (PS3.8 section 9.3.5 and annex E). A data set of any size is laid out in a small
 * buffer, round by round: headers are written, and the bytes between them are read from the file straight into place.
 */
import { assert } from '../../assert.ts';
import { pduTypes } from '../upper-layer/pdu-reader.ts';
import { type Command, writeCommand } from './command.ts';

/** PDU header, item length, context id, control header: each PDU we send has one presentation data value. */
export const dataOverheadBytes = 12;
const pduHeaderBytes = 6;
const controlBytes = 2;

const commandBit = 1;
const lastBit = 2;

/** Bytes of a message in one PDU. Even, as every fragment but the last one has to be. */
function fragmentBytesMax(pduBytesMax: number): number {
  return (pduBytesMax - pduHeaderBytes) & ~1;
}

/**
 * A command as whole PDUs.
 * @param pduBytesMax what the peer accepts, at least 128
 */
export function commandPdus(contextId: number, command: Command, pduBytesMax: number): Uint8Array {
  const bytes = writeCommand(command);
  const fragmentBytes = fragmentBytesMax(pduBytesMax);
  const count = Math.ceil(bytes.length / fragmentBytes);
  const pdus = new Uint8Array(bytes.length + count * dataOverheadBytes);
  let offset = 0;
  for (let start = 0; start < bytes.length; start += fragmentBytes) {
    const fragment = bytes.subarray(start, start + fragmentBytes);
    const control = commandBit | (start + fragmentBytes >= bytes.length ? lastBit : 0);
    writeHeader(pdus, offset, contextId, control, fragment.length);
    pdus.set(fragment, offset + dataOverheadBytes);
    offset += dataOverheadBytes + fragment.length;
  }
  return pdus;
}

export interface FramedRound {
  /** Places for the next bytes of the data set, in this order. */
  readonly places: readonly Uint8Array[];
  /** Where the last PDU of the round ends in the buffer. */
  readonly end: number;
}

/** Lays out one data set. An odd one gets a zero byte appended: PS3.8 and peers require even lengths. */
export class DataSetFraming {
  readonly #contextId: number;
  readonly #fragmentBytes: number;
  #remaining: number;
  #ended = false;

  constructor(contextId: number, dataSetBytes: number, pduBytesMax: number) {
    this.#contextId = contextId;
    this.#fragmentBytes = fragmentBytesMax(pduBytesMax);
    this.#remaining = dataSetBytes;
  }

  /** Whether the last PDU is laid out. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Lays as many PDUs into the buffer, from `offset` on, as fit. There must be room for a PDU of the peer's size. */
  next(buffer: Uint8Array, offset: number): FramedRound {
    const places: Uint8Array[] = [];
    let end = offset;
    while (!this.#ended) {
      const bytes = Math.min(this.#remaining, this.#fragmentBytes);
      const isLast = bytes === this.#remaining;
      const padding = isLast ? bytes % 2 : 0;
      if (end + dataOverheadBytes + bytes + padding > buffer.length) break;
      writeHeader(buffer, end, this.#contextId, isLast ? lastBit : 0, bytes + padding);
      const start = end + dataOverheadBytes;
      if (bytes > 0) places.push(buffer.subarray(start, start + bytes));
      if (padding > 0) buffer[start + bytes] = 0;
      end = start + bytes + padding;
      this.#remaining -= bytes;
      this.#ended = isLast;
    }
    return { places, end };
  }
}

function writeHeader(
  target: Uint8Array,
  offset: number,
  contextId: number,
  control: number,
  fragmentBytes: number,
): void {
  assert(offset + dataOverheadBytes <= target.length, 'a PDU header fits');
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setUint16(offset, pduTypes.data * 256);
  view.setUint32(offset + 2, fragmentBytes + pduHeaderBytes);
  view.setUint32(offset + 6, fragmentBytes + controlBytes);
  target[offset + 10] = contextId;
  target[offset + 11] = control;
}
