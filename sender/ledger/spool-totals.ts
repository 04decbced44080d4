/**
 * What the spool keeps, by passes behind it, kept by the ledger itself with every change: the beacon asks each
 * second, and a sum over a million rows would be asked too much.
 */
import { type LedgerDatabase, number } from '../../shared/ledger-database.ts';

/** Unreadable objects are in no queue: they stand under this number of passes. */
const unreadablePasses = 1_000_000;

const counted = (row: 'old' | 'new') => `iif(${row}.unreadable, ${unreadablePasses}, ${row}.passes)`;
const add = `INSERT INTO spool_totals VALUES (${counted('new')}, 1, new.bytes)
     ON CONFLICT (passes) DO UPDATE SET objects = objects + 1, bytes = bytes + excluded.bytes;`;
const subtract = `UPDATE spool_totals SET objects = objects - 1, bytes = bytes - old.bytes WHERE passes = ${counted('old')};
     DELETE FROM spool_totals WHERE passes = ${counted('old')} AND objects = 0;`;

/** Part of the sender's schema, after the table of objects. */
export const spoolTotalsSchema = `
   CREATE TABLE spool_totals (passes INTEGER PRIMARY KEY, objects INTEGER NOT NULL, bytes INTEGER NOT NULL);
   CREATE TRIGGER totals_of_new AFTER INSERT ON objects BEGIN ${add} END;
   CREATE TRIGGER totals_of_gone AFTER DELETE ON objects BEGIN ${subtract} END;
   CREATE TRIGGER totals_of_passes AFTER UPDATE OF passes, unreadable ON objects BEGIN ${subtract} ${add} END;`;

export interface QueueSummary {
  readonly objects: number;
  readonly bytes: number;
  /** Running time of the sender when the oldest of them was taken in. */
  readonly oldestTakenRunningMs: number | undefined;
}

export class SpoolTotals {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** What has not had its planned passes yet. */
  queue(passesPlanned: number): QueueSummary {
    const row = this.#database.get(
      'SELECT coalesce(sum(objects), 0) AS objects, coalesce(sum(bytes), 0) AS bytes FROM spool_totals WHERE passes < ?',
      passesPlanned,
    );
    const objects = number(row ?? {}, 'objects');
    return {
      objects,
      bytes: number(row ?? {}, 'bytes'),
      oldestTakenRunningMs: objects === 0 ? undefined : this.#oldest(passesPlanned),
    };
  }

  /** Bytes of everything that is kept. */
  keptBytes(): number {
    return number(
      this.#database.get('SELECT coalesce(sum(bytes), 0) AS bytes FROM spool_totals') ?? {},
      'bytes',
    );
  }

  unreadableObjects(): number {
    const row = this.#database.get('SELECT objects FROM spool_totals WHERE passes = ?', unreadablePasses);
    return row === undefined ? 0 : number(row, 'objects');
  }

  #oldest(passesPlanned: number): number | undefined {
    let oldest: number | undefined;
    for (let passes = 0; passes < passesPlanned; passes += 1) {
      const row = this.#database.get(
        'SELECT taken_running_ms AS ms FROM objects WHERE passes = ? AND unreadable = 0 ORDER BY intake LIMIT 1',
        passes,
      );
      if (row !== undefined) oldest = Math.min(oldest ?? Number.POSITIVE_INFINITY, number(row, 'ms'));
    }
    return oldest;
  }
}
