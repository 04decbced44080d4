/** Releases, and how far each has come, so that a restart finishes what was begun. Part of the receiver's ledger. */
import { assert } from '../../shared/assert.ts';
import { type LedgerDatabase, number, type Row, text } from '../../shared/ledger-database.ts';

/** Part of the receiver's schema. */
export const releasesSchema = `
   CREATE TABLE releases (
     id INTEGER PRIMARY KEY,
     sender_id TEXT NOT NULL,
     study_uid TEXT NOT NULL,
     revision INTEGER NOT NULL,
     kind TEXT NOT NULL,
     target TEXT NOT NULL,
     instances INTEGER NOT NULL,
     expected INTEGER NOT NULL,
     step TEXT NOT NULL,
     object_ids TEXT NOT NULL,
     conflict_ids TEXT NOT NULL,
     at_ms INTEGER NOT NULL
   );
   CREATE INDEX releases_by_study ON releases (sender_id, study_uid, target);
   CREATE INDEX releases_unfinished ON releases (id) WHERE step <> 'done';`;

/** How far a release has come. `staged`: the folder stands beside the inbox and is synced; only the rename is left. */
export type ReleaseStep = 'intent' | 'staged' | 'done';
export type ReleaseKind = 'study' | 'supplement' | 'partial';

export interface ReleaseRecord {
  readonly id: number;
  readonly senderId: string;
  readonly studyUid: string;
  readonly revision: number;
  readonly kind: ReleaseKind;
  /** Name of the folder in the inbox (or in the partial folder). */
  readonly target: string;
  readonly instances: number;
  readonly expected: number;
  readonly step: ReleaseStep;
  readonly objectIds: readonly string[];
  readonly conflictIds: readonly string[];
}

export class ReleaseRecords {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  begin(release: Omit<ReleaseRecord, 'id' | 'step'>, atMs: number): ReleaseRecord {
    this.#database.run(
      `INSERT INTO releases (sender_id, study_uid, revision, kind, target, instances, expected, step, object_ids, conflict_ids, at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, 'intent', ?, ?, ?)`,
      release.senderId,
      release.studyUid,
      release.revision,
      release.kind,
      release.target,
      release.instances,
      release.expected,
      JSON.stringify(release.objectIds),
      JSON.stringify(release.conflictIds),
      atMs,
    );
    const id = number(this.#database.get('SELECT max(id) AS id FROM releases') ?? {}, 'id');
    return { ...release, id, step: 'intent' };
  }

  markStep(id: number, step: ReleaseStep): void {
    this.#database.run('UPDATE releases SET step = ? WHERE id = ?', step, id);
  }

  /** The newest of all; those that are begun from now on come behind it. */
  lastId(): number {
    return number(this.#database.get('SELECT coalesce(max(id), 0) AS id FROM releases') ?? {}, 'id');
  }

  /** A release that will not be done. */
  forget(id: number): void {
    this.#database.run("DELETE FROM releases WHERE id = ? AND step <> 'done'", id);
  }

  unfinished(): ReleaseRecord[] {
    return this.#database.all(`SELECT * FROM releases WHERE step <> 'done' ORDER BY id`).map(releaseRecord);
  }

  /** The first unfinished release behind another one: each may name 200,000 instances, so they come one at a time. */
  nextUnfinished(after: number): Pick<ReleaseRecord, 'id' | 'senderId' | 'studyUid'> | undefined {
    const row = this.#database.get(
      `SELECT id, sender_id, study_uid FROM releases WHERE step <> 'done' AND id > ? ORDER BY id LIMIT 1`,
      after,
    );
    if (row === undefined) return undefined;
    return { id: number(row, 'id'), senderId: text(row, 'sender_id'), studyUid: text(row, 'study_uid') };
  }

  get(id: number): ReleaseRecord | undefined {
    const row = this.#database.get('SELECT * FROM releases WHERE id = ?', id);
    return row === undefined ? undefined : releaseRecord(row);
  }

  /** The unfinished release of a study as a whole or of what came later. */
  unfinishedOf(senderId: string, studyUid: string): ReleaseRecord | undefined {
    const row = this.#database.get(
      `SELECT * FROM releases WHERE sender_id = ? AND study_uid = ? AND step <> 'done' AND kind <> 'partial' ORDER BY id LIMIT 1`,
      senderId,
      studyUid,
    );
    return row === undefined ? undefined : releaseRecord(row);
  }

  /** Whether there is such a release: it may name 200,000 instances. */
  isAnyUnfinished(senderId: string, studyUid: string): boolean {
    const sql = `SELECT 1 FROM releases WHERE sender_id = ? AND study_uid = ? AND step <> 'done' AND kind <> 'partial' LIMIT 1`;
    return this.#database.get(sql, senderId, studyUid) !== undefined;
  }

  /** Whether something of a study went out, or is about to, as more than a part. */
  isAnyOf(senderId: string, studyUid: string): boolean {
    const sql = `SELECT 1 FROM releases WHERE sender_id = ? AND study_uid = ? AND kind <> 'partial' LIMIT 1`;
    return this.#database.get(sql, senderId, studyUid) !== undefined;
  }

  /** Whether a release of a study has this name. */
  hasTarget(senderId: string, studyUid: string, target: string): boolean {
    const sql = 'SELECT 1 FROM releases WHERE sender_id = ? AND study_uid = ? AND target = ? LIMIT 1';
    return this.#database.get(sql, senderId, studyUid, target) !== undefined;
  }

  /** Releases of a study behind another one, but for those of a part. */
  ofStudyAfter(senderId: string, studyUid: string, after: number): ReleaseRecord[] {
    const sql = `SELECT * FROM releases WHERE sender_id = ? AND study_uid = ? AND id > ? AND kind <> 'partial' ORDER BY id`;
    return this.#database.all(sql, senderId, studyUid, after).map(releaseRecord);
  }

  ofStudy(senderId: string, studyUid: string): ReleaseRecord[] {
    return this.#database
      .all('SELECT * FROM releases WHERE sender_id = ? AND study_uid = ? ORDER BY id', senderId, studyUid)
      .map(releaseRecord);
  }
}

function releaseRecord(row: Row): ReleaseRecord {
  const kind = (['study', 'supplement', 'partial'] as const).find((candidate) => candidate === row['kind']);
  const step = (['intent', 'staged', 'done'] as const).find((candidate) => candidate === row['step']);
  assert(kind !== undefined && step !== undefined, 'a release has a known kind and step');
  return {
    id: number(row, 'id'),
    senderId: text(row, 'sender_id'),
    studyUid: text(row, 'study_uid'),
    revision: number(row, 'revision'),
    kind,
    target: text(row, 'target'),
    instances: number(row, 'instances'),
    expected: number(row, 'expected'),
    step,
    objectIds: JSON.parse(text(row, 'object_ids')),
    conflictIds: JSON.parse(text(row, 'conflict_ids')),
  };
}
