/**
 * How long a program has run in total. Retention and retry times are counted on this clock: it never goes back, does not
 * jump with the wall clock, and stands still while the program is not running.
 */
import type { Clock } from './clock.ts';
import { type LedgerDatabase, number } from './ledger-database.ts';

/** Part of both ledgers' schemas. */
export const savedTimeSchema = `
   CREATE TABLE running_time (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     ms INTEGER NOT NULL
   );`;

/** The durable part: how long it had run when it was last saved. */
export class SavedTime {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  load(): number {
    const row = this.#database.get('SELECT ms FROM running_time');
    return row === undefined ? 0 : number(row, 'ms');
  }

  save(ms: number): void {
    this.#database.run(
      'INSERT INTO running_time (id, ms) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET ms = excluded.ms',
      Math.round(ms),
    );
  }
}

/** The most that a stop at the wrong moment forgets: things are then kept a little longer. */
const saveIntervalMs = 10_000;

export class RunningTime {
  readonly #saved: SavedTime;
  readonly #clock: Clock;
  readonly #offsetMs: number;
  #savedMs: number;

  constructor(saved: SavedTime, clock: Clock) {
    this.#saved = saved;
    this.#clock = clock;
    this.#savedMs = saved.load();
    this.#offsetMs = this.#savedMs - clock.monotonicMs();
  }

  nowMs(): number {
    return Math.round(this.#offsetMs + this.#clock.monotonicMs());
  }

  /** Call it often: it writes now and then. */
  keep(): void {
    if (this.nowMs() - this.#savedMs >= saveIntervalMs) this.save();
  }

  save(): void {
    this.#savedMs = this.nowMs();
    this.#saved.save(this.#savedMs);
  }
}
