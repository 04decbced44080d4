/**
 * What may be removed from the vault: objects that every destination is done with, and since when. Part of the receiver's
 * ledger. Times in it are running time, so that a wall clock that jumps removes nothing early.
 */
import { type LedgerDatabase, text } from '../../shared/ledger-database.ts';

/** Part of the receiver's schema. */
export const removableObjectsSchema = `
   CREATE TABLE removable_objects (
     object_id TEXT PRIMARY KEY,
     done_ms INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX removable_objects_by_time ON removable_objects (done_ms);`;

export class RemovableObjects {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** Every destination of an object is done, or it had none: its time in the vault runs out from now on. */
  enter(objectId: string, nowMs: number): void {
    this.#database.run(
      'INSERT INTO removable_objects (object_id, done_ms) VALUES (?, ?) ON CONFLICT DO NOTHING',
      objectId,
      Math.round(nowMs),
    );
  }

  /** These go at once, however long others are kept. */
  enterDue(objectIds: readonly string[]): void {
    for (const objectId of objectIds)
      this.#database.run(
        'INSERT INTO removable_objects (object_id, done_ms) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET done_ms = ?2',
        objectId,
        Number.MIN_SAFE_INTEGER,
      );
  }

  /** Objects whose destinations were all done by then, the longest done first. */
  due(doneMs: number, limit: number): string[] {
    return this.#database
      .all(
        'SELECT object_id FROM removable_objects WHERE done_ms <= ? ORDER BY done_ms LIMIT ?',
        Math.round(doneMs),
        limit,
      )
      .map((row) => text(row, 'object_id'));
  }

  /** It could not go: it is due again by then, behind all that were done before. */
  postpone(objectId: string, doneMs: number): void {
    this.#database.run(
      'UPDATE removable_objects SET done_ms = ? WHERE object_id = ?',
      Math.round(doneMs),
      objectId,
    );
  }

  /** The vault has them no more. */
  forget(objectIds: readonly string[]): void {
    for (const objectId of objectIds)
      this.#database.run('DELETE FROM removable_objects WHERE object_id = ?', objectId);
  }
}
