/**
 * The power of a simulated host. It can be cut in the middle of whatever the host does: after some number of
 * durable steps (disk operations and ledger commits) the next one throws, and so does every one after it, until
 * the host starts again. So nothing runs on by accident, and what was not committed is lost.
 */

/** The host is dead. Not an operating error: nothing may catch it but the simulation. */
export class PowerCut extends Error {
  constructor() {
    super('the power is cut');
  }
}

export class PowerSwitch {
  #stepsLeft = Number.POSITIVE_INFINITY;
  #dead = false;

  get dead(): boolean {
    return this.#dead;
  }

  /** The power fails after so many more durable steps. */
  cutAfter(steps: number): void {
    this.#stepsLeft = steps;
  }

  restore(): void {
    this.#dead = false;
    this.#stepsLeft = Number.POSITIVE_INFINITY;
  }

  /** A durable step is about to happen. @throws PowerCut */
  step(): void {
    this.check();
    if (this.#stepsLeft > 0) {
      this.#stepsLeft -= 1;
      return;
    }
    this.#dead = true;
    throw new PowerCut();
  }

  /** Anything else is about to happen. @throws PowerCut when the host is dead */
  check(): void {
    if (this.#dead) throw new PowerCut();
  }

  /** Does what others do on this host's disk, such as a scanner: it has a power of its own. */
  aside<T>(act: () => T): T {
    const [stepsLeft, dead] = [this.#stepsLeft, this.#dead];
    this.restore();
    try {
      return act();
    } finally {
      [this.#stepsLeft, this.#dead] = [stepsLeft, dead];
    }
  }
}
