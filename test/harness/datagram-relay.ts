/**
 * Carries datagrams from one UDP socket to another through a {@link Channel}, in real time. It knows nothing of what
 * is in them. What isn't delayed goes out at once, in order, without a copy and without a timer.
 */
import type { Socket } from 'node:dgram';
import { Channel, type ChannelCounters, type ChannelOptions } from './channel.ts';
import { DelayQueue } from './delay-queue.ts';
import type { Random } from './random.ts';

/** Delayed datagrams that may wait: at 100 thousand a second, those of two seconds. */
const waitingMax = 200_000;
/** Datagrams the kernel hasn't taken yet; looked at once in so many. */
const unsentMax = 4096;
const unsentCheckEvery = 64;

export interface RelayReport {
  readonly received: number;
  readonly sent: number;
  /** Refused by the kernel, for one because nobody listens at the target. */
  readonly sendErrors: number;
  /** Dropped by the relay itself because one of its queues was full; a test of anything else wants 0. */
  readonly overflowed: number;
  /** Dropped while {@link DatagramRelay.toggleDark} had made the link dark. */
  readonly dark: number;
  readonly waiting: number;
  readonly channel: ChannelCounters;
}

export class DatagramRelay {
  readonly #channel: Channel;
  readonly #input: Socket;
  readonly #output: Socket;
  readonly #waiting = new DelayQueue<Uint8Array>(waitingMax);
  #received = 0;
  #sent = 0;
  #sendErrors = 0;
  #overflowed = 0;
  #dark = 0;
  #isDark = false;
  #isClogged = false;
  #timer: NodeJS.Timeout | undefined;
  /** Monotonic time of the first datagram: the zero of the channel's clock. */
  #firstMs: number | undefined;

  /** Starts at once; `input` is bound and `output` connected by the caller, and closed by {@link close}. */
  constructor(input: Socket, output: Socket, options: ChannelOptions, random: Random) {
    this.#channel = new Channel(options, random);
    this.#input = input;
    this.#output = output;
    input.on('message', (datagram) => this.#take(datagram));
    output.on('error', () => this.#sendErrors++);
  }

  /** Nothing passes any more; or, the next time, everything does again. */
  toggleDark(): void {
    this.#isDark = !this.#isDark;
  }

  report(): RelayReport {
    return {
      received: this.#received,
      sent: this.#sent,
      sendErrors: this.#sendErrors,
      overflowed: this.#overflowed,
      dark: this.#dark,
      waiting: this.#waiting.length,
      channel: { ...this.#channel.counters },
    };
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#input.close();
    this.#output.close();
  }

  #take(datagram: Uint8Array): void {
    this.#received++;
    if (this.#isDark) {
      this.#dark++;
      return;
    }
    const clockMs = performance.now();
    this.#firstMs ??= clockMs;
    const nowMs = clockMs - this.#firstMs;
    // Before the new one: a busy socket keeps timers waiting, and what is due goes first.
    if (this.#waiting.length > 0) this.#sendDue(nowMs);
    for (const { bytes, atMs } of this.#channel.transmit(datagram, nowMs)) {
      if (atMs <= nowMs) this.#send(bytes);
      else if (!this.#waiting.push(bytes, atMs)) this.#overflowed++;
    }
    this.#setTimer(nowMs);
  }

  #sendDue(nowMs: number): void {
    for (let due = this.#waiting.takeDue(nowMs); due !== undefined; due = this.#waiting.takeDue(nowMs)) {
      this.#send(due);
    }
  }

  /** One timer, whatever waits; it looks at least each millisecond, which is as fine as timers are. */
  #setTimer(nowMs: number): void {
    const nextMs = this.#waiting.nextMs;
    if (nextMs === undefined || this.#timer !== undefined) return;
    const delayMs = Math.min(Math.max(nextMs - nowMs, 0), 1);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const laterMs = performance.now() - (this.#firstMs ?? 0);
      this.#sendDue(laterMs);
      this.#setTimer(laterMs);
    }, delayMs);
  }

  #send(bytes: Uint8Array): void {
    if (this.#sent % unsentCheckEvery === 0 || this.#isClogged) {
      this.#isClogged = this.#output.getSendQueueCount() > unsentMax;
      if (this.#isClogged) {
        this.#overflowed++;
        return;
      }
    }
    this.#sent++;
    this.#output.send(bytes);
  }
}
