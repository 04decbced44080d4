/**
 * Instances that were taken in: what each is and how it came. A row is written before the scanner is told "success",
 * and nothing goes but by retention. Part of the sender's ledger.
 */
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import type { AeTitles } from '../../shared/wire/manifest.ts';
import type { RetainedStudies } from './retained-studies.ts';
import type { SpooledObject } from './spooled-objects.ts';

export interface InstanceRow extends Omit<SpooledObject, 'intake' | 'passes' | 'type'> {
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  /** Left out for what came as a file. */
  readonly aeTitles?: AeTitles | undefined;
  readonly takenAtMs: number;
  readonly quietSeconds: number;
  /** Of its file: see shared/crypto/piece-tags.ts. */
  readonly pieceTags: Uint8Array;
}

export class InstanceRecords {
  readonly #database: LedgerDatabase;
  readonly #retained: RetainedStudies;

  constructor(database: LedgerDatabase, retained: RetainedStudies) {
    this.#database = database;
    this.#retained = retained;
  }

  /**
   * Enters an instance whose file is durable, and opens its study (again, when it was closed). One that could not
   * be read any more, or that had expired, begins again.
   * @param takenRunningMs the sender's running time
   * @returns false when this very object is in the ledger already
   */
  enter(row: InstanceRow, takenRunningMs = 0): boolean {
    this.#database.run(
      'DELETE FROM objects WHERE sop_instance_uid = ? AND sha256 = ? AND unreadable = 1',
      row.sopInstanceUid,
      row.sha256,
    );
    this.#retained.forgetExpired(row.sopInstanceUid, row.sha256);
    const entered = this.#database.run(
      `INSERT INTO objects (object_id, type, key_id, sha256, bytes, symbol_bytes, maximum_source_symbols, priority,
         study_uid, series_uid, sop_instance_uid, calling_ae_title, called_ae_title, taken_at_ms, taken_running_ms,
         piece_tags)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (object_id) DO NOTHING`,
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
      row.pieceTags,
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
   * An instance that is kept came once more, over an association: that is how it came, where nothing is known of it.
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

  /** Whether an instance of these bytes is kept and can be read, in whatever layout. */
  hasContent(sha256: string, sopInstanceUid: string): boolean {
    return (
      this.#database.get(
        'SELECT 1 FROM objects WHERE sop_instance_uid = ? AND sha256 = ? AND unreadable = 0 LIMIT 1',
        sopInstanceUid,
        sha256,
      ) !== undefined
    );
  }

  /** The studies that have an instance of this UID: one, unless somebody used it twice. */
  studiesOf(sopInstanceUid: string): string[] {
    return this.#database
      .all('SELECT DISTINCT study_uid FROM objects WHERE sop_instance_uid = ?', sopInstanceUid)
      .map((row) => text(row, 'study_uid'));
  }

  /** Whether an instance of this UID is kept, in a file that can be read. */
  has(sopInstanceUid: string): boolean {
    const sql = 'SELECT 1 FROM objects WHERE sop_instance_uid = ? AND unreadable = 0 LIMIT 1';
    return this.#database.get(sql, sopInstanceUid) !== undefined;
  }

  /** Instances after one, in the order they were taken in: to compare with the spool's files. */
  after(
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

  count(): number {
    const row = this.#database.get(
      'SELECT count(*) AS count FROM objects WHERE type = ?',
      objectType.instance,
    );
    return number(row ?? {}, 'count');
  }
}
