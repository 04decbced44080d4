/**
 * Requests to the running program, in a database file of their own beside the ledger: who may write it may ask, and has
 * no other right. So no program listens on a socket for its operator.
 *
 * Any process may write any nonsense into it. So nothing of a row is believed: it is read as bytes, of which there may be
 * so many, and all that is ever in the file is bounded. A request is withdrawn or begun, never both.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { DiodeError, errorCauseCode } from '../errors.ts';
import { LedgerDatabase, number, optionalBytes, type Row } from '../ledger-database.ts';
import { type Answer, answerSchema } from './answers.ts';

/** Requests that wait at the same time, and the bytes of one. */
const waitingMax = 1000;
const fieldBytesMax = 16_384;
/** Answers that are kept, for so long: who asked reads one at once. */
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
  /** Undefined where what stands there is no JSON, or too long. */
  readonly fields: unknown;
  /** How many lives of the program have begun it, this one among them. */
  readonly lives: number;
}

export class Requests {
  readonly #database: LedgerDatabase;
  /** Tells this life of the program from others. */
  readonly #life = randomBytes(8).toString('hex');

  /** @param beforeCommit as of the ledger's */
  constructor(path: string, beforeCommit?: () => void, busyMs?: number) {
    this.#database = new LedgerDatabase(path, [schema], beforeCommit, busyMs === undefined ? {} : { busyMs });
  }

  // Who asks

  /**
   * Puts a request.
   * @returns its id, to ask for its answer
   * @throws DiodeError E_REQUESTS_FULL, E_USAGE where its fields are too long
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

  /** Takes a request back. @returns whether it will never be done: false where it was begun */
  withdraw(id: string): boolean {
    return (
      this.#database.run('DELETE FROM requests WHERE id = ? AND answer IS NULL AND begun_by IS NULL', id) > 0
    );
  }

  // Who answers

  /** Begins with requests that wait, the oldest first. None while another process uses the file. */
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

  /** Where another process uses the file, it is taken again, and answered then. */
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
      // A row that breaks the rules of the file: it would be asked for again and again.
      if (causeOf(error)?.startsWith('SQLITE_CONSTRAINT') !== true) throw error;
      this.#database.run('DELETE FROM requests WHERE rowid = ?', request.number);
    }
  }

  /** Forgets old answers, and what there is beyond the bounds. */
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

/** Where somebody has the file for longer it is tried again: the program has other things to do. */
const programBusyMs = 50;

/**
 * The requests of a program that starts. A file that is none is thrown away: nothing in it is worth a start that fails.
 * @throws DiodeError E_LEDGER
 */
export function openRequests(path: string): Requests {
  try {
    return new Requests(path, undefined, programBusyMs);
  } catch (error) {
    if (!(error instanceof DiodeError) || causeOf(error)?.startsWith('SQLITE_BUSY') === true) throw error;
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
    return new Requests(path, undefined, programBusyMs);
  }
}

function causeOf(error: unknown): string | undefined {
  return error instanceof DiodeError ? errorCauseCode(error.cause) : undefined;
}

/** Its facts are left out where they would be too long. */
function bounded({ detail, ...rest }: Answer): string {
  const short = detail.slice(0, detailCharactersMax);
  const whole = JSON.stringify({ ...rest, detail: short });
  if (Buffer.byteLength(whole) <= answerBytesMax) return whole;
  return JSON.stringify({ ok: rest.ok, detail: short, ...('code' in rest && { code: rest.code }) });
}

/** As bytes: text that is no UTF-8 would end the process that reads it as text. */
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
