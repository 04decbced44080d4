/**
 * Tells of the edges of alarms at a bounded rate: an alarm that comes and goes, or a source that raises one alarm after
 * another, writes a few lines and no more. What was left out is told later if it still differs from what was told, so
 * that the last line about an alarm is true.
 */
import { type Alarm, type AlarmListener, keyOf, rankOf } from './alarm.ts';
import type { Severity } from './alarm-severity.ts';

const windowMs = 600_000;
/** Edges of one alarm in a window. */
const ofAlarmMax = 6;
/** Edges of all alarms of one code, source and severity in a window. */
const ofSourceMax = 100;
/** How long after the last line about an alarm a changed detail is told; if it became more urgent, that is told at once. */
const changeMs = 600_000;
const lateIntervalMs = 1000;
/** The most ended alarms of which it is remembered what was told. */
const overMax = 4096;

interface Window {
  startMs: number;
  count: number;
}

interface Told {
  alarm: Alarm;
  readonly source: string;
  isStanding: boolean;
  /** What was told last. */
  toldStanding: boolean;
  toldDetail: string;
  toldSeverity: Severity;
  toldMs: number;
  readonly window: Window;
}

export class AlarmTelling {
  readonly #wallMs: () => number;
  readonly #listener: AlarmListener;
  readonly #told = new Map<string, Told>();
  /** Those of them that have ended, the longest ended first. */
  readonly #over = new Set<Told>();
  readonly #sources = new Map<string, Window>();
  readonly #late = new Set<Told>();
  #lookedMs = 0;

  /** @param wallMs may jump: a window ends then */
  constructor(wallMs: () => number, listener: AlarmListener) {
    this.#wallMs = wallMs;
    this.#listener = listener;
  }

  raised(alarm: Alarm, source: string): void {
    this.#edge(alarm, source, true);
  }

  cleared(alarm: Alarm, source: string): void {
    this.#edge(alarm, source, false);
  }

  /** Stood when the program last ran, and was told then. */
  remember(alarm: Alarm, source: string): void {
    const told = this.#of(alarm, source);
    told.toldStanding = true;
    this.#isTold(told, this.#wallMs());
  }

  /** Done by a person, so it is told at once. */
  acknowledged(alarm: Alarm): void {
    const told = this.#told.get(fullKeyOf(alarm));
    if (told !== undefined) told.alarm = alarm;
    this.#listener('acknowledged', alarm);
  }

  changed(alarm: Alarm): void {
    const told = this.#told.get(fullKeyOf(alarm));
    if (told === undefined) return;
    told.alarm = alarm;
    this.#tell(told);
  }

  /** Stops following an alarm, whether it has ended or not. */
  forget(alarm: Alarm): void {
    const told = this.#told.get(fullKeyOf(alarm));
    if (told !== undefined) this.#drop(told);
  }

  /** Tells what was left out, as far as there is room for it now. */
  tellLate(): void {
    const now = this.#wallMs();
    if (!isOver(this.#lookedMs, lateIntervalMs, now)) return;
    this.#lookedMs = now;
    for (const told of [...this.#late]) this.#tell(told);
    if (this.#over.size > overMax) this.#forgetSome(now);
  }

  #edge(alarm: Alarm, source: string, isStanding: boolean): void {
    const told = this.#of(alarm, source);
    told.alarm = alarm;
    told.isStanding = isStanding;
    this.#over.delete(told);
    if (!isStanding) this.#over.add(told);
    this.#tell(told);
    if (this.#over.size >= 2 * overMax) this.#forgetSome(this.#wallMs());
  }

  #of(alarm: Alarm, source: string): Told {
    const key = fullKeyOf(alarm);
    let told = this.#told.get(key);
    if (told === undefined) {
      const nothing = { toldStanding: false, toldDetail: '', toldSeverity: alarm.severity, toldMs: 0 };
      told = { alarm, source, isStanding: true, ...nothing, window: { startMs: 0, count: 0 } };
      this.#told.set(key, told);
    }
    return told;
  }

  #tell(told: Told): void {
    const now = this.#wallMs();
    const { alarm, isStanding, toldStanding } = told;
    this.#late.delete(told);
    const isOther = alarm.detail !== told.toldDetail || alarm.severity !== told.toldSeverity;
    const isChange = isStanding && toldStanding && isOther;
    if (isStanding === toldStanding && !isChange) return;
    const isMoreUrgent = rankOf(alarm) < rankOf({ severity: told.toldSeverity });
    const isDue = !isChange || isMoreUrgent || isOver(told.toldMs, changeMs, now);
    if (!isDue || !this.#mayTell(told, now)) {
      this.#late.add(told);
      return;
    }
    told.toldStanding = isStanding;
    this.#isTold(told, now);
    this.#listener(isChange ? 'changed' : isStanding ? 'raised' : 'cleared', alarm);
  }

  #isTold(told: Told, now: number): void {
    told.toldDetail = told.alarm.detail;
    told.toldSeverity = told.alarm.severity;
    told.toldMs = now;
  }

  #drop(told: Told): void {
    this.#told.delete(fullKeyOf(told.alarm));
    this.#over.delete(told);
    this.#late.delete(told);
  }

  #mayTell({ alarm, source, window }: Told, now: number): boolean {
    // A critical alarm gets its line, whatever else the source raises.
    const key = `${alarm.severity} ${alarm.code} ${source}`;
    const ofSource = this.#sources.get(key) ?? { startMs: now, count: 0 };
    this.#sources.set(key, ofSource);
    for (const each of [window, ofSource]) {
      if (isOver(each.startMs, windowMs, now)) Object.assign(each, { startMs: now, count: 0 });
    }
    if (window.count >= ofAlarmMax || ofSource.count >= ofSourceMax) return false;
    window.count += 1;
    ofSource.count += 1;
    return true;
  }

  /** Forgets ended alarms: first those whose window is over, then the others, the oldest first. */
  #forgetSome(now: number): void {
    for (const isDue of [(told: Told) => isOver(told.window.startMs, windowMs, now), () => true]) {
      for (const told of this.#over) {
        if (this.#over.size <= overMax) break;
        if (isDue(told)) this.#drop(told);
      }
    }
    for (const [key, window] of this.#sources) {
      if (isOver(window.startMs, windowMs, now)) this.#sources.delete(key);
    }
  }
}

function fullKeyOf(alarm: Alarm): string {
  return `${alarm.code} ${keyOf(alarm)}`;
}

/** A clock that went back ends what was measured by it. */
function isOver(sinceMs: number, lengthMs: number, now: number): boolean {
  return now - sinceMs >= lengthMs || now < sinceMs;
}
