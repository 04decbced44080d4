/**
 * The receiver's ledger: what is in the vault, what manifests say of it, and what was released.
 * `ReceiverLedger` is the only place with SQL on this side.
 */
import { assert } from '../../shared/assert.ts';
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
import { decodeManifest, type Manifest, type Priority, priority } from '../../shared/wire/manifest.ts';
import { Deliveries, deliveriesSchema } from './deliveries.ts';
import { Holds, holdsSchema } from './holds.ts';
import { KnownContent, knownContentSchema } from './known-content.ts';
import { Told, toldSchema } from './told.ts';
import { VaultFiles, vaultFilesSchema } from './vault-files.ts';

const migrations: readonly Migration[] = [
  `CREATE TABLE senders (
     sender_id TEXT PRIMARY KEY,
     session_counter INTEGER NOT NULL,
     session_random INTEGER NOT NULL,
     sequence INTEGER NOT NULL,
     key_id INTEGER NOT NULL,
     account_from INTEGER NOT NULL,
     highest_study_number INTEGER NOT NULL
   ) WITHOUT ROWID;
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
     held_because TEXT,
     released_revision INTEGER,
     file_state INTEGER NOT NULL DEFAULT 0
   );
   CREATE INDEX instances_by_study ON instances (sender_id, study_uid);
   CREATE INDEX instances_waiting ON instances (sender_id, study_uid) WHERE released_revision IS NULL AND held_because IS NULL;
   CREATE INDEX instances_by_uid ON instances (sender_id, sop_instance_uid);
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
   CREATE INDEX manifests_by_number ON manifests (sender_id, study_number);
   CREATE TABLE studies (
     sender_id TEXT NOT NULL,
     study_uid TEXT NOT NULL,
     study_number INTEGER,
     state TEXT NOT NULL,
     priority INTEGER NOT NULL DEFAULT 1,
     newest_revision INTEGER NOT NULL DEFAULT 0,
     released_revision INTEGER NOT NULL DEFAULT 0,
     expected INTEGER,
     inbox_name TEXT,
     first_seen_ms INTEGER NOT NULL,
     changed_at_ms INTEGER NOT NULL,
     PRIMARY KEY (sender_id, study_uid)
   ) WITHOUT ROWID;
   CREATE UNIQUE INDEX studies_by_inbox_name ON studies (inbox_name) WHERE inbox_name IS NOT NULL;
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
   CREATE INDEX releases_unfinished ON releases (id) WHERE step <> 'done';
   CREATE TABLE audit (
     id INTEGER PRIMARY KEY,
     at_ms INTEGER NOT NULL,
     action TEXT NOT NULL,
     subject TEXT NOT NULL,
     by_whom TEXT NOT NULL,
     reason TEXT NOT NULL
   );
   ${toldSchema}
   ${vaultFilesSchema}
   ${knownContentSchema}
   ${mailboxSchema}
   ${holdsSchema}
   ${deliveriesSchema}
   ${savedTimeSchema}`,
];

export const studyState = {
  /** Instances without a manifest, or a manifest without instances: */
  announced: 'announced',
  receiving: 'receiving',
  incomplete: 'incomplete',
  held: 'held',
  /** Nothing of it is out, since its instances name two patients. */
  quarantined: 'quarantined',
  released: 'released',
} as const;
export type StudyState = (typeof studyState)[keyof typeof studyState];

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
}

export interface StudyRecord {
  readonly senderId: string;
  readonly studyUid: string;
  readonly studyNumber: number | undefined;
  readonly state: StudyState;
  readonly priority: Priority;
  readonly newestRevision: number;
  readonly releasedRevision: number;
  /** Instances of the newest manifest, when there is one. */
  readonly expected: number | undefined;
  readonly inboxName: string | undefined;
}

export interface StudySummary extends StudyRecord {
  readonly instances: number;
  readonly bytes: number;
  readonly heldInstances: number;
  readonly repairedSymbols: number;
  /** By the wall clock: when the first of it came, and when its state last changed. */
  readonly firstSeenMs: number;
  readonly changedAtMs: number;
  /** Name of the newest partial release. */
  readonly partial: string | undefined;
}

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

export interface SenderRecord {
  readonly senderId: string;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  readonly sequence: number;
  /** The key of its newest beacon: tickets for it are made with that. */
  readonly keyId: number;
  /** The first study number this receiver answers for. */
  readonly accountFrom: number;
  readonly highestStudyNumber: number;
}

export class ReceiverLedger {
  readonly mailbox: Mailbox;
  readonly holds: Holds;
  readonly knownContent: KnownContent;
  readonly deliveries: Deliveries;
  readonly savedTime: SavedTime;
  readonly told: Told;
  readonly files: VaultFiles;
  readonly #database: LedgerDatabase;

  /** @param beforeCommit runs before anything becomes durable; a simulation cuts the power there */
  constructor(path: string, beforeCommit?: () => void) {
    this.#database = new LedgerDatabase(path, migrations, beforeCommit);
    this.mailbox = new Mailbox(this.#database);
    this.holds = new Holds(this.#database);
    this.knownContent = new KnownContent(this.#database);
    this.deliveries = new Deliveries(this.#database);
    this.savedTime = new SavedTime(this.#database);
    this.told = new Told(this.#database);
    this.files = new VaultFiles(this.#database);
  }

  transaction<T>(act: () => T): T {
    return this.#database.transaction(act);
  }

  close(): void {
    this.#database.close();
  }

  // Instances

  /** @returns false when the object is there already */
  enterInstance(row: Omit<InstanceRecord, 'releasedRevision'>, receivedAtMs: number): boolean {
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

  /** An instance, also by another object id of the same content; the row names the id its file has. */
  instance(objectId: string): InstanceRecord | undefined {
    const row = this.#database.get(
      `SELECT * FROM instances WHERE object_id IN (?1, (SELECT known_as FROM known_content WHERE object_id = ?1))
         ORDER BY object_id = ?1 DESC LIMIT 1`,
      objectId,
    );
    return row === undefined ? undefined : instanceRecord(row);
  }

  instancesOf(senderId: string, studyUid: string): InstanceRecord[] {
    return this.#database
      .all(
        'SELECT * FROM instances WHERE sender_id = ? AND study_uid = ? ORDER BY arrival',
        senderId,
        studyUid,
      )
      .map(instanceRecord);
  }

  /** Whether another object with this UID was released, from whatever study of the sender. */
  releasedUnderUid(senderId: string, sopInstanceUid: string): boolean {
    return (
      this.#database.get(
        'SELECT 1 FROM instances WHERE sender_id = ? AND sop_instance_uid = ? AND released_revision IS NOT NULL LIMIT 1',
        senderId,
        sopInstanceUid,
      ) !== undefined
    );
  }

  hold(objectId: string, because: string): void {
    this.#database.run('UPDATE instances SET held_because = ? WHERE object_id = ?', because, objectId);
  }

  heldInstances(limit: number): InstanceRecord[] {
    return this.#database
      .all('SELECT * FROM instances WHERE held_because IS NOT NULL ORDER BY arrival LIMIT ?', limit)
      .map(instanceRecord);
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

  manifestObjectIds(): string[] {
    return this.#database.all('SELECT object_id FROM manifests').map((row) => text(row, 'object_id'));
  }

  // Manifests and studies

  /**
   * Enters a manifest under its revision. A sender that was set back to an older state may use a revision
   * again for another list: that one gets the next free revision here, so that neither hides the other.
   * @returns the revision it is under, or undefined when this very manifest is there already
   */
  enterManifest(
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
  manifestsAbove(senderId: string, studyUid: string, revision: number): Manifest[] {
    return this.#database
      .all(
        'SELECT revision, document FROM manifests WHERE sender_id = ? AND study_uid = ? AND revision > ? ORDER BY revision DESC',
        senderId,
        studyUid,
        revision,
      )
      .map((row) => {
        const document = optionalBytes(row, 'document');
        assert(document !== undefined, 'a manifest has its document');
        return { ...decodeManifest(document), revision: number(row, 'revision') };
      });
  }

  study(senderId: string, studyUid: string): StudyRecord | undefined {
    const row = this.#database.get(
      'SELECT * FROM studies WHERE sender_id = ? AND study_uid = ?',
      senderId,
      studyUid,
    );
    return row === undefined ? undefined : studyRecord(row);
  }

  /** Studies of a UID, of all senders. */
  studiesOf(studyUid: string): StudyRecord[] {
    return this.#database.all('SELECT * FROM studies WHERE study_uid = ?', studyUid).map(studyRecord);
  }

  studies(limit: number): StudyRecord[] {
    return this.#database
      .all('SELECT * FROM studies ORDER BY changed_at_ms DESC LIMIT ?', limit)
      .map(studyRecord);
  }

  /** Studies as `status` shows them, those that changed last first. */
  studySummaries(limit: number): StudySummary[] {
    return this.#database
      .all(
        `SELECT studies.*, count(instances.arrival) AS instances, coalesce(sum(instances.bytes), 0) AS bytes,
           count(instances.held_because) AS held, coalesce(sum(repaired_symbols), 0) AS repaired,
           (SELECT target FROM releases WHERE releases.sender_id = studies.sender_id AND releases.study_uid = studies.study_uid
              AND kind = 'partial' AND step = 'done' ORDER BY id DESC LIMIT 1) AS partial
         FROM studies LEFT JOIN instances ON instances.sender_id = studies.sender_id AND instances.study_uid = studies.study_uid
         GROUP BY studies.sender_id, studies.study_uid ORDER BY changed_at_ms DESC LIMIT ?`,
        limit,
      )
      .map((row) => ({
        ...studyRecord(row),
        instances: number(row, 'instances'),
        bytes: number(row, 'bytes'),
        heldInstances: number(row, 'held'),
        repairedSymbols: number(row, 'repaired'),
        firstSeenMs: number(row, 'first_seen_ms'),
        changedAtMs: number(row, 'changed_at_ms'),
        partial: optionalText(row, 'partial'),
      }));
  }

  /** Studies with something still to come or to release. */
  unreleasedStudies(): StudyRecord[] {
    return this.#database
      .all(
        `SELECT * FROM studies WHERE state NOT IN (?, ?, ?) OR newest_revision > released_revision
           OR EXISTS (SELECT 1 FROM instances WHERE instances.sender_id = studies.sender_id
             AND instances.study_uid = studies.study_uid AND released_revision IS NULL AND held_because IS NULL)`,
        studyState.released,
        studyState.held,
        studyState.quarantined,
      )
      .map(studyRecord);
  }

  saveStudy(study: StudyRecord, atMs: number): void {
    this.#database.run(
      `INSERT INTO studies (sender_id, study_uid, study_number, state, priority, newest_revision, released_revision, expected, inbox_name, first_seen_ms, changed_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (sender_id, study_uid) DO UPDATE SET study_number = excluded.study_number, state = excluded.state,
         priority = excluded.priority, newest_revision = excluded.newest_revision, released_revision = excluded.released_revision,
         expected = excluded.expected, inbox_name = excluded.inbox_name, changed_at_ms = excluded.changed_at_ms`,
      study.senderId,
      study.studyUid,
      study.studyNumber ?? null,
      study.state,
      study.priority,
      study.newestRevision,
      study.releasedRevision,
      study.expected ?? null,
      study.inboxName ?? null,
      atMs,
      atMs,
    );
  }

  inboxNameTaken(name: string): boolean {
    return this.#database.get('SELECT 1 FROM studies WHERE inbox_name = ?', name) !== undefined;
  }

  // Releases

  beginRelease(release: Omit<ReleaseRecord, 'id' | 'step'>, atMs: number): ReleaseRecord {
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

  markReleaseStep(id: number, step: ReleaseStep): void {
    this.#database.run('UPDATE releases SET step = ? WHERE id = ?', step, id);
  }

  /** A release that will not be done. */
  forgetRelease(id: number): void {
    this.#database.run("DELETE FROM releases WHERE id = ? AND step <> 'done'", id);
  }

  markReleased(objectIds: readonly string[], revision: number): void {
    for (const id of objectIds) {
      this.#database.run(
        'UPDATE instances SET released_revision = ?, held_because = NULL WHERE object_id = ?',
        revision,
        id,
      );
    }
  }

  unfinishedReleases(): ReleaseRecord[] {
    return this.#database.all(`SELECT * FROM releases WHERE step <> 'done' ORDER BY id`).map(releaseRecord);
  }

  releasesOf(senderId: string, studyUid: string): ReleaseRecord[] {
    return this.#database
      .all('SELECT * FROM releases WHERE sender_id = ? AND study_uid = ? ORDER BY id', senderId, studyUid)
      .map(releaseRecord);
  }

  // Senders

  sender(senderId: string): SenderRecord | undefined {
    const row = this.#database.get('SELECT * FROM senders WHERE sender_id = ?', senderId);
    return row === undefined ? undefined : senderRecord(row);
  }

  senders(): SenderRecord[] {
    return this.#database.all('SELECT * FROM senders ORDER BY sender_id').map(senderRecord);
  }

  saveSender(sender: SenderRecord): void {
    this.#database.run(
      `INSERT INTO senders (sender_id, session_counter, session_random, sequence, key_id, account_from, highest_study_number)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (sender_id) DO UPDATE SET session_counter = excluded.session_counter, session_random = excluded.session_random,
         sequence = excluded.sequence, key_id = excluded.key_id, account_from = excluded.account_from, highest_study_number = excluded.highest_study_number`,
      sender.senderId,
      sender.sessionCounter,
      sender.sessionRandom,
      sender.sequence,
      sender.keyId,
      sender.accountFrom,
      sender.highestStudyNumber,
    );
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

  /** Studies that have everything of what was announced, and more instances that no manifest lists. */
  unclaimed(limit: number): { senderId: string; studyUid: string; instances: number }[] {
    return this.#database
      .all(
        `SELECT instances.sender_id, instances.study_uid, count(*) AS instances FROM instances JOIN studies
           ON studies.sender_id = instances.sender_id AND studies.study_uid = instances.study_uid
         WHERE instances.released_revision IS NULL AND held_because IS NULL AND studies.newest_revision = studies.released_revision
         GROUP BY instances.sender_id, instances.study_uid LIMIT ?`,
        limit,
      )
      .map((row) => ({
        senderId: text(row, 'sender_id'),
        studyUid: text(row, 'study_uid'),
        instances: number(row, 'instances'),
      }));
  }

  // Audit

  audit(entry: { action: string; subject: string; byWhom: string; reason: string }, atMs: number): void {
    this.#database.run(
      'INSERT INTO audit (at_ms, action, subject, by_whom, reason) VALUES (?, ?, ?, ?, ?)',
      atMs,
      entry.action,
      entry.subject,
      entry.byWhom,
      entry.reason,
    );
  }
}

function instanceRecord(row: Row): InstanceRecord {
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
  };
}

function studyRecord(row: Row): StudyRecord {
  const state = Object.values(studyState).find((candidate) => candidate === row['state']);
  assert(state !== undefined, 'a study has a known state');
  return {
    senderId: text(row, 'sender_id'),
    studyUid: text(row, 'study_uid'),
    studyNumber: row['study_number'] === null ? undefined : number(row, 'study_number'),
    state,
    priority: number(row, 'priority') === priority.stat ? priority.stat : priority.routine,
    newestRevision: number(row, 'newest_revision'),
    releasedRevision: number(row, 'released_revision'),
    expected: row['expected'] === null ? undefined : number(row, 'expected'),
    inboxName: optionalText(row, 'inbox_name'),
  };
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

function senderRecord(row: Row): SenderRecord {
  return {
    senderId: text(row, 'sender_id'),
    sessionCounter: number(row, 'session_counter'),
    sessionRandom: number(row, 'session_random'),
    sequence: number(row, 'sequence'),
    keyId: number(row, 'key_id'),
    accountFrom: number(row, 'account_from'),
    highestStudyNumber: number(row, 'highest_study_number'),
  };
}
