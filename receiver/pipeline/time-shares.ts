/**
 * How much of the time each sender may take of a thread that others need as well. All of them together have a share of
 * the time, those that take some have equal parts of it, and who took too much at once waits until its own part has made
 * up for it: nobody else does.
 */

/** The share of the time that is for all of them, and what one may take at once when it took little before. */
const timeShare = 0.25;
const burstMs = 500;

export class TimeShares {
  /** Time that each may take now. Who is not here has taken nothing lately. */
  readonly #credits = new Map<string, number>();
  #atMs = Number.POSITIVE_INFINITY;

  /** Gives out the time since the last call. */
  pass(nowMs: number): void {
    const partMs = (Math.max(0, nowMs - this.#atMs) * timeShare) / Math.max(1, this.#credits.size);
    this.#atMs = nowMs;
    for (const [group, creditMs] of this.#credits) {
      if (creditMs + partMs >= burstMs) this.#credits.delete(group);
      else this.#credits.set(group, creditMs + partMs);
    }
  }

  /** Whether a group has any time left. */
  has(group: string): boolean {
    return (this.#credits.get(group) ?? burstMs) > 0;
  }

  took(group: string, ms: number): void {
    if (ms > 0) this.#credits.set(group, (this.#credits.get(group) ?? burstMs) - ms);
  }
}
