/**
 * What tickets asked for: which tickets were used, and which objects still wait to be sent again for one. Both are in
 * the ledger, so that a ticket counts once and its objects go out, whatever restarts.
 */
import { type LedgerDatabase, number, type Row, text } from '../../shared/ledger-database.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { TicketRange } from '../../shared/wire/ticket.ts';

/** Part of the sender's schema. */
export const resendsSchema = `
   CREATE TABLE used_tickets (number INTEGER PRIMARY KEY, ticket_id TEXT NOT NULL UNIQUE);
   CREATE TABLE resends (position INTEGER PRIMARY KEY, object_id TEXT NOT NULL UNIQUE);`;

/** Used tickets that are remembered; one older than these has expired long since. */
const usedTicketsMax = 10_000;

export interface KeptStudy {
  readonly studyUid: string;
  readonly revision: number;
}

export class Resends {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  isUsed(ticketId: string): boolean {
    return this.#database.get('SELECT 1 FROM used_tickets WHERE ticket_id = ?', ticketId) !== undefined;
  }

  /** The study of a number, while it is kept. */
  study(studyNumber: number): KeptStudy | undefined {
    const row = this.#database.get(
      'SELECT study_uid, revision FROM studies WHERE study_number = ?',
      studyNumber,
    );
    return row === undefined
      ? undefined
      : { studyUid: text(row, 'study_uid'), revision: number(row, 'revision') };
  }

  /**
   * Lets a study's objects wait to be sent again: its manifest is at place 0, the instances follow as it lists them.
   * @returns how many objects it names; those that waited already are among them
   */
  add(studyUid: string, ranges: readonly TicketRange[] | undefined): number {
    const all = [{ first: 0, last: limits.manifestEntriesMax }];
    return (ranges ?? all).reduce((sum, { first, last }) => sum + this.#addRange(studyUid, first, last), 0);
  }

  /** Remembers a used ticket, and forgets the oldest beyond the limit. */
  use(ticketId: string): void {
    this.#database.run('INSERT INTO used_tickets (ticket_id) VALUES (?)', ticketId);
    this.#database.run(
      'DELETE FROM used_tickets WHERE number <= (SELECT max(number) FROM used_tickets) - ?',
      usedTicketsMax,
    );
    // What expired or was spoiled while it waited is not sent any more.
    this.#database.run(
      'DELETE FROM resends WHERE object_id NOT IN (SELECT object_id FROM objects WHERE unreadable = 0)',
    );
  }

  /** These were sent again. */
  done(objectIds: readonly string[]): void {
    for (const id of objectIds) this.#database.run('DELETE FROM resends WHERE object_id = ?', id);
  }

  /** How many objects wait. */
  waiting(): number {
    return number(this.#database.get('SELECT count(*) AS waiting FROM resends') ?? {}, 'waiting');
  }

  #addRange(studyUid: string, first: number, last: number): number {
    const place = Math.max(1, first);
    return (
      (first === 0 ? this.#add(this.#manifest(studyUid)) : 0) +
      (last < place ? 0 : this.#add(this.#instances(studyUid, place, last - place + 1)))
    );
  }

  #manifest(studyUid: string): Row[] {
    return this.#database.all(
      'SELECT object_id, 1 AS kept FROM objects WHERE study_uid = ? AND type = ? AND unreadable = 0 LIMIT 1',
      studyUid,
      objectType.manifest,
    );
  }

  /** The places of a manifest, which also lists what has expired. */
  #instances(studyUid: string, place: number, count: number): Row[] {
    return this.#database.all(
      `SELECT object_id, kept FROM (
         SELECT intake, object_id, 1 - unreadable AS kept FROM objects WHERE study_uid = ? AND type = ?
         UNION ALL SELECT intake, object_id, 0 AS kept FROM expired_instances WHERE study_uid = ?
         ORDER BY intake LIMIT ? OFFSET ?)`,
      studyUid,
      objectType.instance,
      studyUid,
      count,
      place - 1,
    );
  }

  #add(rows: readonly Row[]): number {
    const kept = rows.filter((row) => number(row, 'kept') === 1);
    for (const row of kept)
      this.#database.run(
        'INSERT INTO resends (object_id) VALUES (?) ON CONFLICT (object_id) DO NOTHING',
        text(row, 'object_id'),
      );
    return kept.length;
  }
}
