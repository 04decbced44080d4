/**
 * The one owner of some alarms. Every part that can find something wrong has a desk; nobody clears what another desk
 * raised, not even under the same code and subject.
 */
import { DiodeError, type ErrorCode, errorCatalogue } from '../errors.ts';
import type { Alarm } from './alarm.ts';
import { type Severity, severityOf } from './alarm-severity.ts';

export interface DeskOptions {
  /**
   * How long after a start the desk may take to raise an earlier alarm again; after that it counts as over. This should be
   * as long as the deadlines behind its alarms, and a few checks more. By code if they differ; two minutes if left out.
   */
  readonly settleMs?: number | Readonly<Partial<Record<ErrorCode, number>>>;
  /**
   * Codes that only this desk raises, in the whole program. If another desk raises one, this one is told instead and decides
   * what stands, so that of many parts that try the same thing, none clears what others still see.
   */
  readonly owns?: Readonly<Partial<Record<ErrorCode, () => void>>>;
}

/** Where desks put their alarms. */
export interface AlarmBoard {
  raise(alarm: Omit<Alarm, 'sinceMs' | 'acknowledged'>, source: string): void;
  clear(owner: string, code: ErrorCode, subject: string): void;
  of(owner: string): Alarm[];
}

export class AlarmDesk {
  readonly owner: string;
  readonly #board: AlarmBoard;

  /** {@link Alarms.desk} makes it. */
  constructor(owner: string, board: AlarmBoard) {
    this.owner = owner;
    this.#board = board;
  }

  /**
   * Raises an alarm, once for a code and subject until this desk clears it; the newest detail counts.
   * @param severity that of the code, unless the alarm carries another one
   * @param source whose fault it is: a sender id, a scanner; when left out, the sender id that the subject names
   */
  raise(
    code: ErrorCode,
    subject = '',
    detail: string = errorCatalogue[code].meaning,
    severity: Severity = severityOf(code),
    source: string = senderIn(subject),
  ): void {
    this.#board.raise({ owner: this.owner, code, subject, detail, severity }, source);
  }

  clear(code: ErrorCode, subject = ''): void {
    this.#board.clear(this.owner, code, subject);
  }

  /** Raises while something is wrong, clears when it is not. */
  set(isWrong: boolean, code: ErrorCode, subject = '', detail?: string, source?: string): void {
    if (isWrong) this.raise(code, subject, detail, undefined, source);
    else this.clear(code, subject);
  }

  /** Runs a step that the host may make fail: raises an alarm while it fails, and clears it when it works again. */
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

  /** The current alarms of this desk, including those from an earlier run of the program. */
  standing(): Alarm[] {
    return this.#board.of(this.owner);
  }
}

/** The sender that a subject names: it begins with its id, or ends with it. */
function senderIn(subject: string): string {
  return /^([0-9a-f]{16})(?: |$)/.exec(subject)?.[1] ?? / of ([0-9a-f]{16})$/.exec(subject)?.[1] ?? '';
}
