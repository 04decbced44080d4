/** A connection without a network: a test pushes bytes in and reads what is written. */
import { Duplex } from 'node:stream';

export class MemoryConnection extends Duplex {
  readonly written: Buffer[] = [];
  #pieces: Iterator<Uint8Array>;
  #pulledBytes = 0;

  /** @param pieces what the peer sends; each is pulled when the other side reads. The end of them ends the stream. */
  constructor(pieces: Iterable<Uint8Array>, highWaterMark = 65_536) {
    super({ highWaterMark, allowHalfOpen: true });
    this.#pieces = pieces[Symbol.iterator]();
  }

  /** Bytes that left the peer: those read, and those that wait in the buffer. */
  get pulledBytes(): number {
    return this.#pulledBytes;
  }

  override _read(): void {
    const next = this.#pieces.next();
    if (next.done === true) {
      this.push(null);
      return;
    }
    this.#pulledBytes += next.value.length;
    // An empty piece is no end and no data: the next one is due.
    if (next.value.length === 0) this._read();
    else this.push(next.value);
  }

  override _write(bytes: Buffer, _: string, done: () => void): void {
    this.written.push(Buffer.from(bytes));
    done();
  }
}
