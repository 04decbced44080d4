/** What people decided, by whom and why. Rows are only added. Part of both ledgers. */
import type { LedgerDatabase } from '../ledger-database.ts';

/** Part of both ledgers' schemas. */
export const auditSchema = `
   CREATE TABLE audit (
     id INTEGER PRIMARY KEY,
     at_ms INTEGER NOT NULL,
     action TEXT NOT NULL,
     subject TEXT NOT NULL,
     by_whom TEXT NOT NULL,
     reason TEXT NOT NULL
   );`;

export class Audit {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  enter(entry: { action: string; subject: string; byWhom: string; reason: string }, atMs: number): void {
    this.#database.run(
      'INSERT INTO audit (at_ms, action, subject, by_whom, reason) VALUES (?, ?, ?, ?, ?)',
      atMs,
      entry.action,
      entry.subject,
      entry.byWhom,
      entry.reason,
    );
  }
}
