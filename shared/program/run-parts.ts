/**
 * Runs a list of parts: starts them in order, gives each its turns, and stops them in reverse, also after half a start.
 *
 * Nothing here waits unless a part does: in a simulation, whose parts don't, start and stop are done when they return.
 */
import { assert } from '../assert.ts';
import type { KeyRing } from '../crypto/key-file.ts';
import type { Cancel, Loop } from './loop.ts';
import type { Measure } from './measure.ts';
import type { Part } from './part.ts';

type Waiting = void | Promise<void>;

export class RunningParts {
  readonly #loop: Loop;
  readonly #parts: Part[] = [];
  #chores: Cancel[] = [];
  /** What a start waits for. */
  #starting: Promise<void> | undefined;
  #isStopped = false;
  #stopping: Promise<void> | undefined;

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  /** Adds a part after the others. */
  use<P extends Part>(part: P): P {
    assert(this.#chores.length === 0 && !this.#isStopped, 'a part is added before the start');
    assert(
      this.#parts.every(({ name }) => name !== part.name),
      `there is one part ${part.name}`,
    );
    this.#parts.push(part);
    return part;
  }

  /**
   * Starts all parts, then their chores. A stop meanwhile ends it behind the part that is starting.
   * @throws what keeps one from starting, after all have stopped
   */
  start(): Waiting {
    const failed = (error: unknown): Waiting =>
      after(
        caught(
          () => this.stop(),
          () => {},
        ),
        () => {
          throw error;
        },
      );
    try {
      const steps = this.#parts.map((part) => () => (this.#isStopped ? undefined : part.start?.()));
      const starting = inOrder(steps);
      if (starting === undefined) return this.#begin();
      this.#starting = starting.catch(() => {});
      return starting.then(() => this.#begin()).catch(failed);
    } catch (error) {
      return failed(error);
    }
  }

  /**
   * Ends the chores, and stops every part, once, even if another one fails to stop: whoever asks again waits for the same.
   * @throws the first failure
   */
  stop(): Waiting {
    if (this.#isStopped) return this.#stopping;
    this.#isStopped = true;
    for (const cancel of this.#chores) cancel();
    this.#chores = [];
    const stopping = after(this.#starting, () => this.#stopParts());
    if (stopping !== undefined) this.#stopping = stopping;
    return stopping;
  }

  #stopParts(): Waiting {
    const failures: unknown[] = [];
    const steps = this.#parts.toReversed().map(
      (part) => () =>
        caught(
          () => part.stop?.(),
          (error) => void failures.push(error),
        ),
    );
    return after(inOrder(steps), () => {
      if (failures.length > 0) throw failures[0];
    });
  }

  /** Gives every part another key ring: first to those that judge what the earlier ones let in. */
  useKeys(ring: KeyRing): void {
    for (const part of this.#parts.toReversed()) part.useKeys?.(ring);
  }

  /** The sections of all parts, and `measures`: the numbers of all of them. */
  status(): Record<string, unknown> {
    const measures: Measure[] = [];
    const sections: Record<string, unknown> = { measures };
    for (const part of this.#parts) {
      const status = part.status?.() ?? {};
      for (const [name, section] of Object.entries(status)) {
        assert(!(name in sections), `the section ${name} of the status has one owner`);
        sections[name] = section;
      }
      measures.push(...(part.measures?.(status) ?? []));
    }
    return sections;
  }

  #begin(): void {
    if (this.#isStopped) return;
    this.#chores = this.#parts.flatMap((part) =>
      (part.chores ?? []).map(({ everyMs, act }) => this.#loop.every(everyMs, act)),
    );
    for (const part of this.#parts) part.started?.();
  }
}

/**
 * Makes a program from a list: `list` adds its parts. If it throws, the parts added so far are stopped.
 * @throws what kept a part from being made
 */
export function listParts<T>(loop: Loop, list: (parts: RunningParts) => T): T {
  const parts = new RunningParts(loop);
  try {
    return list(parts);
  } catch (error) {
    // Whatever a stop would wait for ends with the process, which has not started yet.
    void caught(
      () => parts.stop(),
      () => {},
    );
    throw error;
  }
}

/** One step after the other; it waits only where one does. */
function inOrder(steps: readonly (() => Waiting)[]): Waiting {
  for (const [index, step] of steps.entries()) {
    const waiting = step();
    if (waiting !== undefined) return waiting.then(() => inOrder(steps.slice(index + 1)));
  }
}

function after(waiting: Waiting, act: () => Waiting): Waiting {
  return waiting === undefined ? act() : waiting.then(act);
}

function caught(act: () => Waiting, onError: (error: unknown) => void): Waiting {
  try {
    return act()?.catch(onError);
  } catch (error) {
    onError(error);
  }
}
