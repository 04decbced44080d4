/**
 * Alarms, edge-triggered: one message when something begins to be wrong, one when it is right again.
 * An alarm is a code and a subject (a UID, a sender id, a host's own name); no PHI.
 */
import { type Severity, severityOf } from './alarm-severity.ts';
import { DiodeError, type ErrorCode, errorCatalogue } from './errors.ts';

export interface Alarm {
  readonly code: ErrorCode;
  readonly severity: Severity;
  readonly subject: string;
  readonly detail: string;
  readonly sinceMs: number;
}

export type AlarmListener = (edge: 'raised' | 'cleared', alarm: Alarm) => void;

const alarmsMax = 1000;

export class Alarms {
  readonly #standing = new Map<string, Alarm>();
  readonly #wallMs: () => number;
  readonly #listener: AlarmListener;

  constructor(wallMs: () => number, listener: AlarmListener) {
    this.#wallMs = wallMs;
    this.#listener = listener;
  }

  /**
   * Raises an alarm, once for a code and subject until it is cleared.
   * @param severity that of the code, unless the alarm tells of another one
   */
  raise(
    code: ErrorCode,
    subject = '',
    detail: string = errorCatalogue[code].meaning,
    severity: Severity = severityOf(code),
  ): void {
    const key = `${code} ${subject}`;
    if (this.#standing.has(key) || this.#standing.size >= alarmsMax) return;
    const alarm = { code, severity, subject, detail, sinceMs: this.#wallMs() };
    this.#standing.set(key, alarm);
    this.#listener('raised', alarm);
  }

  clear(code: ErrorCode, subject = ''): void {
    const key = `${code} ${subject}`;
    const alarm = this.#standing.get(key);
    if (alarm === undefined) return;
    this.#standing.delete(key);
    this.#listener('cleared', alarm);
  }

  /** Raises while a condition holds, clears when it does not. */
  set(holds: boolean, code: ErrorCode, subject = '', detail?: string): void {
    if (holds) this.raise(code, subject, detail);
    else this.clear(code, subject);
  }

  /** Runs a step that may fail for a reason of the host: an alarm while it fails, none when it works again. */
  during<T>(subject: string, codes: readonly ErrorCode[], act: () => T): T | undefined {
    try {
      const result = act();
      for (const code of codes) this.clear(code, subject);
      return result;
    } catch (error) {
      if (!(error instanceof DiodeError) || !codes.includes(error.code)) throw error;
      this.raise(error.code, subject, error.message);
      return undefined;
    }
  }

  standing(): Alarm[] {
    return [...this.#standing.values()];
  }
}
