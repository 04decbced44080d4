/**
 * The data sets of DIMSE-N messages while they come: they are held in memory, and scanners share what they may take. One that
 * brings more than its share loses what it began longest ago. What comes of a message goes with its association.
 */
import type { UsedBuffers } from '../../shared/collector.ts';
import { associationLimits } from '../../shared/dicom/upper-layer/limits.ts';
import { SharedRoom } from './shared-room.ts';

/** A data set that comes in pieces. */
export interface ArrivingMessage {
  /** Keeps a copy: the piece belongs to the connection. */
  add(piece: Uint8Array): void;
  /** All of it, which is not kept any longer; undefined where it is too long, or its scanner had no room. */
  take(): Uint8Array | undefined;
  /** The rest is not coming. */
  abandon(): void;
}

export class MessageRoom {
  readonly #room = new SharedRoom(associationLimits.arrivingMessageBytesMax);
  /** Pieces by message. */
  readonly #pieces = new Map<string, Uint8Array[]>();
  readonly #used: Pick<UsedBuffers, 'add'> | undefined;
  #messages = 0;

  /** @param used is told what is dropped: pieces that became a message, and messages that were read */
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
    return {
      add: (piece) => {
        const before = this.#pieces.get(key);
        // What was given up stays so.
        if (piece.length === 0 || (before === undefined && bytes > 0)) return;
        bytes += piece.length;
        const gone =
          bytes > associationLimits.messageDataSetBytesMax ? undefined : this.#room.put(scanner, key, bytes);
        if (gone === undefined) return this.#forget(scanner, key);
        for (const oldest of gone) this.#pieces.delete(oldest);
        if (before === undefined) this.#pieces.set(key, [piece.slice()]);
        else before.push(piece.slice());
      },
      take: () => {
        const pieces = this.#pieces.get(key);
        this.#forget(scanner, key);
        if (pieces === undefined) return bytes === 0 ? new Uint8Array(0) : undefined;
        // Its reader drops it within a turn; by the next message that is so.
        this.#used?.add(2 * bytes);
        return Buffer.concat(pieces);
      },
      abandon: () => this.#forget(scanner, key),
    };
  }

  #forget(scanner: string, key: string): void {
    this.#room.remove(scanner, key);
    this.#pieces.delete(key);
  }
}
