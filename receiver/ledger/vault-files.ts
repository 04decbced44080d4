/**
 * The ledger's view of the vault's files: which of them are there, which were removed on purpose (every destination
 * has them), and which were lost and are collected again.
 */
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';

/** Column `file_state` of an instance. */
const fileState = { there: 0, removed: 1, lost: 2 } as const;

export type FileState = keyof typeof fileState;

/** What the column says. */
export function fileStateOf(value: number): FileState {
  if (value === fileState.removed) return 'removed';
  return value === fileState.lost ? 'lost' : 'there';
}

/** Part of the receiver's schema, behind the table of instances. */
export const vaultFilesSchema = `
   CREATE INDEX instances_lost ON instances (object_id) WHERE file_state = ${fileState.lost};`;

export interface VaultFile {
  readonly arrival: number;
  readonly objectId: string;
  readonly senderId: string;
  readonly studyUid: string;
  readonly bytes: number;
  /** 32 bytes as hexadecimal */
  readonly sha256: string;
}

export class VaultFiles {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** Instances after one whose files should be there. */
  after(arrival: number, limit: number): VaultFile[] {
    return this.#database
      .all(
        `SELECT arrival, object_id, sender_id, study_uid, bytes, sha256 FROM instances
         WHERE arrival > ? AND file_state = ? AND held_because IS NOT 'E_PURGED' ORDER BY arrival LIMIT ?`,
        arrival,
        fileState.there,
        limit,
      )
      .map((row) => ({
        arrival: number(row, 'arrival'),
        objectId: text(row, 'object_id'),
        senderId: text(row, 'sender_id'),
        studyUid: text(row, 'study_uid'),
        bytes: number(row, 'bytes'),
        sha256: text(row, 'sha256'),
      }));
  }

  count(): number {
    return number(this.#database.get('SELECT count(*) AS count FROM instances') ?? {}, 'count');
  }

  /** What the ledger says of a file: `unknown` when there is no row. */
  stateOf(objectId: string): FileState | 'unknown' {
    const row = this.#database.get('SELECT file_state FROM instances WHERE object_id = ?', objectId);
    return row === undefined ? 'unknown' : fileStateOf(number(row, 'file_state'));
  }

  /** They are removed on purpose: first here, then on the disk. */
  markRemoved(objectIds: readonly string[]): void {
    for (const objectId of objectIds)
      this.#database.run(
        'UPDATE instances SET file_state = ? WHERE object_id = ?',
        fileState.removed,
        objectId,
      );
  }

  /**
   * A file is gone or damaged. An instance that is neither released, nor being released, nor held is as if it had never
   * come; of the others the row stays, and the file is wanted again.
   * @returns whether the row is gone
   */
  markLost(objectId: string): boolean {
    const deleted = this.#database.run(
      'DELETE FROM instances WHERE object_id = ? AND released_revision IS NULL AND owns_uid IS NULL AND held_because IS NULL',
      objectId,
    );
    if (deleted === 0)
      this.#database.run('UPDATE instances SET file_state = ? WHERE object_id = ?', fileState.lost, objectId);
    return deleted > 0;
  }

  /** @returns whether it was lost, and is there again now */
  cameBack(objectId: string): boolean {
    return (
      this.#database.run(
        'UPDATE instances SET file_state = ? WHERE object_id = ? AND file_state = ?',
        fileState.there,
        objectId,
        fileState.lost,
      ) > 0
    );
  }

  /** Object ids of files that are wanted again, a page behind one of them. */
  lost(after: string, limit: number): string[] {
    return this.#database
      .all(
        `SELECT object_id FROM instances WHERE file_state = ${fileState.lost} AND object_id > ? ORDER BY object_id LIMIT ?`,
        after,
        limit,
      )
      .map((row) => text(row, 'object_id'));
  }
}
