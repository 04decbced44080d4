/**
 * What senders told of, as far as the ledger keeps it: the roll (studies that are held or have expired on the low
 * side), numbers that a set-back sender forgot, and how much was rejected there.
 */
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';
import { type RollEntry, rollState } from '../../shared/wire/roll.ts';

/** Part of the receiver's schema. */
export const toldSchema = `
   CREATE TABLE roll (
     sender_id TEXT NOT NULL,
     study_number INTEGER NOT NULL,
     study_uid TEXT NOT NULL,
     revision INTEGER NOT NULL,
     instances INTEGER NOT NULL,
     state INTEGER NOT NULL,
     manifest_id TEXT NOT NULL,
     PRIMARY KEY (sender_id, study_number, study_uid)
   ) WITHOUT ROWID;
   CREATE INDEX roll_by_study ON roll (sender_id, study_uid);
   CREATE TABLE forgotten_numbers (
     sender_id TEXT NOT NULL,
     study_number INTEGER NOT NULL,
     PRIMARY KEY (sender_id, study_number)
   ) WITHOUT ROWID;
   CREATE TABLE low_side_counts (
     sender_id TEXT NOT NULL,
     code TEXT NOT NULL,
     count INTEGER NOT NULL,
     PRIMARY KEY (sender_id, code)
   ) WITHOUT ROWID;`;

/** A study of the roll whose newest manifest never came. */
export interface UnseenStudy {
  readonly senderId: string;
  readonly studyNumber: number;
  readonly studyUid: string;
  readonly revision: number;
  readonly instances: number;
  /** The sender can't send it any more. */
  readonly expired: boolean;
}

export class Told {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** Enters a page of the roll. A number that is used again for another study leaves the row of the first. */
  saveRoll(senderId: string, entries: readonly RollEntry[]): void {
    this.#database.transaction(() => {
      for (const entry of entries) {
        this.#database.run(
          `INSERT INTO roll VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sender_id, study_number, study_uid) DO UPDATE SET
             revision = excluded.revision, instances = excluded.instances, state = excluded.state, manifest_id = excluded.manifest_id
           WHERE revision <> excluded.revision OR state <> excluded.state OR manifest_id <> excluded.manifest_id`,
          senderId,
          entry.studyNumber,
          entry.studyUid,
          entry.revision,
          entry.instances,
          entry.state,
          entry.manifestId,
        );
      }
    });
  }

  /** The Study UID of a number, as far as the roll has told. */
  studyUid(senderId: string, studyNumber: number): string | undefined {
    const row = this.#database.get(
      'SELECT study_uid FROM roll WHERE sender_id = ? AND study_number = ? LIMIT 1',
      senderId,
      studyNumber,
    );
    return row === undefined ? undefined : text(row, 'study_uid');
  }

  /** Whether the low side can't send a study any more. */
  hasExpired(senderId: string, studyUid: string): boolean {
    return (
      this.#database.get(
        'SELECT 1 FROM roll WHERE sender_id = ? AND study_uid = ? AND state = ?',
        senderId,
        studyUid,
        rollState.tombstone,
      ) !== undefined
    );
  }

  /** Studies of the roll whose newest manifest, or a later one, never came. @param of senders in use, or of all */
  unseen(limit: number, of: 'all' | 'in use' = 'all'): UnseenStudy[] {
    return this.#database
      .all(
        `SELECT * FROM roll
         WHERE NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.object_id = roll.manifest_id)
           AND NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.sender_id = roll.sender_id
             AND manifests.study_uid = roll.study_uid AND manifests.revision > roll.revision)
           AND (? OR NOT EXISTS (SELECT 1 FROM senders WHERE senders.sender_id = roll.sender_id AND retired = 1))
         LIMIT ?`,
        of === 'all' ? 1 : 0,
        limit,
      )
      .map((row) => ({
        senderId: text(row, 'sender_id'),
        studyNumber: number(row, 'study_number'),
        studyUid: text(row, 'study_uid'),
        revision: number(row, 'revision'),
        instances: number(row, 'instances'),
        expired: number(row, 'state') === rollState.tombstone,
      }));
  }

  /**
   * A sender that was set back to an older state will use these numbers again: what they stood for never came, and
   * no manifest with such a number says otherwise.
   */
  forget(senderId: string, studyNumbers: readonly number[]): void {
    this.#database.transaction(() => {
      for (const studyNumber of studyNumbers) {
        this.#database.run(
          'INSERT INTO forgotten_numbers VALUES (?, ?) ON CONFLICT DO NOTHING',
          senderId,
          studyNumber,
        );
      }
    });
  }

  forgotten(limit: number): { senderId: string; studyNumber: number }[] {
    return this.#database
      .all('SELECT * FROM forgotten_numbers ORDER BY sender_id, study_number LIMIT ?', limit)
      .map((row) => ({ senderId: text(row, 'sender_id'), studyNumber: number(row, 'study_number') }));
  }

  /** What was rejected on a low side by code, as it was last told. */
  rejected(senderId: string): Map<string, number> {
    return new Map(
      this.#database
        .all('SELECT code, count FROM low_side_counts WHERE sender_id = ?', senderId)
        .map((row) => [text(row, 'code'), number(row, 'count')]),
    );
  }

  saveRejected(senderId: string, code: string, count: number): void {
    this.#database.run(
      'INSERT INTO low_side_counts VALUES (?, ?, ?) ON CONFLICT (sender_id, code) DO UPDATE SET count = excluded.count',
      senderId,
      code,
      count,
    );
  }
}
