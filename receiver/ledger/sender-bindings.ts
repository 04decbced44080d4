/**
 * Whose each sender id is: the name of the keys it may speak under. Entered at first use, changed by a person only.
 * Part of the receiver's ledger.
 */
import { type LedgerDatabase, text } from '../../shared/ledger-database.ts';

/** Part of the receiver's schema. */
export const senderBindingsSchema = `
   CREATE TABLE sender_bindings (
     sender_id TEXT PRIMARY KEY,
     key_name TEXT NOT NULL,
     bound_by TEXT NOT NULL
   ) WITHOUT ROWID;`;

/** What bound a sender id to a key name. A line of the key file stands above both. */
export type BoundBy = 'first use' | 'person';

export interface SenderBinding {
  readonly senderId: string;
  /** '' is that of keys without a name. */
  readonly keyName: string;
  readonly boundBy: BoundBy;
}

export class SenderBindings {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  all(): SenderBinding[] {
    return this.#database.all('SELECT * FROM sender_bindings ORDER BY sender_id').map((row) => ({
      senderId: text(row, 'sender_id'),
      keyName: text(row, 'key_name'),
      boundBy: row['bound_by'] === 'person' ? 'person' : 'first use',
    }));
  }

  /** Binds a sender id at its first use. One that is bound stays as it is. */
  pin(senderId: string, keyName: string): void {
    this.#database.run(
      "INSERT INTO sender_bindings VALUES (?, ?, 'first use') ON CONFLICT DO NOTHING",
      senderId,
      keyName,
    );
  }

  /** A person took a sender out of use of which no beacon ever came. */
  remove(senderId: string): void {
    this.#database.run('DELETE FROM sender_bindings WHERE sender_id = ?', senderId);
  }

  /** A person binds it, whatever it was bound to. */
  bind(senderId: string, keyName: string): void {
    this.#database.run(
      `INSERT INTO sender_bindings VALUES (?, ?, 'person') ON CONFLICT (sender_id)
       DO UPDATE SET key_name = excluded.key_name, bound_by = excluded.bound_by`,
      senderId,
      keyName,
    );
  }
}
