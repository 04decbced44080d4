/**
 * SQLite under both ledgers (libsql): write-ahead log, synchronous FULL, forward migrations with a backup.
 * A committed transaction survives a power cut. Other processes (the command line) may read and write while
 * the program that owns the ledger runs; a second owner is refused.
 */
import { createHash } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import Database from 'libsql';
import { assert } from './assert.ts';
import { DiodeError, errorCauseCode } from './errors.ts';

type Bindable = string | number | bigint | Uint8Array | null;
export type Row = Record<string, unknown>;

/** One step forward in a schema; its place in the list is the version it leads to. */
export type Migration = string;

/** Whether a ledger is opened by who owns it or asks something of its owner, or by who only looks. */
export type LedgerMode = 'write' | 'read';

export class LedgerDatabase {
  readonly #database: Database.Database;
  readonly #statements = new Map<string, Database.Statement<unknown[]>>();

  readonly #beforeCommit: () => void;
  readonly #mode: LedgerMode;
  /** How many transactions are open, one within another. */
  #depth = 0;
  /** The disk took a whole transaction back in the middle of it. */
  #isTakenBack = false;

  /**
   * @param beforeCommit runs before anything becomes durable; a simulation cuts the power there
   * @param options `busyMs`: how long a statement waits for another process that writes; `mode`: `read` changes nothing
   *   of it, not even its layout
   * @throws DiodeError E_LEDGER if it can't be opened, or was made by a newer version.
   */
  constructor(
    path: string,
    migrations: readonly Migration[],
    beforeCommit: () => void = () => {},
    { busyMs = 5000, mode = 'write' }: { readonly busyMs?: number; readonly mode?: LedgerMode } = {},
  ) {
    this.#beforeCommit = beforeCommit;
    this.#mode = mode;
    try {
      this.#database = new Database(path);
      if (mode === 'write') {
        if (path !== ':memory:') chmodSync(path, 0o600);
        this.#database.pragma('journal_mode = WAL');
        this.#database.pragma('synchronous = FULL');
      } else this.#database.pragma('query_only = ON');
      this.#database.pragma(`busy_timeout = ${busyMs}`);
    } catch (cause) {
      throw new DiodeError('E_LEDGER', 'the ledger cannot be opened', { cause });
    }
    this.#migrate(path, migrations);
  }

  /** Runs a statement that changes something. @returns how many rows changed */
  run(sql: string, ...values: Bindable[]): number {
    // In a transaction of its own: a statement that meets another writer is never ended by libsql, and as long as it is not,
    // no transaction can be. To begin one may fail.
    if (this.#depth === 0) return this.transaction(() => this.run(sql, ...values));
    // Else it would be durable without the rest.
    if (this.#isTakenBack) throw new DiodeError('E_LEDGER', 'the transaction was taken back');
    return this.#guard(() => this.#prepare(sql).run(...values).changes);
  }

  get(sql: string, ...values: Bindable[]): Row | undefined {
    return this.#guard(() => this.#prepare(sql).get(...values)) as Row | undefined;
  }

  all(sql: string, ...values: Bindable[]): Row[] {
    return this.#guard(() => this.#prepare(sql).all(...values)) as Row[];
  }

  /** All of it or nothing of it. One within another is a part of that: durable with it, and taken back alone. */
  transaction<T>(act: () => T): T {
    // One that could not even be rolled back when the disk failed.
    if (this.#database.inTransaction && this.#depth === 0) this.#guard(() => this.#database.exec('ROLLBACK'));
    const isOutermost = this.#depth === 0;
    const name = `part_${this.#depth}`;
    this.#guard(() => this.#database.exec(isOutermost ? 'BEGIN IMMEDIATE' : `SAVEPOINT ${name}`));
    this.#depth += 1;
    try {
      const result = act();
      if (isOutermost) this.#beforeCommit();
      this.#guard(() => this.#database.exec(isOutermost ? 'COMMIT' : `RELEASE ${name}`));
      return result;
    } catch (error) {
      // A full disk may have taken back all of it already.
      this.#isTakenBack ||= !isOutermost && !this.#database.inTransaction;
      if (this.#database.inTransaction)
        this.#guard(() =>
          this.#database.exec(isOutermost ? 'ROLLBACK' : `ROLLBACK TO ${name}; RELEASE ${name}`),
        );
      throw error;
    } finally {
      this.#depth -= 1;
      if (isOutermost) this.#isTakenBack = false;
    }
  }

  /** Writes a complete, consistent copy to a new file, even while others write. */
  copyTo(path: string): void {
    this.#guard(() => this.#database.prepare('VACUUM INTO ?').run(path));
  }

  /** Closes it, with everything in the one file: a copy of that is a backup. */
  close(): void {
    this.#statements.clear();
    try {
      if (this.#mode === 'write') this.#guard(() => this.#database.pragma('wal_checkpoint(TRUNCATE)'));
    } catch (error) {
      // On a full disk it stays in the log beside the file, where it is as durable.
      if (!(error instanceof DiodeError)) throw error;
    } finally {
      this.#database.close();
    }
  }

  #prepare(sql: string): Database.Statement<unknown[]> {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      assert(this.#statements.size < 256, 'statements are written in the source, so they are few');
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #migrate(path: string, migrations: readonly Migration[]): void {
    const version = number(this.get('PRAGMA user_version') ?? {}, 'user_version');
    if (version > migrations.length) {
      throw new DiodeError(
        'E_LEDGER',
        `the ledger was made by a newer version of the program (schema ${version})`,
      );
    }
    const id = number(this.get('PRAGMA application_id') ?? {}, 'application_id');
    if (version > 0 && id !== schemaId(migrations.slice(0, version)))
      throw new DiodeError(
        'E_LEDGER',
        'the ledger was made by another build with a different layout: run that build',
      );
    if (version === migrations.length) return;
    if (this.#mode === 'read')
      throw new DiodeError('E_LEDGER', 'the ledger is of an older version: start the program once');
    if (version > 0 && path !== ':memory:') {
      const backup = `${path}.version-${version}`;
      // One that a stop interrupted cannot be trusted.
      rmSync(backup, { force: true });
      this.copyTo(backup);
      chmodSync(backup, 0o600);
    }
    this.transaction(() => {
      for (const step of migrations.slice(version)) this.#guard(() => this.#database.exec(step));
      this.#guard(() => this.#database.exec(`PRAGMA application_id = ${schemaId(migrations)}`));
      this.#guard(() => this.#database.exec(`PRAGMA user_version = ${migrations.length}`));
    });
  }

  #guard<T>(act: () => T): T {
    try {
      return act();
    } catch (cause) {
      if (cause instanceof DiodeError) throw cause;
      const full = cause instanceof Error && /full/i.test(cause.message);
      throw new DiodeError(full ? 'E_DISK_FULL' : 'E_LEDGER', 'the ledger refused an operation', { cause });
    }
  }
}

/** Identifies the migrations by content: a ledger made by others of the same number is not mistaken for one of these. */
function schemaId(migrations: readonly Migration[]): number {
  return createHash('sha256').update(migrations.join('\n')).digest().readInt32BE();
}

/**
 * Takes ownership of a spool or vault for the lifetime of this process; the kernel gives it up when the
 * process ends in whatever way. It is an exclusive transaction on a separate database.
 * @returns a function that gives it up
 * @throws DiodeError E_ALREADY_RUNNING, E_LEDGER
 */
export function takeOwnership(path: string): () => void {
  let database: Database.Database | undefined;
  try {
    database = new Database(path);
    database.pragma('busy_timeout = 0');
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    if (errorCauseCode(cause) === 'SQLITE_BUSY')
      throw new DiodeError('E_ALREADY_RUNNING', undefined, { cause });
    throw new DiodeError('E_LEDGER', 'the lock beside the ledger cannot be opened', { cause });
  }
  const opened = database;
  return () => {
    opened.exec('ROLLBACK');
    opened.close();
  };
}

/** Reads a column as a number. */
export function number(row: Row, column: string): number {
  const value = row[column];
  assert(typeof value === 'number' || typeof value === 'bigint', `column ${column} is a number`);
  return Number(value);
}

/** Reads a column as text. */
export function text(row: Row, column: string): string {
  const value = row[column];
  assert(typeof value === 'string', `column ${column} is a text`);
  return value;
}

/** Reads a column as a number that may be missing. */
export function optionalNumber(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : number(row, column);
}

/** Reads a column as text that may be missing. */
export function optionalText(row: Row, column: string): string | undefined {
  const value = row[column];
  return typeof value === 'string' ? value : undefined;
}

/** Reads a column as bytes that may be missing. */
export function optionalBytes(row: Row, column: string): Uint8Array | undefined {
  const value = row[column];
  // libsql returns a Buffer for one row and an ArrayBuffer for many.
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return value instanceof Uint8Array ? value : undefined;
}
