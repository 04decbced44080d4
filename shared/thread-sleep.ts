/** Sleeping without the event loop, for threads that face the link: a timer's shortest wait is a millisecond. */

/** Not shared with anyone: waiting on it is sleeping. */
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Nothing else runs in this thread in the meantime. */
export function sleepThread(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}
