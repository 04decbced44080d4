/**
 * Which instance the malware scanner examines next. What waits is in the ledger and read a page at a time; kept here is
 * only what is being scanned, and what could not be.
 *
 * Senders take turns, so that one with a million files delays nobody else by more than a file. A file that fails waits
 * longer each time, and behind those that never failed; a sender whose files fail in a row waits as well. Neither waits
 * longer because the scanner as a whole is down: what counts is whether it passed anything meanwhile.
 */
import { assert } from '../../shared/assert.ts';
import type { Arrived } from '../ledger/clearances.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';

export interface ScanRecords {
  sendersToScan(limit: number): string[];
  toScan(senderId: string, afterArrival: number, limit: number): Arrived[];
}

/**
 * How a scan ended: a verdict; the scanner does not accept this file; no answer, which may be due to either; nobody waits
 * for it any more, since a person decided.
 */
export type ScanEnd = 'verdict' | 'refused' | 'failed' | 'gone';

interface PutOff {
  readonly row: InstanceRecord;
  isRefused: boolean;
  failures: number;
  /** Verdicts of the scanner before the last failure. */
  verdicts: number;
  againAtMs: number;
}

interface Waiting {
  readonly senderId: string;
  page: Arrived[];
  /** Arrival number of the last one that was read. */
  cursor: number;
  /** Whether the ledger may have more after the cursor. */
  hasMore: boolean;
  /** When everything is read again from the beginning. */
  lapAtMs: number;
  lapMs: number;
  readonly putOff: Map<string, PutOff>;
  readonly scanning: Set<string>;
  turns: number;
  failuresInRow: number;
  againAtMs: number;
}

/** Simultaneous scans. The last free place is for a sender that has none: one sender's slow files don't delay the rest. */
export const scansMax = 5;
const pageRows = 64;
const sendersMax = 256;
/** Per sender; those beyond are found again in the next lap. */
const putOffMax = 64;
/** How often a sender's turn goes to one that was put off, while it has others. */
const turnOfPutOff = 8;
const retryMs = 5000;
const refusedRetryMs = 60_000;
const retryMsMax = 3_600_000;
const senderRetryMsMax = 10_000;
const lapMsMin = 60_000;

export class ScanQueue {
  readonly #records: ScanRecords;
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Waiting>();
  #scanning = 0;
  #verdicts = 0;
  #lookAtMs = Number.NEGATIVE_INFINITY;

  constructor(records: ScanRecords) {
    this.#records = records;
  }

  /** Something came from a sender and is waiting. */
  arrived(senderId: string): void {
    const waiting = this.#waiting.get(senderId);
    if (waiting !== undefined) waiting.hasMore = true;
    else if (this.#waiting.size < sendersMax) this.#waiting.set(senderId, waitingOf(senderId));
  }

  /** The next one to scan now; to be followed by {@link ended}. */
  next(nowMs: number): InstanceRecord | undefined {
    if (this.#scanning >= scansMax) return undefined;
    this.#beginLaps(nowMs);
    for (const waiting of [...this.#waiting.values()]) {
      const { senderId, scanning } = waiting;
      if (nowMs < waiting.againAtMs) continue;
      // If nothing passes, one at a time finds out whether it does again.
      if (scanning.size > 0 && (waiting.failuresInRow > 1 || this.#scanning === scansMax - 1)) continue;
      const row = this.#take(waiting, nowMs);
      if (row === undefined) continue;
      this.#waiting.delete(senderId);
      this.#waiting.set(senderId, waiting);
      scanning.add(row.objectId);
      this.#scanning += 1;
      return row;
    }
    return undefined;
  }

  ended(row: InstanceRecord, end: ScanEnd, nowMs: number): void {
    const waiting = this.#waiting.get(row.senderId);
    assert(waiting?.scanning.delete(row.objectId) === true, 'it was being scanned');
    this.#scanning -= 1;
    if (end === 'gone') {
      waiting.putOff.delete(row.objectId);
      return;
    }
    if (end === 'verdict') {
      this.#verdicts += 1;
      waiting.putOff.delete(row.objectId);
      waiting.failuresInRow = 0;
      waiting.againAtMs = Number.NEGATIVE_INFINITY;
      waiting.lapMs = lapMsMin;
      return;
    }
    this.#putOff(waiting, row, end === 'refused', nowMs);
    // A scan begun before the wait says nothing new.
    if (end === 'refused' || nowMs < waiting.againAtMs) return;
    waiting.failuresInRow += 1;
    if (waiting.failuresInRow > 1)
      waiting.againAtMs = nowMs + grown(retryMs, waiting.failuresInRow - 1, senderRetryMsMax);
  }

  /** Senders with files that the scanner does not accept, and how many are known of each. */
  refused(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { senderId, putOff } of this.#waiting.values()) {
      const count = [...putOff.values()].filter(({ isRefused }) => isRefused).length;
      if (count > 0) counts.set(senderId, count);
    }
    return counts;
  }

  #take(waiting: Waiting, nowMs: number): InstanceRecord | undefined {
    waiting.turns += 1;
    const isTurnOfPutOff = waiting.turns % turnOfPutOff === 0;
    const first = isTurnOfPutOff ? dueOf(waiting, nowMs) : this.#fresh(waiting, nowMs);
    return first ?? (isTurnOfPutOff ? this.#fresh(waiting, nowMs) : dueOf(waiting, nowMs));
  }

  /** The oldest that has not failed; bounded, since few are skipped. */
  #fresh(waiting: Waiting, nowMs: number): InstanceRecord | undefined {
    const { senderId, putOff, scanning } = waiting;
    for (;;) {
      for (let next = waiting.page.shift(); next !== undefined; next = waiting.page.shift()) {
        const { objectId } = next.row;
        if (!putOff.has(objectId) && !scanning.has(objectId)) return next.row;
      }
      if (!waiting.hasMore) return undefined;
      waiting.page = this.#records.toScan(senderId, waiting.cursor, pageRows);
      waiting.cursor = waiting.page.at(-1)?.arrival ?? waiting.cursor;
      waiting.hasMore = waiting.page.length === pageRows;
      if (!waiting.hasMore) waiting.lapAtMs = nowMs + waiting.lapMs;
    }
  }

  #putOff(waiting: Waiting, row: InstanceRecord, isRefused: boolean, nowMs: number): void {
    let known = waiting.putOff.get(row.objectId);
    if (known === undefined) {
      if (waiting.putOff.size >= putOffMax) {
        // The more often it was for nothing, the later the lap that finds it again.
        waiting.lapMs = Math.min(waiting.lapMs * 2, retryMsMax);
        return;
      }
      known = { row, isRefused, failures: 0, verdicts: -1, againAtMs: 0 };
      waiting.putOff.set(row.objectId, known);
    }
    if (isRefused || known.verdicts !== this.#verdicts) known.failures += 1;
    known.isRefused = isRefused;
    known.verdicts = this.#verdicts;
    known.againAtMs = nowMs + grown(isRefused ? refusedRetryMs : retryMs, known.failures, retryMsMax);
  }

  /** Everything is read again now and then: what was put off beyond the bound, and rows that replaced deleted ones. */
  #beginLaps(nowMs: number): void {
    if (nowMs < this.#lookAtMs) return;
    this.#lookAtMs = nowMs + lapMsMin;
    for (const [senderId, waiting] of this.#waiting) {
      const { page, hasMore, putOff, scanning } = waiting;
      if (page.length > 0 || hasMore || scanning.size > 0 || nowMs < waiting.lapAtMs) continue;
      if (putOff.size === 0) this.#waiting.delete(senderId);
      else Object.assign(waiting, { cursor: 0, hasMore: true });
    }
    for (const senderId of this.#records.sendersToScan(sendersMax))
      if (!this.#waiting.has(senderId)) this.arrived(senderId);
  }
}

function waitingOf(senderId: string): Waiting {
  return {
    senderId,
    page: [],
    cursor: 0,
    hasMore: true,
    lapAtMs: 0,
    lapMs: lapMsMin,
    putOff: new Map(),
    scanning: new Set(),
    turns: 0,
    failuresInRow: 0,
    againAtMs: Number.NEGATIVE_INFINITY,
  };
}

function dueOf({ putOff, scanning }: Waiting, nowMs: number): InstanceRecord | undefined {
  for (const { row, againAtMs } of putOff.values())
    if (againAtMs <= nowMs && !scanning.has(row.objectId)) return row;
  return undefined;
}

/** Twice as long after each failure but the first. */
function grown(ms: number, failures: number, msMax: number): number {
  return Math.min(ms * 2 ** Math.min(failures - 1, 20), msMax);
}
