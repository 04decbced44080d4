/**
 * How much of each sender may wait whole, until it is looked at and on the disk. A sender whose share is full begins
 * nothing more until some of it is through, and nobody else notices. Where there is one sender only, the link is left
 * unread instead: then nothing of it is lost that its ring has room for.
 */

import type { Clock } from '../../shared/clock.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';

/** Of one sender. What was begun before the share was full may come on top. */
const shareObjects = 1024;
/** Another sender was heard: nobody is left unread because of one for so long. */
const companyMs = 300_000;

export class SenderShares {
  readonly #clock: Clock;
  readonly #desk: AlarmDesk;
  readonly #waiting = new Map<string, number>();
  /** Senders whose share is full, and some of it was refused. */
  readonly #refused = new Set<string>();
  #lastHeard = '';
  #lastHeardAtMs = Number.NEGATIVE_INFINITY;
  /** When any other than the last one was heard. */
  #otherHeardAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, alarms: Alarms) {
    this.#clock = clock;
    this.#desk = alarms.desk('shares of the gate');
  }

  /** A sender lives, whether it sends instances or only says so: the link is read on for it. */
  heard(senderId: string): void {
    if (senderId !== this.#lastHeard) {
      this.#otherHeardAtMs = this.#lastHeardAtMs;
      this.#lastHeard = senderId;
    }
    this.#lastHeardAtMs = this.#clock.monotonicMs();
  }

  add(senderId: string): void {
    this.heard(senderId);
    this.#waiting.set(senderId, this.#of(senderId) + 1);
  }

  remove(senderId: string): void {
    const left = this.#of(senderId) - 1;
    if (left > 0) this.#waiting.set(senderId, left);
    else this.#waiting.delete(senderId);
    if (left <= shareObjects / 2 && this.#refused.delete(senderId))
      this.#desk.clear('E_GATE_BEHIND', senderId);
  }

  /** Call it for each that would be begun. */
  mayBegin(senderId: string): boolean {
    this.heard(senderId);
    if (this.#of(senderId) < shareObjects || this.#isAlone()) return true;
    if (!this.#refused.has(senderId)) {
      this.#refused.add(senderId);
      this.#desk.raise('E_GATE_BEHIND', senderId);
    }
    return false;
  }

  get backedUp(): boolean {
    if (this.#waiting.size !== 1) return false;
    const [waiting = 0] = this.#waiting.values();
    return waiting >= shareObjects && this.#isAlone();
  }

  #of(senderId: string): number {
    return this.#waiting.get(senderId) ?? 0;
  }

  #isAlone(): boolean {
    return this.#clock.monotonicMs() - this.#otherHeardAtMs > companyMs;
  }
}
