/**
 * What waits between being durable and being known to the studies, read a page at a time: instances that the malware
 * scanner has not passed, and those whose copy without preamble is not made. There may be a million of either.
 */
import { type LedgerDatabase, number, type Row } from '../../shared/ledger-database.ts';
import { type InstanceRecord, instanceRecord } from './instance-records.ts';

/** Part of the receiver's schema. */
export const clearancesSchema = `
   CREATE INDEX instances_to_scan ON instances (sender_id, arrival) WHERE held_because = 'E_SCAN_WAITING';`;

/** An instance, and its place in the order in which they came. */
export interface Arrived {
  readonly arrival: number;
  readonly row: InstanceRecord;
}

const toScan = "held_because = 'E_SCAN_WAITING'";

export class Clearances {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** Senders of which something waits for the scanner. */
  sendersToScan(limit: number): string[] {
    const found: string[] = [];
    for (let after = ''; found.length < limit; after = found.at(-1) ?? '') {
      const next = this.#database.get(
        `SELECT min(sender_id) AS sender_id FROM instances WHERE ${toScan} AND sender_id > ?`,
        after,
      );
      if (typeof next?.['sender_id'] !== 'string') break;
      found.push(next['sender_id']);
    }
    return found;
  }

  /** What waits of a sender for the scanner, the oldest first. */
  toScan(senderId: string, afterArrival: number, limit: number): Arrived[] {
    return this.#database
      .all(
        `SELECT * FROM instances WHERE ${toScan} AND sender_id = ? AND arrival > ? ORDER BY arrival LIMIT ?`,
        senderId,
        afterArrival,
        limit,
      )
      .map(arrived);
  }

  /** How many wait for the scanner, counted up to a limit, and when the oldest of them came. */
  scanBacklog(countMax: number): { readonly count: number; readonly oldestAtMs: number | undefined } {
    const counted = this.#database.get(
      `SELECT count(*) AS count FROM (SELECT 1 FROM instances WHERE ${toScan} LIMIT ?)`,
      countMax,
    );
    const oldest = this.sendersToScan(256)
      .map((senderId) => this.#oldestAtMs(senderId))
      .filter((atMs) => atMs !== undefined);
    return {
      count: number(counted ?? {}, 'count'),
      oldestAtMs: oldest.length === 0 ? undefined : Math.min(...oldest),
    };
  }

  /** Nobody waits for the scanner any more. */
  liftScanWaits(): void {
    this.#database.run(`UPDATE instances SET held_because = NULL WHERE ${toScan}`);
  }

  #oldestAtMs(senderId: string): number | undefined {
    const row = this.#database.get(
      `SELECT received_at_ms FROM instances WHERE ${toScan} AND sender_id = ? ORDER BY arrival LIMIT 1`,
      senderId,
    );
    return row === undefined ? undefined : number(row, 'received_at_ms');
  }
}

function arrived(row: Row): Arrived {
  return { arrival: number(row, 'arrival'), row: instanceRecord(row) };
}
