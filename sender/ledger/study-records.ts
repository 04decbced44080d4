/** Studies: which are open, which number and revision each has, and what its manifest lists. Part of the sender's ledger. */
import { type LedgerDatabase, number, optionalText, type Row, text } from '../../shared/ledger-database.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { type CloseReason, type ManifestEntry, type Priority, priority } from '../../shared/wire/manifest.ts';
import type { Facts } from './facts.ts';
import type { RetainedStudies } from './retained-studies.ts';
import type { SpooledObject } from './spooled-objects.ts';

/** Part of the sender's schema. */
export const studiesSchema = `
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
   );`;

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
const pageRows = 500;

export class StudyRecords {
  readonly #database: LedgerDatabase;
  readonly #facts: Facts;
  readonly #retained: RetainedStudies;

  constructor(database: LedgerDatabase, facts: Facts, retained: RetainedStudies) {
    this.#database = database;
    this.#facts = facts;
    this.#retained = retained;
  }

  open(): StudyRow[] {
    return this.#database.all('SELECT * FROM studies WHERE open = 1').map(studyRow);
  }

  get(studyUid: string): StudyRow | undefined {
    const row = this.#database.get('SELECT * FROM studies WHERE study_uid = ?', studyUid);
    return row === undefined ? undefined : studyRow(row);
  }

  /**
   * The instances of a study in the order they were taken in, expired ones too: the manifest's list. It is read in
   * pages, so that memory does not depend on how many there are.
   */
  *manifestEntries(studyUid: string): Generator<ManifestEntry> {
    let after = 0;
    for (;;) {
      const page = this.#manifestPage(studyUid, after);
      for (const row of page) yield manifestEntry(row);
      const last = page.at(-1);
      if (last === undefined || page.length < pageRows) return;
      after = number(last, 'intake');
    }
  }

  /** The number the next study to be closed for the first time gets: dense, from 1. */
  nextNumber(): number {
    return this.highestNumber() + 1;
  }

  /** Also when that study has long expired: a number is never given twice. */
  highestNumber(): number {
    return Number(this.#facts.get('highestStudyNumber') ?? '0');
  }

  /** The lowest number of a study that is kept, or the next one to come when none is. */
  lowestNumber(): number {
    return this.#retained.lowestKeptNumber() ?? this.nextNumber();
  }

  /** Enters the manifest of a revision and marks the study closed: one transaction. */
  close(closing: {
    studyUid: string;
    studyNumber: number;
    revision: number;
    closedBecause: CloseReason;
    closedAtMs: number;
    /** Running time of the sender: retention counts from here. */
    closedRunningMs: number;
    instances: number;
    manifest: Omit<SpooledObject, 'intake' | 'passes' | 'type'> & { readonly document: Uint8Array };
  }): void {
    const { manifest } = closing;
    this.#database.transaction(() => {
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
      if (closing.studyNumber > this.highestNumber())
        this.#facts.set('highestStudyNumber', String(closing.studyNumber));
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
        manifest.document,
      );
    });
  }

  summaries(limit: number): StudySummary[] {
    return this.#database
      .all(
        `SELECT shown.*, count(objects.intake) AS kept, coalesce(sum(objects.bytes), 0) AS bytes,
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
        instances: Math.max(number(row, 'instances'), number(row, 'kept')),
        bytes: number(row, 'bytes'),
        passes: number(row, 'passes'),
        unreadable: number(row, 'unreadable'),
      }));
  }

  #manifestPage(studyUid: string, after: number): Row[] {
    return this.#database.all(
      `SELECT ${listed} FROM objects WHERE study_uid = ? AND type = ? AND intake > ?
       UNION ALL SELECT ${listed} FROM expired_instances WHERE study_uid = ? AND intake > ? ORDER BY intake LIMIT ?`,
      studyUid,
      objectType.instance,
      after,
      studyUid,
      after,
      pageRows,
    );
  }
}

function manifestEntry(row: Row): ManifestEntry {
  return {
    sopInstanceUid: text(row, 'sop_instance_uid'),
    seriesUid: text(row, 'series_uid'),
    objectId: text(row, 'object_id'),
    bytes: number(row, 'bytes'),
    sha256: text(row, 'sha256'),
    ...aeTitlesOf(row),
  };
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
