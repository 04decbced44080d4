/** What people decided, by whom and why. Rows are only added. Part of both ledgers. */
import { type LedgerDatabase, number, text } from '../ledger-database.ts';

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

export interface AuditEntry {
  readonly atMs: number;
  readonly action: string;
  readonly byWhom: string;
  readonly reason: string;
}

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

  /** What people did with something, oldest first. */
  of(subject: string): AuditEntry[] {
    return this.#database.all('SELECT * FROM audit WHERE subject = ? ORDER BY id', subject).map((row) => ({
      atMs: number(row, 'at_ms'),
      action: text(row, 'action'),
      byWhom: text(row, 'by_whom'),
      reason: text(row, 'reason'),
    }));
  }
}
