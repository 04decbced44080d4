/**
 * Requests to the running program, in a database file of their own beside the ledger: whoever may write to it may ask, and
 * has no other right. So no program listens on a socket for its operator.
 *
 * Any process may write any nonsense into it. So no row is trusted: it is read as a bounded number of bytes, and
 * everything that is ever in the file is bounded. A request is withdrawn or begun, never both.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { DiodeError, errorCauseCode } from '../errors.ts';
import { LedgerDatabase, number, optionalBytes, type Row } from '../ledger-database.ts';
import { type Answer, answerSchema } from './answers.ts';

/** Requests that wait at the same time, and the bytes of one. */
const waitingMax = 1000;
const fieldBytesMax = 16_384;
/** How many answers are kept, and how long: whoever asked reads them at once. */
const answeredMax = 2000;
const answeredForMs = 86_400_000;
const answerBytesMax = 65_536;
const detailCharactersMax = 4000;

const schema = `
   CREATE TABLE requests (
     number INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE CHECK (length(CAST(id AS BLOB)) <= 64),
     verb TEXT NOT NULL CHECK (length(CAST(verb AS BLOB)) <= 64),
     fields TEXT NOT NULL CHECK (length(CAST(fields AS BLOB)) <= ${fieldBytesMax}),
     begun_by TEXT CHECK (length(CAST(begun_by AS BLOB)) <= 64),
     lives INTEGER NOT NULL DEFAULT 0,
     answer TEXT CHECK (length(CAST(answer AS BLOB)) <= ${answerBytesMax}),
     answered_at_ms INTEGER
   ) STRICT;
   CREATE INDEX requests_waiting ON requests (number) WHERE answer IS NULL;
   CREATE TRIGGER requests_bounded BEFORE INSERT ON requests
     WHEN (SELECT count(*) FROM requests WHERE answer IS NULL) >= ${waitingMax}
     BEGIN SELECT RAISE(ABORT, 'too many requests wait'); END;`;

export interface Request {
  readonly number: number;
  readonly id: string;
  readonly verb: string;
  /** Undefined if it is not JSON, or too long. */
  readonly fields: unknown;
  /** How many runs of the program have begun it, including this one. */
  readonly lives: number;
}

export class Requests {
  readonly #database: LedgerDatabase;
  /** Tells this run of the program from others. */
  readonly #life = randomBytes(8).toString('hex');

  /** @param beforeCommit as for the ledger */
  constructor(path: string, beforeCommit?: () => void, busyMs?: number) {
    this.#database = new LedgerDatabase(path, [schema], beforeCommit, busyMs === undefined ? {} : { busyMs });
  }

  // For whoever asks

  /**
   * Enters a request.
   * @returns its id, to ask for its answer
   * @throws DiodeError E_REQUESTS_FULL, E_USAGE if its fields are too long
   */
  ask(verb: string, fields: Readonly<Record<string, unknown>>): string {
    const id = randomBytes(16).toString('hex');
    const json = JSON.stringify(fields);
    if (Buffer.byteLength(json) > fieldBytesMax) throw new DiodeError('E_USAGE', 'the request is too long');
    try {
      this.#database.run('INSERT INTO requests (id, verb, fields) VALUES (?, ?, ?)', id, verb, json);
    } catch (error) {
      if (causeOf(error) === 'SQLITE_CONSTRAINT_TRIGGER') throw new DiodeError('E_REQUESTS_FULL');
      throw error;
    }
    return id;
  }

  answerOf(id: string): Answer | undefined {
    const row = this.#database.get('SELECT CAST(answer AS BLOB) AS answer FROM requests WHERE id = ?', id);
    const parsed = row === undefined ? undefined : answerSchema.safeParse(json(row, 'answer'));
    return parsed?.success === true ? parsed.data : undefined;
  }

  /** Withdraws a request. @returns whether it will never be done: false if it was begun */
  withdraw(id: string): boolean {
    return (
      this.#database.run('DELETE FROM requests WHERE id = ? AND answer IS NULL AND begun_by IS NULL', id) > 0
    );
  }

  // For the program that answers

  /** Begins waiting requests, the oldest first; none while another process uses the file. */
  take(limit: number): Request[] {
    // Mostly there is none, and then nothing is written.
    if (this.#database.get('SELECT 1 FROM requests WHERE answer IS NULL LIMIT 1') === undefined) return [];
    const begun = this.#unlessBusy(() =>
      this.#database.transaction(() => {
        this.#database.run(
          `UPDATE requests SET lives = lives + (begun_by IS NOT ?1), begun_by = ?1 WHERE number IN
             (SELECT number FROM requests WHERE answer IS NULL ORDER BY number LIMIT ?2)`,
          this.#life,
          limit,
        );
        return this.#database.all(
          `SELECT rowid AS number, ${['id', 'verb', 'fields'].map(bytesOf).join(', ')},
             coalesce(CAST(lives AS INTEGER), 0) AS lives
           FROM requests WHERE answer IS NULL ORDER BY number LIMIT ?`,
          limit,
        );
      }),
    );
    return (begun ?? []).map((row) => ({
      number: number(row, 'number'),
      id: textOf(row, 'id'),
      verb: textOf(row, 'verb'),
      fields: json(row, 'fields'),
      lives: number(row, 'lives'),
    }));
  }

  /** If another process uses the file, the request is taken again, and answered then. */
  answer(request: Pick<Request, 'number'>, answer: Answer, atMs: number): void {
    try {
      this.#unlessBusy(() =>
        // What was asked is not needed any more.
        this.#database.run(
          `UPDATE requests SET answer = ?, answered_at_ms = ?, fields = '' WHERE rowid = ?`,
          bounded(answer),
          atMs,
          request.number,
        ),
      );
    } catch (error) {
      // A row that breaks the rules of the file would be taken again and again.
      if (causeOf(error)?.startsWith('SQLITE_CONSTRAINT') !== true) throw error;
      this.#database.run('DELETE FROM requests WHERE rowid = ?', request.number);
    }
  }

  /** Removes old answers, and whatever is over the bounds. */
  prune(nowMs: number): void {
    this.#unlessBusy(() =>
      this.#database.transaction(() => {
        this.#database.run(
          `DELETE FROM requests WHERE answer IS NOT NULL AND (answered_at_ms IS NULL OR answered_at_ms <= ? OR number NOT IN
             (SELECT number FROM requests WHERE answer IS NOT NULL ORDER BY number DESC LIMIT ${answeredMax}))`,
          nowMs - answeredForMs,
        );
        this.#database.run(
          `DELETE FROM requests WHERE number IN
             (SELECT number FROM requests WHERE answer IS NULL ORDER BY number LIMIT -1 OFFSET ${waitingMax})`,
        );
      }),
    );
  }

  close(): void {
    this.#database.close();
  }

  #unlessBusy<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      if (causeOf(error)?.startsWith('SQLITE_BUSY') === true) return undefined;
      throw error;
    }
  }
}

/** If somebody locks the file for longer, it is tried again later: the program has other things to do. */
const programBusyMs = 50;
/** So often it is tried at a start: whoever asks has the file for a moment. */
const openTries = 20;

/**
 * Opens the requests at the start of the program. A broken file is thrown away, and one that somebody keeps for himself:
 * nothing in it is worth a failed start.
 * @throws DiodeError E_LEDGER
 */
export function openRequests(path: string): Requests {
  for (let left = openTries; left > 0; left -= 1) {
    try {
      return new Requests(path, undefined, programBusyMs);
    } catch (error) {
      if (!(error instanceof DiodeError)) throw error;
      if (causeOf(error)?.startsWith('SQLITE_BUSY') !== true) break;
    }
  }
  for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
  return new Requests(path, undefined, programBusyMs);
}

function causeOf(error: unknown): string | undefined {
  return error instanceof DiodeError ? errorCauseCode(error.cause) : undefined;
}

/** Leaves out the facts if they would be too long. */
function bounded({ detail, ...rest }: Answer): string {
  const short = detail.slice(0, detailCharactersMax);
  const whole = JSON.stringify({ ...rest, detail: short });
  if (Buffer.byteLength(whole) <= answerBytesMax) return whole;
  return JSON.stringify({ ok: rest.ok, detail: short, ...('code' in rest && { code: rest.code }) });
}

/** As bytes: text that is not UTF-8 would end the process that reads it as text. */
function bytesOf(column: string): string {
  return `CASE WHEN length(CAST(${column} AS BLOB)) <= ${fieldBytesMax} THEN CAST(${column} AS BLOB) END AS ${column}`;
}

function textOf(row: Row, column: string): string {
  return Buffer.from(optionalBytes(row, column) ?? []).toString('utf8');
}

function json(row: Row, column: string): unknown {
  try {
    return JSON.parse(textOf(row, column));
  } catch {
    return undefined;
  }
}
