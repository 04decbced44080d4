/**
 * Alarms: one message when something begins to be wrong, one when it is right again.
 * An alarm is a code and a subject (a UID, a sender id, a host's own name); no PHI.
 *
 * They are bounded for each code, so that no code takes the room of another, and within a code those of one source
 * make room for those of others. What is over the bound is one alarm that says how many there are, and stands itself
 * again when there is room.
 */
import { type Severity, severityOf } from './alarm-severity.ts';
import { AlarmTelling } from './alarm-telling.ts';
import { DiodeError, type ErrorCode, errorCatalogue } from './errors.ts';

export interface Alarm {
  readonly code: ErrorCode;
  readonly severity: Severity;
  readonly subject: string;
  readonly detail: string;
  readonly sinceMs: number;
}

/** `changed`: it stands, and its detail is another one. */
export type AlarmEdge = 'raised' | 'changed' | 'cleared';
export type AlarmListener = (edge: AlarmEdge, alarm: Alarm) => void;

/** Alarms of one code that are shown one by one. */
export const alarmsOfCodeMax = 100;
/** Those of one code that are counted beyond that, and wait for room. */
const waitingOfCodeMax = 300;

interface Standing {
  alarm: Alarm;
  readonly source: string;
  /** In which order they were raised. */
  readonly order: number;
}

/** The alarms of one code, by subject. */
interface OfCode {
  readonly shown: Map<string, Standing>;
  readonly waiting: Map<string, Standing>;
  /** Whether some were not even counted since the last had room. */
  isMore: boolean;
}

export class Alarms {
  readonly #codes = new Map<ErrorCode, OfCode>();
  readonly #wallMs: () => number;
  readonly #telling: AlarmTelling;
  #order = 0;

  /** @param listener is told of edges, at a bounded rate for each code, subject and source */
  constructor(wallMs: () => number, listener: AlarmListener) {
    this.#wallMs = wallMs;
    this.#telling = new AlarmTelling(wallMs, listener);
  }

  /**
   * Raises an alarm, once for a code and subject until it is cleared; the newest detail counts.
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
    const ofCode = this.#ofCode(code);
    const known = ofCode.shown.get(subject) ?? ofCode.waiting.get(subject);
    if (known !== undefined) return this.#change(known, detail, severity);
    const alarm = { code, severity, subject, detail, sinceMs: this.#wallMs() };
    this.#order += 1;
    const standing = { alarm, source, order: this.#order };
    if (code === 'E_ALARMS' || ofCode.shown.size < alarmsOfCodeMax) this.#show(ofCode, standing);
    else {
      const displaced = displacedBy(ofCode, source);
      if (displaced !== undefined) this.#show(ofCode, standing);
      this.#wait(ofCode, displaced ?? standing);
    }
    this.#tellOfWaiting(code, ofCode);
  }

  clear(code: ErrorCode, subject = ''): void {
    const ofCode = this.#codes.get(code);
    const standing = ofCode?.shown.get(subject) ?? ofCode?.waiting.get(subject);
    if (ofCode === undefined || standing === undefined) return;
    ofCode.shown.delete(subject);
    ofCode.waiting.delete(subject);
    this.#telling.cleared(standing.alarm, standing.source);
    if (ofCode.shown.size < alarmsOfCodeMax) {
      const next = nextOf(ofCode);
      if (next !== undefined) {
        ofCode.waiting.delete(next.alarm.subject);
        this.#show(ofCode, next);
      }
    }
    this.#tellOfWaiting(code, ofCode);
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

  /** In the order in which they were raised. Ask often: what was not told for its rate is told then. */
  standing(): Alarm[] {
    this.#telling.tellLate();
    return [...this.#codes.values()]
      .flatMap(({ shown }) => [...shown.values()])
      .sort((a, b) => a.order - b.order)
      .map(({ alarm }) => alarm);
  }

  #ofCode(code: ErrorCode): OfCode {
    let ofCode = this.#codes.get(code);
    if (ofCode === undefined) {
      ofCode = { shown: new Map(), waiting: new Map(), isMore: false };
      this.#codes.set(code, ofCode);
    }
    return ofCode;
  }

  #change(known: Standing, detail: string, severity: Severity): void {
    if (known.alarm.detail === detail && known.alarm.severity === severity) return;
    known.alarm = { ...known.alarm, detail, severity };
    this.#telling.changed(known.alarm);
  }

  #show(ofCode: OfCode, standing: Standing): void {
    ofCode.shown.set(standing.alarm.subject, standing);
    this.#telling.raised(standing.alarm, standing.source);
  }

  #wait(ofCode: OfCode, standing: Standing): void {
    if (ofCode.waiting.size < waitingOfCodeMax) {
      ofCode.waiting.set(standing.alarm.subject, standing);
      return;
    }
    ofCode.isMore = true;
    this.#telling.forget(standing.alarm);
  }

  #tellOfWaiting(code: ErrorCode, ofCode: OfCode): void {
    const { waiting } = ofCode;
    if (code === 'E_ALARMS') return;
    if (waiting.size === 0) {
      ofCode.isMore = false;
      return this.clear('E_ALARMS', code);
    }
    const detail = `${ofCode.isMore ? 'at least ' : ''}${waiting.size} more alarms of ${code} stand`;
    this.raise('E_ALARMS', code, detail, severityOf(code));
  }
}

/** The sender that a subject names: it begins with its id, or ends with it. */
function senderIn(subject: string): string {
  return /^([0-9a-f]{16})(?: |$)/.exec(subject)?.[1] ?? / of ([0-9a-f]{16})$/.exec(subject)?.[1] ?? '';
}

/** How many alarms of a code each source has that are shown. */
function shares({ shown }: OfCode): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { source } of shown.values()) counts.set(source, (counts.get(source) ?? 0) + 1);
  return counts;
}

/** Takes the newest alarm of the source that has the most out, if that has more than this one would. */
function displacedBy(ofCode: OfCode, source: string): Standing | undefined {
  const counts = shares(ofCode);
  const [largest, most] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
  if (most <= (counts.get(source) ?? 0) + 1) return undefined;
  const displaced = [...ofCode.shown.values()].findLast((standing) => standing.source === largest);
  if (displaced !== undefined) ofCode.shown.delete(displaced.alarm.subject);
  return displaced;
}

/** The one that waits whose source is shown the least; among equals the oldest. */
function nextOf(ofCode: OfCode): Standing | undefined {
  if (ofCode.waiting.size === 0) return undefined;
  const counts = shares(ofCode);
  const shareOf = (standing: Standing) => counts.get(standing.source) ?? 0;
  return [...ofCode.waiting.values()].reduce((a, b) => (shareOf(b) < shareOf(a) ? b : a));
}
