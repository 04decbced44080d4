/**
 * The events of one side: facts, each a row that is entered in the transaction that makes it true, so that neither is there
 * without the other. Part of both ledgers. Whoever follows them asks by number.
 *
 * Instances are counted in one row per study while they come: the row is replaced by one with the new count, under a new
 * number, so that whoever follows sees the newest state and a row that was read never changes.
 */
import { assert } from '../assert.ts';
import { type LedgerDatabase, number, optionalText, type Row, text } from '../ledger-database.ts';
import {
  countNames,
  type Event,
  type EventKind,
  eventKinds,
  eventOf,
  type NewEvent,
} from './event-catalogue.ts';
import { type EventBounds, EventRetention, eventRetentionSchema } from './event-retention.ts';

/** Part of both ledgers' schemas. Without a study or sender the column is empty, so that an index finds those as well. */
export const eventsSchema = `
   CREATE TABLE events (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     at_ms INTEGER NOT NULL,
     since_ms INTEGER NOT NULL,
     sender_id TEXT NOT NULL,
     study_uid TEXT NOT NULL,
     kind TEXT NOT NULL,
     fields TEXT NOT NULL,
     counts TEXT,
     source TEXT NOT NULL
   );
   CREATE INDEX events_by_study ON events (study_uid, number) WHERE study_uid <> '';
   CREATE INDEX events_by_source ON events (source, number);
   CREATE INDEX events_counting ON events (study_uid, kind, sender_id, number) WHERE counts IS NOT NULL;
   ${eventRetentionSchema}`;

/** How long a row goes on counting after it began. */
const countingMs = 60_000;
/** Rows of one study and kind that are looked at for one that counts the same. */
const countingRows = 8;

export interface EventFilter {
  readonly studyUid?: string | undefined;
  readonly kind?: EventKind | undefined;
  /** By the wall clock. */
  readonly sinceMs?: number | undefined;
}

export interface EventPage {
  /** Oldest first. */
  readonly events: readonly Event[];
  /** The number to continue after, even if it is of a row that could not be read as an event. */
  readonly last: number;
  /** Whether there may be more behind it. */
  readonly isMore: boolean;
  /** The lowest number that is still there; undefined if there is none. */
  readonly first: number | undefined;
  /** The highest number that was forgotten: whoever had not read that far has missed something. */
  readonly forgottenTo: number;
}

export interface EventsOptions {
  /** On the sender's side: its own id, for what is entered without one. */
  readonly ownSenderId?: (() => string | undefined) | undefined;
  readonly bounds?: EventBounds | undefined;
}

export class Events {
  readonly #database: LedgerDatabase;
  readonly #ownSenderId: (() => string | undefined) | undefined;
  readonly #retention: EventRetention;
  #groupOf: (senderId: string) => string = (senderId) => senderId;

  constructor(database: LedgerDatabase, { ownSenderId, bounds }: EventsOptions = {}) {
    this.#database = database;
    this.#ownSenderId = ownSenderId;
    this.#retention = new EventRetention(database, bounds);
  }

  /** Sender ids that share their room; until this is set, each has its own. */
  useGroups(groupOf: (senderId: string) => string): void {
    this.#groupOf = groupOf;
  }

  /** Enters a fact, in the transaction that makes it true. @param atMs by the wall clock */
  enter(event: NewEvent, atMs: number): void {
    const { kind, senderId: whose, studyUid = '', ...fields } = event;
    const senderId = whose ?? this.#ownSenderId?.() ?? '';
    const { schema, isGrouped } = eventKinds[kind];
    const parsed = schema.safeParse(fields);
    assert(parsed.success, `an event has the fields of its kind: ${kind}`);
    const { counts, others } = isGrouped ? parted(parsed.data) : { counts: undefined, others: parsed.data };
    const row = { senderId, studyUid, kind, fields: JSON.stringify(others) };
    this.#database.transaction(() => {
      if (counts === undefined || !this.#countOn(row, counts, atMs)) {
        const source = this.#retention.admit(this.#sourceOf(event, senderId));
        this.#insert({ ...row, counts, atMs, sinceMs: atMs, source });
      }
    });
  }

  /** The events after a number, oldest first. @param filter leaves out events that are not asked for, but skips no number */
  after(behind: number, limit: number, filter: EventFilter = {}): EventPage {
    const { conditions, values } = conditionsOf(filter);
    const rows = this.#database.all(
      `SELECT * FROM events WHERE number > ?${conditions} ORDER BY number LIMIT ?`,
      behind,
      ...values,
      limit,
    );
    const lastRow = rows.at(-1);
    const first = this.#database.get('SELECT min(number) AS first FROM events') ?? {};
    return {
      events: rows.flatMap((row) => readEvent(row) ?? []),
      last: lastRow === undefined ? behind : number(lastRow, 'number'),
      isMore: rows.length === limit,
      first: first['first'] === null ? undefined : number(first, 'first'),
      forgottenTo: this.#retention.forgottenTo(),
    };
  }

  /** The newest events that match a filter, oldest first. */
  newest(filter: EventFilter, limit: number): Event[] {
    const { conditions, values } = conditionsOf(filter);
    return this.#database
      .all(
        `SELECT * FROM events WHERE number > 0${conditions} ORDER BY number DESC LIMIT ?`,
        ...values,
        limit,
      )
      .reverse()
      .flatMap((row) => readEvent(row) ?? []);
  }

  /** The highest number that was ever given. */
  lastNumber(): number {
    const row = this.#database.get("SELECT seq FROM sqlite_sequence WHERE name = 'events'");
    return row === undefined ? 0 : number(row, 'seq');
  }

  /** Studies that have events and whose UID ends like this. */
  studiesEnding(end: string, limit: number): string[] {
    return this.#database
      .all(
        `SELECT DISTINCT study_uid FROM events WHERE study_uid <> '' AND substr(study_uid, -length(?1)) = ?1 LIMIT ?2`,
        end,
        limit,
      )
      .map((row) => text(row, 'study_uid'));
  }

  /**
   * Forgets what is too old or too much, a bounded step. Call it every second or so.
   * @param nowMs running time of the program: a wall clock that jumps makes nothing old
   * @returns how many were forgotten
   */
  prune(nowMs: number, keepForMs: number): number {
    return this.#retention.prune(nowMs, keepForMs);
  }

  /** @returns whether this is a change: another value was kept under this name before, or none */
  remember(name: string, value: string): boolean {
    return this.#retention.remember(name, value);
  }

  /** Replaces the row that counts the same things by one with the new sum. @returns false if there is none */
  #countOn(row: CountedRow, counts: Readonly<Record<string, number>>, atMs: number): boolean {
    const found = this.#database.get(
      `SELECT * FROM (SELECT * FROM events WHERE study_uid = ? AND kind = ? AND sender_id = ? AND counts IS NOT NULL
         ORDER BY number DESC LIMIT ${countingRows}) WHERE fields = ? LIMIT 1`,
      row.studyUid,
      row.kind,
      row.senderId,
      row.fields,
    );
    if (found === undefined) return false;
    const sinceMs = number(found, 'since_ms');
    // A clock that jumped begins another row.
    if (atMs < number(found, 'at_ms') || atMs - sinceMs > countingMs) return false;
    const before = countsOf(found);
    const sums = Object.fromEntries(
      Object.entries(counts).map(([name, value]) => [name, value + (before[name] ?? 0)]),
    );
    this.#database.run('DELETE FROM events WHERE number = ?', number(found, 'number'));
    this.#insert({ ...row, counts: sums, atMs, sinceMs, source: text(found, 'source') });
    return true;
  }

  #insert(
    row: CountedRow & {
      readonly counts: Readonly<Record<string, number>> | undefined;
      readonly atMs: number;
      readonly sinceMs: number;
      readonly source: string;
    },
  ): void {
    this.#database.run(
      `INSERT INTO events (at_ms, since_ms, sender_id, study_uid, kind, fields, counts, source)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      row.atMs,
      row.sinceMs,
      row.senderId,
      row.studyUid,
      row.kind,
      row.fields,
      row.counts === undefined ? null : JSON.stringify(row.counts),
      row.source,
    );
  }

  /** The source that the row counts for, when room has to be made. */
  #sourceOf(event: NewEvent, senderId: string): string {
    if (event.kind === 'alarm-raised' || event.kind === 'alarm-changed' || event.kind === 'alarm-cleared')
      return `alarm ${event.code}`;
    if (event.kind === 'rejected') return 'rejected';
    if (this.#ownSenderId === undefined)
      return senderId === '' ? 'program' : `sender ${this.#groupOf(senderId)}`;
    if (event.kind === 'taken-in') return `scanner ${event.scanner ?? ''}`;
    return event.studyUid === undefined ? 'program' : this.#sourceOfStudy(event.studyUid);
  }

  /** On the sender's side a study belongs to the scanner that it came from. */
  #sourceOfStudy(studyUid: string): string {
    const sql = `SELECT source FROM events WHERE study_uid = ? AND study_uid <> '' ORDER BY number DESC LIMIT 1`;
    const row = this.#database.get(sql, studyUid);
    return row === undefined ? 'scanner ' : text(row, 'source');
  }
}

interface CountedRow {
  readonly senderId: string;
  readonly studyUid: string;
  readonly kind: EventKind;
  /** As JSON, in the order of the kind's schema. */
  readonly fields: string;
}

function conditionsOf({ studyUid, kind, sinceMs }: EventFilter) {
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  if (studyUid !== undefined) {
    conditions.push(" AND study_uid = ? AND study_uid <> ''");
    values.push(studyUid);
  }
  if (kind !== undefined) {
    conditions.push(' AND kind = ?');
    values.push(kind);
  }
  if (sinceMs !== undefined) {
    conditions.push(' AND at_ms >= ?');
    values.push(sinceMs);
  }
  return { conditions: conditions.join(''), values };
}

function parted(fields: Readonly<Record<string, unknown>>) {
  const counts: Record<string, number> = {};
  const others: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (countNames.some((each) => each === name) && typeof value === 'number') counts[name] = value;
    else others[name] = value;
  }
  return { counts, others };
}

function countsOf(row: Row): Record<string, number> {
  const json = optionalText(row, 'counts');
  return json === undefined ? {} : JSON.parse(json);
}

/** @returns undefined for anything this version does not know: any process may write to a ledger */
function readEvent(row: Row): Event | undefined {
  let fields: unknown;
  try {
    fields = { ...JSON.parse(text(row, 'fields')), ...countsOf(row) };
  } catch {
    return undefined;
  }
  return eventOf({
    number: number(row, 'number'),
    atMs: number(row, 'at_ms'),
    sinceMs: number(row, 'since_ms'),
    senderId: text(row, 'sender_id'),
    studyUid: text(row, 'study_uid'),
    kind: text(row, 'kind'),
    fields,
  });
}
