/** Facts about this sender that outlive a process: its id, its session counter, the highest study number it gave. */
import { type LedgerDatabase, text } from '../../shared/ledger-database.ts';

/** Part of the sender's schema. */
export const factsSchema = `
   CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`;

export class Facts {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** A fact that is set once, by the first caller. */
  once(name: string, create: () => string): string {
    return this.#database.transaction(() => {
      const found = this.get(name);
      if (found !== undefined) return found;
      const value = create();
      this.set(name, value);
      return value;
    });
  }

  get(name: string): string | undefined {
    const row = this.#database.get('SELECT value FROM facts WHERE name = ?', name);
    return row === undefined ? undefined : text(row, 'value');
  }

  set(name: string, value: string): void {
    this.#database.run(
      'INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      name,
      value,
    );
  }
}
