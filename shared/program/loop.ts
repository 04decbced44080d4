/**
 * Where the turns of a program come from: the event loop of Node, or the virtual time of a simulation. Whatever a part
 * does later, it does through this, so that a simulation runs exactly the same program.
 */

/** Cancels what was scheduled; has no effect once it has run. */
export type Cancel = () => void;

export interface Loop {
  /** Runs it again and again, for the first time after one interval. */
  every(everyMs: number, act: () => void): Cancel;
  /** Runs it once. */
  after(delayMs: number, act: () => void): Cancel;
  /** Runs it once, after whatever is already waiting. */
  soon(act: () => void): Cancel;
}

export const nodeLoop: Loop = {
  every: (everyMs, act) => {
    const timer = setInterval(act, everyMs);
    return () => clearInterval(timer);
  },
  after: (delayMs, act) => {
    const timer = setTimeout(act, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (act) => {
    const turn = setImmediate(act);
    return () => clearImmediate(turn);
  },
};

/** The same loop, but no error escapes from it: each one is passed on. */
export function guardedLoop(loop: Loop, onError: (error: unknown) => void): Loop {
  const guarded = (act: () => void) => () => {
    try {
      act();
    } catch (error) {
      onError(error);
    }
  };
  return {
    every: (everyMs, act) => loop.every(everyMs, guarded(act)),
    after: (delayMs, act) => loop.after(delayMs, guarded(act)),
    soon: (act) => loop.soon(guarded(act)),
  };
}
