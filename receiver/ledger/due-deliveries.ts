/**
 * Which deliveries to a destination come next: urgent ones first, one of each sender in turn, so that nobody waits behind
 * all that another one has sent. Part of the receiver's ledger.
 *
 * Of those that were tried in vain a few at most, as long as there are others: they may be what the destination breaks
 * on. Senders of which something was lost lately come last.
 */
import { type LedgerDatabase, type Row, text } from '../../shared/ledger-database.ts';
import { limits } from '../../shared/wire/limits.ts';

/** Of a round, one in so many is for what is not urgent. */
const routineShare = 4;
/** Fewer than the losses that make a delivery give up for now. */
const triedBesideFresh = 2;
/** Behind every id of a sender. */
const behindAll = 'g';

/** What may be tried of whom now. */
export interface Turns {
  /** Sender ids that count as one. */
  groupOf(senderId: string): string;
  /** Deliveries of a group in one round; 0 when it is left alone. */
  most(group: string): number;
  /** Whether others go first. */
  isLast(group: string): boolean;
}

const equalTurns: Turns = {
  groupOf: (senderId) => senderId,
  most: () => Number.POSITIVE_INFINITY,
  isLast: () => false,
};

/** Deliveries that wait: a part of an index by destination, urgency and sender. */
interface Kind {
  readonly name: string;
  readonly urgency: number;
  readonly where: string;
  readonly order: string;
}

const fresh = (urgency: number): Kind => ({
  name: 'fresh',
  urgency,
  where: "state = 'waiting' AND not_before_ms = 0",
  order: 'id',
});
const tried = (urgency: number): Kind => ({
  name: 'tried',
  urgency,
  where: "state = 'waiting' AND not_before_ms > 0",
  order: 'not_before_ms',
});

/** Groups that have something of a kind, each with its senders, in the order of their turns. */
type Groups = ReadonlyMap<string, readonly string[]>;

export class DueDeliveries {
  readonly #database: LedgerDatabase;
  /** The sender that had the last turn, by destination and kind. */
  readonly #lastTurns = new Map<string, string>();

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** Rows of the queue, in the order in which they are tried. */
  due(destination: string, nowMs: number, most: number, turns: Turns = equalTurns): Row[] {
    const taken = new Map<string, number>();
    const groupOf = (row: Row) => turns.groupOf(text(row, 'sender_id'));
    const groupsOf = (kind: Kind) => this.#groups(destination, kind, turns);
    const deal = (kind: Kind, groups: Groups, places: number, kept: (group: string) => number) => {
      const left = (group: string) => turns.most(group) - (taken.get(group) ?? 0) - kept(group);
      const rows = this.#deal({ destination, nowMs, kind, groups, places, left });
      for (const row of rows) taken.set(groupOf(row), (taken.get(groupOf(row)) ?? 0) + 1);
      return rows;
    };
    const [urgent, routine] = [groupsOf(fresh(0)), groupsOf(fresh(1))];
    const isFreshOf = (group: string) => urgent.has(group) || routine.has(group);
    // Who may have one only has one that was not tried.
    const keptOf = (group: string) => (isFreshOf(group) ? 1 : 0);
    const ofTried = urgent.size + routine.size > 0 ? Math.min(most, triedBesideFresh) : most;
    const tries: Row[] = [];
    for (const kind of [tried(0), tried(1)])
      tries.push(...deal(kind, groupsOf(kind), ofTried - tries.length, keptOf));
    const places = most - tries.length;
    const ofRoutine = routine.size === 0 ? 0 : Math.floor(places / routineShare);
    const first = deal(fresh(0), urgent, places - ofRoutine, () => 0);
    const next = deal(fresh(1), routine, places - first.length, () => 0);
    const all = [...tries, ...first, ...next];
    const isLast = (row: Row) => turns.isLast(groupOf(row));
    return [...all.filter((row) => !isLast(row)), ...all.filter(isLast)];
  }

  /** One of each group in turn, and of each as many as of the others; who finds no place now has the next turn. */
  #deal(asked: {
    readonly destination: string;
    readonly nowMs: number;
    readonly kind: Kind;
    readonly groups: Groups;
    readonly places: number;
    readonly left: (group: string) => number;
  }): Row[] {
    const { destination, nowMs, kind, groups, places, left } = asked;
    const share = Math.ceil(places / Math.max(1, groups.size));
    const queues: Row[][] = [];
    for (const [group, senderIds] of groups) {
      if (queues.length >= places) break;
      const most = Math.min(share, left(group));
      if (most <= 0) continue;
      const ofSenders = senderIds.map((senderId) =>
        this.#database.all(
          `SELECT * FROM deliveries WHERE destination = ? AND urgency = ? AND sender_id = ? AND ${kind.where}
             AND not_before_ms <= ? ORDER BY ${kind.order} LIMIT ?`,
          destination,
          kind.urgency,
          senderId,
          Math.round(nowMs),
          most,
        ),
      );
      const rows = inTurn(ofSenders, most);
      const [first] = rows;
      if (first === undefined) continue;
      queues.push(rows);
      this.#lastTurns.set(turnOf(destination, kind), text(first, 'sender_id'));
    }
    return inTurn(queues, places);
  }

  /** Beginning behind the sender that had the last turn; without those that are left alone. */
  #groups(destination: string, kind: Kind, turns: Turns): Groups {
    const last = this.#lastTurns.get(turnOf(destination, kind)) ?? '';
    const later = this.#sendersBetween(destination, kind, last, behindAll);
    const senderIds = [...later, ...this.#sendersBetween(destination, kind, '', last)];
    const groups = new Map<string, string[]>();
    for (const senderId of senderIds.slice(0, limits.sendersMax)) {
      const group = turns.groupOf(senderId);
      if (turns.most(group) > 0) groups.set(group, [...(groups.get(group) ?? []), senderId]);
    }
    return groups;
  }

  /** One step in the index for each. */
  #sendersBetween(destination: string, { urgency, where }: Kind, after: string, to: string): string[] {
    const found: string[] = [];
    for (let last = after; found.length < limits.sendersMax; ) {
      const row = this.#database.get(
        `SELECT sender_id FROM deliveries WHERE destination = ? AND urgency = ? AND sender_id > ? AND sender_id <= ?
           AND ${where} ORDER BY sender_id LIMIT 1`,
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

const turnOf = (destination: string, { name, urgency }: Kind) => `${name} ${urgency} ${destination}`;

/** The first of each queue, then the second of each, and so on. */
function inTurn(queues: readonly (readonly Row[])[], most: number): Row[] {
  const found: Row[] = [];
  for (let place = 0; found.length < most && queues.some((queue) => place < queue.length); place += 1) {
    const rows = queues.flatMap((queue) => queue.slice(place, place + 1));
    found.push(...rows.slice(0, most - found.length));
  }
  return found;
}
