/**
 * How long this sender has been running, in all its lives together. Retention counts this and nothing else: a wall
 * clock that jumps, or a sender that was switched off for a month, lets nothing expire.
 */
import type { Clock } from '../shared/clock.ts';
import type { SenderLedger } from './ledger.ts';

const fact = 'runningMs';
/** What a crash may forget: things are then held a little longer. */
const keepIntervalMs = 10_000;

export class RunningTime {
  readonly #ledger: SenderLedger;
  readonly #clock: Clock;
  readonly #beforeMs: number;
  readonly #startedMs: number;
  #keptMs: number;

  constructor(ledger: SenderLedger, clock: Clock) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#beforeMs = Number(ledger.fact(fact) ?? '0');
    this.#startedMs = clock.monotonicMs();
    this.#keptMs = this.#beforeMs;
  }

  nowMs(): number {
    return Math.round(this.#beforeMs + this.#clock.monotonicMs() - this.#startedMs);
  }

  /** Call it often: it writes now and then. */
  keep(): void {
    const now = this.nowMs();
    if (now - this.#keptMs < keepIntervalMs) return;
    this.#keptMs = now;
    this.#ledger.setFact(fact, String(now));
  }
}
