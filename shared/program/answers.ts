/** What the running program answers, and how long it remembers what it answered. */
import { z } from 'zod';
import { type LedgerDatabase, number, text } from '../ledger-database.ts';

/** A value for a script. */
const fact = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);

/** Done: one sentence for a person, and its facts for a script. */
export const doneSchema = z
  .object({ ok: z.literal(true), detail: z.string() })
  .catchall(fact)
  .readonly();
/** Not done: the code, and one sentence why. */
export const refusedSchema = z.strictObject({ ok: z.literal(false), code: z.string(), detail: z.string() });
export const answerSchema = z.union([doneSchema, refusedSchema]);

export type Done = z.infer<typeof doneSchema>;
export type Answer = z.infer<typeof answerSchema>;
export type Facts = Readonly<Record<string, z.infer<typeof fact>>>;

/** Part of both ledgers' schemas. */
export const doneRequestsSchema = `
   CREATE TABLE done_requests (
     number INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     answer TEXT NOT NULL,
     is_final INTEGER NOT NULL
   );`;

/** Many more than are under way at the same time: a request that is found again is one of the latest. */
const rememberedMax = 1000;

export interface DoneRequest {
  readonly answer: Answer;
  /** False if something remained to be done after the transaction. */
  readonly isFinal: boolean;
}

/** Requests that were done, so that none is done twice. A row is entered in the transaction that does it. */
export class DoneRequests {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  get(id: string): DoneRequest | undefined {
    const row = this.#database.get('SELECT answer, is_final FROM done_requests WHERE id = ?', id);
    if (row === undefined) return undefined;
    return {
      answer: answerSchema.parse(JSON.parse(text(row, 'answer'))),
      isFinal: number(row, 'is_final') === 1,
    };
  }

  enter(id: string, { answer, isFinal }: DoneRequest): void {
    this.#database.run(
      'INSERT INTO done_requests (id, answer, is_final) VALUES (?, ?, ?)',
      id,
      JSON.stringify(answer),
      isFinal ? 1 : 0,
    );
    this.#database.run(
      'DELETE FROM done_requests WHERE number <= (SELECT max(number) FROM done_requests) - ?',
      rememberedMax,
    );
  }

  /** What came after the transaction is done as well, or could not be done. */
  end(id: string, answer: Answer): void {
    this.#database.run(
      'UPDATE done_requests SET answer = ?, is_final = 1 WHERE id = ?',
      JSON.stringify(answer),
      id,
    );
  }
}
