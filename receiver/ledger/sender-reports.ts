/**
 * What senders report of themselves, as far as the ledger keeps it: the roll (studies that are kept or have expired on the low
 * side), numbers that a set-back sender forgot, and how much was rejected there. Of each sender so much is kept and no more.
 */
import { type LedgerDatabase, number, type Row, text } from '../../shared/ledger-database.ts';
import { type RollEntry, rollState } from '../../shared/wire/roll.ts';
import type { NumberRange } from './manifests.ts';

/**
 * Part of the receiver's schema. `is_kept`: a row of a list that never came, and that the sender does not tell of any more
 * since it was set back.
 */
export const senderReportsSchema = `
   CREATE TABLE roll (
     sender_id TEXT NOT NULL,
     study_number INTEGER NOT NULL,
     study_uid TEXT NOT NULL,
     manifest_id TEXT NOT NULL,
     revision INTEGER NOT NULL,
     instances INTEGER NOT NULL,
     state INTEGER NOT NULL,
     is_kept INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (sender_id, study_number, study_uid, manifest_id)
   ) WITHOUT ROWID;
   CREATE INDEX roll_by_study ON roll (sender_id, study_uid);
   CREATE TABLE roll_left_out (
     sender_id TEXT PRIMARY KEY,
     entries INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE forgotten_numbers (
     sender_id TEXT NOT NULL,
     first_number INTEGER NOT NULL,
     last_number INTEGER NOT NULL,
     PRIMARY KEY (sender_id, first_number)
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

/** Rows of the roll that are kept of one sender: some years of a busy one. */
const rollRowsMax = 200_000;
/** Tombstones that make room at a time. */
const rollRowsFreed = 20_000;
/** Ranges of forgotten numbers that are kept of one sender; what is beyond widens the last. */
const forgottenRangesMax = 10_000;

export class SenderReports {
  readonly #database: LedgerDatabase;
  readonly #rowsMax: number;

  constructor(database: LedgerDatabase, rowsMax = rollRowsMax) {
    this.#database = database;
    this.#rowsMax = rowsMax;
  }

  /**
   * Enters a page of the roll. A number that is used again for another study leaves the row of the first. A list that
   * never came, of a study for which a set-back sender now tells of an older or another list, stays named as well.
   */
  saveRoll(senderId: string, entries: readonly RollEntry[]): void {
    this.#database.transaction(() => {
      let rows = this.#rowsOf(senderId);
      if (rows + entries.length > this.#rowsMax) rows -= this.#dropTombstones(senderId);
      let leftOut = 0;
      for (const entry of entries) {
        const isNew = this.#isNew(senderId, entry);
        if (isNew) this.#supersede(senderId, entry);
        if (isNew && rows >= this.#rowsMax) leftOut += 1;
        else if (this.#saveEntry(senderId, entry) > 0 && isNew) rows += 1;
      }
      if (leftOut > 0) this.#leaveOut(senderId, leftOut);
      else if (rows + rollRowsFreed / 2 <= this.#rowsMax)
        this.#database.run('DELETE FROM roll_left_out WHERE sender_id = ?', senderId);
    });
  }

  /** Studies of a sender's roll for which there was no room when it was told last: at least so many. */
  leftOut(senderId: string): number {
    const row = this.#database.get('SELECT entries FROM roll_left_out WHERE sender_id = ?', senderId);
    return row === undefined ? 0 : number(row, 'entries');
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

  /** The number of a Study UID, as far as the roll has told. */
  studyNumber(senderId: string, studyUid: string): number | undefined {
    const row = this.#database.get(
      'SELECT study_number FROM roll WHERE sender_id = ? AND study_uid = ? LIMIT 1',
      senderId,
      studyUid,
    );
    return row === undefined ? undefined : number(row, 'study_number');
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

  /** Studies of the roll whose manifest, the very one it names, never came. @param of senders in use, or of all */
  unseen(limit: number, of: 'all' | 'in use' = 'all'): UnseenStudy[] {
    return this.#database
      .all(
        `SELECT * FROM roll
         WHERE NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.object_id = roll.manifest_id)
           AND (? OR NOT EXISTS (SELECT 1 FROM senders WHERE senders.sender_id = roll.sender_id AND retired = 1))
         LIMIT ?`,
        of === 'all' ? 1 : 0,
        limit,
      )
      .map(unseenStudy);
  }

  /**
   * A sender that was set back to an older state will use these numbers again: what they stood for never came, and
   * no manifest with such a number says otherwise.
   * @param studyNumbers ascending
   */
  forget(senderId: string, studyNumbers: readonly number[]): void {
    const ranges: { first: number; last: number }[] = [];
    for (const studyNumber of studyNumbers) {
      const range = ranges.at(-1);
      if (range !== undefined && studyNumber === range.last + 1) range.last = studyNumber;
      else ranges.push({ first: studyNumber, last: studyNumber });
    }
    this.forgetRanges(senderId, ranges);
  }

  /** The same for ranges, which may be of any length. */
  forgetRanges(senderId: string, ranges: readonly NumberRange[]): void {
    this.#database.transaction(() => {
      for (const { first, last } of ranges) this.#forgetRange(senderId, first, last);
    });
  }

  /** Forgotten numbers of a sender as ranges, the lowest first. */
  forgotten(senderId: string, limit: number): NumberRange[] {
    return this.#database
      .all(
        'SELECT first_number, last_number FROM forgotten_numbers WHERE sender_id = ? ORDER BY first_number LIMIT ?',
        senderId,
        limit,
      )
      .map((row) => ({ first: number(row, 'first_number'), last: number(row, 'last_number') }));
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

  #rowsOf(senderId: string): number {
    const row = this.#database.get('SELECT count(*) AS rows FROM roll WHERE sender_id = ?', senderId);
    return number(row ?? {}, 'rows');
  }

  #isNew(senderId: string, entry: RollEntry): boolean {
    return (
      this.#database.get(
        'SELECT 1 FROM roll WHERE sender_id = ? AND study_number = ? AND study_uid = ? AND manifest_id = ?',
        senderId,
        entry.studyNumber,
        entry.studyUid,
        entry.manifestId,
      ) === undefined
    );
  }

  /** What was told of the study before goes, but for a list that never came and that the new one can't contain. */
  #supersede(senderId: string, entry: RollEntry): void {
    this.#database.run(
      `DELETE FROM roll WHERE sender_id = ?1 AND study_number = ?2 AND study_uid = ?3
         AND ((is_kept = 0 AND revision < ?4) OR EXISTS (SELECT 1 FROM manifests WHERE object_id = manifest_id))`,
      senderId,
      entry.studyNumber,
      entry.studyUid,
      entry.revision,
    );
    this.#database.run(
      'UPDATE roll SET is_kept = 1 WHERE sender_id = ? AND study_number = ? AND study_uid = ?',
      senderId,
      entry.studyNumber,
      entry.studyUid,
    );
  }

  #saveEntry(senderId: string, entry: RollEntry): number {
    return this.#database.run(
      `INSERT INTO roll (sender_id, study_number, study_uid, manifest_id, revision, instances, state)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sender_id, study_number, study_uid, manifest_id) DO UPDATE SET
         revision = excluded.revision, instances = excluded.instances, state = excluded.state, is_kept = 0
       WHERE revision <> excluded.revision OR state <> excluded.state OR is_kept <> 0`,
      senderId,
      entry.studyNumber,
      entry.studyUid,
      entry.manifestId,
      entry.revision,
      entry.instances,
      entry.state,
    );
  }

  /** Room for what is told now: first what has expired and was seen. @returns rows that went */
  #dropTombstones(senderId: string): number {
    return this.#database.run(
      `DELETE FROM roll WHERE (sender_id, study_number, study_uid, manifest_id) IN
         (SELECT sender_id, study_number, study_uid, manifest_id FROM roll WHERE sender_id = ? AND state = ?
            AND EXISTS (SELECT 1 FROM manifests WHERE object_id = manifest_id) LIMIT ?)`,
      senderId,
      rollState.tombstone,
      rollRowsFreed,
    );
  }

  #leaveOut(senderId: string, entries: number): void {
    this.#database.run(
      'INSERT INTO roll_left_out VALUES (?, ?) ON CONFLICT (sender_id) DO UPDATE SET entries = excluded.entries',
      senderId,
      entries,
    );
  }

  #forgetRange(senderId: string, first: number, last: number): void {
    const row = this.#database.get(
      'SELECT count(*) AS ranges, max(first_number) AS newest FROM forgotten_numbers WHERE sender_id = ?',
      senderId,
    );
    const ranges = number(row ?? {}, 'ranges');
    if (ranges >= forgottenRangesMax) {
      // Named more than is missing, and never less.
      this.#database.run(
        `UPDATE forgotten_numbers SET last_number = max(last_number, ?) WHERE sender_id = ? AND first_number =
           (SELECT max(first_number) FROM forgotten_numbers WHERE sender_id = ? AND first_number <= ?)`,
        last,
        senderId,
        senderId,
        first,
      );
      return;
    }
    this.#database.run(
      `INSERT INTO forgotten_numbers VALUES (?, ?, ?)
       ON CONFLICT (sender_id, first_number) DO UPDATE SET last_number = max(last_number, excluded.last_number)`,
      senderId,
      first,
      last,
    );
  }
}

function unseenStudy(row: Row): UnseenStudy {
  return {
    senderId: text(row, 'sender_id'),
    studyNumber: number(row, 'study_number'),
    studyUid: text(row, 'study_uid'),
    revision: number(row, 'revision'),
    instances: number(row, 'instances'),
    expired: number(row, 'state') === rollState.tombstone,
  };
}
