/** One thing that a sender host can do that was taken over. */
import type { HostilePeer } from './hostile-peer.ts';

/** @param many how often, or how large: a small number as a rule, and at times the other one */
export type Power = (peer: HostilePeer, many: (few: number, most: number) => number) => void;

/** Does something so many times. */
export function times(count: number, act: (index: number) => void): void {
  for (let index = 0; index < count; index += 1) act(index);
}
