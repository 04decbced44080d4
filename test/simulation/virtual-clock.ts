import type { Clock } from '../../shared/clock.ts';

/** A clock that moves only when the simulation moves it. Each side has a wall clock of its own, which can jump. */
export class VirtualClock {
  #monotonicMs = 0;

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  advance(ms: number): void {
    this.#monotonicMs += ms;
  }

  /** The clock of one host. */
  host(): HostClock {
    return new HostClock(this);
  }
}

export class HostClock implements Clock {
  readonly #time: VirtualClock;
  #wallOffsetMs = Date.UTC(2026, 10, 24);

  constructor(time: VirtualClock) {
    this.#time = time;
  }

  monotonicMs(): number {
    return this.#time.monotonicMs();
  }

  wallMs(): number {
    return Math.max(0, Math.round(this.#time.monotonicMs() + this.#wallOffsetMs));
  }

  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }
}
