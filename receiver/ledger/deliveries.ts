/**
 * The durable delivery queue: for every released instance, a row for each destination it goes to. Part of the
 * receiver's ledger. What every destination is done with departs: see removableObjects.ts.
 *
 * Times in it are running time, so that a wall clock that jumps changes nothing.
 */
import { type LedgerDatabase, number, optionalText, type Row, text } from '../../shared/ledger-database.ts';
import { DueDeliveries, type Turns } from './due-deliveries.ts';
import type { RemovableObjects } from './removable-objects.ts';

/** Part of the receiver's schema. */
export const deliveriesSchema = `
   CREATE TABLE deliveries (
     id INTEGER PRIMARY KEY,
     destination TEXT NOT NULL,
     object_id TEXT NOT NULL,
     sender_id TEXT NOT NULL,
     study_uid TEXT NOT NULL,
     sop_instance_uid TEXT NOT NULL,
     urgency INTEGER NOT NULL,
     state TEXT NOT NULL,
     attempts INTEGER NOT NULL DEFAULT 0,
     queued_ms INTEGER NOT NULL,
     not_before_ms INTEGER NOT NULL,
     code TEXT,
     status INTEGER,
     comment TEXT,
     changed_at_ms INTEGER NOT NULL,
     beside INTEGER NOT NULL DEFAULT 0,
     UNIQUE (object_id, destination)
   );
   CREATE UNIQUE INDEX deliveries_one_uid ON deliveries (destination, sop_instance_uid) WHERE beside = 0 AND state <> 'abandoned';
   CREATE INDEX deliveries_fresh ON deliveries (destination, urgency, sender_id, id) WHERE state = 'waiting' AND not_before_ms = 0;
   CREATE INDEX deliveries_tried ON deliveries (destination, urgency, sender_id, not_before_ms) WHERE state = 'waiting' AND not_before_ms > 0;
   CREATE INDEX deliveries_oldest ON deliveries (destination, queued_ms) WHERE state = 'waiting';
   CREATE INDEX deliveries_failed ON deliveries (destination) WHERE state = 'failed';
   CREATE INDEX deliveries_unsent ON deliveries (study_uid, sender_id, destination) WHERE state <> 'sent';
   CREATE INDEX deliveries_by_study ON deliveries (study_uid, sender_id, destination);`;

/** `failed`: refused for good, or tried too often; a person decides. `abandoned`: a person gave it up. */
export type DeliveryState = 'waiting' | 'sent' | 'failed' | 'abandoned';

/** One instance for one destination. */
export interface DeliveryRecord {
  readonly id: number;
  readonly destination: string;
  readonly objectId: string;
  readonly senderId: string;
  readonly studyUid: string;
  readonly sopInstanceUid: string;
  /** 0 goes before 1. */
  readonly urgency: number;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly queuedMs: number;
  readonly notBeforeMs: number;
  /** Why the last attempt failed. */
  readonly code: string | undefined;
  /** What the destination answered: a status of C-STORE, or a failure reason of STOW-RS. */
  readonly status: number | undefined;
  /** What the destination said; it may contain PHI, so it is for the operator's eyes alone. */
  readonly comment: string | undefined;
  readonly changedAtMs: number;
}

/**
 * What became of an instance for a destination. `there`: it is already in the queue, or was sent. `known`: the same content
 * is, from another sending. `withheld`: different content is, under its UID; the instance counts as failed until given up.
 */
export type Entered = 'entered' | 'there' | 'known' | 'withheld';

/** Now, on both clocks. */
export interface Moment {
  /** Running time. */
  readonly nowMs: number;
  /** Wall clock, for people. */
  readonly atMs: number;
}

/** What a destination, or a study, has. */
export type DeliveryCounts = Readonly<Record<DeliveryState, number>>;

export interface DeliveryFailure {
  readonly code: string;
  readonly status?: number;
  readonly comment?: string;
}

const states = ['waiting', 'sent', 'failed', 'abandoned'] as const satisfies readonly DeliveryState[];
const commentCharactersMax = 200;

export class Deliveries {
  readonly #database: LedgerDatabase;
  readonly #removableObjects: RemovableObjects;
  readonly #due: DueDeliveries;

  constructor(database: LedgerDatabase, removableObjects: RemovableObjects) {
    this.#database = database;
    this.#removableObjects = removableObjects;
    this.#due = new DueDeliveries(database);
  }

  // Entering

  /**
   * Queues an instance for a destination. An index sees to it that nothing leaves there under a UID that has left, or
   * waits, with other bytes; what a person let through in spite of that stands beside the first.
   */
  enter(
    instance: Pick<DeliveryRecord, 'objectId' | 'senderId' | 'studyUid' | 'sopInstanceUid'>,
    destination: string,
    urgency: number,
    moment: Moment,
  ): Entered {
    if (this.#insert(instance, destination, urgency, moment, 'first')) return 'entered';
    const there = 'SELECT 1 FROM deliveries WHERE object_id = ? AND destination = ?';
    if (this.#database.get(there, instance.objectId, destination) !== undefined) return 'there';
    const own = this.#database.get(
      `SELECT sha256, approved FROM instances LEFT JOIN inspections ON inspections.object_id = instances.object_id
       WHERE instances.object_id = ?`,
      instance.objectId,
    );
    const first = this.#database.get(
      `SELECT sha256 FROM deliveries JOIN instances ON instances.object_id = deliveries.object_id
       WHERE destination = ? AND deliveries.sop_instance_uid = ? AND beside = 0 AND state <> 'abandoned'`,
      destination,
      instance.sopInstanceUid,
    );
    if (own !== undefined && own['sha256'] === first?.['sha256']) return 'known';
    const approved = own === undefined ? undefined : optionalText(own, 'approved');
    const isApproved = approved?.split(' ').includes('E_CONFLICT') === true;
    this.#insert(instance, destination, urgency, moment, isApproved ? 'beside' : 'withheld');
    return isApproved ? 'entered' : 'withheld';
  }

  // Trying

  /** Those to be tried: see due-deliveries.ts. */
  due(destination: string, nowMs: number, most: number, turns?: Turns): DeliveryRecord[] {
    return this.#due.due(destination, nowMs, most, turns).map(deliveryRecord);
  }

  /** Running time when the oldest that still waits was queued. */
  oldestQueuedMs(destination: string): number | undefined {
    const row = this.#database.get(
      "SELECT min(queued_ms) AS oldest FROM deliveries WHERE destination = ? AND state = 'waiting'",
      destination,
    );
    return row === undefined || row['oldest'] === null ? undefined : number(row, 'oldest');
  }

  sent(row: DeliveryRecord, status: number | undefined, moment: Moment): void {
    this.#change(row.id, { state: 'sent', attempts: row.attempts + 1, notBeforeMs: 0, status }, moment);
    this.#depart(row.objectId, moment.nowMs);
  }

  failed(row: DeliveryRecord, failure: DeliveryFailure, moment: Moment): void {
    this.#change(row.id, { state: 'failed', attempts: row.attempts + 1, notBeforeMs: 0, ...failure }, moment);
  }

  postponed(
    row: DeliveryRecord,
    failure: DeliveryFailure & { readonly attempts: number; readonly notBeforeMs: number },
    moment: Moment,
  ): void {
    this.#change(row.id, { state: 'waiting', ...failure }, moment);
  }

  // What people decide

  /** What has failed waits again, but what is withheld for its UID. @returns how many */
  retry(destination: string, { nowMs, atMs }: Moment): number {
    this.#database.run(
      `UPDATE deliveries SET not_before_ms = 0 WHERE destination = ? AND state = 'waiting' AND not_before_ms > 0`,
      destination,
    );
    return this.#database.run(
      `UPDATE deliveries SET state = 'waiting', attempts = 0, queued_ms = ?, not_before_ms = 0, changed_at_ms = ?
       WHERE destination = ? AND state = 'failed' AND code IS NOT 'E_CONFLICT'`,
      Math.round(nowMs),
      atMs,
      destination,
    );
  }

  /** One that has not arrived is given up. */
  abandon(row: DeliveryRecord, { nowMs, atMs }: Moment): void {
    this.#database.run(
      "UPDATE deliveries SET state = 'abandoned', changed_at_ms = ? WHERE id = ? AND state <> 'sent'",
      atMs,
      row.id,
    );
    this.#depart(row.objectId, nowMs);
  }

  /** All that has not arrived at a destination is given up: within a transaction. @returns how many */
  abandonAll(destination: string, { nowMs, atMs }: Moment): number {
    const open = "state IN ('waiting', 'failed')";
    this.#database.run(
      `INSERT INTO removable_objects (object_id, done_ms) SELECT object_id, ? FROM deliveries AS given
       WHERE destination = ? AND ${open} AND NOT EXISTS (SELECT 1 FROM deliveries AS other
         WHERE other.object_id = given.object_id AND other.destination <> given.destination AND other.${open})
       ON CONFLICT DO NOTHING`,
      Math.round(nowMs),
      destination,
    );
    return this.#database.run(
      `UPDATE deliveries SET state = 'abandoned', changed_at_ms = ? WHERE destination = ? AND ${open}`,
      atMs,
      destination,
    );
  }

  // Telling

  /** What waits and what has failed, by destination; without those that have neither. */
  open(): ReadonlyMap<string, Pick<DeliveryCounts, 'waiting' | 'failed'>> {
    const found = new Map<string, { waiting: number; failed: number }>();
    for (const state of ['waiting', 'failed'] as const) {
      const sql = `SELECT destination, count(*) AS count FROM deliveries WHERE state = '${state}' GROUP BY destination`;
      for (const row of this.#database.all(sql)) {
        const counts = found.get(text(row, 'destination')) ?? { waiting: 0, failed: 0 };
        counts[state] = number(row, 'count');
        found.set(text(row, 'destination'), counts);
      }
    }
    return found;
  }

  /** Whether something of a study has not arrived somewhere. */
  hasUnsent(senderId: string, studyUid: string): boolean {
    const row = this.#database.get(
      "SELECT 1 FROM deliveries WHERE study_uid = ? AND sender_id = ? AND state <> 'sent' LIMIT 1",
      studyUid,
      senderId,
    );
    return row !== undefined;
  }

  /** How many instances of a study have arrived at a destination; undefined while some have not. */
  arrivedAt(senderId: string, studyUid: string, destination: string): number | undefined {
    const unsent =
      "SELECT 1 FROM deliveries WHERE study_uid = ? AND sender_id = ? AND destination = ? AND state <> 'sent' LIMIT 1";
    if (this.#database.get(unsent, studyUid, senderId, destination) !== undefined) return undefined;
    const all =
      'SELECT count(*) AS count FROM deliveries WHERE study_uid = ? AND sender_id = ? AND destination = ?';
    return number(this.#database.get(all, studyUid, senderId, destination) ?? {}, 'count');
  }

  /** How far the deliveries of a study are; undefined when it has none. */
  ofStudy(senderId: string, studyUid: string): DeliveryCounts | undefined {
    const rows = this.#database.all(
      'SELECT state, count(*) AS count FROM deliveries WHERE study_uid = ? AND sender_id = ? GROUP BY state',
      studyUid,
      senderId,
    );
    if (rows.length === 0) return undefined;
    const counts = { waiting: 0, sent: 0, failed: 0, abandoned: 0 };
    for (const row of rows) counts[stateOf(row)] = number(row, 'count');
    return counts;
  }

  /** Where these go, or went. */
  destinationsOf(objectIds: readonly string[]): string[] {
    return this.#database
      .all(
        `SELECT DISTINCT destination FROM json_each(?) AS asked JOIN deliveries ON object_id = asked.value
         WHERE state <> 'abandoned' ORDER BY destination`,
        JSON.stringify(objectIds),
      )
      .map((row) => text(row, 'destination'));
  }

  /** Every delivery of a study, of all senders, in the order they were queued. */
  list(studyUid: string): DeliveryRecord[] {
    return this.#database
      .all('SELECT * FROM deliveries WHERE study_uid = ? ORDER BY id', studyUid)
      .map(deliveryRecord);
  }

  /** What has not arrived at a destination: a page of it, in the order it was queued. */
  openAt(destination: string, afterId: number, limit: number): DeliveryRecord[] {
    const open = (state: string) =>
      `SELECT * FROM deliveries WHERE destination = ?1 AND state = '${state}' AND id > ?2`;
    return this.#database
      .all(`${open('waiting')} UNION ALL ${open('failed')} ORDER BY id LIMIT ?3`, destination, afterId, limit)
      .map(deliveryRecord);
  }

  /** The newest that failed at a destination, to say why. */
  lastFailure(destination: string): DeliveryRecord | undefined {
    const row = this.#database.get(
      "SELECT * FROM deliveries WHERE destination = ? AND state = 'failed' ORDER BY changed_at_ms DESC LIMIT 1",
      destination,
    );
    return row === undefined ? undefined : deliveryRecord(row);
  }

  /** @returns false where there is a row of it, or another under its UID that it may not stand beside */
  #insert(
    instance: Pick<DeliveryRecord, 'objectId' | 'senderId' | 'studyUid' | 'sopInstanceUid'>,
    destination: string,
    urgency: number,
    { nowMs, atMs }: Moment,
    place: 'first' | 'beside' | 'withheld',
  ): boolean {
    return (
      this.#database.run(
        `INSERT INTO deliveries (destination, object_id, sender_id, study_uid, sop_instance_uid, urgency, state, queued_ms, not_before_ms, changed_at_ms, beside, code)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?) ON CONFLICT DO NOTHING`,
        destination,
        instance.objectId,
        instance.senderId,
        instance.studyUid,
        instance.sopInstanceUid,
        urgency,
        place === 'withheld' ? 'failed' : 'waiting',
        Math.round(nowMs),
        atMs,
        place === 'first' ? 0 : 1,
        place === 'withheld' ? 'E_CONFLICT' : null,
      ) > 0
    );
  }

  #depart(objectId: string, nowMs: number): void {
    const open = this.#database.get(
      "SELECT 1 FROM deliveries WHERE object_id = ? AND state IN ('waiting', 'failed') LIMIT 1",
      objectId,
    );
    if (open === undefined) this.#removableObjects.enter(objectId, nowMs);
  }

  #change(
    id: number,
    change: {
      readonly state: DeliveryState;
      readonly attempts: number;
      readonly notBeforeMs: number;
      readonly code?: string;
      readonly status?: number | undefined;
      readonly comment?: string;
    },
    { atMs }: Moment,
  ): void {
    this.#database.run(
      `UPDATE deliveries SET state = ?, attempts = ?, not_before_ms = ?, code = ?, status = ?, comment = ?, changed_at_ms = ?
       WHERE id = ? AND state = 'waiting'`,
      change.state,
      change.attempts,
      Math.round(change.notBeforeMs),
      change.code ?? null,
      change.status ?? null,
      change.comment?.slice(0, commentCharactersMax) ?? null,
      atMs,
      id,
    );
  }
}

function stateOf(row: Row): DeliveryState {
  const state = states.find((candidate) => candidate === row['state']);
  if (state === undefined) throw new TypeError('a delivery has a known state');
  return state;
}

function deliveryRecord(row: Row): DeliveryRecord {
  return {
    id: number(row, 'id'),
    destination: text(row, 'destination'),
    objectId: text(row, 'object_id'),
    senderId: text(row, 'sender_id'),
    studyUid: text(row, 'study_uid'),
    sopInstanceUid: text(row, 'sop_instance_uid'),
    urgency: number(row, 'urgency'),
    state: stateOf(row),
    attempts: number(row, 'attempts'),
    queuedMs: number(row, 'queued_ms'),
    notBeforeMs: number(row, 'not_before_ms'),
    code: optionalText(row, 'code'),
    status: row['status'] === null ? undefined : number(row, 'status'),
    comment: optionalText(row, 'comment'),
    changedAtMs: number(row, 'changed_at_ms'),
  };
}
