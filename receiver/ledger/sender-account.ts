/**
 * What the ledger knows of the studies of one sender: which numbers anything of it named, which never came, and for
 * which something is held. For alarms: a few of each, and how many there are. Part of the receiver's ledger.
 */
import { type ErrorCode, isErrorCode } from '../../shared/errors.ts';
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';

/** Some of many. */
export interface Some<T> {
  readonly some: readonly T[];
  /** How many there are, with those. */
  readonly count: number;
}

/** Numbers that are read at a time to find those between them. */
const numbersPage = 1000;

/** As in `unseen` of account.ts. */
const unseenOf = `FROM roll WHERE sender_id = ?
   AND NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.object_id = roll.manifest_id)`;

/** What was purged, or waits for a scan, is no news: there may be a million of either. */
const isHeld = "held_because IS NOT NULL AND held_because <> 'E_PURGED' AND held_because <> 'E_SCAN_WAITING'";

/** Part of the receiver's schema. */
export const senderAccountSchema = `
   CREATE INDEX instances_held_by_sender ON instances (sender_id, study_uid, held_because) WHERE ${isHeld};`;

/** Studies and reasons of a sender that are looked at: they are counted every few seconds. */
export const heldLookedAt = 5000;
/** Instances of one of them that are asked which list claims them. */
const claimsLookedAt = 100;

const heldNext = (condition: string) =>
  `(SELECT arrival FROM instances WHERE ${isHeld} AND sender_id = ?1 ${condition}
      ORDER BY study_uid, held_because, arrival LIMIT 1)`;
/** The first held instance of each study and reason of a sender: two steps in the index each, however many there are. */
const firstHeld = `WITH RECURSIVE first_held (arrival) AS (
     SELECT ${heldNext('')}
     UNION ALL SELECT coalesce(${heldNext('AND study_uid = last.study_uid AND held_because > last.held_because')},
       ${heldNext('AND study_uid > last.study_uid')})
     FROM first_held JOIN instances AS last ON last.arrival = first_held.arrival LIMIT ${heldLookedAt})
   SELECT study_uid, held_because, count(*) OVER () AS count FROM first_held
     JOIN instances ON instances.arrival = first_held.arrival ORDER BY instances.arrival LIMIT ?2`;

export class SenderAccount {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** The highest study number up to a limit that a manifest or a roll of a sender named; 0 when none did. */
  highestNamed(senderId: string, limit: number): number {
    const highest = (table: 'manifests' | 'roll') =>
      number(
        this.#database.get(
          `SELECT coalesce(max(study_number), 0) AS highest FROM ${table} WHERE sender_id = ? AND study_number <= ?`,
          senderId,
          limit,
        ) ?? {},
        'highest',
      );
    return Math.max(highest('manifests'), highest('roll'));
  }

  /** Numbers within bounds of which no manifest came, the lowest ones. */
  unknownNumbers(senderId: string, from: number, to: number, limit: number): Some<number> {
    if (from > to) return { some: [], count: 0 };
    const row = this.#database.get(
      'SELECT count(DISTINCT study_number) AS known FROM manifests WHERE sender_id = ? AND study_number BETWEEN ? AND ?',
      senderId,
      from,
      to,
    );
    const count = to - from + 1 - number(row ?? {}, 'known');
    const some: number[] = [];
    for (let next = from; count > 0 && some.length < limit && next <= to; ) {
      const known = this.#numbersFrom(senderId, next, to);
      for (const studyNumber of known.length < numbersPage ? [...known, to + 1] : known) {
        for (; next < studyNumber && some.length < limit; next += 1) some.push(next);
        next = studyNumber + 1;
      }
    }
    return { some, count };
  }

  /** Studies of its roll whose newest manifest never came. */
  unseen(senderId: string, limit: number): Some<{ studyNumber: number; studyUid: string }> {
    const row = this.#database.get(`SELECT count(*) AS count ${unseenOf}`, senderId);
    const some = this.#database
      .all(`SELECT study_number, study_uid ${unseenOf} ORDER BY study_number LIMIT ?`, senderId, limit)
      .map((found) => ({ studyNumber: number(found, 'study_number'), studyUid: text(found, 'study_uid') }));
    return { some, count: number(row ?? {}, 'count') };
  }

  /** Senders of which something is held: one step in the index each. */
  holding(): string[] {
    const found: string[] = [];
    for (let after = ''; ; after = found.at(-1) ?? '') {
      const next = this.#database.get(
        `SELECT min(sender_id) AS sender_id FROM instances WHERE ${isHeld} AND sender_id > ?`,
        after,
      );
      if (typeof next?.['sender_id'] !== 'string') return found;
      found.push(next['sender_id']);
    }
  }

  /** How many held instances of a sender {@link held} looks at. */
  heldCost(senderId: string): number {
    const row = this.#database.get(
      `SELECT count(*) AS count FROM
         (SELECT 1 FROM instances WHERE ${isHeld} AND sender_id = ? LIMIT ${heldLookedAt})`,
      senderId,
    );
    return number(row ?? {}, 'count');
  }

  /**
   * For which reasons something of which study of a sender is held; what was purged or waits for a scan doesn't count.
   * At {@link heldLookedAt} the count ends.
   */
  held(senderId: string, limit: number): Some<{ studyUid: string; code: ErrorCode }> {
    const rows = this.#database.all(firstHeld, senderId, limit);
    const [first] = rows;
    return {
      some: rows.flatMap((row) => this.#claimed(senderId, text(row, 'study_uid'), text(row, 'held_because'))),
      count: first === undefined ? 0 : number(first, 'count'),
    };
  }

  /** What is held of a study, by the study whose list it is in where that is another one. */
  #claimed(senderId: string, studyUid: string, because: string): { studyUid: string; code: ErrorCode }[] {
    return this.#database
      .all(
        `SELECT DISTINCT coalesce(claimed_study_uid, ?2) AS study_uid FROM
           (SELECT object_id FROM instances WHERE ${isHeld} AND sender_id = ?1 AND study_uid = ?2 AND held_because = ?3
            ORDER BY arrival LIMIT ${claimsLookedAt}) AS held
         LEFT JOIN inspections ON inspections.object_id = held.object_id`,
        senderId,
        studyUid,
        because,
      )
      .map((row) => ({ studyUid: text(row, 'study_uid'), code: codeOf(because) }));
  }

  #numbersFrom(senderId: string, from: number, to: number): number[] {
    return this.#database
      .all(
        'SELECT DISTINCT study_number FROM manifests WHERE sender_id = ? AND study_number BETWEEN ? AND ? ORDER BY study_number LIMIT ?',
        senderId,
        from,
        to,
        numbersPage,
      )
      .map((row) => number(row, 'study_number'));
  }
}

/** A code of a newer version, which had this ledger before, is shown as what it is to this one. */
function codeOf(code: string): ErrorCode {
  return isErrorCode(code) ? code : 'E_INTERNAL';
}
