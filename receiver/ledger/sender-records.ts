/** Senders, the newest that each has said of itself, and the sessions it had. Part of the receiver's ledger. */
import { type LedgerDatabase, number, optionalNumber, type Row, text } from '../../shared/ledger-database.ts';

/** Part of the receiver's schema. */
export const sendersSchema = `
   CREATE TABLE senders (
     sender_id TEXT PRIMARY KEY,
     session_counter INTEGER NOT NULL,
     session_random INTEGER NOT NULL,
     sequence INTEGER NOT NULL,
     roll_sequence INTEGER NOT NULL,
     beacon_number INTEGER NOT NULL,
     roll_number INTEGER NOT NULL,
     key_id INTEGER NOT NULL,
     account_from INTEGER NOT NULL,
     highest_study_number INTEGER NOT NULL,
     told_study_number INTEGER NOT NULL,
     set_back_from INTEGER,
     retired INTEGER NOT NULL DEFAULT 0
   ) WITHOUT ROWID;
   CREATE TABLE sender_sessions (
     id INTEGER PRIMARY KEY,
     sender_id TEXT NOT NULL,
     session_counter INTEGER NOT NULL,
     session_random INTEGER NOT NULL,
     sequence INTEGER NOT NULL,
     roll_sequence INTEGER NOT NULL,
     beacon_number INTEGER NOT NULL,
     roll_number INTEGER NOT NULL,
     UNIQUE (sender_id, session_counter, session_random)
   );`;

/** A life of a sender, as far as it was heard. */
export interface HeardSession {
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  /** Of the newest beacon that was taken, and of the newest page of a roll; -1: none was. */
  readonly sequence: number;
  readonly rollSequence: number;
  /** Which beacon and which roll of the session those were; 0: none was. */
  readonly beaconNumber: number;
  readonly rollNumber: number;
}

export interface SenderRecord extends HeardSession {
  readonly senderId: string;
  /** The key of its newest beacon: tickets for it are made with that. */
  readonly keyId: number;
  /** The first study number this receiver answers for. */
  readonly accountFrom: number;
  /** The last one: what the sender told, as far as anything of it makes that plausible. */
  readonly highestStudyNumber: number;
  /** What it told last, as it told it. */
  readonly toldStudyNumber: number;
  /** The session counter from which it was set back, until a person says that this is right. */
  readonly setBackFrom: number | undefined;
  /** A person took it out of use. It is in use again with the next it says. */
  readonly isRetired: boolean;
}

/** What a record begins with may be left out. */
type LeftOut = 'rollSequence' | 'beaconNumber' | 'rollNumber' | 'toldStudyNumber' | 'setBackFrom';
type SavedSender = Omit<SenderRecord, 'isRetired' | LeftOut> & Partial<Pick<SenderRecord, LeftOut>>;

/** Sessions that are remembered of each sender, besides the newest. */
export const sessionsMax = 256;

export class SenderRecords {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  get(senderId: string): SenderRecord | undefined {
    const row = this.#database.get('SELECT * FROM senders WHERE sender_id = ?', senderId);
    return row === undefined ? undefined : senderRecord(row);
  }

  all(): SenderRecord[] {
    return this.#database.all('SELECT * FROM senders ORDER BY sender_id').map(senderRecord);
  }

  /** Enters what a sender says of itself: one that speaks is in use. */
  save(sender: SavedSender): void {
    this.#database.run(
      `INSERT INTO senders (sender_id, session_counter, session_random, sequence, roll_sequence, beacon_number, roll_number, key_id,
         account_from, highest_study_number, told_study_number, set_back_from)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (sender_id) DO UPDATE SET session_counter = excluded.session_counter,
         session_random = excluded.session_random, sequence = excluded.sequence, roll_sequence = excluded.roll_sequence,
         beacon_number = excluded.beacon_number, roll_number = excluded.roll_number,
         key_id = excluded.key_id, account_from = excluded.account_from,
         highest_study_number = excluded.highest_study_number, told_study_number = excluded.told_study_number,
         set_back_from = excluded.set_back_from, retired = 0`,
      sender.senderId,
      sender.sessionCounter,
      sender.sessionRandom,
      sender.sequence,
      sender.rollSequence ?? -1,
      sender.beaconNumber ?? 0,
      sender.rollNumber ?? 0,
      sender.keyId,
      sender.accountFrom,
      sender.highestStudyNumber,
      sender.toldStudyNumber ?? sender.highestStudyNumber,
      sender.setBackFrom ?? null,
    );
  }

  retire(senderId: string): void {
    this.#database.run('UPDATE senders SET retired = 1 WHERE sender_id = ?', senderId);
  }

  /** A person says that a sender goes on rightly where it is. */
  accept(senderId: string): void {
    this.#database.run('UPDATE senders SET set_back_from = NULL WHERE sender_id = ?', senderId);
  }

  /**
   * A person sets right what was told of a sender: its highest study number, and that the next session that is heard
   * is its newest. In one transaction with {@link leave}.
   */
  correct(senderId: string, highestStudyNumber: number): void {
    this.#database.run(
      `UPDATE senders SET highest_study_number = ?, told_study_number = ?, account_from = min(account_from, ?),
         session_counter = 0, session_random = 0, sequence = -1, roll_sequence = -1, beacon_number = 0, roll_number = 0, set_back_from = NULL
       WHERE sender_id = ?`,
      highestStudyNumber,
      highestStudyNumber,
      highestStudyNumber + 1,
      senderId,
    );
  }

  /** Remembers a session that is the newest no more, and forgets the one that was left the longest ago for it. */
  leave(senderId: string, session: HeardSession): void {
    this.#database.run(
      `INSERT OR REPLACE INTO sender_sessions
         (sender_id, session_counter, session_random, sequence, roll_sequence, beacon_number, roll_number)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      senderId,
      session.sessionCounter,
      session.sessionRandom,
      session.sequence,
      session.rollSequence,
      session.beaconNumber,
      session.rollNumber,
    );
    this.#database.run(
      `DELETE FROM sender_sessions WHERE sender_id = ? AND id NOT IN
         (SELECT id FROM sender_sessions WHERE sender_id = ? ORDER BY id DESC LIMIT ?)`,
      senderId,
      senderId,
      sessionsMax,
    );
  }

  /** Sessions that a sender had before its newest, the one that was left the longest ago first. */
  sessions(senderId: string): HeardSession[] {
    return this.#database
      .all('SELECT * FROM sender_sessions WHERE sender_id = ? ORDER BY id', senderId)
      .map(heardSession);
  }
}

function heardSession(row: Row): HeardSession {
  return {
    sessionCounter: number(row, 'session_counter'),
    sessionRandom: number(row, 'session_random'),
    sequence: number(row, 'sequence'),
    rollSequence: number(row, 'roll_sequence'),
    beaconNumber: number(row, 'beacon_number'),
    rollNumber: number(row, 'roll_number'),
  };
}

function senderRecord(row: Row): SenderRecord {
  return {
    senderId: text(row, 'sender_id'),
    ...heardSession(row),
    keyId: number(row, 'key_id'),
    accountFrom: number(row, 'account_from'),
    highestStudyNumber: number(row, 'highest_study_number'),
    toldStudyNumber: number(row, 'told_study_number'),
    setBackFrom: optionalNumber(row, 'set_back_from'),
    isRetired: number(row, 'retired') === 1,
  };
}
