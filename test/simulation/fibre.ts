/** One way of datagrams from a sender to a receiver: what the channel makes of them, and what is still on its way. */
import { type Arrival, Channel, type ChannelCounters, type ChannelOptions } from '../harness/channel.ts';
import type { Random } from '../harness/random.ts';

export class Fibre {
  #channel: Channel;
  readonly #random: Random;
  readonly #past: ChannelCounters[] = [];
  #travelling: Arrival[] = [];
  #nextArrivalMs = Number.POSITIVE_INFINITY;

  constructor(options: ChannelOptions, random: Random) {
    this.#random = random;
    this.#channel = new Channel(options, random);
  }

  /** Another channel from now on; what is on its way still arrives. */
  change(options: ChannelOptions): void {
    this.#past.push(this.#channel.counters);
    this.#channel = new Channel(options, this.#random.fork(this.#past.length));
  }

  send(datagram: Uint8Array, nowMs: number): void {
    for (const arrival of this.#channel.transmit(datagram, nowMs)) {
      this.#travelling.push(arrival);
      this.#nextArrivalMs = Math.min(this.#nextArrivalMs, arrival.atMs);
    }
  }

  /** When the next datagram arrives; infinity when none is on its way. */
  get nextArrivalMs(): number {
    return this.#nextArrivalMs;
  }

  /** What has arrived until a moment, in the order of arrival. */
  arrived(nowMs: number): readonly Arrival[] {
    if (this.#nextArrivalMs > nowMs) return [];
    const due = this.#travelling.filter(({ atMs }) => atMs <= nowMs).sort((a, b) => a.atMs - b.atMs);
    this.#travelling = this.#travelling.filter(({ atMs }) => atMs > nowMs);
    this.#nextArrivalMs = this.#travelling.reduce(
      (next, { atMs }) => Math.min(next, atMs),
      Number.POSITIVE_INFINITY,
    );
    return due;
  }

  /** Datagrams given in since the beginning, and how many of them were lost. */
  get account(): { datagrams: number; lost: number } {
    const all = [...this.#past, this.#channel.counters];
    return {
      datagrams: all.reduce((sum, { offered }) => sum + offered, 0),
      lost: all.reduce((sum, c) => sum + c.lost + c.lostInBurst + c.lostInBlackout, 0),
    };
  }
}
