/**
 * How V8 collects garbage in the programs that run for years.
 *
 * node:crypto returns each opened or sealed part in a new buffer outside the heap. Each 64 MB of these V8 begins to mark
 * the whole heap, a little at a time, with four threads beside the one that works. The heap is about 10 MB; to mark it
 * in one go takes milliseconds, which the rings between the threads bridge. In the receiver's assembling thread this
 * took 2.8 s of processor time a GB instead of 3.8.
 */
import { setFlagsFromString } from 'node:v8';

/** Lets the collector mark the heap in one go. Call it before any work; it holds for all threads. */
export function collectInOneGo(): void {
  setFlagsFromString('--no-incremental-marking');
}
