/**
 * What `missing` asks the ledger, for one sender at a time and with its filters in the query, so that no limit is ever
 * applied before them. Each query comes with its count, so that `missing` can say how much it does not show.
 */
import { type LedgerDatabase, number, optionalText, type Row, text } from '../../shared/ledger-database.ts';
import { rollState } from '../../shared/wire/roll.ts';

/** Rows of one sender; only of the study of this UID or number, where one is given. */
export interface AccountFilter {
  readonly senderId: string;
  readonly studyUid: string | undefined;
  readonly studyNumber: number | undefined;
}

/** A study that is open, by the newest of its lists that says so. */
export interface OpenStudyRow {
  readonly studyUid: string;
  readonly studyNumber: number | undefined;
  readonly state: string;
  readonly entries: number;
  readonly entered: number;
  readonly missing: number;
  /** Why it is not released, where it was tried. */
  readonly problem: string | undefined;
  /** By the wall clock: when the newest list came, and the newest instance of the study. */
  readonly changedAtMs: number;
}

export interface CountedRows<T> {
  readonly rows: readonly T[];
  /** Of all there are. */
  readonly count: number;
}

interface Question {
  readonly columns: string;
  readonly from: string;
  /** A study once. */
  readonly group: string;
}

const matchesIn = (table: string) =>
  `((?2 IS NULL AND ?3 IS NULL) OR ${table}.study_uid = ?2 OR ${table}.study_number = ?3)`;
const matches = matchesIn('studies');
const openColumns = `studies.study_uid, studies.study_number, studies.state, studies.release_problem, max(open_manifests.revision),
  open_manifests.entries, entered, missing, max(manifests.received_at_ms, coalesce((SELECT max(received_at_ms) FROM instances
    WHERE instances.sender_id = studies.sender_id AND instances.study_uid = studies.study_uid), 0)) AS changed_at_ms`;
const openFrom = (condition: string) => `FROM open_manifests
  JOIN studies ON studies.sender_id = open_manifests.sender_id AND studies.study_uid = open_manifests.study_uid
  JOIN manifests ON manifests.manifest = open_manifests.manifest
  WHERE open_manifests.sender_id = ?1 AND ${matches} AND ${condition}`;

const questions = {
  /** Something of the newest list is not here, or it is not known yet. */
  missing: {
    columns: openColumns,
    from: openFrom('(missing > 0 OR entered < open_manifests.entries)'),
    group: 'studies.study_uid',
  },
  whole: {
    columns: openColumns,
    from: openFrom('missing = 0 AND entered = open_manifests.entries'),
    group: 'studies.study_uid',
  },
  unseen: {
    columns: 'roll.*',
    from: `FROM roll WHERE sender_id = ?1 AND ${matchesIn('roll')}
      AND NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.object_id = roll.manifest_id)`,
    group: 'study_number, study_uid, manifest_id',
  },
  unclaimed: {
    columns: 'studies.study_uid, count(*) AS instances',
    from: `FROM instances JOIN studies ON studies.sender_id = instances.sender_id AND studies.study_uid = instances.study_uid
      WHERE instances.sender_id = ?1 AND ${matches} AND instances.released_revision IS NULL AND held_because IS NULL
        AND NOT EXISTS (SELECT 1 FROM open_manifests WHERE open_manifests.sender_id = studies.sender_id
          AND open_manifests.study_uid = studies.study_uid)`,
    group: 'studies.study_uid',
  },
} as const satisfies Record<string, Question>;

export class Account {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** Every sender that has something here, or said something. */
  senderIds(): string[] {
    return this.#database
      .all('SELECT sender_id FROM senders UNION SELECT DISTINCT sender_id FROM studies ORDER BY sender_id')
      .map((row) => text(row, 'sender_id'));
  }

  /** Studies of which something is not here. */
  missing(filter: AccountFilter, limit: number): CountedRows<OpenStudyRow> {
    return this.#ask('missing', filter, limit, openStudyRow);
  }

  /** Studies with a list of which everything is here. */
  whole(filter: AccountFilter, limit: number): CountedRows<OpenStudyRow> {
    return this.#ask('whole', filter, limit, openStudyRow);
  }

  /** How many studies of all senders can't be released for a reason of their own. */
  withProblem(): number {
    const sql = 'SELECT count(*) AS count FROM studies WHERE release_problem IS NOT NULL';
    return number(this.#database.get(sql) ?? {}, 'count');
  }

  /** Studies of the roll whose manifest never came. */
  unseen(
    filter: AccountFilter,
    limit: number,
  ): CountedRows<{ studyNumber: number; studyUid: string; instances: number; expired: boolean }> {
    return this.#ask('unseen', filter, limit, (row) => ({
      studyNumber: number(row, 'study_number'),
      studyUid: text(row, 'study_uid'),
      instances: number(row, 'instances'),
      expired: number(row, 'state') === rollState.tombstone,
    }));
  }

  /** Studies without an open list, and with instances that none lists. */
  unclaimed(filter: AccountFilter, limit: number): CountedRows<{ studyUid: string; instances: number }> {
    return this.#ask('unclaimed', filter, limit, (row) => ({
      studyUid: text(row, 'study_uid'),
      instances: number(row, 'instances'),
    }));
  }

  #ask<T>(
    name: keyof typeof questions,
    { senderId, studyUid, studyNumber }: AccountFilter,
    limit: number,
    read: (row: Row) => T,
  ): CountedRows<T> {
    const { columns, from, group } = questions[name];
    const values = [senderId, studyUid ?? null, studyNumber ?? null];
    const sql = `SELECT ${columns} ${from} GROUP BY ${group} ORDER BY ${group} LIMIT ?4`;
    const rows = this.#database.all(sql, ...values, limit).map(read);
    if (rows.length < limit) return { rows, count: rows.length };
    const counted = this.#database.get(
      `SELECT count(*) AS count FROM (SELECT 1 ${from} GROUP BY ${group})`,
      ...values,
    );
    return { rows, count: number(counted ?? {}, 'count') };
  }
}

function openStudyRow(row: Row): OpenStudyRow {
  return {
    studyUid: text(row, 'study_uid'),
    studyNumber: row['study_number'] === null ? undefined : number(row, 'study_number'),
    state: text(row, 'state'),
    entries: number(row, 'entries'),
    entered: number(row, 'entered'),
    missing: number(row, 'missing'),
    problem: optionalText(row, 'release_problem'),
    changedAtMs: number(row, 'changed_at_ms'),
  };
}
