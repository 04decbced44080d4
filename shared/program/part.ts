/**
 * A part of a program: something with a start, work that comes again, a state and a stop. A program is a list of them.
 */
import type { KeyRing } from '../crypto/key-file.ts';
import type { Measure } from './measure.ts';

/** What a part does again and again. It is not called before every part has started, nor after the stop. */
export interface Chore {
  readonly everyMs: number;
  readonly act: () => void;
}

/** `Status`: what it tells of itself. */
export interface Part<Status extends object = object> {
  /** What it is called where it fails. */
  readonly name: string;
  /** Begins, when all earlier parts have. A part that can't keeps the program from starting. */
  start?(): void | Promise<void>;
  /** Every part has started, and the chores have begun. */
  started?(): void;
  readonly chores?: readonly Chore[];
  /** Its sections of the status, by name: plain data, and no PHI. */
  status?(): Status;
  /** Its numbers, for whoever draws curves of them. @param status what it told just now */
  measures?(status: Status): readonly Measure[];
  /** Another key ring from now on. */
  useKeys?(ring: KeyRing): void;
  /** Ends, before all earlier parts do. It is called after half a start as well, and whether its own start failed or not. */
  stop?(): void | Promise<void>;
}
