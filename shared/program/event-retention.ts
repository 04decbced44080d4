/**
 * Which events are forgotten: those that are too old and, if there are too many, the oldest of the source that has the most.
 * So a source that causes events without end loses its own, and never those of another.
 *
 * Age is running time: marks say which number was the highest when. A wall clock that jumps makes nothing old.
 */
import { type LedgerDatabase, number, text } from '../ledger-database.ts';

/** Part of the schema of events. */
export const eventRetentionSchema = `
   CREATE TABLE event_sources (source TEXT PRIMARY KEY, rows INTEGER NOT NULL) WITHOUT ROWID;
   CREATE TABLE event_ages (running_ms INTEGER PRIMARY KEY, number INTEGER NOT NULL);
   CREATE TABLE event_memory (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`;

export interface EventBounds {
  /** Of all sources. */
  readonly rowsMax: number;
  /** How many sources are told apart; all further ones count as one. */
  readonly sourcesMax: number;
}

const boundsDefault: EventBounds = { rowsMax: 1_000_000, sourcesMax: 512 };
/** Rows that one step forgets, in addition to as many as came since the last step. */
const stepRows = 500;
/** Sources that one step takes from. */
const stepSources = 8;
/** Marks of age in the time that events are kept. */
const marksOfTime = 500;
const others = 'others';
const forgotten = 'forgotten to';

export class EventRetention {
  readonly #database: LedgerDatabase;
  readonly #bounds: EventBounds;
  #cameSince = 0;
  #markedMs: number | undefined;

  constructor(database: LedgerDatabase, bounds: EventBounds = boundsDefault) {
    this.#database = database;
    this.#bounds = bounds;
  }

  /** A row of a source is about to come. @returns the source that it counts for */
  admit(source: string): string {
    const of = this.#isKnown(source) || this.#sources() < this.#bounds.sourcesMax ? source : others;
    this.#database.run(
      'INSERT INTO event_sources VALUES (?, 1) ON CONFLICT (source) DO UPDATE SET rows = rows + 1',
      of,
    );
    this.#cameSince += 1;
    return of;
  }

  prune(nowMs: number, keepForMs: number): number {
    this.#mark(nowMs, keepForMs);
    let left = stepRows + this.#cameSince;
    this.#cameSince = 0;
    const oldTo = this.#oldTo(nowMs - keepForMs);
    const removed = oldTo === undefined ? 0 : this.#forget('number <= ?', [oldTo], left);
    if (oldTo !== undefined && removed === 0)
      this.#database.run(
        'DELETE FROM event_ages WHERE number <= ? AND running_ms < ?',
        oldTo,
        nowMs - keepForMs,
      );
    left -= removed;
    let over = 0;
    for (let count = 0; count < stepSources && left > 0; count += 1) {
      const taken = this.#forgetOfLargest(left);
      if (taken === 0) break;
      left -= taken;
      over += taken;
    }
    return removed + over;
  }

  /** The highest number that was forgotten; 0 when none was. */
  forgottenTo(): number {
    return Number(this.#memory(forgotten) ?? '0');
  }

  /** @returns whether this is another value than before */
  remember(name: string, value: string): boolean {
    if (this.#memory(name) === value) return false;
    this.#database.run(
      'INSERT INTO event_memory VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      name,
      value,
    );
    return true;
  }

  #isKnown(source: string): boolean {
    return this.#database.get('SELECT 1 FROM event_sources WHERE source = ?', source) !== undefined;
  }

  #sources(): number {
    return number(this.#database.get('SELECT count(*) AS sources FROM event_sources') ?? {}, 'sources');
  }

  #memory(name: string): string | undefined {
    const row = this.#database.get('SELECT value FROM event_memory WHERE name = ?', name);
    return row === undefined ? undefined : text(row, 'value');
  }

  /** Writes down now and then how far the numbers are. */
  #mark(nowMs: number, keepForMs: number): void {
    const dueMs = this.#markedMs === undefined ? undefined : this.#markedMs + keepForMs / marksOfTime;
    if (dueMs !== undefined && nowMs < dueMs) return;
    const row = this.#database.get('SELECT max(running_ms) AS last FROM event_ages');
    const last = row?.['last'] === null ? undefined : number(row ?? {}, 'last');
    this.#markedMs = Math.max(nowMs, last ?? nowMs);
    // A mark ahead of now, in a ledger whose running time was set back, stays: events are then kept longer.
    if (last !== undefined && nowMs < last + keepForMs / marksOfTime) {
      this.#markedMs = last;
      return;
    }
    this.#database.run(
      'INSERT INTO event_ages SELECT ?, coalesce(max(number), 0) FROM events WHERE true ON CONFLICT DO NOTHING',
      Math.round(nowMs),
    );
  }

  /** The highest number at a time in the past. */
  #oldTo(beforeMs: number): number | undefined {
    const row = this.#database.get(
      'SELECT number FROM event_ages WHERE running_ms <= ? ORDER BY running_ms DESC LIMIT 1',
      Math.round(beforeMs),
    );
    return row === undefined ? undefined : number(row, 'number');
  }

  #forgetOfLargest(limit: number): number {
    const total = number(
      this.#database.get('SELECT coalesce(sum(rows), 0) AS total FROM event_sources') ?? {},
      'total',
    );
    const over = total - this.#bounds.rowsMax;
    if (over <= 0) return 0;
    const [largest, second] = this.#database.all(
      'SELECT source, rows FROM event_sources ORDER BY rows DESC, source LIMIT 2',
    );
    if (largest === undefined) return 0;
    const lead = number(largest, 'rows') - (second === undefined ? 0 : number(second, 'rows'));
    // If several have the most, each gives its part.
    const share = Math.max(Math.ceil(over / stepSources), lead);
    return this.#forget('source = ?', [text(largest, 'source')], Math.min(limit, over, share));
  }

  /** The oldest of these go. @returns how many */
  #forget(condition: string, values: readonly (string | number)[], limit: number): number {
    const some = `SELECT number FROM events WHERE ${condition} ORDER BY number LIMIT ?`;
    return this.#database.transaction(() => {
      const rows = this.#database.all(
        `SELECT source, count(*) AS rows, max(number) AS last FROM events WHERE number IN (${some}) GROUP BY source`,
        ...values,
        limit,
      );
      if (rows.length === 0) return 0;
      for (const row of rows)
        this.#database.run(
          'UPDATE event_sources SET rows = rows - ? WHERE source = ?',
          number(row, 'rows'),
          text(row, 'source'),
        );
      this.#database.run('DELETE FROM event_sources WHERE rows <= 0');
      const last = Math.max(...rows.map((row) => number(row, 'last')), this.forgottenTo());
      this.remember(forgotten, String(last));
      return this.#database.run(`DELETE FROM events WHERE number IN (${some})`, ...values, limit);
    });
  }
}
