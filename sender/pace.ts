/**
 * The pacer: deadlines instead of sleeps. Each datagram moves the deadline of the next by its time on the
 * wire, so the rate holds whatever the timer does; a pause is made up for by a bounded burst only.
 */
import { assert } from '../shared/assert.ts';

/** UDP 8, IPv4 20, Ethernet header and checksum 18, preamble 8, gap 12: what a datagram costs on the wire. */
export const framingBytes = 8 + 20 + 18 + 8 + 12;

/** Time a datagram takes on the wire at a rate, in milliseconds. */
export function wireTimeMs(datagramBytes: number, rateMegabitsPerSecond: number): number {
  return ((datagramBytes + framingBytes) * 8) / (rateMegabitsPerSecond * 1000);
}

export class Pacer {
  readonly #datagramMs: number;
  readonly #burstMs: number;
  #deadlineMs = 0;

  /** @param burstDatagrams how many may leave back to back after a pause: what the far interface can take */
  constructor(datagramBytes: number, rateMegabitsPerSecond: number, burstDatagrams: number) {
    assert(rateMegabitsPerSecond > 0 && burstDatagrams >= 1, 'a rate and a burst');
    this.#datagramMs = wireTimeMs(datagramBytes, rateMegabitsPerSecond);
    this.#burstMs = this.#datagramMs * burstDatagrams;
  }

  /** How many datagrams may leave now. */
  allowance(nowMs: number): number {
    this.#deadlineMs = Math.max(this.#deadlineMs, nowMs - this.#burstMs);
    return Math.floor((nowMs - this.#deadlineMs) / this.#datagramMs + 1e-9);
  }

  /** Some have left. */
  spend(datagrams: number): void {
    this.#deadlineMs += datagrams * this.#datagramMs;
  }

  /** How long until a number of datagrams may leave. */
  waitMs(datagrams: number, nowMs: number): number {
    return Math.max(0, this.#deadlineMs + datagrams * this.#datagramMs - nowMs);
  }
}
