/**
 * What both ledgers say of when things happened. They are read beside the programs that own them, with a statement
 * of few rows, so that looking costs next to nothing.
 */
import Database from 'libsql';

export interface VaultCount {
  readonly instances: number;
  /** Wall clock of the newest row, in ms. */
  readonly newestAtMs: number;
}

/** A ledger, read only. Close it before its folder goes. */
export class LedgerReader {
  readonly #database: Database.Database;

  constructor(path: string) {
    this.#database = new Database(path, { readonly: true });
    this.#database.pragma('busy_timeout = 5000');
  }

  /** The receiver's: what is verified and durable in the vault. */
  vaultCount(): VaultCount {
    const row = this.#row(
      'SELECT count(*) AS count, coalesce(max(received_at_ms), 0) AS newest FROM instances',
    );
    return { instances: Number(row['count']), newestAtMs: Number(row['newest']) };
  }

  /** The receiver's: when an instance came to be in the vault; undefined while it is not. */
  receivedAtMs(sopInstanceUid: string): number | undefined {
    const row = this.#row(
      'SELECT max(received_at_ms) AS at FROM instances WHERE sop_instance_uid = ?',
      sopInstanceUid,
    );
    return row['at'] === null ? undefined : Number(row['at']);
  }

  /** The receiver's: when the newest study was released; undefined while none is. */
  releasedAtMs(): number | undefined {
    const row = this.#row("SELECT max(changed_at_ms) AS at FROM studies WHERE state = 'released'");
    return row['at'] === null ? undefined : Number(row['at']);
  }

  /** The sender's: when an instance was taken in, and its object id; undefined while it is not. */
  taken(sopInstanceUid: string): { atMs: number; objectId: string } | undefined {
    const row = this.#row(
      'SELECT max(taken_at_ms) AS at, object_id FROM objects WHERE sop_instance_uid = ?',
      sopInstanceUid,
    );
    return row['at'] === null ? undefined : { atMs: Number(row['at']), objectId: String(row['object_id']) };
  }

  /** The sender's: how many instances have had so many passes. */
  instancesWithPasses(passesMin: number): number {
    const row = this.#row('SELECT count(*) AS count FROM objects WHERE type = 1 AND passes >= ?', passesMin);
    return Number(row['count']);
  }

  /** The sender's: from the first instance taken in to the last, in ms. */
  intakeMs(): number {
    return Number(
      this.#row('SELECT max(taken_at_ms) - min(taken_at_ms) AS ms FROM objects WHERE type = 1')['ms'],
    );
  }

  close(): void {
    this.#database.close();
  }

  #row(sql: string, ...values: readonly (string | number)[]): Record<string, unknown> {
    return (this.#database.prepare(sql).get(...values) ?? {}) as Record<string, unknown>;
  }
}
