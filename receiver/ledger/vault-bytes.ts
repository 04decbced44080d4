/**
 * How much of the vault's disk the whole objects of each sender take, kept true by the statements that enter and remove
 * instances: counting a million rows anew would take too long. Part of the receiver's ledger.
 */
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';

/** The file of a row is in the vault: it was neither removed nor lost, and a person did not purge it. */
const isKept = (row: string) => `(${row}.file_state = 0 AND ${row}.held_because IS NOT 'E_PURGED')`;
const add = (row: string, sign: '' | '-') =>
  `INSERT INTO vault_bytes VALUES (${row}.sender_id, ${sign}${row}.bytes)
     ON CONFLICT (sender_id) DO UPDATE SET bytes = bytes + excluded.bytes;`;

/** Part of the receiver's schema, behind the table of instances. */
export const vaultBytesSchema = `
   CREATE TABLE vault_bytes (
     sender_id TEXT PRIMARY KEY,
     bytes INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TRIGGER vault_bytes_entered AFTER INSERT ON instances WHEN ${isKept('new')}
     BEGIN ${add('new', '')} END;
   CREATE TRIGGER vault_bytes_deleted AFTER DELETE ON instances WHEN ${isKept('old')}
     BEGIN ${add('old', '-')} END;
   CREATE TRIGGER vault_bytes_left AFTER UPDATE OF file_state, held_because ON instances
     WHEN ${isKept('old')} AND NOT ${isKept('new')}
     BEGIN ${add('old', '-')} END;
   CREATE TRIGGER vault_bytes_came_back AFTER UPDATE OF file_state, held_because ON instances
     WHEN ${isKept('new')} AND NOT ${isKept('old')}
     BEGIN ${add('new', '')} END;`;

export class VaultBytes {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** By sender. */
  ofSenders(): ReadonlyMap<string, number> {
    return new Map(
      this.#database
        .all('SELECT sender_id, bytes FROM vault_bytes')
        .map((row) => [text(row, 'sender_id'), number(row, 'bytes')]),
    );
  }
}
