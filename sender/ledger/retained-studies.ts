/**
 * The part of the sender's ledger that forgets: which studies are kept, which have expired (tombstones), and which
 * are old enough to go altogether. All times are running time of the sender, so that a wall clock that jumps
 * expires nothing.
 *
 * A study expires as a whole. What its instances were stays known as long as its tombstone stands: a late instance
 * brings a new revision, whose manifest lists all of the study, also what can't be sent any more. The receiver has
 * that, or it names it as missing, and either is true.
 */
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { type RollEntry, rollState } from '../../shared/wire/roll.ts';

/** Part of the sender's schema, after the tables of studies and objects. */
export const retainedStudiesSchema = `
   CREATE TABLE expired_instances (
     intake INTEGER PRIMARY KEY,
     object_id TEXT NOT NULL UNIQUE,
     study_uid TEXT NOT NULL,
     series_uid TEXT NOT NULL,
     sop_instance_uid TEXT NOT NULL,
     bytes INTEGER NOT NULL,
     sha256 TEXT NOT NULL,
     calling_ae_title TEXT,
     called_ae_title TEXT
   );
   CREATE INDEX expired_instances_by_study ON expired_instances (study_uid, intake);
   CREATE INDEX expired_instances_by_content ON expired_instances (sop_instance_uid, sha256);
   CREATE INDEX studies_held ON studies (study_number) WHERE expired_running_ms IS NULL;
   CREATE INDEX studies_by_closing ON studies (closed_running_ms) WHERE open = 0 AND expired_running_ms IS NULL;
   CREATE INDEX studies_by_expiry ON studies (expired_running_ms) WHERE expired_running_ms IS NOT NULL;`;

export class RetainedStudies {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** Studies that have a number: those that are kept, and tombstones. */
  numbered(): number {
    return number(this.#database.get('SELECT count(study_number) AS studies FROM studies') ?? {}, 'studies');
  }

  /** The lowest number of a study that is kept; undefined when none is. */
  lowestKeptNumber(): number | undefined {
    const row = this.#database.get(
      'SELECT min(study_number) AS lowest FROM studies WHERE expired_running_ms IS NULL',
    );
    return row === undefined || row['lowest'] === null ? undefined : number(row, 'lowest');
  }

  /** Numbered studies after a number, for one page of the roll. */
  rollEntries(afterNumber: number, limit: number): RollEntry[] {
    return this.#database
      .all(
        `SELECT study_number, revision, manifest_id, study_uid, instances, expired_running_ms
         FROM studies WHERE study_number > ? ORDER BY study_number LIMIT ?`,
        afterNumber,
        limit,
      )
      .map((row) => ({
        studyNumber: number(row, 'study_number'),
        revision: number(row, 'revision'),
        instances: number(row, 'instances'),
        state: row['expired_running_ms'] === null ? rollState.retained : rollState.tombstone,
        manifestId: text(row, 'manifest_id'),
        studyUid: text(row, 'study_uid'),
      }));
  }

  /**
   * Closed studies that may expire, those closed first coming first: every object of theirs has had its planned
   * passes, or can't be read at all.
   * @param closedUntilMs closed at this running time or before
   */
  expirable(closedUntilMs: number, passesPlanned: number, limit: number): string[] {
    return this.#database
      .all(
        `SELECT study_uid FROM studies WHERE open = 0 AND expired_running_ms IS NULL AND closed_running_ms <= ?
           AND NOT EXISTS (SELECT 1 FROM objects WHERE objects.study_uid = studies.study_uid AND passes < ? AND unreadable = 0)
         ORDER BY closed_running_ms LIMIT ?`,
        closedUntilMs,
        passesPlanned,
        limit,
      )
      .map((row) => text(row, 'study_uid'));
  }

  /**
   * Makes a study a tombstone.
   * @returns the object ids of its instances: their files are to go
   */
  expire(studyUid: string, runningMs: number): string[] {
    return this.#database.transaction(() => {
      const rows = this.#database.all(
        'SELECT object_id FROM objects WHERE study_uid = ? AND type = ?',
        studyUid,
        objectType.instance,
      );
      this.#database.run(
        `INSERT INTO expired_instances SELECT intake, object_id, study_uid, series_uid, sop_instance_uid, bytes, sha256,
           calling_ae_title, called_ae_title FROM objects WHERE study_uid = ? AND type = ?`,
        studyUid,
        objectType.instance,
      );
      this.#database.run('DELETE FROM objects WHERE study_uid = ?', studyUid);
      this.#database.run(
        'UPDATE studies SET expired_running_ms = ? WHERE study_uid = ?',
        runningMs,
        studyUid,
      );
      return rows.map((row) => text(row, 'object_id'));
    });
  }

  hasExpired(objectId: string): boolean {
    return this.#database.get('SELECT 1 FROM expired_instances WHERE object_id = ?', objectId) !== undefined;
  }

  /** The same content was taken in again: it is kept once more. */
  forgetExpired(sopInstanceUid: string, sha256: string): void {
    this.#database.run(
      'DELETE FROM expired_instances WHERE sop_instance_uid = ? AND sha256 = ?',
      sopInstanceUid,
      sha256,
    );
  }

  /** Takes tombstones away that stood long enough. @returns how many */
  prune(expiredUntilMs: number, limit: number): number {
    return this.#database.transaction(() => {
      const rows = this.#database.all(
        'SELECT study_uid FROM studies WHERE open = 0 AND expired_running_ms <= ? ORDER BY expired_running_ms LIMIT ?',
        expiredUntilMs,
        limit,
      );
      for (const row of rows) {
        const studyUid = text(row, 'study_uid');
        this.#database.run('DELETE FROM expired_instances WHERE study_uid = ?', studyUid);
        this.#database.run('DELETE FROM studies WHERE study_uid = ?', studyUid);
      }
      return rows.length;
    });
  }
}
