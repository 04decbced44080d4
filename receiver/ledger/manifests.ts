/** What the manifests say, each kept as it came. Part of the receiver's ledger. */
import { assert, present } from '../../shared/assert.ts';
import {
  type LedgerDatabase,
  number,
  optionalBytes,
  optionalText,
  text,
} from '../../shared/ledger-database.ts';
import { decodeManifest, type Manifest, type ManifestHead } from '../../shared/wire/manifest.ts';

/**
 * Part of the receiver's schema. Documents stand apart: a row beside a large one would be as slow to change. `revision`
 * is the order that this ledger gives, `stated_revision` what the sender said.
 */
export const manifestsSchema = `
   CREATE TABLE manifests (
     manifest INTEGER PRIMARY KEY,
     sender_id TEXT NOT NULL,
     study_uid TEXT NOT NULL,
     revision INTEGER NOT NULL,
     stated_revision INTEGER NOT NULL,
     study_number INTEGER NOT NULL,
     object_id TEXT NOT NULL UNIQUE,
     entries INTEGER NOT NULL,
     received_at_ms INTEGER NOT NULL,
     UNIQUE (sender_id, study_uid, revision)
   );
   CREATE INDEX manifests_by_number ON manifests (sender_id, study_number);
   CREATE TABLE manifest_documents (
     manifest INTEGER PRIMARY KEY,
     sender_id TEXT NOT NULL,
     bytes INTEGER NOT NULL
   );
   CREATE TABLE manifest_parts (
     manifest INTEGER NOT NULL,
     part INTEGER NOT NULL,
     bytes BLOB NOT NULL,
     PRIMARY KEY (manifest, part)
   );
   CREATE INDEX manifest_documents_by_sender ON manifest_documents (sender_id, manifest, bytes);`;

/** Study numbers, both ends included. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** Bytes of documents that are kept for one sender beyond those of open studies: the oldest go first. */
const keptBytesMax = 2 ** 32;
/** Of a document in one row: libsql and SQLite copy what is bound several times, and keep the last of it. */
const partBytes = 2 ** 20;
/** Numbers that are read at a time, to find those between them. */
const numbersPage = 1000;

export class Manifests {
  readonly #database: LedgerDatabase;
  /** Bytes of documents by sender, as far as this program asked. */
  readonly #keptBytes = new Map<string, number>();

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /**
   * Enters a manifest, whatever revision it states: its id says whether it is known. One with a revision that is taken,
   * or at or below what was released (of a sender that was set back to an older state), gets the next free revision
   * here, so that no list hides another one.
   * @returns the revision it is under, or undefined when this very manifest is there already
   */
  enter(
    manifest: ManifestHead & ({ readonly count: number } | Pick<Manifest, 'entries'>),
    objectId: string,
    document: Uint8Array,
    receivedAtMs: number,
  ): number | undefined {
    const { senderId, studyUid, studyNumber } = manifest;
    const entries = 'count' in manifest ? manifest.count : manifest.entries.length;
    if (this.has(objectId)) return undefined;
    const revision = this.#freeRevision(manifest);
    this.#database.run(
      `INSERT INTO manifests (sender_id, study_uid, revision, stated_revision, study_number, object_id, entries, received_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      senderId,
      studyUid,
      revision,
      manifest.revision,
      studyNumber,
      objectId,
      entries,
      receivedAtMs,
    );
    const row = this.#database.get('SELECT manifest FROM manifests WHERE object_id = ?', objectId) ?? {};
    this.#enterDocument(number(row, 'manifest'), senderId, document);
    this.#database.run(
      `INSERT INTO open_manifests (manifest, sender_id, study_uid, revision, entries, bytes) VALUES (?, ?, ?, ?, ?, ?)`,
      number(row, 'manifest'),
      senderId,
      studyUid,
      revision,
      entries,
      document.length,
    );
    this.#keptBytes.set(senderId, this.#keptBytesOf(senderId) + document.length);
    return revision;
  }

  #enterDocument(manifest: number, senderId: string, document: Uint8Array): void {
    this.#database.run(
      'INSERT INTO manifest_documents VALUES (?, ?, ?)',
      manifest,
      senderId,
      document.length,
    );
    for (let part = 0; part * partBytes < document.length; part += 1) {
      const bytes = document.subarray(part * partBytes, (part + 1) * partBytes);
      this.#database.run('INSERT INTO manifest_parts VALUES (?, ?, ?)', manifest, part, bytes);
    }
  }

  /** Whether this very manifest came. */
  has(objectId: string): boolean {
    return this.#database.get('SELECT 1 FROM manifests WHERE object_id = ?', objectId) !== undefined;
  }

  /** Manifests of a study above a revision, the newest first. All are in memory at once. */
  above(senderId: string, studyUid: string, revision: number): Manifest[] {
    return this.#database
      .all(
        'SELECT revision FROM manifests WHERE sender_id = ? AND study_uid = ? AND revision > ? ORDER BY revision DESC',
        senderId,
        studyUid,
        revision,
      )
      .map((row) => this.get(senderId, studyUid, number(row, 'revision')))
      .filter((manifest) => manifest !== undefined);
  }

  /** The newest manifest of a study above a revision. */
  newest(senderId: string, studyUid: string, above = 0): Manifest | undefined {
    const row = this.#database.get(
      'SELECT max(revision) AS revision FROM manifests WHERE sender_id = ? AND study_uid = ? AND revision > ?',
      senderId,
      studyUid,
      above,
    );
    if (row === undefined || row['revision'] === null) return undefined;
    return this.get(senderId, studyUid, number(row, 'revision'));
  }

  /** The same list under the revision that its sender gave it. @throws DiodeError E_DOCUMENT */
  newestAsStated(senderId: string, studyUid: string): Manifest | undefined {
    const row = this.#database.get(
      'SELECT max(revision) AS revision FROM manifests WHERE sender_id = ? AND study_uid = ?',
      senderId,
      studyUid,
    );
    if (row === undefined || row['revision'] === null) return undefined;
    const document = this.documentOf(senderId, studyUid, number(row, 'revision'));
    return document === undefined ? undefined : decodeManifest(document);
  }

  /** The list of one revision, under the revision that the ledger gave it. @throws DiodeError E_DOCUMENT */
  get(senderId: string, studyUid: string, revision: number): Manifest | undefined {
    const document = this.documentOf(senderId, studyUid, revision);
    return document === undefined ? undefined : { ...decodeManifest(document), revision };
  }

  /** The bytes of the list of one revision; undefined as of {@link document}. */
  documentOf(senderId: string, studyUid: string, revision: number): Uint8Array | undefined {
    const row = this.#database.get(
      `SELECT manifest FROM manifests WHERE sender_id = ? AND study_uid = ? AND revision = ?`,
      senderId,
      studyUid,
      revision,
    );
    return row === undefined ? undefined : this.document(number(row, 'manifest'));
  }

  /** The bytes of a manifest; undefined where they were given up for room long after its release. */
  document(manifest: number): Uint8Array | undefined {
    const row = this.#database.get('SELECT bytes FROM manifest_documents WHERE manifest = ?', manifest);
    if (row === undefined) return undefined;
    const document = new Uint8Array(number(row, 'bytes'));
    for (let part = 0; part * partBytes < document.length; part += 1) {
      const bytes = this.#database.get(
        'SELECT bytes FROM manifest_parts WHERE manifest = ? AND part = ?',
        manifest,
        part,
      );
      document.set(
        present(optionalBytes(bytes ?? {}, 'bytes'), 'a document has its parts'),
        part * partBytes,
      );
    }
    return document;
  }

  /** What the sender itself states as the newest of a study. */
  stated(senderId: string, studyUid: string): { studyNumber: number; entries: number; revision: number } {
    const row = this.#database.get(
      `SELECT study_number, entries, revision FROM manifests WHERE sender_id = ? AND study_uid = ?
       ORDER BY stated_revision DESC, revision DESC LIMIT 1`,
      senderId,
      studyUid,
    );
    assert(row !== undefined, 'a study of a manifest has one');
    const [studyNumber, entries] = [number(row, 'study_number'), number(row, 'entries')];
    return { studyNumber, entries, revision: number(row, 'revision') };
  }

  /**
   * Gives up documents of a sender that are long released, the oldest first, where they are too many: what they are
   * stays known.
   */
  limitKept(senderId: string): void {
    while (this.#keptBytesOf(senderId) > keptBytesMax) {
      const row = this.#database.get(
        `SELECT manifest, bytes FROM manifest_documents WHERE sender_id = ?
           AND NOT EXISTS (SELECT 1 FROM open_manifests WHERE open_manifests.manifest = manifest_documents.manifest)
         ORDER BY manifest LIMIT 1`,
        senderId,
      );
      if (row === undefined) return;
      for (const table of ['manifest_documents', 'manifest_parts'] as const)
        this.#database.run(`DELETE FROM ${table} WHERE manifest = ?`, number(row, 'manifest'));
      this.#keptBytes.set(senderId, this.#keptBytesOf(senderId) - number(row, 'bytes'));
    }
  }

  /**
   * Object ids of all manifests, a page at a time.
   * @returns 16 bytes each, one behind the other; empty behind the last
   */
  objectIds(after: string, limit: number): { ids: Uint8Array; last: string } {
    const row = this.#database.get(
      `SELECT group_concat(object_id, '') AS ids, max(object_id) AS last FROM
         (SELECT object_id FROM manifests WHERE object_id > ? ORDER BY object_id LIMIT ?)`,
      after,
      limit,
    );
    const ids = row === undefined ? undefined : optionalText(row, 'ids');
    if (row === undefined || ids === undefined) return { ids: new Uint8Array(0), last: after };
    return { ids: Buffer.from(ids, 'hex'), last: text(row, 'last') };
  }

  /** Study numbers within bounds that no manifest has named, at most `limit`, lowest first. */
  unknownStudyNumbers(senderId: string, from: number, to: number, limit: number): number[] {
    const unknown: number[] = [];
    for (const { first, last } of this.unknownRanges(senderId, from, to, limit))
      for (let next = first; next <= last && unknown.length < limit; next += 1) unknown.push(next);
    return unknown;
  }

  /** The same as ranges: at most `limit` of them. What is between the bounds may be as much as a number can say. */
  unknownRanges(senderId: string, from: number, to: number, limit: number): NumberRange[] {
    const ranges: NumberRange[] = [];
    let next = from;
    while (next <= to && ranges.length < limit) {
      const known = this.#database.all(
        'SELECT DISTINCT study_number FROM manifests WHERE sender_id = ? AND study_number BETWEEN ? AND ? ORDER BY study_number LIMIT ?',
        senderId,
        next,
        to,
        numbersPage,
      );
      for (const row of known) {
        const studyNumber = number(row, 'study_number');
        if (studyNumber > next && ranges.length < limit) ranges.push({ first: next, last: studyNumber - 1 });
        next = studyNumber + 1;
      }
      if (known.length < numbersPage) {
        if (next <= to && ranges.length < limit) ranges.push({ first: next, last: to });
        break;
      }
    }
    return ranges;
  }

  /** How many study numbers within bounds no manifest has named. */
  unknownCount(senderId: string, from: number, to: number): number {
    if (to < from) return 0;
    const row = this.#database.get(
      'SELECT count(DISTINCT study_number) AS known FROM manifests WHERE sender_id = ? AND study_number BETWEEN ? AND ?',
      senderId,
      from,
      to,
    );
    return to - from + 1 - number(row ?? {}, 'known');
  }

  #freeRevision({ senderId, studyUid, revision }: ManifestHead): number {
    const row = this.#database.get(
      `SELECT coalesce(max(revision), 0) AS newest, coalesce(max(revision = ?1), 0) AS used,
         coalesce((SELECT released_revision FROM studies WHERE sender_id = ?2 AND study_uid = ?3), 0) AS released
       FROM manifests WHERE sender_id = ?2 AND study_uid = ?3`,
      revision,
      senderId,
      studyUid,
    );
    const [newest, released] = [number(row ?? {}, 'newest'), number(row ?? {}, 'released')];
    const isFree = number(row ?? {}, 'used') === 0 && revision > released;
    return isFree ? revision : Math.max(newest, released) + 1;
  }

  #keptBytesOf(senderId: string): number {
    const known = this.#keptBytes.get(senderId);
    if (known !== undefined) return known;
    const row = this.#database.get(
      'SELECT coalesce(sum(bytes), 0) AS bytes FROM manifest_documents WHERE sender_id = ?',
      senderId,
    );
    const bytes = number(row ?? {}, 'bytes');
    this.#keptBytes.set(senderId, bytes);
    return bytes;
  }
}
