/** Studies, how far each has come, and what its folder in the inbox is called. Part of the receiver's ledger. */
import { assert } from '../../shared/assert.ts';
import { type LedgerDatabase, number, optionalText, type Row, text } from '../../shared/ledger-database.ts';
import { type Priority, priority } from '../../shared/wire/manifest.ts';
import { type StudyState, studyState } from './study-state.ts';

/**
 * Part of the receiver's schema. `look_at_ms`: in running time of the studies, when the deadline of one with something
 * open is looked at.
 */
export const studiesSchema = `
   CREATE TABLE studies (
     sender_id TEXT NOT NULL,
     study_uid TEXT NOT NULL,
     study_number INTEGER,
     state TEXT NOT NULL,
     priority INTEGER NOT NULL DEFAULT 1,
     newest_revision INTEGER NOT NULL DEFAULT 0,
     released_revision INTEGER NOT NULL DEFAULT 0,
     expected INTEGER,
     inbox_name TEXT,
     look_at_ms INTEGER,
     release_problem TEXT,
     release_problem_since_ms INTEGER,
     release_tries INTEGER NOT NULL DEFAULT 0,
     first_seen_ms INTEGER NOT NULL,
     changed_at_ms INTEGER NOT NULL,
     PRIMARY KEY (sender_id, study_uid)
   ) WITHOUT ROWID;
   CREATE UNIQUE INDEX studies_by_inbox_name ON studies (inbox_name) WHERE inbox_name IS NOT NULL;
   CREATE INDEX studies_by_uid ON studies (study_uid);
   CREATE INDEX studies_to_look_at ON studies (sender_id, look_at_ms) WHERE look_at_ms IS NOT NULL;
   CREATE INDEX studies_with_problem ON studies (sender_id) WHERE release_problem IS NOT NULL;`;

export interface StudyRecord {
  readonly senderId: string;
  readonly studyUid: string;
  readonly studyNumber: number | undefined;
  readonly state: StudyState;
  readonly priority: Priority;
  readonly newestRevision: number;
  readonly releasedRevision: number;
  /** Instances of the newest manifest, when there is one. */
  readonly expected: number | undefined;
  readonly inboxName: string | undefined;
  /** It could not be released when it was tried last. */
  readonly hasProblem?: boolean;
}

/** What an alarm of a study may stand for. */
export type StudyTroubleKind = 'incomplete' | 'unclaimed' | 'unreleased';

export interface StudySummary extends StudyRecord {
  readonly instances: number;
  readonly bytes: number;
  readonly heldInstances: number;
  readonly repairedSymbols: number;
  /** By the wall clock: when the first of it came, and when its state last changed. */
  readonly firstSeenMs: number;
  readonly changedAtMs: number;
  /** Name of the newest partial release. */
  readonly partial: string | undefined;
}

/** Senders that one look goes over; fewer are ever let in. */
const sendersMax = 4096;

export class StudyRecords {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  get(senderId: string, studyUid: string): StudyRecord | undefined {
    const row = this.#database.get(
      'SELECT * FROM studies WHERE sender_id = ? AND study_uid = ?',
      senderId,
      studyUid,
    );
    return row === undefined ? undefined : studyRecord(row);
  }

  /** Studies of a UID, of all senders. */
  ofUid(studyUid: string): StudyRecord[] {
    return this.#database.all('SELECT * FROM studies WHERE study_uid = ?', studyUid).map(studyRecord);
  }

  /** UIDs of studies that have a number, of all senders: for a person, since all studies are looked through. */
  uidsOfNumber(studyNumber: number): string[] {
    return this.#database
      .all('SELECT DISTINCT study_uid FROM studies WHERE study_number = ?', studyNumber)
      .map((row) => text(row, 'study_uid'));
  }

  newest(limit: number): StudyRecord[] {
    return this.#database
      .all('SELECT * FROM studies ORDER BY changed_at_ms DESC LIMIT ?', limit)
      .map(studyRecord);
  }

  /** Studies as `status` shows them, those that changed last first. */
  summaries(limit: number): StudySummary[] {
    return this.#database
      .all(
        `SELECT studies.*, count(instances.arrival) AS instances, coalesce(sum(instances.bytes), 0) AS bytes,
           count(instances.held_because) AS held, coalesce(sum(repaired_symbols), 0) AS repaired,
           (SELECT target FROM releases WHERE releases.sender_id = studies.sender_id AND releases.study_uid = studies.study_uid
              AND kind = 'partial' AND step = 'done' ORDER BY id DESC LIMIT 1) AS partial
         FROM studies LEFT JOIN instances ON instances.sender_id = studies.sender_id AND instances.study_uid = studies.study_uid
         GROUP BY studies.sender_id, studies.study_uid ORDER BY changed_at_ms DESC LIMIT ?`,
        limit,
      )
      .map((row) => ({
        ...studyRecord(row),
        instances: number(row, 'instances'),
        bytes: number(row, 'bytes'),
        heldInstances: number(row, 'held'),
        repairedSymbols: number(row, 'repaired'),
        firstSeenMs: number(row, 'first_seen_ms'),
        changedAtMs: number(row, 'changed_at_ms'),
        partial: optionalText(row, 'partial'),
      }));
  }

  /** Studies with something still to come or to release, at most so many. */
  unreleased(limit = 10_000): StudyRecord[] {
    return this.#database
      .all(
        `SELECT * FROM studies WHERE state NOT IN (?, ?, ?) OR newest_revision > released_revision
           OR EXISTS (SELECT 1 FROM instances WHERE instances.sender_id = studies.sender_id
             AND instances.study_uid = studies.study_uid AND released_revision IS NULL AND held_because IS NULL) LIMIT ?`,
        studyState.released,
        studyState.held,
        studyState.quarantined,
        limit,
      )
      .map(studyRecord);
  }

  /** All senders of studies. */
  senderIds(): string[] {
    return this.#database
      .all(
        `WITH RECURSIVE senders_of_studies (id) AS (SELECT min(sender_id) FROM studies UNION ALL
           SELECT (SELECT min(sender_id) FROM studies WHERE sender_id > id) FROM senders_of_studies WHERE id IS NOT NULL)
         SELECT id FROM senders_of_studies WHERE id IS NOT NULL LIMIT ?`,
        sendersMax,
      )
      .map((row) => text(row, 'id'));
  }

  /** When the deadline of a study is looked at, in running time; undefined when nothing of it is open. */
  lookAtMs(senderId: string, studyUid: string): number | undefined {
    const row = this.#database.get(
      'SELECT look_at_ms FROM studies WHERE sender_id = ? AND study_uid = ? AND look_at_ms IS NOT NULL',
      senderId,
      studyUid,
    );
    return row === undefined ? undefined : number(row, 'look_at_ms');
  }

  lookAt(senderId: string, studyUid: string, atMs: number | undefined): void {
    this.#database.run(
      'UPDATE studies SET look_at_ms = ? WHERE sender_id = ? AND study_uid = ?',
      atMs ?? null,
      senderId,
      studyUid,
    );
  }

  /** Studies of a sender whose deadline is to be looked at, the earliest first. */
  toLookAt(senderId: string, nowMs: number, limit: number): { studyUid: string; lookAtMs: number }[] {
    return this.#database
      .all(
        `SELECT study_uid, look_at_ms FROM studies WHERE sender_id = ? AND look_at_ms IS NOT NULL AND look_at_ms <= ?
         ORDER BY look_at_ms LIMIT ?`,
        senderId,
        nowMs,
        limit,
      )
      .map((row) => ({ studyUid: text(row, 'study_uid'), lookAtMs: number(row, 'look_at_ms') }));
  }

  /** The latest time that a study is to be looked at: running time goes on from there. */
  latestLookAtMs(): number {
    const sql = 'SELECT coalesce(max(look_at_ms), 0) AS at_ms FROM studies WHERE look_at_ms IS NOT NULL';
    return number(this.#database.get(sql) ?? {}, 'at_ms');
  }

  /**
   * A study can't be released for a reason of its own.
   * @returns how often that was so, this time included
   */
  markProblem(senderId: string, studyUid: string, code: string, atMs: number): number {
    this.#database.run(
      `UPDATE studies SET release_problem = ?, release_tries = release_tries + 1,
         release_problem_since_ms = coalesce(release_problem_since_ms, ?) WHERE sender_id = ? AND study_uid = ?`,
      code,
      atMs,
      senderId,
      studyUid,
    );
    const sql = 'SELECT release_tries FROM studies WHERE sender_id = ? AND study_uid = ?';
    const row = this.#database.get(sql, senderId, studyUid);
    return row === undefined ? 1 : number(row, 'release_tries');
  }

  /** @returns whether there was a problem */
  clearProblem(senderId: string, studyUid: string): boolean {
    return (
      this.#database.run(
        `UPDATE studies SET release_problem = NULL, release_problem_since_ms = NULL, release_tries = 0
         WHERE sender_id = ? AND study_uid = ? AND release_problem IS NOT NULL`,
        senderId,
        studyUid,
      ) > 0
    );
  }

  /** Whether another sender has a study of this UID that is in the same trouble: an alarm of the UID then stays. */
  isTroubleOfAnother(senderId: string, studyUid: string, trouble: StudyTroubleKind): boolean {
    return (
      this.#database.get(
        `SELECT 1 FROM studies WHERE study_uid = ? AND sender_id <> ?
           AND CASE ? WHEN 'incomplete' THEN state = '${studyState.incomplete}' WHEN 'unreleased' THEN release_problem IS NOT NULL
             ELSE NOT EXISTS (SELECT 1 FROM open_manifests WHERE open_manifests.sender_id = studies.sender_id
                 AND open_manifests.study_uid = studies.study_uid)
               AND EXISTS (SELECT 1 FROM instances WHERE instances.sender_id = studies.sender_id
                 AND instances.study_uid = studies.study_uid AND released_revision IS NULL AND held_because IS NULL) END LIMIT 1`,
        studyUid,
        senderId,
        trouble,
      ) !== undefined
    );
  }

  /**
   * Enters a study of which something came for the first time: in the transaction that stores that, so that neither
   * is there without the other.
   */
  begin(senderId: string, studyUid: string, atMs: number): void {
    this.#database.run(
      `INSERT INTO studies (sender_id, study_uid, state, priority, newest_revision, released_revision, first_seen_ms, changed_at_ms)
       VALUES (?, ?, ?, ?, 0, 0, ?, ?) ON CONFLICT DO NOTHING`,
      senderId,
      studyUid,
      studyState.announced,
      priority.routine,
      atMs,
      atMs,
    );
  }

  save(study: StudyRecord, atMs: number): void {
    this.#database.run(
      `INSERT INTO studies (sender_id, study_uid, study_number, state, priority, newest_revision, released_revision, expected, inbox_name, first_seen_ms, changed_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (sender_id, study_uid) DO UPDATE SET study_number = excluded.study_number, state = excluded.state,
         priority = excluded.priority, newest_revision = excluded.newest_revision, released_revision = excluded.released_revision,
         expected = excluded.expected, inbox_name = excluded.inbox_name, changed_at_ms = excluded.changed_at_ms`,
      study.senderId,
      study.studyUid,
      study.studyNumber ?? null,
      study.state,
      study.priority,
      study.newestRevision,
      study.releasedRevision,
      study.expected ?? null,
      study.inboxName ?? null,
      atMs,
      atMs,
    );
  }

  inboxNameTaken(name: string): boolean {
    return this.#database.get('SELECT 1 FROM studies WHERE inbox_name = ?', name) !== undefined;
  }
}

function studyRecord(row: Row): StudyRecord {
  const state = Object.values(studyState).find((candidate) => candidate === row['state']);
  assert(state !== undefined, 'a study has a known state');
  return {
    senderId: text(row, 'sender_id'),
    studyUid: text(row, 'study_uid'),
    studyNumber: row['study_number'] === null ? undefined : number(row, 'study_number'),
    state,
    priority: number(row, 'priority') === priority.stat ? priority.stat : priority.routine,
    newestRevision: number(row, 'newest_revision'),
    releasedRevision: number(row, 'released_revision'),
    expected: row['expected'] === null ? undefined : number(row, 'expected'),
    inboxName: optionalText(row, 'inbox_name'),
    ...(optionalText(row, 'release_problem') !== undefined && { hasProblem: true }),
  };
}
