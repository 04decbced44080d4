import type { Clock } from '../../shared/clock.ts';

/** A clock that moves only when the simulation moves it; its wall clock can jump by years. */
export class VirtualClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;

  constructor(wallStartMs = Date.UTC(2026, 10, 24)) {
    this.#wallOffsetMs = wallStartMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  wallMs(): number {
    return Math.max(0, Math.round(this.#monotonicMs + this.#wallOffsetMs));
  }

  advance(ms: number): void {
    this.#monotonicMs += ms;
  }

  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }
}
