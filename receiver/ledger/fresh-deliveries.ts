/**
 * Which of the deliveries that were not tried yet come next: urgent ones first, the senders in turn, so that nobody waits
 * behind all that another one has sent. Part of the receiver's ledger.
 */
import { type LedgerDatabase, number, type Row, text } from '../../shared/ledger-database.ts';
import { limits } from '../../shared/wire/limits.ts';

/** Of a round, one in so many is for what is not urgent. */
const routineShare = 4;
/** Behind every id of a sender. */
const behindAll = 'g';

export class FreshDeliveries {
  readonly #database: LedgerDatabase;
  /** The sender that had the last turn, by destination and urgency. */
  readonly #turns = new Map<string, string>();

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** Rows of the queue, those of each urgency in the order they were queued. */
  due(destination: string, most: number): Row[] {
    const [urgent, routine] = [this.#senders(destination, 0), this.#senders(destination, 1)];
    const kept = routine.length === 0 ? 0 : Math.floor(most / routineShare);
    const first = this.#shares(destination, 0, urgent, most - kept);
    return [...first, ...this.#shares(destination, 1, routine, most - first.length)];
  }

  /** Of each sender as many as of the others; who finds no place now has the next turn. */
  #shares(destination: string, urgency: number, senderIds: readonly string[], most: number): Row[] {
    const share = Math.ceil(most / Math.max(1, senderIds.length));
    const found: Row[] = [];
    for (const senderId of senderIds) {
      if (found.length >= most) break;
      this.#turns.set(`${urgency} ${destination}`, senderId);
      const rows = this.#database.all(
        `SELECT * FROM deliveries WHERE destination = ? AND urgency = ? AND sender_id = ?
           AND state = 'waiting' AND not_before_ms = 0 ORDER BY id LIMIT ?`,
        destination,
        urgency,
        senderId,
        Math.min(share, most - found.length),
      );
      found.push(...rows);
    }
    return found.sort((a, b) => number(a, 'id') - number(b, 'id'));
  }

  /** Senders of which something waits, beginning behind the one that had the last turn: one step in the index each. */
  #senders(destination: string, urgency: number): string[] {
    const turn = this.#turns.get(`${urgency} ${destination}`) ?? '';
    const later = this.#sendersBetween(destination, urgency, turn, behindAll);
    return [...later, ...this.#sendersBetween(destination, urgency, '', turn)].slice(0, limits.sendersMax);
  }

  #sendersBetween(destination: string, urgency: number, after: string, to: string): string[] {
    const found: string[] = [];
    for (let last = after; found.length < limits.sendersMax; ) {
      const row = this.#database.get(
        `SELECT sender_id FROM deliveries WHERE destination = ? AND urgency = ? AND sender_id > ? AND sender_id <= ?
           AND state = 'waiting' AND not_before_ms = 0 ORDER BY sender_id LIMIT 1`,
        destination,
        urgency,
        last,
        to,
      );
      if (row === undefined) break;
      last = text(row, 'sender_id');
      found.push(last);
    }
    return found;
  }
}
