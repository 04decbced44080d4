/**
 * The ledger as a mailbox between the command line and the running program: a request is a row, its
 * answer too. So no program listens on a socket for its operator, and a request waits while it is down.
 */
import { type LedgerDatabase, number, optionalText, text } from './ledger-database.ts';

/** Part of both ledgers' schemas. */
export const mailboxSchema = `
   CREATE TABLE requests (
     id INTEGER PRIMARY KEY,
     verb TEXT NOT NULL,
     arguments TEXT NOT NULL,
     answer TEXT
   );
   CREATE INDEX requests_open ON requests (id) WHERE answer IS NULL;`;

/** What the program answers: done, or the code and sentence of why not. */
export type Answer = { ok: true; detail: string } | { ok: false; code: string; detail: string };

export interface Request {
  readonly id: number;
  readonly verb: string;
  /** Undefined when what stands there is no JSON: any process may write it. */
  readonly parameters: unknown;
}

export class Mailbox {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** @returns the request's id, to ask for its answer */
  ask(verb: string, parameters: Record<string, unknown>): number {
    return this.#database.transaction(() => {
      this.#database.run(
        'INSERT INTO requests (verb, arguments) VALUES (?, ?)',
        verb,
        JSON.stringify(parameters),
      );
      return number(this.#database.get('SELECT max(id) AS id FROM requests') ?? {}, 'id');
    });
  }

  /** The requests that wait, oldest first. */
  open(limit: number): Request[] {
    return this.#database
      .all('SELECT id, verb, arguments FROM requests WHERE answer IS NULL ORDER BY id LIMIT ?', limit)
      .map((row) => ({
        id: number(row, 'id'),
        verb: text(row, 'verb'),
        parameters: parsed(text(row, 'arguments')),
      }));
  }

  answer(id: number, answer: Answer): void {
    this.#database.run('UPDATE requests SET answer = ? WHERE id = ?', JSON.stringify(answer), id);
  }

  answerOf(id: number): Answer | undefined {
    const row = this.#database.get('SELECT answer FROM requests WHERE id = ?', id);
    const answer = row === undefined ? undefined : optionalText(row, 'answer');
    return answer === undefined ? undefined : JSON.parse(answer);
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
