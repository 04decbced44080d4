/**
 * Manifests that are not wholly released, as counts: how many of their entries were looked at, and how many of these are
 * not here. What is not here stands in `awaited`, so that an instance that comes is known to be listed without a list in
 * memory. Triggers keep the counts true in the transaction that stores or takes away an instance, whoever does it.
 */
import { type LedgerDatabase, number, type Row, text } from '../../shared/ledger-database.ts';
import { smallEntriesMax } from './list-size.ts';

/**
 * Part of the receiver's schema, behind instances, known content and manifests.
 *
 * `fresh`: entries that were not released when they were looked at; where there is none, nothing is to be decided.
 * `is_counted`: its sender has no room for more awaited objects, so that they are counted only, now and again.
 * `try_at_ms`: in running time of the studies, when it is entered on, released or counted again.
 */
export const openManifestsSchema = `
   CREATE TABLE open_manifests (
     manifest INTEGER PRIMARY KEY,
     sender_id TEXT NOT NULL,
     study_uid TEXT NOT NULL,
     revision INTEGER NOT NULL,
     entries INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     entered INTEGER NOT NULL DEFAULT 0,
     missing INTEGER NOT NULL DEFAULT 0,
     fresh INTEGER NOT NULL DEFAULT 0,
     is_counted INTEGER NOT NULL DEFAULT 0,
     try_at_ms INTEGER NOT NULL DEFAULT 0
   );
   CREATE INDEX open_manifests_by_study ON open_manifests (sender_id, study_uid, revision);
   CREATE INDEX open_manifests_to_enter ON open_manifests (sender_id, try_at_ms) WHERE entered < entries;
   CREATE INDEX open_manifests_whole ON open_manifests (sender_id, entries > ${smallEntriesMax} AND fresh > 0, try_at_ms)
     WHERE entered = entries AND missing = 0;
   CREATE INDEX open_manifests_to_count ON open_manifests (sender_id, try_at_ms)
     WHERE is_counted = 1 AND entered = entries AND missing > 0;
   CREATE TABLE awaited (
     sender_id TEXT NOT NULL,
     object_id TEXT NOT NULL,
     manifest INTEGER NOT NULL,
     PRIMARY KEY (sender_id, object_id, manifest)
   ) WITHOUT ROWID;
   CREATE INDEX awaited_by_manifest ON awaited (manifest);
   CREATE TABLE left_manifests (
     manifest INTEGER PRIMARY KEY,
     sender_id TEXT NOT NULL,
     awaited INTEGER NOT NULL
   );
   CREATE INDEX left_manifests_by_sender ON left_manifests (sender_id, awaited);
   CREATE INDEX known_content_by_id ON object_aliases (known_as);
   CREATE TRIGGER awaited_came AFTER DELETE ON awaited BEGIN
     UPDATE open_manifests SET missing = missing - 1 WHERE manifest = OLD.manifest;
   END;
   CREATE TRIGGER instance_came AFTER INSERT ON instances WHEN NEW.held_because IS NOT 'E_SCAN_WAITING' BEGIN
     DELETE FROM awaited WHERE sender_id = NEW.sender_id AND object_id = NEW.object_id;
   END;
   CREATE TRIGGER instance_cleared AFTER UPDATE OF held_because ON instances
     WHEN OLD.held_because IS 'E_SCAN_WAITING' AND NEW.held_because IS NOT 'E_SCAN_WAITING' BEGIN
     DELETE FROM awaited WHERE sender_id = NEW.sender_id AND object_id IN (SELECT NEW.object_id
       UNION ALL SELECT object_id FROM object_aliases WHERE known_as = NEW.object_id AND sender_id = NEW.sender_id);
   END;
   CREATE TRIGGER content_known AFTER INSERT ON object_aliases
     WHEN EXISTS (SELECT 1 FROM instances WHERE object_id = NEW.known_as AND held_because IS NOT 'E_SCAN_WAITING') BEGIN
     DELETE FROM awaited WHERE sender_id = NEW.sender_id AND object_id = NEW.object_id;
   END;
   CREATE TRIGGER instance_gone AFTER DELETE ON instances BEGIN
     UPDATE open_manifests SET entered = 0, try_at_ms = 0 WHERE sender_id = OLD.sender_id AND study_uid = OLD.study_uid;
   END;`;

export interface OpenManifest {
  readonly manifest: number;
  readonly senderId: string;
  readonly studyUid: string;
  readonly revision: number;
  readonly entries: number;
  /** Entries that were looked at, from the first on. */
  readonly entered: number;
  /** How many of these are not here. */
  readonly missing: number;
  /** How many of these are neither released nor of another sender. */
  readonly fresh: number;
  readonly isCounted: boolean;
}

/**
 * An instance of the list's sender that is here, and may be counted on: until it is known to be harmless it is as good
 * as not there.
 */
const isHere = `sender_id = ?1 AND object_id IN (json_each.value,
    (SELECT known_as FROM object_aliases WHERE object_aliases.sender_id = ?1 AND object_id = json_each.value))
  AND held_because IS NOT 'E_SCAN_WAITING'`;

export class OpenManifests {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** Open manifests of a study, the newest first; they are bounded for each study. */
  ofStudy(senderId: string, studyUid: string): OpenManifest[] {
    return this.#database
      .all(
        'SELECT * FROM open_manifests WHERE sender_id = ? AND study_uid = ? ORDER BY revision DESC',
        senderId,
        studyUid,
      )
      .map(openManifest);
  }

  get(manifest: number): OpenManifest | undefined {
    const row = this.#database.get('SELECT * FROM open_manifests WHERE manifest = ?', manifest);
    return row === undefined ? undefined : openManifest(row);
  }

  /** Opens the manifests of a study above a revision whose lists are here, to be looked at from the beginning. */
  open(senderId: string, studyUid: string, above: number): void {
    this.#database.run(
      `INSERT INTO open_manifests (manifest, sender_id, study_uid, revision, entries, bytes, missing)
         SELECT manifests.manifest, manifests.sender_id, study_uid, revision, entries, bytes,
           (SELECT count(*) FROM awaited WHERE awaited.manifest = manifests.manifest)
         FROM manifests JOIN manifest_documents ON manifest_documents.manifest = manifests.manifest
         WHERE manifests.sender_id = ? AND study_uid = ? AND revision > ?
       ON CONFLICT (manifest) DO UPDATE SET entered = 0, try_at_ms = 0`,
      senderId,
      studyUid,
      above,
    );
    this.#database.run(
      `DELETE FROM left_manifests WHERE manifest IN
         (SELECT manifest FROM open_manifests WHERE sender_id = ? AND study_uid = ?)`,
      senderId,
      studyUid,
    );
  }

  /** Looks at a manifest from its beginning, again where it was before. @param isCounted whether what is not here is only counted */
  beginEntering(manifest: number, isCounted: boolean): void {
    this.#database.run(
      `UPDATE open_manifests SET entered = 0, fresh = 0, is_counted = ?1, missing = CASE WHEN ?1 OR is_counted THEN 0 ELSE missing END
       WHERE manifest = ?2`,
      isCounted ? 1 : 0,
      manifest,
    );
  }

  /**
   * A revision of a study is released. Older ones of which all is here are done. One that misses something is not contained in
   * it, or lists the same content under other ids: it gets a revision above, and is looked at again.
   */
  closeReleased(senderId: string, studyUid: string, revision: number): void {
    for (const open of this.ofStudy(senderId, studyUid)) {
      if (open.revision > revision) continue;
      const isDone = open.entered === open.entries && open.missing === 0;
      if (isDone || open.revision === revision) this.#leave('manifest = ?', open.manifest);
      else this.#lift(open);
    }
  }

  /** Manifests of a study up to a revision are given up. */
  close(senderId: string, studyUid: string, revision: number): void {
    this.#leave('sender_id = ? AND study_uid = ? AND revision <= ?', senderId, studyUid, revision);
  }

  /** Keeps so many of a study open: older ones are nearly always contained in newer ones. */
  closeOldest(senderId: string, studyUid: string, keep: number): number {
    const condition =
      'manifest IN (SELECT manifest FROM open_manifests WHERE sender_id = ? AND study_uid = ? ORDER BY revision DESC LIMIT -1 OFFSET ?)';
    return this.#leave(condition, senderId, studyUid, keep);
  }

  /** The next small manifest of a sender with entries that were not looked at. */
  nextSmallToEnter(senderId: string, nowMs: number, entriesMax: number): OpenManifest | undefined {
    const row = this.#database.get(
      `SELECT * FROM open_manifests WHERE sender_id = ? AND entered < entries AND try_at_ms <= ? AND entries <= ?
       ORDER BY try_at_ms LIMIT 1`,
      senderId,
      nowMs,
      entriesMax,
    );
    return row === undefined ? undefined : openManifest(row);
  }

  /** The next manifest of a sender with entries that were not looked at, or that is to be counted again. */
  nextToEnter(senderId: string, nowMs: number): OpenManifest | undefined {
    const row =
      this.#database.get(
        `SELECT * FROM open_manifests WHERE sender_id = ? AND entered < entries AND try_at_ms <= ?
         ORDER BY try_at_ms LIMIT 1`,
        senderId,
        nowMs,
      ) ??
      this.#database.get(
        `SELECT * FROM open_manifests WHERE sender_id = ? AND is_counted = 1 AND entered = entries AND missing > 0
           AND try_at_ms <= ? ORDER BY try_at_ms LIMIT 1`,
        senderId,
        nowMs,
      );
    return row === undefined ? undefined : openManifest(row);
  }

  /** Of these object ids, which a list of a sender names, those that are not here. */
  notHere(senderId: string, objectIds: readonly string[]): Set<string> {
    const rows = this.#database.all(
      `SELECT value FROM json_each(?2) WHERE NOT EXISTS (SELECT 1 FROM instances WHERE ${isHere})`,
      senderId,
      JSON.stringify(objectIds),
    );
    return new Set(rows.map((row) => text(row, 'value')));
  }

  /** How many of these object ids of a sender's list name nothing that is released. */
  fresh(senderId: string, objectIds: readonly string[]): number {
    const row = this.#database.get(
      `SELECT count(*) AS settled FROM json_each(?2) WHERE EXISTS (SELECT 1 FROM instances
         WHERE sender_id = ?1 AND released_revision IS NOT NULL AND object_id IN
           (json_each.value, (SELECT known_as FROM object_aliases WHERE sender_id = ?1 AND object_id = json_each.value)))`,
      senderId,
      JSON.stringify(objectIds),
    );
    return objectIds.length - number(row ?? {}, 'settled');
  }

  /** So many more entries were looked at, these of them are not here, and so many not released. */
  enter(
    { manifest, senderId }: Pick<OpenManifest, 'manifest' | 'senderId'>,
    entries: number,
    missing: ReadonlySet<string>,
    isCounted: boolean,
    freshEntries: number,
  ): void {
    const notAwaited = isCounted ? missing.size : this.#await(manifest, senderId, [...missing]);
    this.#database.run(
      'UPDATE open_manifests SET entered = entered + ?, missing = missing + ?, fresh = fresh + ? WHERE manifest = ?',
      entries,
      notAwaited,
      freshEntries,
      manifest,
    );
  }

  /** When a manifest is entered on, counted again or released, in running time. */
  tryAt(manifest: number, atMs: number): void {
    this.#database.run('UPDATE open_manifests SET try_at_ms = ? WHERE manifest = ?', atMs, manifest);
  }

  tryStudyAt(senderId: string, studyUid: string, atMs: number): void {
    this.#database.run(
      'UPDATE open_manifests SET try_at_ms = ? WHERE sender_id = ? AND study_uid = ?',
      atMs,
      senderId,
      studyUid,
    );
  }

  /**
   * The next study of a sender with a list of which everything is here.
   * @param size whether much is to be decided about its newest one
   */
  ready(senderId: string, size: 'small' | 'large', nowMs: number): string | undefined {
    const whole = (of: string) => `${of}.entered = ${of}.entries AND ${of}.missing = 0`;
    const large = (of: string) => `(${of}.entries > ${smallEntriesMax} AND ${of}.fresh > 0)`;
    const row = this.#database.get(
      `SELECT study_uid FROM open_manifests AS open WHERE sender_id = ? AND ${whole('open')}
         AND ${large('open')} = ${size === 'large' ? 1 : 0} AND try_at_ms <= ?
         AND NOT EXISTS (SELECT 1 FROM open_manifests AS newer WHERE newer.sender_id = open.sender_id
           AND newer.study_uid = open.study_uid AND newer.revision > open.revision AND ${whole('newer')}
           AND ${large('newer')} <> ${large('open')})
       ORDER BY try_at_ms LIMIT 1`,
      senderId,
      nowMs,
    );
    return row === undefined ? undefined : text(row, 'study_uid');
  }

  /** The latest time that something is to be tried at: running time goes on from there. */
  latestTryAtMs(): number {
    return number(
      this.#database.get('SELECT coalesce(max(try_at_ms), 0) AS at_ms FROM open_manifests') ?? {},
      'at_ms',
    );
  }

  /** What a sender has open, and how many objects are awaited by name for it, or were and are not forgotten yet. */
  totals(senderId: string): { manifests: number; bytes: number; awaited: number } {
    const row = this.#database.get(
      `SELECT count(*) AS manifests, coalesce(sum(bytes), 0) AS bytes,
         coalesce(sum(CASE is_counted WHEN 1 THEN 0 ELSE missing END), 0)
           + (SELECT coalesce(sum(awaited), 0) FROM left_manifests WHERE sender_id = ?1) AS awaited
       FROM open_manifests WHERE sender_id = ?1`,
      senderId,
    );
    const all = row ?? {};
    return {
      manifests: number(all, 'manifests'),
      bytes: number(all, 'bytes'),
      awaited: number(all, 'awaited'),
    };
  }

  /** Whether an open manifest of a sender awaits an object: of those of others it says nothing. */
  isAwaited(senderId: string, objectId: string): boolean {
    const sql = `SELECT 1 FROM awaited JOIN open_manifests ON open_manifests.manifest = awaited.manifest
       WHERE awaited.sender_id = ? AND object_id = ? LIMIT 1`;
    return this.#database.get(sql, senderId, objectId) !== undefined;
  }

  /** Whether an open manifest of a sender that is here in part awaits an object. */
  isAwaitedInPart(senderId: string, objectId: string): boolean {
    const sql = `SELECT 1 FROM awaited JOIN open_manifests ON open_manifests.manifest = awaited.manifest
       WHERE awaited.sender_id = ? AND object_id = ? AND entered = entries AND missing < entries LIMIT 1`;
    return this.#database.get(sql, senderId, objectId) !== undefined;
  }

  /** Open manifests of a sender that await an object; they are few. */
  awaiting(senderId: string, objectId: string): number[] {
    return this.#database
      .all('SELECT manifest FROM awaited WHERE sender_id = ? AND object_id = ? LIMIT 64', senderId, objectId)
      .map((row) => number(row, 'manifest'));
  }

  /** Whether something is awaited by manifests that are not open any more. */
  isSweepDue(): boolean {
    return this.#database.get('SELECT 1 FROM left_manifests LIMIT 1') !== undefined;
  }

  /** Forgets what manifests awaited that are not open any more, a bounded step. */
  sweep(limit: number): void {
    const row = this.#database.get('SELECT manifest, sender_id FROM left_manifests LIMIT 1');
    if (row === undefined) return;
    const manifest = number(row, 'manifest');
    const deleted = this.#database.run(
      `DELETE FROM awaited WHERE manifest = ?1 AND sender_id = ?2
         AND object_id IN (SELECT object_id FROM awaited WHERE manifest = ?1 LIMIT ?3)`,
      manifest,
      text(row, 'sender_id'),
      limit,
    );
    if (deleted < limit) this.#database.run('DELETE FROM left_manifests WHERE manifest = ?', manifest);
    else
      this.#database.run(
        'UPDATE left_manifests SET awaited = awaited - ? WHERE manifest = ?',
        deleted,
        manifest,
      );
  }

  /** @returns how many were not awaited before */
  #await(manifest: number, senderId: string, objectIds: readonly string[]): number {
    if (objectIds.length === 0) return 0;
    return this.#database.run(
      'INSERT INTO awaited SELECT ?, value, ? FROM json_each(?) WHERE true ON CONFLICT DO NOTHING',
      senderId,
      manifest,
      JSON.stringify(objectIds),
    );
  }

  #lift({ manifest, senderId, studyUid }: OpenManifest): void {
    const row = this.#database.get(
      'SELECT max(revision) + 1 AS revision FROM manifests WHERE sender_id = ? AND study_uid = ?',
      senderId,
      studyUid,
    );
    const revision = number(row ?? {}, 'revision');
    this.#database.run('UPDATE manifests SET revision = ? WHERE manifest = ?', revision, manifest);
    this.#database.run(
      'UPDATE open_manifests SET revision = ?, entered = 0, try_at_ms = 0 WHERE manifest = ?',
      revision,
      manifest,
    );
  }

  #leave(condition: string, ...values: (string | number)[]): number {
    this.#database.run(
      `INSERT INTO left_manifests SELECT manifest, sender_id, missing FROM open_manifests
       WHERE is_counted = 0 AND missing > 0 AND ${condition} ON CONFLICT DO NOTHING`,
      ...values,
    );
    return this.#database.run(`DELETE FROM open_manifests WHERE ${condition}`, ...values);
  }
}

function openManifest(row: Row): OpenManifest {
  return {
    manifest: number(row, 'manifest'),
    senderId: text(row, 'sender_id'),
    studyUid: text(row, 'study_uid'),
    revision: number(row, 'revision'),
    entries: number(row, 'entries'),
    entered: number(row, 'entered'),
    missing: number(row, 'missing'),
    fresh: number(row, 'fresh'),
    isCounted: number(row, 'is_counted') === 1,
  };
}
