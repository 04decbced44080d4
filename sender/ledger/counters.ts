/** Counts by code: what was rejected, was refused, or came twice. The beacon reports them to the high side. */
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';

/** Part of the sender's schema. */
export const countersSchema = `
   CREATE TABLE counters (code TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;`;

export class Counters {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  add(code: string, by = 1): void {
    this.#database.run(
      'INSERT INTO counters VALUES (?, ?) ON CONFLICT (code) DO UPDATE SET count = count + excluded.count',
      code,
      by,
    );
  }

  all(): { code: string; count: number }[] {
    return this.#database
      .all('SELECT code, count FROM counters ORDER BY count DESC, code')
      .map((row) => ({ code: text(row, 'code'), count: number(row, 'count') }));
  }
}
