/**
 * The sender's ledger: what was taken in, what study it belongs to, and how often it was sent.
 *
 * `SenderLedger` is the only place with SQL on this side. A row is written before the scanner is told
 * "success", and nothing is ever deleted here but by retention.
 */
import { present } from '../../shared/assert.ts';
import {
  LedgerDatabase,
  type Migration,
  number,
  optionalBytes,
  optionalText,
  type Row,
  text,
} from '../../shared/ledger-database.ts';
import { Mailbox, mailboxSchema } from '../../shared/mailbox.ts';
import { SavedTime, savedTimeSchema } from '../../shared/running-time.ts';
import { type ObjectType, objectType } from '../../shared/wire/datagram.ts';
import {
  type AeTitles,
  type CloseReason,
  type ManifestEntry,
  type Priority,
  priority,
} from '../../shared/wire/manifest.ts';
import { ObjectPlans } from './object-plans.ts';
import { Resends, resendsSchema } from './resends.ts';
import { RetainedStudies, retainedStudiesSchema } from './retained-studies.ts';
import { SpoolTotals, spoolTotalsSchema } from './spool-totals.ts';

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
     manifest_id TEXT,
     instances INTEGER NOT NULL DEFAULT 0,
     closed_running_ms INTEGER,
     expired_running_ms INTEGER
   );
   CREATE TABLE objects (
     intake INTEGER PRIMARY KEY AUTOINCREMENT,
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
     calling_ae_title TEXT,
     called_ae_title TEXT,
     taken_at_ms INTEGER NOT NULL,
     taken_running_ms INTEGER NOT NULL DEFAULT 0,
     unreadable INTEGER NOT NULL DEFAULT 0,
     document BLOB
   );
   CREATE INDEX objects_by_passes ON objects (passes, priority DESC, type DESC, intake);
   CREATE INDEX objects_by_age ON objects (passes, type DESC, intake DESC);
   CREATE INDEX objects_by_content ON objects (sop_instance_uid, sha256);
   CREATE INDEX objects_by_study ON objects (study_uid, type, intake);
   CREATE TABLE counters (code TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
   ${spoolTotalsSchema}
   ${retainedStudiesSchema}
   ${resendsSchema}
   ${mailboxSchema}
   ${savedTimeSchema}`,
];

/** An object in the spool: an instance (its file is there) or a manifest (its bytes are in the row). */
export interface SpooledObject {
  /** Its place in the order of intake. */
  readonly intake: number;
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

export interface InstanceRow extends Omit<SpooledObject, 'intake' | 'passes' | 'document' | 'type'> {
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  /** Left out for what came as a file. */
  readonly aeTitles?: AeTitles | undefined;
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
  /** Its files are gone on purpose; what it was is still known. */
  readonly expired: boolean;
  /** Instances whose files are gone or damaged. */
  readonly unreadable: number;
}

/** What a manifest lists of an instance. */
const listed =
  'intake, sop_instance_uid, series_uid, object_id, bytes, sha256, calling_ae_title, called_ae_title';

export class SenderLedger {
  readonly mailbox: Mailbox;
  readonly savedTime: SavedTime;
  readonly plans: ObjectPlans;
  readonly totals: SpoolTotals;
  readonly retained: RetainedStudies;
  readonly resends: Resends;
  readonly #database: LedgerDatabase;

  /** @param beforeCommit runs before anything becomes durable; a simulation cuts the power there */
  constructor(path: string, beforeCommit?: () => void) {
    this.#database = new LedgerDatabase(path, migrations, beforeCommit);
    this.mailbox = new Mailbox(this.#database);
    this.savedTime = new SavedTime(this.#database);
    this.plans = new ObjectPlans(this.#database);
    this.totals = new SpoolTotals(this.#database);
    this.retained = new RetainedStudies(this.#database);
    this.resends = new Resends(this.#database);
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
   * Enters an instance whose file is durable, and opens its study (again, when it was closed). One that could not
   * be read any more, or that had expired, begins anew.
   * @param takenRunningMs the sender's running time
   * @returns false when this very object is in the ledger already
   */
  enterInstance(row: InstanceRow, takenRunningMs = 0): boolean {
    this.#database.run(
      'DELETE FROM objects WHERE sop_instance_uid = ? AND sha256 = ? AND unreadable = 1',
      row.sopInstanceUid,
      row.sha256,
    );
    this.retained.forgetExpired(row.sopInstanceUid, row.sha256);
    const entered = this.#database.run(
      `INSERT INTO objects (object_id, type, key_id, sha256, bytes, symbol_bytes, maximum_source_symbols, priority,
         study_uid, series_uid, sop_instance_uid, calling_ae_title, called_ae_title, taken_at_ms, taken_running_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (object_id) DO NOTHING`,
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
      row.aeTitles?.calling ?? null,
      row.aeTitles?.called ?? null,
      row.takenAtMs,
      takenRunningMs,
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

  /**
   * An instance that is held came once more, over an association: that is how it came, where nothing is known of it.
   * So it is when a stop fell between its file and its row, and the scanner sent it again.
   */
  learnAeTitles({ sha256, sopInstanceUid, aeTitles }: InstanceRow): void {
    if (aeTitles === undefined) return;
    this.#database.run(
      `UPDATE objects SET calling_ae_title = ?, called_ae_title = ?
       WHERE sop_instance_uid = ? AND sha256 = ? AND calling_ae_title IS NULL`,
      aeTitles.calling,
      aeTitles.called,
      sopInstanceUid,
      sha256,
    );
  }

  hasObject(objectId: string): boolean {
    return this.#database.get('SELECT 1 FROM objects WHERE object_id = ?', objectId) !== undefined;
  }

  /** Size of an object that is held; undefined when it is not. */
  objectBytes(objectId: string): number | undefined {
    const row = this.#database.get('SELECT bytes FROM objects WHERE object_id = ?', objectId);
    return row === undefined ? undefined : number(row, 'bytes');
  }

  /** Whether an instance of these bytes is held and can be read, in whatever layout. */
  hasContent(sha256: string, sopInstanceUid: string): boolean {
    return (
      this.#database.get(
        'SELECT 1 FROM objects WHERE sop_instance_uid = ? AND sha256 = ? AND unreadable = 0 LIMIT 1',
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

  /** Whether an instance of this UID is held, in a file that can be read. */
  holdsInstance(sopInstanceUid: string): boolean {
    const sql = 'SELECT 1 FROM objects WHERE sop_instance_uid = ? AND unreadable = 0 LIMIT 1';
    return this.#database.get(sql, sopInstanceUid) !== undefined;
  }

  openStudies(): StudyRow[] {
    return this.#database.all('SELECT * FROM studies WHERE open = 1').map(studyRow);
  }

  study(studyUid: string): StudyRow | undefined {
    const row = this.#database.get('SELECT * FROM studies WHERE study_uid = ?', studyUid);
    return row === undefined ? undefined : studyRow(row);
  }

  /** The instances of a study in the order they were taken in, expired ones too: the manifest's list. */
  manifestEntries(studyUid: string): ManifestEntry[] {
    return this.#database
      .all(
        `SELECT ${listed} FROM objects WHERE study_uid = ? AND type = ?
         UNION ALL SELECT ${listed} FROM expired_instances WHERE study_uid = ? ORDER BY intake`,
        studyUid,
        objectType.instance,
        studyUid,
      )
      .map((row) => ({
        sopInstanceUid: text(row, 'sop_instance_uid'),
        seriesUid: text(row, 'series_uid'),
        objectId: text(row, 'object_id'),
        bytes: number(row, 'bytes'),
        sha256: text(row, 'sha256'),
        ...aeTitlesOf(row),
      }));
  }

  /** The number the next study to be closed for the first time gets: dense, from 1. */
  nextStudyNumber(): number {
    return this.highestStudyNumber() + 1;
  }

  /** Also when that study has long expired: a number is never given twice. */
  highestStudyNumber(): number {
    return Number(this.fact('highestStudyNumber') ?? '0');
  }

  /** The lowest number of a study that is held, or the next one to come when none is. */
  lowestStudyNumber(): number {
    return this.retained.lowestHeldNumber() ?? this.nextStudyNumber();
  }

  /** Enters the manifest of a revision and marks the study closed: one transaction. */
  closeStudy(closing: {
    studyUid: string;
    studyNumber: number;
    revision: number;
    closedBecause: CloseReason;
    closedAtMs: number;
    /** Running time of the sender: retention counts from here. */
    closedRunningMs: number;
    instances: number;
    manifest: Omit<SpooledObject, 'intake' | 'passes' | 'type'>;
  }): void {
    const { manifest } = closing;
    this.transaction(() => {
      this.#database.run(
        `UPDATE studies SET open = 0, study_number = ?, revision = ?, closed_because = ?, closed_at_ms = ?, manifest_id = ?,
           instances = ?, closed_running_ms = ?, expired_running_ms = NULL WHERE study_uid = ?`,
        closing.studyNumber,
        closing.revision,
        closing.closedBecause,
        closing.closedAtMs,
        manifest.objectId,
        closing.instances,
        closing.closedRunningMs,
        closing.studyUid,
      );
      if (closing.studyNumber > this.highestStudyNumber())
        this.setFact('highestStudyNumber', String(closing.studyNumber));
      // Only the newest manifest of a study is sent: it lists all that the older ones list.
      this.#database.run(
        'DELETE FROM objects WHERE study_uid = ? AND type = ?',
        closing.studyUid,
        objectType.manifest,
      );
      this.#database.run(
        `INSERT INTO objects (object_id, type, key_id, sha256, bytes, symbol_bytes, maximum_source_symbols, priority,
           study_uid, taken_at_ms, taken_running_ms, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
        closing.closedRunningMs,
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
        'SELECT * FROM objects WHERE passes = ? AND unreadable = 0 ORDER BY priority DESC, type DESC, intake LIMIT ?',
        passes,
        limit,
      )
      .map(spooledObject);
  }

  /**
   * Objects past their planned passes: fewest passes first, among equals manifests, which are small and of which a
   * whole study may wait, then the newest first.
   * @param after the last one of the page before; undefined for the first page
   */
  carouselObjects(passesMin: number, limit: number, after?: SpooledObject): SpooledObject[] {
    if (after === undefined) return this.#repeatable('passes >= ?', [passesMin], limit);
    const { passes, type, intake } = after;
    // One question for each column of the order: each is answered from where it begins in the index.
    const rows = this.#repeatable('passes = ? AND type = ? AND intake < ?', [passes, type, intake], limit);
    if (rows.length < limit)
      rows.push(...this.#repeatable('passes = ? AND type < ?', [passes, type], limit - rows.length));
    if (rows.length < limit) rows.push(...this.#repeatable('passes > ?', [passes], limit - rows.length));
    return rows;
  }

  #repeatable(where: string, values: readonly number[], limit: number): SpooledObject[] {
    const sql = `SELECT * FROM objects WHERE ${where} AND unreadable = 0 ORDER BY passes, type DESC, intake DESC LIMIT ?`;
    return this.#database.all(sql, ...values, limit).map(spooledObject);
  }

  /** Objects that a ticket asked for, in the order they were asked for. */
  resendObjects(limit: number): SpooledObject[] {
    return this.#database
      .all(
        'SELECT objects.* FROM resends JOIN objects ON objects.object_id = resends.object_id WHERE unreadable = 0 ORDER BY position LIMIT ?',
        limit,
      )
      .map(spooledObject);
  }

  /** Counts one whole pass of each object; for some of them it was what a ticket asked for. */
  countPasses(objectIds: readonly string[], resent: readonly string[] = []): void {
    this.transaction(() => {
      this.resends.done(resent);
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

  /** Instances after one, in the order they were taken in: to compare with the spool's files. */
  instancesAfter(
    intake: number,
    limit: number,
  ): { intake: number; objectId: string; bytes: number; sha256: string }[] {
    return this.#database
      .all(
        'SELECT intake, object_id, bytes, sha256 FROM objects WHERE intake > ? AND type = ? AND unreadable = 0 ORDER BY intake LIMIT ?',
        intake,
        objectType.instance,
        limit,
      )
      .map((row) => ({
        intake: number(row, 'intake'),
        objectId: text(row, 'object_id'),
        bytes: number(row, 'bytes'),
        sha256: text(row, 'sha256'),
      }));
  }

  instanceCount(): number {
    const row = this.#database.get(
      'SELECT count(*) AS count FROM objects WHERE type = ?',
      objectType.instance,
    );
    return number(row ?? {}, 'count');
  }

  /** Its file is gone or is not what it was: it is not sent until the same content is taken in again. */
  markUnreadable(objectId: string): boolean {
    return this.#database.run('UPDATE objects SET unreadable = 1 WHERE object_id = ?', objectId) > 0;
  }

  studySummaries(limit: number): StudySummary[] {
    return this.#database
      .all(
        `SELECT shown.*, count(objects.intake) AS held, coalesce(sum(objects.bytes), 0) AS bytes,
           coalesce(min(objects.passes), 0) AS passes, coalesce(sum(objects.unreadable), 0) AS unreadable
         FROM (SELECT * FROM studies ORDER BY study_number IS NOT NULL, study_number DESC LIMIT ?) AS shown
           LEFT JOIN objects ON objects.study_uid = shown.study_uid AND objects.type = ?
         GROUP BY shown.study_uid ORDER BY shown.study_number IS NOT NULL, shown.study_number DESC`,
        limit,
        objectType.instance,
      )
      .map((row) => ({
        ...studyRow(row),
        expired: row['expired_running_ms'] !== null,
        instances: Math.max(number(row, 'instances'), number(row, 'held')),
        bytes: number(row, 'bytes'),
        passes: number(row, 'passes'),
        unreadable: number(row, 'unreadable'),
      }));
  }
}

function aeTitlesOf(row: Row): Pick<ManifestEntry, 'aeTitles'> {
  const [calling, called] = [optionalText(row, 'calling_ae_title'), optionalText(row, 'called_ae_title')];
  return calling === undefined || called === undefined ? {} : { aeTitles: { calling, called } };
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
    intake: number(row, 'intake'),
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
