/** Log lines whose number others decide: a limited number per code and minute, and how many were left out. */
import type { Clock } from '../../shared/clock.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { LogFields } from '../../shared/log.ts';

const linesMax = 20;
const periodMs = 60_000;

interface Lines {
  sinceMs: number;
  written: number;
  leftOut: number;
}

export class RareLines {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #lines = new Map<ErrorCode, Lines>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** What to write on the next line of a code; undefined if it is left out. */
  next(code: ErrorCode, detail?: string): LogFields | undefined {
    const now = this.#clock.monotonicMs();
    let lines = this.#lines.get(code);
    let leftOut = 0;
    if (lines === undefined || now - lines.sinceMs >= periodMs) {
      leftOut = lines?.leftOut ?? 0;
      lines = { sinceMs: now, written: 0, leftOut: 0 };
      this.#lines.set(code, lines);
    }
    if (lines.written === linesMax) {
      lines.leftOut += 1;
      return undefined;
    }
    lines.written += 1;
    const more = leftOut > 0 ? `${leftOut} more before this one were not logged` : undefined;
    const text = [detail, more].filter((part) => part !== undefined).join('; ');
    return { code, ...(text !== '' && { detail: text }) };
  }
}
