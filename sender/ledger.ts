/**
 * The sender's ledger: what was taken in, what study it belongs to, and how often it was sent.
 *
 * `SenderLedger` is the only place with SQL on this side. A row is written before the scanner is told
 * "success", and nothing is ever deleted here but by retention.
 */
import { present } from '../shared/assert.ts';
import {
  LedgerDatabase,
  type Migration,
  number,
  optionalBytes,
  type Row,
  text,
} from '../shared/ledger-database.ts';
import { Mailbox, mailboxSchema } from '../shared/mailbox.ts';
import { type ObjectType, objectType } from '../shared/wire/datagram.ts';
import { type CloseReason, type ManifestEntry, type Priority, priority } from '../shared/wire/manifest.ts';
import { ObjectPlans } from './object-plans.ts';

const migrations: readonly Migration[] = [
  `CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE studies (
     study_uid TEXT PRIMARY KEY,
     study_number INTEGER UNIQUE,
     revision INTEGER NOT NULL DEFAULT 0,
     open INTEGER NOT NULL DEFAULT 1,
     priority INTEGER NOT NULL,
     quiet_seconds INTEGER NOT NULL,
     closed_because INTEGER,
     closed_at_ms INTEGER,
     manifest_id TEXT
   );
   CREATE TABLE objects (
     intake INTEGER PRIMARY KEY,
     object_id TEXT NOT NULL UNIQUE,
     type INTEGER NOT NULL,
     key_id INTEGER NOT NULL,
     sha256 TEXT NOT NULL,
     bytes INTEGER NOT NULL,
     symbol_bytes INTEGER NOT NULL,
     maximum_source_symbols INTEGER NOT NULL,
     priority INTEGER NOT NULL,
     passes INTEGER NOT NULL DEFAULT 0,
     study_uid TEXT NOT NULL,
     series_uid TEXT,
     sop_instance_uid TEXT,
     taken_at_ms INTEGER NOT NULL,
     document BLOB
   );
   CREATE INDEX objects_by_passes ON objects (passes, priority DESC, type DESC, intake);
   CREATE INDEX objects_by_age ON objects (passes, intake DESC);
   CREATE INDEX objects_by_content ON objects (sop_instance_uid, sha256);
   CREATE INDEX objects_by_study ON objects (study_uid, type, intake);
   CREATE TABLE counters (code TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
   ${mailboxSchema}`,
];

/** An object in the spool: an instance (its file is there) or a manifest (its bytes are in the row). */
export interface SpooledObject {
  readonly objectId: string;
  readonly type: ObjectType;
  readonly keyId: number;
  readonly sha256: string;
  readonly bytes: number;
  readonly symbolBytes: number;
  readonly maximumSourceSymbols: number;
  readonly priority: Priority;
  readonly passes: number;
  readonly studyUid: string;
  readonly document: Uint8Array | undefined;
}

export interface InstanceRow extends Omit<SpooledObject, 'passes' | 'document' | 'type'> {
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  readonly takenAtMs: number;
  readonly quietSeconds: number;
}

export interface StudyRow {
  readonly studyUid: string;
  readonly studyNumber: number | undefined;
  readonly revision: number;
  readonly open: boolean;
  readonly priority: Priority;
  readonly quietSeconds: number;
}

export interface StudySummary extends StudyRow {
  readonly instances: number;
  readonly bytes: number;
  /** The fewest passes any of its objects has had. */
  readonly passes: number;
}

export interface QueueSummary {
  readonly objects: number;
  readonly bytes: number;
  readonly oldestTakenAtMs: number | undefined;
}

export class SenderLedger {
  readonly mailbox: Mailbox;
  readonly plans: ObjectPlans;
  readonly #database: LedgerDatabase;

  /** @param beforeCommit runs before anything becomes durable; a simulation cuts the power there */
  constructor(path: string, beforeCommit?: () => void) {
    this.#database = new LedgerDatabase(path, migrations, beforeCommit);
    this.mailbox = new Mailbox(this.#database);
    this.plans = new ObjectPlans(this.#database);
  }

  transaction<T>(act: () => T): T {
    return this.#database.transaction(act);
  }

  close(): void {
    this.#database.close();
  }

  /** Writes a whole, consistent copy to a new file: a backup. */
  copyTo(path: string): void {
    this.#database.copyTo(path);
  }

  /** A fact about this sender that is set once, by the first caller. */
  factOnce(name: string, create: () => string): string {
    return this.transaction(() => {
      const found = this.fact(name);
      if (found !== undefined) return found;
      const value = create();
      this.setFact(name, value);
      return value;
    });
  }

  fact(name: string): string | undefined {
    const row = this.#database.get('SELECT value FROM facts WHERE name = ?', name);
    return row === undefined ? undefined : text(row, 'value');
  }

  setFact(name: string, value: string): void {
    this.#database.run(
      'INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      name,
      value,
    );
  }

  /**
   * Enters an instance whose file is durable, and opens its study (again, when it was closed).
   * @returns false when this very object is in the ledger already
   */
  enterInstance(row: InstanceRow): boolean {
    const entered = this.#database.run(
      `INSERT INTO objects (object_id, type, key_id, sha256, bytes, symbol_bytes, maximum_source_symbols, priority,
         study_uid, series_uid, sop_instance_uid, taken_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (object_id) DO NOTHING`,
      row.objectId,
      objectType.instance,
      row.keyId,
      row.sha256,
      row.bytes,
      row.symbolBytes,
      row.maximumSourceSymbols,
      row.priority,
      row.studyUid,
      row.seriesUid,
      row.sopInstanceUid,
      row.takenAtMs,
    );
    if (entered === 0) return false;
    this.#database.run(
      `INSERT INTO studies (study_uid, priority, quiet_seconds) VALUES (?, ?, ?)
       ON CONFLICT (study_uid) DO UPDATE SET open = 1, priority = max(priority, excluded.priority),
         quiet_seconds = min(quiet_seconds, excluded.quiet_seconds)`,
      row.studyUid,
      row.priority,
      row.quietSeconds,
    );
    return true;
  }

  hasObject(objectId: string): boolean {
    return this.#database.get('SELECT 1 FROM objects WHERE object_id = ?', objectId) !== undefined;
  }

  /** Whether an instance of these bytes is held, in whatever layout. */
  hasContent(sha256: string, sopInstanceUid: string): boolean {
    return (
      this.#database.get(
        'SELECT 1 FROM objects WHERE sop_instance_uid = ? AND sha256 = ? LIMIT 1',
        sopInstanceUid,
        sha256,
      ) !== undefined
    );
  }

  /** The studies that hold an instance of this UID: one, unless somebody used it twice. */
  studiesOfInstance(sopInstanceUid: string): string[] {
    return this.#database
      .all('SELECT DISTINCT study_uid FROM objects WHERE sop_instance_uid = ?', sopInstanceUid)
      .map((row) => text(row, 'study_uid'));
  }

  openStudies(): StudyRow[] {
    return this.#database.all('SELECT * FROM studies WHERE open = 1').map(studyRow);
  }

  study(studyUid: string): StudyRow | undefined {
    const row = this.#database.get('SELECT * FROM studies WHERE study_uid = ?', studyUid);
    return row === undefined ? undefined : studyRow(row);
  }

  /** The instances of a study in the order they were taken in: the manifest's list. */
  manifestEntries(studyUid: string): ManifestEntry[] {
    return this.#database
      .all(
        'SELECT * FROM objects WHERE study_uid = ? AND type = ? ORDER BY intake',
        studyUid,
        objectType.instance,
      )
      .map((row) => ({
        sopInstanceUid: text(row, 'sop_instance_uid'),
        seriesUid: text(row, 'series_uid'),
        objectId: text(row, 'object_id'),
        bytes: number(row, 'bytes'),
        sha256: text(row, 'sha256'),
      }));
  }

  /** The number the next study to be closed for the first time gets: dense, from 1. */
  nextStudyNumber(): number {
    return this.highestStudyNumber() + 1;
  }

  highestStudyNumber(): number {
    return number(
      this.#database.get('SELECT coalesce(max(study_number), 0) AS highest FROM studies') ?? {},
      'highest',
    );
  }

  lowestStudyNumber(): number {
    return number(
      this.#database.get('SELECT coalesce(min(study_number), 0) AS lowest FROM studies') ?? {},
      'lowest',
    );
  }

  /** Enters the manifest of a revision and marks the study closed: one transaction. */
  closeStudy(closing: {
    studyUid: string;
    studyNumber: number;
    revision: number;
    closedBecause: CloseReason;
    closedAtMs: number;
    manifest: Omit<SpooledObject, 'passes' | 'type'>;
  }): void {
    const { manifest } = closing;
    this.transaction(() => {
      this.#database.run(
        `UPDATE studies SET open = 0, study_number = ?, revision = ?, closed_because = ?, closed_at_ms = ?, manifest_id = ?
         WHERE study_uid = ?`,
        closing.studyNumber,
        closing.revision,
        closing.closedBecause,
        closing.closedAtMs,
        manifest.objectId,
        closing.studyUid,
      );
      // Only the newest manifest of a study is sent: it lists all that the older ones list.
      this.#database.run(
        'DELETE FROM objects WHERE study_uid = ? AND type = ?',
        closing.studyUid,
        objectType.manifest,
      );
      this.#database.run(
        `INSERT INTO objects (object_id, type, key_id, sha256, bytes, symbol_bytes, maximum_source_symbols, priority,
           study_uid, taken_at_ms, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        manifest.objectId,
        objectType.manifest,
        manifest.keyId,
        manifest.sha256,
        manifest.bytes,
        manifest.symbolBytes,
        manifest.maximumSourceSymbols,
        manifest.priority,
        closing.studyUid,
        closing.closedAtMs,
        present(manifest.document, 'a manifest is in its row'),
      );
    });
  }

  /**
   * Objects that have had exactly `passes` passes, the urgent ones first: STAT before routine, manifests
   * before instances, then in the order they were taken in.
   */
  objectsWithPasses(passes: number, limit: number): SpooledObject[] {
    return this.#database
      .all(
        'SELECT * FROM objects WHERE passes = ? ORDER BY priority DESC, type DESC, intake LIMIT ?',
        passes,
        limit,
      )
      .map(spooledObject);
  }

  /** Objects past their planned passes: fewest passes first, among equals the newest first. */
  carouselObjects(passesMin: number, limit: number): SpooledObject[] {
    return this.#database
      .all('SELECT * FROM objects WHERE passes >= ? ORDER BY passes, intake DESC LIMIT ?', passesMin, limit)
      .map(spooledObject);
  }

  /** Counts one whole pass of each object. */
  countPasses(objectIds: readonly string[]): void {
    this.transaction(() => {
      for (const id of objectIds)
        this.#database.run('UPDATE objects SET passes = passes + 1 WHERE object_id = ?', id);
    });
  }

  count(code: string, by = 1): void {
    this.#database.run(
      'INSERT INTO counters VALUES (?, ?) ON CONFLICT (code) DO UPDATE SET count = count + excluded.count',
      code,
      by,
    );
  }

  counters(): { code: string; count: number }[] {
    return this.#database
      .all('SELECT code, count FROM counters ORDER BY count DESC, code')
      .map((row) => ({ code: text(row, 'code'), count: number(row, 'count') }));
  }

  /** What has not had its planned passes yet. */
  queue(passesPlanned: number): QueueSummary {
    const row = this.#database.get(
      'SELECT count(*) AS objects, coalesce(sum(bytes), 0) AS bytes, min(taken_at_ms) AS oldest FROM objects WHERE passes < ?',
      passesPlanned,
    );
    const found = present(row, 'an aggregate has a row');
    return {
      objects: number(found, 'objects'),
      bytes: number(found, 'bytes'),
      oldestTakenAtMs: found['oldest'] === null ? undefined : number(found, 'oldest'),
    };
  }

  spooledBytes(): number {
    return number(this.#database.get('SELECT coalesce(sum(bytes), 0) AS bytes FROM objects') ?? {}, 'bytes');
  }

  studySummaries(limit: number): StudySummary[] {
    return this.#database
      .all(
        `SELECT studies.*, count(objects.intake) AS instances, coalesce(sum(objects.bytes), 0) AS bytes,
           coalesce(min(objects.passes), 0) AS passes
         FROM studies LEFT JOIN objects ON objects.study_uid = studies.study_uid AND objects.type = ?
         GROUP BY studies.study_uid ORDER BY studies.study_number IS NOT NULL, studies.study_number DESC LIMIT ?`,
        objectType.instance,
        limit,
      )
      .map((row) => ({
        ...studyRow(row),
        instances: number(row, 'instances'),
        bytes: number(row, 'bytes'),
        passes: number(row, 'passes'),
      }));
  }

  /** Studies that have a number. */
  retainedStudies(): number {
    return number(this.#database.get('SELECT count(study_number) AS studies FROM studies') ?? {}, 'studies');
  }

  /** The retained studies after a number, for one page of the roll. */
  rollEntries(afterNumber: number, limit: number) {
    return this.#database
      .all(
        `SELECT study_number, revision, manifest_id, study_uid,
           (SELECT count(*) FROM objects WHERE objects.study_uid = studies.study_uid AND type = ?) AS instances
         FROM studies WHERE study_number > ? ORDER BY study_number LIMIT ?`,
        objectType.instance,
        afterNumber,
        limit,
      )
      .map((row) => ({
        studyNumber: number(row, 'study_number'),
        revision: number(row, 'revision'),
        instances: number(row, 'instances'),
        manifestId: text(row, 'manifest_id'),
        studyUid: text(row, 'study_uid'),
      }));
  }
}

function studyRow(row: Row): StudyRow {
  return {
    studyUid: text(row, 'study_uid'),
    studyNumber: row['study_number'] === null ? undefined : number(row, 'study_number'),
    revision: number(row, 'revision'),
    open: number(row, 'open') === 1,
    priority: number(row, 'priority') === priority.stat ? priority.stat : priority.routine,
    quietSeconds: number(row, 'quiet_seconds'),
  };
}

function spooledObject(row: Row): SpooledObject {
  return {
    objectId: text(row, 'object_id'),
    type: number(row, 'type') === objectType.manifest ? objectType.manifest : objectType.instance,
    keyId: number(row, 'key_id'),
    sha256: text(row, 'sha256'),
    bytes: number(row, 'bytes'),
    symbolBytes: number(row, 'symbol_bytes'),
    maximumSourceSymbols: number(row, 'maximum_source_symbols'),
    priority: number(row, 'priority') === priority.stat ? priority.stat : priority.routine,
    passes: number(row, 'passes'),
    studyUid: text(row, 'study_uid'),
    document: optionalBytes(row, 'document'),
  };
}
