/** Senders, and the newest that each has said of itself. Part of the receiver's ledger. */
import { type LedgerDatabase, number, type Row, text } from '../../shared/ledger-database.ts';

/** Part of the receiver's schema. */
export const sendersSchema = `
   CREATE TABLE senders (
     sender_id TEXT PRIMARY KEY,
     session_counter INTEGER NOT NULL,
     session_random INTEGER NOT NULL,
     sequence INTEGER NOT NULL,
     key_id INTEGER NOT NULL,
     account_from INTEGER NOT NULL,
     highest_study_number INTEGER NOT NULL,
     retired INTEGER NOT NULL DEFAULT 0
   ) WITHOUT ROWID;`;

export interface SenderRecord {
  readonly senderId: string;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  readonly sequence: number;
  /** The key of its newest beacon: tickets for it are made with that. */
  readonly keyId: number;
  /** The first study number this receiver answers for. */
  readonly accountFrom: number;
  readonly highestStudyNumber: number;
  /** A person took it out of use. It is in use again with the next it says. */
  readonly isRetired: boolean;
}

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
  save(sender: Omit<SenderRecord, 'isRetired'>): void {
    this.#database.run(
      `INSERT INTO senders (sender_id, session_counter, session_random, sequence, key_id, account_from, highest_study_number)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (sender_id) DO UPDATE SET session_counter = excluded.session_counter, session_random = excluded.session_random,
         sequence = excluded.sequence, key_id = excluded.key_id, account_from = excluded.account_from, highest_study_number = excluded.highest_study_number, retired = 0`,
      sender.senderId,
      sender.sessionCounter,
      sender.sessionRandom,
      sender.sequence,
      sender.keyId,
      sender.accountFrom,
      sender.highestStudyNumber,
    );
  }

  retire(senderId: string): void {
    this.#database.run('UPDATE senders SET retired = 1 WHERE sender_id = ?', senderId);
  }
}

function senderRecord(row: Row): SenderRecord {
  return {
    senderId: text(row, 'sender_id'),
    sessionCounter: number(row, 'session_counter'),
    sessionRandom: number(row, 'session_random'),
    sequence: number(row, 'sequence'),
    keyId: number(row, 'key_id'),
    accountFrom: number(row, 'account_from'),
    highestStudyNumber: number(row, 'highest_study_number'),
    isRetired: number(row, 'retired') === 1,
  };
}
