/**
 * Time comes from outside, so that a simulation can run years in a second and a jump of the wall clock
 * changes nothing: every deadline is on the monotonic clock; the wall clock is for people only.
 */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  monotonicMs(): number;
  /** Whole milliseconds since 1970, as the host believes. */
  wallMs(): number;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};
