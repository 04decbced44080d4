/** The current alarms, kept over a restart. */
import { type ErrorCode, errorCatalogue, isErrorCode } from '../errors.ts';
import type { LedgerDatabase, Row } from '../ledger-database.ts';
import type { Acknowledgement, Alarm, KeptAlarm } from './alarm.ts';
import type { AlarmStore } from './alarm-saving.ts';
import { type Severity, severities } from './alarm-severity.ts';
import { alarmsOfCodeMax, waitingOfCodeMax } from './alarms-of-code.ts';

/** Part of both ledgers' schemas. */
export const standingAlarmsSchema = `
   CREATE TABLE standing_alarms (
     owner TEXT NOT NULL,
     code TEXT NOT NULL,
     subject TEXT NOT NULL,
     severity TEXT NOT NULL,
     detail TEXT NOT NULL,
     source TEXT NOT NULL,
     since_ms INTEGER NOT NULL,
     acknowledged_by TEXT,
     acknowledged_reason TEXT,
     acknowledged_at_ms INTEGER,
     PRIMARY KEY (owner, code, subject)
   ) WITHOUT ROWID;`;

/** As many as there can ever be. */
const rowsMax = Object.keys(errorCatalogue).length * (alarmsOfCodeMax + waitingOfCodeMax);
/** This program never writes longer texts. */
const textMax = 2048;

export class StandingAlarms implements AlarmStore {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** Reads the alarms that this version knows. Call it at the start: all other rows are removed. */
  load(): KeptAlarm[] {
    const rows = this.#database.all('SELECT * FROM standing_alarms ORDER BY since_ms LIMIT ?', rowsMax + 1);
    const kept = rows.slice(0, rowsMax).flatMap((row) => keptAlarm(row) ?? []);
    if (kept.length < rows.length)
      this.#database.transaction(() => {
        this.#database.run('DELETE FROM standing_alarms');
        for (const each of kept) this.#enter(each);
      });
    return kept;
  }

  write(entered: readonly KeptAlarm[], gone: readonly Pick<Alarm, 'owner' | 'code' | 'subject'>[]): void {
    this.#database.transaction(() => {
      for (const { owner, code, subject } of gone)
        this.#database.run(
          'DELETE FROM standing_alarms WHERE owner = ? AND code = ? AND subject = ?',
          owner,
          code,
          subject,
        );
      for (const each of entered) this.#enter(each);
    });
  }

  #enter({ alarm, source }: KeptAlarm): void {
    const { owner, code, subject, severity, detail, sinceMs, acknowledged } = alarm;
    this.#database.run(
      'INSERT OR REPLACE INTO standing_alarms VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      owner,
      code,
      subject,
      severity,
      detail.slice(0, textMax),
      source,
      Math.round(sinceMs),
      acknowledged?.byWhom ?? null,
      acknowledged?.reason ?? null,
      acknowledged === undefined ? null : Math.round(acknowledged.atMs),
    );
  }
}

/** Undefined for a row that this version would not write: any process may write to the ledger. */
function keptAlarm(row: Row): KeptAlarm | undefined {
  const owner = textOf(row['owner']);
  const code = codeOf(row['code']);
  const subject = textOf(row['subject']);
  const severity = severityOf(row['severity']);
  const detail = textOf(row['detail']);
  const source = textOf(row['source']);
  const sinceMs = momentOf(row['since_ms']);
  if (owner === undefined || code === undefined || subject === undefined || severity === undefined)
    return undefined;
  if (detail === undefined || source === undefined || sinceMs === undefined) return undefined;
  const acknowledged = acknowledgementOf(row);
  const alarm = { owner, code, subject, severity, detail, sinceMs, ...(acknowledged && { acknowledged }) };
  return { alarm, source };
}

function acknowledgementOf(row: Row): Acknowledgement | undefined {
  const byWhom = textOf(row['acknowledged_by']);
  const reason = textOf(row['acknowledged_reason']);
  const atMs = momentOf(row['acknowledged_at_ms']);
  if (byWhom === undefined || reason === undefined || atMs === undefined) return undefined;
  return { byWhom, reason, atMs };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= textMax ? value : undefined;
}

function codeOf(value: unknown): ErrorCode | undefined {
  const text = textOf(value);
  return text !== undefined && isErrorCode(text) ? text : undefined;
}

function severityOf(value: unknown): Severity | undefined {
  return severities.find((severity) => severity === value);
}

function momentOf(value: unknown): number | undefined {
  const ms = Number(value);
  return value !== null && Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined;
}
