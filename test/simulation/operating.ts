/** A person at a simulated high side: asks its running receiver, over restarts, by requests as every other one. */
import type { Answer } from '../../shared/program/answers.ts';
import type { HighSide } from './high-side.ts';

/** There is nobody to deliver to. */
export const nobody = {
  plan: { routeAgain: () => 0 },
  runningTime: { nowMs: () => 0 },
  isConfigured: () => false,
  hurry: () => {},
};

export class Operating {
  readonly #high: HighSide;

  constructor(high: HighSide) {
    this.#high = high;
  }

  /** Puts a request. The process that asks has a power of its own. @returns its id */
  put(verb: string, fields: Readonly<Record<string, unknown>>): string {
    return this.#high.power.aside(() => this.#high.requests.ask(verb, fields));
  }

  /** The receiver takes what waits. @throws PowerCut */
  step(): void {
    this.#high.program.asked.step();
  }

  answerOf(id: string): Answer | undefined {
    return this.#high.requests.answerOf(id);
  }

  ask(verb: string, fields: Readonly<Record<string, unknown>>): Answer | undefined {
    const id = this.put(verb, fields);
    this.step();
    return this.answerOf(id);
  }
}
