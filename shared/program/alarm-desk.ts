/**
 * The one owner of some alarms. Who finds out that something is wrong has a desk; nobody clears what another desk
 * raised, also not under the same code and subject.
 */
import { DiodeError, type ErrorCode, errorCatalogue } from '../errors.ts';
import type { Alarm } from './alarm.ts';
import { type Severity, severityOf } from './alarm-severity.ts';

export interface DeskOptions {
  /**
   * How long after a start the desk may take to raise again what stood before: then it is over. As long as the
   * deadlines behind its alarms, and some looks more. By code where they differ; two minutes when left out.
   */
  readonly settleMs?: number | Readonly<Partial<Record<ErrorCode, number>>>;
  /**
   * Codes that are this desk's alone, in the whole program. What another desk would raise of one is told to this one in
   * its place, which decides itself what stands; so that of many who try the same thing none clears what others see.
   */
  readonly owns?: Readonly<Partial<Record<ErrorCode, () => void>>>;
}

/** Where desks lay down what they say. */
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
   * @param severity that of the code, unless the alarm tells of another one
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

  /** What stands of this desk, also of an earlier life of the program. */
  standing(): Alarm[] {
    return this.#board.of(this.owner);
  }
}

/** The sender that a subject names: it begins with its id, or ends with it. */
function senderIn(subject: string): string {
  return /^([0-9a-f]{16})(?: |$)/.exec(subject)?.[1] ?? / of ([0-9a-f]{16})$/.exec(subject)?.[1] ?? '';
}
