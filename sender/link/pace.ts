/**
 * The pacer: deadlines instead of sleeps. Each datagram moves the next one's deadline by its time on the wire, so the
 * rate is kept whatever the timer does. What a short pause delayed leaves in bursts with gaps between them, at about
 * twice the rate; a long pause is not made up for.
 */
import { assert } from '../../shared/assert.ts';
import { wireTimeMs } from '../../shared/wire/wire-time.ts';

/** A pause of this length is made up for: one of the scheduler or of the event loop. */
const pauseMs = 10;
/**
 * No thread sleeps for less, and most oversleep by as much: this much is subtracted from a gap, or at a high rate the
 * gaps alone would keep a late sender late.
 */
const shortestSleepMs = 0.05;

export class Pacer {
  readonly #datagramMs: number;
  readonly #burstDatagrams: number;
  readonly #lateMs: number;
  #deadlineMs: number | undefined;
  #gapEndsMs = 0;

  /** @param burstDatagrams how many may leave back to back: what the far interface can take */
  constructor(datagramBytes: number, rateMegabitsPerSecond: number, burstDatagrams: number) {
    assert(rateMegabitsPerSecond > 0 && burstDatagrams >= 1, 'a rate and a burst');
    this.#datagramMs = wireTimeMs(datagramBytes, rateMegabitsPerSecond);
    this.#burstDatagrams = burstDatagrams;
    this.#lateMs = Math.max(pauseMs, this.#datagramMs * burstDatagrams);
  }

  /** How many datagrams may leave now. */
  allowance(nowMs: number): number {
    const burstMs = this.#burstDatagrams * this.#datagramMs;
    const deadlineMs = Math.max(this.#deadlineMs ?? nowMs - burstMs, nowMs - this.#lateMs);
    this.#deadlineMs = deadlineMs;
    if (nowMs < this.#gapEndsMs) return 0;
    const due = Math.floor((nowMs - deadlineMs) / this.#datagramMs + 1e-9);
    return Math.min(this.#burstDatagrams, due);
  }

  /** Some leave now. */
  spend(datagrams: number, nowMs: number): void {
    this.#deadlineMs = (this.#deadlineMs ?? nowMs) + datagrams * this.#datagramMs;
    this.#gapEndsMs = nowMs + Math.max(0, (datagrams * this.#datagramMs) / 2 - shortestSleepMs);
  }

  /** How long until a number of datagrams may leave. */
  waitMs(datagrams: number, nowMs: number): number {
    const dueMs = Math.max((this.#deadlineMs ?? 0) + datagrams * this.#datagramMs, this.#gapEndsMs);
    return Math.max(0, dueMs - nowMs);
  }
}
