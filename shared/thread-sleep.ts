/** Sleeping without the event loop, for threads that face the link: the shortest wait of a timer is a millisecond. */

/** Not shared with anybody: waiting on it is sleeping. */
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Nothing else runs in this thread meanwhile. */
export function sleepThread(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}
