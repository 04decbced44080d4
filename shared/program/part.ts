/**
 * A part of a program: something with a start, repeated work, a state and a stop. A program is a list of them.
 */
import type { KeyRing } from '../crypto/key-file.ts';
import type { Measure } from './measure.ts';

/** What a part does repeatedly. It is not called before every part has started, nor after the stop. */
export interface Chore {
  readonly everyMs: number;
  readonly act: () => void;
}

/** `Status`: what it reports about itself. */
export interface Part<Status extends object = object> {
  /** Its name when it fails. */
  readonly name: string;
  /** Starts, after all earlier parts have. A part that can't keeps the program from starting. */
  start?(): void | Promise<void>;
  /** Every part has started, and the chores have begun. */
  started?(): void;
  readonly chores?: readonly Chore[];
  /** Its sections of the status, by name: plain data, and no PHI. */
  status?(): Status;
  /** Its numbers, for whoever plots them. @param status what it has just reported */
  measures?(status: Status): readonly Measure[];
  /** Uses another key ring from now on. */
  useKeys?(ring: KeyRing): void;
  /** Stops, before all earlier parts do. It is also called after half a start, whether its own start failed or not. */
  stop?(): void | Promise<void>;
}
