/**
 * What comes while the ring is full is left in the kernel's buffer for a while: a receiver that falls behind for a moment
 * loses nothing. One that stays behind drops here, where the cause is known, and not in the kernel.
 */

/** What datagrams go to, as far as waiting for it goes. */
export interface Fillable {
  /** Whether the largest message has room. What comes nevertheless may be dropped, and is counted. */
  readonly hasRoom: boolean;
  /** Whether it has caught up: half of it is free. */
  readonly isHalfFree: boolean;
}

/** About as long as a socket buffer of the default size lasts at 3 Gb/s. */
export const pauseMsMax = 80;
const sleepMs = 1;

export class Pause {
  readonly #sink: Fillable;
  readonly #sleep: (ms: number) => void;
  #pausedMs = 0;

  /** @param sleep sleeps this thread */
  constructor(sink: Fillable, sleep: (ms: number) => void) {
    this.#sink = sink;
    this.#sleep = sleep;
  }

  /** Waits for room: for {@link pauseMsMax} in all, until the sink has caught up. */
  untilRoom(): void {
    if (this.#pausedMs > 0 && this.#sink.isHalfFree) this.#pausedMs = 0;
    while (this.#pausedMs < pauseMsMax && !this.#sink.hasRoom) {
      this.#sleep(sleepMs);
      this.#pausedMs += sleepMs;
    }
  }
}
