/**
 * Objects in the spool, instances and manifests alike: which are kept, how often each was sent, and in which order
 * they go out. Part of the sender's ledger.
 */
import { pieceBytes } from '../../shared/crypto/piece-tags.ts';
import { type LedgerDatabase, number, optionalBytes, type Row, text } from '../../shared/ledger-database.ts';
import { type ObjectType, objectType } from '../../shared/wire/datagram.ts';
import { type Priority, priority } from '../../shared/wire/manifest.ts';
import type { Resends } from './resends.ts';

/** Part of the sender's schema. */
export const objectsSchema = `
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
     piece_tags BLOB, -- of ${pieceBytes} bytes each
     document BLOB
   );
   CREATE INDEX objects_by_passes ON objects (passes, priority DESC, type DESC, intake);
   CREATE INDEX objects_by_age ON objects (passes, type DESC, intake DESC);
   CREATE INDEX objects_by_content ON objects (sop_instance_uid, sha256);
   CREATE INDEX objects_by_study ON objects (study_uid, type, intake);`;

/** An object in the spool: an instance, whose file is there, or a manifest, whose document is in the ledger. */
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
}

/** What an order is made of. Neither documents nor tags of pieces are among it: a list of orders stays small. */
const ordered =
  'intake, objects.object_id, type, key_id, sha256, bytes, symbol_bytes, maximum_source_symbols, priority, passes, study_uid';

export class SpooledObjects {
  readonly #database: LedgerDatabase;
  readonly #resends: Resends;

  constructor(database: LedgerDatabase, resends: Resends) {
    this.#database = database;
    this.#resends = resends;
  }

  has(objectId: string): boolean {
    return this.#database.get('SELECT 1 FROM objects WHERE object_id = ?', objectId) !== undefined;
  }

  /** Size of an object that is kept; undefined when it is not. */
  bytesOf(objectId: string): number | undefined {
    const row = this.#database.get('SELECT bytes FROM objects WHERE object_id = ?', objectId);
    return row === undefined ? undefined : number(row, 'bytes');
  }

  /** The bytes of a manifest that is kept, to be read when it is sent; undefined when it is not kept. */
  documentOf(objectId: string): Uint8Array | undefined {
    const row = this.#database.get('SELECT document FROM objects WHERE object_id = ?', objectId);
    return row === undefined ? undefined : optionalBytes(row, 'document');
  }

  /** What the bytes of an instance's file are compared with when it is sent; undefined when it is not kept. */
  pieceTagsOf(objectId: string): Uint8Array | undefined {
    const row = this.#database.get('SELECT piece_tags FROM objects WHERE object_id = ?', objectId);
    return row === undefined ? undefined : optionalBytes(row, 'piece_tags');
  }

  /**
   * Its file is gone or is not what it was: it is not sent until the same content is taken in again.
   * @returns its study; undefined where that was known
   */
  markUnreadable(objectId: string): string | undefined {
    const sql = 'SELECT study_uid FROM objects WHERE object_id = ? AND unreadable = 0';
    const row = this.#database.get(sql, objectId);
    if (row === undefined) return undefined;
    this.#database.run('UPDATE objects SET unreadable = 1 WHERE object_id = ?', objectId);
    return text(row, 'study_uid');
  }

  /**
   * Objects that have had exactly `passes` passes, the urgent ones first: STAT before routine, manifests
   * before instances, then in the order they were taken in.
   */
  withPasses(passes: number, limit: number): SpooledObject[] {
    return this.#database
      .all(
        `SELECT ${ordered} FROM objects WHERE passes = ? AND unreadable = 0 ORDER BY priority DESC, type DESC, intake LIMIT ?`,
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
  forCarousel(passesMin: number, limit: number, after?: SpooledObject): SpooledObject[] {
    if (after === undefined) return this.#repeatable('passes >= ?', [passesMin], limit);
    const { passes, type, intake } = after;
    // One question for each column of the order: each is answered from where it begins in the index.
    const rows = this.#repeatable('passes = ? AND type = ? AND intake < ?', [passes, type, intake], limit);
    if (rows.length < limit)
      rows.push(...this.#repeatable('passes = ? AND type < ?', [passes, type], limit - rows.length));
    if (rows.length < limit) rows.push(...this.#repeatable('passes > ?', [passes], limit - rows.length));
    return rows;
  }

  /** Objects that a ticket asked for, in the order they were asked for. */
  forResend(limit: number): SpooledObject[] {
    return this.#database
      .all(
        `SELECT ${ordered} FROM resends JOIN objects ON objects.object_id = resends.object_id WHERE unreadable = 0 ORDER BY position LIMIT ?`,
        limit,
      )
      .map(spooledObject);
  }

  /** Counts one whole pass of each object; for some of them it was what a ticket asked for. */
  countPasses(objectIds: readonly string[], resent: readonly string[] = []): void {
    this.#database.transaction(() => {
      this.#resends.done(resent);
      for (const id of objectIds)
        this.#database.run('UPDATE objects SET passes = passes + 1 WHERE object_id = ?', id);
    });
  }

  #repeatable(where: string, values: readonly number[], limit: number): SpooledObject[] {
    const sql = `SELECT ${ordered} FROM objects WHERE ${where} AND unreadable = 0 ORDER BY passes, type DESC, intake DESC LIMIT ?`;
    return this.#database.all(sql, ...values, limit).map(spooledObject);
  }
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
  };
}
