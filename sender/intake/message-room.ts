/**
 * The data sets of DIMSE-N messages while they arrive: they are kept in memory, which scanners share. One that exceeds its
 * share loses what it began longest ago. What came of a message is dropped with its association.
 */
import type { UsedBuffers } from '../../shared/collector.ts';
import { associationLimits } from '../../shared/dicom/upper-layer/limits.ts';
import { SharedRoom } from './shared-room.ts';

/** A data set that arrives in pieces. */
export interface ArrivingMessage {
  /** Keeps a copy: the piece belongs to the connection. */
  add(piece: Uint8Array): void;
  /** The whole data set, which is then no longer kept; undefined if it is too long, or its scanner had no room. */
  take(): Uint8Array | undefined;
  /** The rest is not coming. */
  abandon(): void;
}

/** A message's first buffer; doubled each time it is full. */
const firstBytes = 4096;

export class MessageRoom {
  readonly #room = new SharedRoom(associationLimits.arrivingMessageBytesMax);
  /** What came of each message, at the start of its buffer: separate pieces might have a byte each, or none. */
  readonly #buffers = new Map<string, Uint8Array>();
  readonly #used: Pick<UsedBuffers, 'add'> | undefined;
  #messages = 0;

  /** @param used is told how much is dropped: messages that were read, and those that had to go */
  constructor(used?: Pick<UsedBuffers, 'add'>) {
    this.#used = used;
  }

  /** What all messages take. */
  get bytes(): number {
    return this.#room.bytes;
  }

  /** @param scanner the address it comes from */
  begin(scanner: string): ArrivingMessage {
    this.#messages += 1;
    const key = String(this.#messages);
    let bytes = 0;
    let isGone = false;
    return {
      add: (piece) => {
        if (piece.length === 0 || isGone) return;
        const buffer = this.#bufferFor(scanner, key, { bytes, more: piece.length });
        isGone = buffer === undefined;
        buffer?.set(piece, bytes);
        bytes += piece.length;
      },
      take: () => {
        const buffer = this.#buffers.get(key);
        this.#forget(scanner, key);
        if (buffer === undefined) return bytes === 0 ? new Uint8Array(0) : undefined;
        return buffer.subarray(0, bytes);
      },
      abandon: () => this.#forget(scanner, key),
    };
  }

  /** @returns room for more of a message; undefined if there is none, or if what was there had to go */
  #bufferFor(
    scanner: string,
    key: string,
    { bytes, more }: { bytes: number; more: number },
  ): Uint8Array | undefined {
    const buffer = this.#buffers.get(key);
    if (buffer === undefined && bytes > 0) return undefined;
    const needed = bytes + more;
    if (buffer !== undefined && needed <= buffer.length) return buffer;
    const doubled = Math.max(firstBytes, 2 ** Math.ceil(Math.log2(needed)));
    const gone =
      needed > associationLimits.messageDataSetBytesMax ? undefined : this.#room.put(scanner, key, doubled);
    if (gone === undefined) {
      this.#forget(scanner, key);
      return undefined;
    }
    for (const replaced of [key, ...gone]) this.#drop(replaced);
    const larger = new Uint8Array(doubled);
    if (buffer !== undefined) larger.set(buffer.subarray(0, bytes));
    this.#buffers.set(key, larger);
    return larger;
  }

  #forget(scanner: string, key: string): void {
    this.#room.remove(scanner, key);
    this.#drop(key);
  }

  /** Whoever read it drops it within a turn, and thus before the next message. */
  #drop(key: string): void {
    this.#used?.add(this.#buffers.get(key)?.length ?? 0);
    this.#buffers.delete(key);
  }
}
