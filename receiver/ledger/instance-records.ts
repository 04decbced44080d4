/** Instances that are here: what each is, whether it is held, in which revision it went out. Part of the receiver's ledger. */
import { type LedgerDatabase, number, optionalText, type Row, text } from '../../shared/ledger-database.ts';
import type { AeTitles } from '../../shared/wire/manifest.ts';

/** Part of the receiver's schema. */
export const instancesSchema = `
   CREATE TABLE instances (
     arrival INTEGER PRIMARY KEY,
     object_id TEXT NOT NULL UNIQUE,
     sender_id TEXT NOT NULL,
     study_uid TEXT NOT NULL,
     series_uid TEXT NOT NULL,
     sop_instance_uid TEXT NOT NULL,
     bytes INTEGER NOT NULL,
     sha256 TEXT NOT NULL,
     received_at_ms INTEGER NOT NULL,
     repaired_symbols INTEGER NOT NULL,
     sop_class_uid TEXT,
     modality TEXT,
     calling_ae_title TEXT,
     called_ae_title TEXT,
     held_because TEXT,
     released_revision INTEGER,
     file_state INTEGER NOT NULL DEFAULT 0,
     owns_uid INTEGER
   );
   CREATE INDEX instances_by_study ON instances (study_uid, sender_id);
   CREATE INDEX instances_waiting ON instances (sender_id, study_uid) WHERE released_revision IS NULL AND held_because IS NULL;
   CREATE INDEX instances_by_uid ON instances (sop_instance_uid, sha256);
   CREATE UNIQUE INDEX instances_owning ON instances (sop_instance_uid) WHERE owns_uid = 1;`;

/** It is out, or its release is under way: `owns_uid` is 1 for the first under its UID, and 0 for what a person let out beside it. */
export const goesOut = '(released_revision IS NOT NULL OR owns_uid IS NOT NULL)';

/** The very same is out from another sending, or about to be. */
const isSameOut = `EXISTS (SELECT 1 FROM instances AS same WHERE same.sop_instance_uid = instances.sop_instance_uid
  AND same.sha256 = instances.sha256 AND same.object_id <> instances.object_id
  AND (same.released_revision IS NOT NULL OR same.owns_uid IS NOT NULL))`;

export interface InstanceRecord {
  readonly objectId: string;
  readonly senderId: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Source symbols that repair symbols stood in for. */
  readonly repairedSymbols: number;
  /** Undefined where the file could not be read. */
  readonly sopClassUid: string | undefined;
  readonly modality: string | undefined;
  /** The code of why it is held, when it is. */
  readonly heldBecause: string | undefined;
  readonly releasedRevision: number | undefined;
  /** What the list says that released it; left out before, and where the instance came to the sender as a file. */
  readonly aeTitles?: AeTitles | undefined;
}

export class InstanceRecords {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** @returns false when the object is there already */
  enter(row: Omit<InstanceRecord, 'releasedRevision' | 'aeTitles'>, receivedAtMs: number): boolean {
    return (
      this.#database.run(
        `INSERT INTO instances (object_id, sender_id, study_uid, series_uid, sop_instance_uid, bytes, sha256, received_at_ms, repaired_symbols, sop_class_uid, modality, held_because)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (object_id) DO NOTHING`,
        row.objectId,
        row.senderId,
        row.studyUid,
        row.seriesUid,
        row.sopInstanceUid,
        row.bytes,
        row.sha256,
        receivedAtMs,
        row.repairedSymbols,
        row.sopClassUid ?? null,
        row.modality ?? null,
        row.heldBecause ?? null,
      ) > 0
    );
  }

  get(objectId: string): InstanceRecord | undefined {
    const row = this.#database.get('SELECT * FROM instances WHERE object_id = ?', objectId);
    return row === undefined ? undefined : instanceRecord(row);
  }

  /**
   * What a list of a sender names by an object id, also by another one of the same content; the row names the id its file
   * has. What another sender sent is none of its entries.
   */
  listed(senderId: string, objectId: string): InstanceRecord | undefined {
    const row = this.#database.get(
      `SELECT * FROM instances WHERE sender_id = ?1 AND object_id IN
         (?2, (SELECT known_as FROM object_aliases WHERE sender_id = ?1 AND object_id = ?2))
         ORDER BY object_id = ?2 DESC LIMIT 1`,
      senderId,
      objectId,
    );
    return row === undefined ? undefined : instanceRecord(row);
  }

  /** The same of many, by the object ids that they are asked for by. @param objectIds some hundred at a time */
  allListed(senderId: string, objectIds: readonly string[]): Map<string, InstanceRecord> {
    const rows = this.#database.all(
      `SELECT asked.value AS asked, instances.* FROM json_each(?2) AS asked JOIN instances
         ON object_id = coalesce((SELECT object_id FROM instances WHERE object_id = asked.value AND sender_id = ?1),
           (SELECT known_as FROM object_aliases WHERE sender_id = ?1 AND object_id = asked.value))
       WHERE sender_id = ?1`,
      senderId,
      JSON.stringify(objectIds),
    );
    return new Map(rows.map((row) => [text(row, 'asked'), instanceRecord(row)]));
  }

  /**
   * Whether each of these may go out still: the row of a lost file may be gone, and another list may have held it, but for
   * what goes out from another sending.
   */
  mayAllGo(objectIds: readonly string[]): boolean {
    const row = this.#database.get(
      `SELECT count(*) AS count FROM json_each(?) AS wanted JOIN instances ON object_id = wanted.value
       WHERE released_revision IS NULL AND (held_because IS NULL OR ${isSameOut})`,
      JSON.stringify(objectIds),
    );
    return row !== undefined && number(row, 'count') === objectIds.length;
  }

  ofStudy(senderId: string, studyUid: string): InstanceRecord[] {
    return this.#database
      .all(
        'SELECT * FROM instances WHERE sender_id = ? AND study_uid = ? ORDER BY arrival',
        senderId,
        studyUid,
      )
      .map(instanceRecord);
  }

  /** Whether something of a study was released. */
  isAnyReleased(senderId: string, studyUid: string): boolean {
    const sql =
      'SELECT 1 FROM instances WHERE sender_id = ? AND study_uid = ? AND released_revision IS NOT NULL LIMIT 1';
    return this.#database.get(sql, senderId, studyUid) !== undefined;
  }

  /** Whether something of a study is neither released nor held. */
  isAnyWaiting(senderId: string, studyUid: string): boolean {
    const sql = `SELECT 1 FROM instances WHERE sender_id = ? AND study_uid = ? AND released_revision IS NULL
       AND held_because IS NULL LIMIT 1`;
    return this.#database.get(sql, senderId, studyUid) !== undefined;
  }

  /** Whether something of a study is held for this reason. */
  isAnyHeld(senderId: string, studyUid: string, because: string): boolean {
    const sql = 'SELECT 1 FROM instances WHERE sender_id = ? AND study_uid = ? AND held_because = ? LIMIT 1';
    return this.#database.get(sql, senderId, studyUid, because) !== undefined;
  }

  /**
   * Instances, no two of one UID, are about to go out: the first of a SOP Instance UID, of all senders, has that UID from
   * then on.
   * @returns those whose UID another one has
   */
  takeUids(objectIds: readonly string[]): string[] {
    const ids = JSON.stringify(objectIds);
    this.#database.run(
      `UPDATE instances SET owns_uid = 1 WHERE object_id IN (SELECT value FROM json_each(?)) AND NOT EXISTS
         (SELECT 1 FROM instances AS owner WHERE owner.sop_instance_uid = instances.sop_instance_uid
           AND owner.owns_uid = 1 AND owner.object_id <> instances.object_id)`,
      ids,
    );
    return this.#database
      .all(
        'SELECT value FROM json_each(?) AS asked JOIN instances ON object_id = asked.value WHERE owns_uid IS NOT 1',
        ids,
      )
      .map((row) => text(row, 'value'));
  }

  /** Those of these that are out from another sending, or about to be. */
  knownOut(objectIds: readonly string[]): Set<string> {
    const rows = this.#database.all(
      `SELECT value FROM json_each(?) AS asked JOIN instances ON object_id = asked.value WHERE ${isSameOut}`,
      JSON.stringify(objectIds),
    );
    return new Set(rows.map((row) => text(row, 'value')));
  }

  /** It is about to go out beside the one that has its UID, since a person says so. */
  goBeside(objectId: string): void {
    this.#database.run('UPDATE instances SET owns_uid = 0 WHERE object_id = ?', objectId);
  }

  /** The instance that went out under a UID first, from whatever sender, or is about to. */
  ownerOfUid(sopInstanceUid: string): InstanceRecord | undefined {
    const row = this.#database.get(
      'SELECT * FROM instances WHERE sop_instance_uid = ? AND owns_uid = 1',
      sopInstanceUid,
    );
    return row === undefined ? undefined : instanceRecord(row);
  }

  /** The very same instance from another sending, which is out already or about to be. */
  sameOut({
    objectId,
    sopInstanceUid,
    sha256,
  }: Pick<InstanceRecord, 'objectId' | 'sopInstanceUid' | 'sha256'>): InstanceRecord | undefined {
    const row = this.#database.get(
      `SELECT * FROM instances WHERE sop_instance_uid = ? AND sha256 = ? AND object_id <> ? AND ${goesOut} LIMIT 1`,
      sopInstanceUid,
      sha256,
      objectId,
    );
    return row === undefined ? undefined : instanceRecord(row);
  }

  /** What is held and not out has no UID that others would have to respect. */
  hold(objectId: string, because: string): void {
    this.#database.run(
      `UPDATE instances SET held_because = ?, owns_uid = iif(released_revision IS NULL, NULL, owns_uid)
       WHERE object_id = ?`,
      because,
      objectId,
    );
  }

  /** The same of several, all at once. @returns how many were not held for this before */
  holdAll(objectIds: readonly string[], because: string): number {
    return this.#database.run(
      `UPDATE instances SET held_because = ?1, owns_uid = iif(released_revision IS NULL, NULL, owns_uid)
       WHERE object_id IN (SELECT value FROM json_each(?2)) AND held_because IS NOT ?1`,
      because,
      JSON.stringify(objectIds),
    );
  }

  held(limit: number): InstanceRecord[] {
    return this.#database
      .all('SELECT * FROM instances WHERE held_because IS NOT NULL ORDER BY arrival LIMIT ?', limit)
      .map(instanceRecord);
  }

  /** Instances went out, with what their list says of how each came to the sender. */
  markReleased(
    objectIds: readonly string[],
    revision: number,
    aeTitles: ReadonlyMap<string, AeTitles> = new Map(),
  ): void {
    const rows = objectIds.map((id) => {
      const titles = aeTitles.get(id);
      return [id, titles?.calling ?? null, titles?.called ?? null];
    });
    this.#database.run(
      `UPDATE instances SET released_revision = ?, held_because = NULL, calling_ae_title = marked.value ->> 1,
         called_ae_title = marked.value ->> 2
       FROM json_each(?) AS marked WHERE object_id = marked.value ->> 0`,
      revision,
      JSON.stringify(rows),
    );
  }

  /**
   * Object ids of all that is finished, a page at a time and without a value for each: there may be a million.
   * @returns 16 bytes each, one behind the other; empty behind the last
   */
  finishedObjectIds(after: string, limit: number): { ids: Uint8Array; last: string } {
    const row = this.#database.get(
      `SELECT group_concat(object_id, '') AS ids, max(object_id) AS last FROM
         (SELECT object_id FROM instances WHERE object_id > ? ORDER BY object_id LIMIT ?)`,
      after,
      limit,
    );
    const ids = row === undefined ? undefined : optionalText(row, 'ids');
    if (row === undefined || ids === undefined) return { ids: new Uint8Array(0), last: after };
    return { ids: Buffer.from(ids, 'hex'), last: text(row, 'last') };
  }
}

export function instanceRecord(row: Row): InstanceRecord {
  const [calling, called] = [optionalText(row, 'calling_ae_title'), optionalText(row, 'called_ae_title')];
  return {
    objectId: text(row, 'object_id'),
    senderId: text(row, 'sender_id'),
    studyUid: text(row, 'study_uid'),
    seriesUid: text(row, 'series_uid'),
    sopInstanceUid: text(row, 'sop_instance_uid'),
    bytes: number(row, 'bytes'),
    sha256: text(row, 'sha256'),
    repairedSymbols: number(row, 'repaired_symbols'),
    sopClassUid: optionalText(row, 'sop_class_uid'),
    modality: optionalText(row, 'modality'),
    heldBecause: optionalText(row, 'held_because'),
    releasedRevision: row['released_revision'] === null ? undefined : number(row, 'released_revision'),
    ...(calling !== undefined && called !== undefined && { aeTitles: { calling, called } }),
  };
}
