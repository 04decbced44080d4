/** The loop of a simulated program: what it asked for runs when its time has come, whenever the simulation says so. */
import type { Clock } from '../../shared/clock.ts';
import type { Cancel, Loop } from '../../shared/program/loop.ts';

interface Task {
  dueMs: number;
  readonly everyMs: number | undefined;
  readonly act: () => void;
}

export class SimulatedLoop implements Loop {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #turnsByHand: boolean;
  readonly #tasks = new Set<Task>();

  /** @param turnsByHand what is not asked for again and again is not run: the simulation does it by calls */
  constructor(clock: Pick<Clock, 'monotonicMs'>, turnsByHand = false) {
    this.#clock = clock;
    this.#turnsByHand = turnsByHand;
  }

  every(everyMs: number, act: () => void): Cancel {
    return this.#add(everyMs, act, everyMs);
  }

  after(delayMs: number, act: () => void): Cancel {
    return this.#add(delayMs, act, undefined);
  }

  soon(act: () => void): Cancel {
    return this.#add(0, act, undefined);
  }

  /** Runs what is due, once each, and what that wants to be done behind it. */
  run(): void {
    const now = this.#clock.monotonicMs();
    for (let isMore = true; isMore; ) {
      isMore = false;
      for (const task of [...this.#tasks]) {
        if (task.dueMs > now || !this.#tasks.has(task)) continue;
        if (task.everyMs === undefined) this.#tasks.delete(task);
        // Where time passes in leaps, what was missed is not made up for.
        else task.dueMs = now + task.everyMs;
        task.act();
        isMore = true;
      }
    }
  }

  /** The program is gone. */
  clear(): void {
    this.#tasks.clear();
  }

  #add(delayMs: number, act: () => void, everyMs: number | undefined): Cancel {
    if (this.#turnsByHand && everyMs === undefined) return () => {};
    const task = { dueMs: this.#clock.monotonicMs() + delayMs, everyMs, act };
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
  }
}
