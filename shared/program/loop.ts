/**
 * Where the turns of a program come from: the event loop of Node, or the virtual time of a simulation. Whatever a part
 * does later, it does by this, so that a simulation runs the very program.
 */

/** Takes back what was asked for; of no effect when it has run. */
export type Cancel = () => void;

export interface Loop {
  /** Runs it again and again, for the first time after one interval. */
  every(everyMs: number, act: () => void): Cancel;
  /** Runs it once. */
  after(delayMs: number, act: () => void): Cancel;
  /** Runs it once, behind what waits already. */
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

/** The same loop, from which no error escapes: each is handed over. */
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
