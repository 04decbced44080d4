/**
 * From the socket into the ring: each message is read to where its datagrams are to lie, they are admitted there, and
 * those that are refused are closed up over. So a datagram is copied by the kernel and by nobody else.
 */
import type { RingWriter } from '../../shared/ring.ts';
import type { Admission } from './admission.ts';
import { type DatagramSink, messageBytesMax } from './link.ts';

export class RingSink implements DatagramSink {
  /** Datagrams dropped because the ring was full. */
  ringDrops = 0;
  readonly #writer: RingWriter;
  readonly #admission: Admission;
  readonly #datagramBytes: number;
  /** Slots that the largest message takes. */
  readonly #largestMessage: number;
  /** For a message when the ring has no room for the largest in one piece: near its end, or when it is nearly full. */
  readonly #aside = new Uint8Array(messageBytesMax);
  #room: Uint8Array = this.#aside;

  constructor(writer: RingWriter, admission: Admission) {
    this.#writer = writer;
    this.#admission = admission;
    this.#datagramBytes = writer.datagramBytes;
    this.#largestMessage = Math.ceil(messageBytesMax / writer.datagramBytes);
  }

  get hasRoom(): boolean {
    return this.#writer.free >= this.#largestMessage;
  }

  get isHalfFree(): boolean {
    return this.#writer.free * 2 >= this.#writer.slots;
  }

  take(message: Uint8Array): void {
    const length = this.#datagramBytes;
    const whole = Math.floor(message.length / length);
    const fitting = Math.min(whole, this.#writer.free);
    this.ringDrops += whole - fitting;
    for (let done = 0; done < fitting; ) {
      // The end of the ring divides what came in two.
      const region = this.#writer.region(0, fitting - done);
      const count = region.length / length;
      region.set(message.subarray(done * length, (done + count) * length));
      this.#admit(region);
      done += count;
    }
    this.#refuseRest(message, whole * length);
  }

  room(): Uint8Array {
    const region = this.#writer.region(0, Math.min(this.#writer.free, this.#largestMessage));
    this.#room = region.length < messageBytesMax ? this.#aside : region;
    return this.#room;
  }

  filled(bytes: number): void {
    const message = this.#room.subarray(0, bytes);
    if (this.#room === this.#aside) {
      this.take(message);
      return;
    }
    const wholeBytes = bytes - (bytes % this.#datagramBytes);
    if (wholeBytes > 0) this.#admit(message.subarray(0, wholeBytes));
    this.#refuseRest(message, wholeBytes);
  }

  /** Datagrams that lie in the ring at its next place. */
  #admit(datagrams: Uint8Array): void {
    const admitted = this.#admission.admitMany(datagrams);
    if (admitted > 0) this.#writer.publish(admitted);
  }

  /** What is shorter than a datagram is none of ours, and neither is an empty one. */
  #refuseRest(message: Uint8Array, start: number): void {
    if (start < message.length || message.length === 0) this.#admission.admit(message.subarray(start));
  }
}
