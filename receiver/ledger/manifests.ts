/** What the manifests say, each kept as it came. Part of the receiver's ledger. */
import { assert } from '../../shared/assert.ts';
import { type LedgerDatabase, number, optionalBytes, type Row, text } from '../../shared/ledger-database.ts';
import { decodeManifest, type Manifest } from '../../shared/wire/manifest.ts';

/** Part of the receiver's schema. */
export const manifestsSchema = `
   CREATE TABLE manifests (
     sender_id TEXT NOT NULL,
     study_uid TEXT NOT NULL,
     revision INTEGER NOT NULL,
     study_number INTEGER NOT NULL,
     object_id TEXT NOT NULL UNIQUE,
     received_at_ms INTEGER NOT NULL,
     document BLOB NOT NULL,
     PRIMARY KEY (sender_id, study_uid, revision)
   );
   CREATE INDEX manifests_by_number ON manifests (sender_id, study_number);`;

export class Manifests {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /**
   * Enters a manifest under its revision. A sender that was set back to an older state may use a revision
   * again for another list: that one gets the next free revision here, so that neither hides the other.
   * @returns the revision it is under, or undefined when this very manifest is there already
   */
  enter(
    manifest: Manifest,
    objectId: string,
    document: Uint8Array,
    receivedAtMs: number,
  ): number | undefined {
    const { senderId, studyUid, studyNumber } = manifest;
    if (this.#database.get('SELECT 1 FROM manifests WHERE object_id = ?', objectId) !== undefined)
      return undefined;
    const taken = this.#database.get(
      'SELECT max(revision) AS newest, max(revision = ?) AS used FROM manifests WHERE sender_id = ? AND study_uid = ?',
      manifest.revision,
      senderId,
      studyUid,
    );
    const used = taken !== undefined && taken['used'] === 1;
    const revision = used ? number(taken, 'newest') + 1 : manifest.revision;
    this.#database.run(
      `INSERT INTO manifests (sender_id, study_uid, revision, study_number, object_id, received_at_ms, document)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      senderId,
      studyUid,
      revision,
      studyNumber,
      objectId,
      receivedAtMs,
      document,
    );
    return revision;
  }

  /** Manifests of a study above a revision, the newest first. */
  above(senderId: string, studyUid: string, revision: number): Manifest[] {
    return this.#database
      .all(
        'SELECT revision, document FROM manifests WHERE sender_id = ? AND study_uid = ? AND revision > ? ORDER BY revision DESC',
        senderId,
        studyUid,
        revision,
      )
      .map(manifestIn);
  }

  /** The list of one revision. */
  get(senderId: string, studyUid: string, revision: number): Manifest | undefined {
    const row = this.#database.get(
      'SELECT revision, document FROM manifests WHERE sender_id = ? AND study_uid = ? AND revision = ?',
      senderId,
      studyUid,
      revision,
    );
    return row === undefined ? undefined : manifestIn(row);
  }

  objectIds(): string[] {
    return this.#database.all('SELECT object_id FROM manifests').map((row) => text(row, 'object_id'));
  }

  /** Study numbers within bounds that no manifest has named, at most `limit`, lowest first. */
  unknownStudyNumbers(senderId: string, from: number, to: number, limit: number): number[] {
    const known = this.#database
      .all(
        'SELECT DISTINCT study_number FROM manifests WHERE sender_id = ? AND study_number BETWEEN ? AND ? ORDER BY study_number',
        senderId,
        from,
        to,
      )
      .map((row) => number(row, 'study_number'));
    const unknown: number[] = [];
    let next = from;
    for (const studyNumber of [...known, to + 1]) {
      for (; next < studyNumber && unknown.length < limit; next += 1) unknown.push(next);
      next = studyNumber + 1;
    }
    return unknown;
  }
}

/** Under the revision that the ledger gave it. */
function manifestIn(row: Row): Manifest {
  const document = optionalBytes(row, 'document');
  assert(document !== undefined, 'a manifest has its document');
  return { ...decodeManifest(document), revision: number(row, 'revision') };
}
