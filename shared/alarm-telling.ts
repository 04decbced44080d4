/**
 * Tells of the edges of alarms at a bounded rate: an alarm that comes and goes, or a source that raises one alarm after
 * the other, writes a few lines and no more. What was left out is told later if it still differs from what was told, so
 * that the last line about an alarm is true.
 */
import type { Alarm, AlarmListener } from './alarms.ts';
import type { ErrorCode } from './errors.ts';

const windowMs = 600_000;
/** Edges of one alarm in a window. */
const ofAlarmMax = 6;
/** Edges of all alarms of one code and source in a window. */
const ofSourceMax = 100;
/** A changed detail is told so long after the last word about its alarm. */
const changeMs = 600_000;
const lateIntervalMs = 1000;
const rememberedMax = 4096;

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
  toldMs: number;
  readonly window: Window;
}

export class AlarmTelling {
  readonly #wallMs: () => number;
  readonly #listener: AlarmListener;
  readonly #told = new Map<string, Told>();
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

  changed(alarm: Alarm): void {
    const told = this.#told.get(keyOf(alarm));
    if (told === undefined) return;
    told.alarm = alarm;
    this.#tell(told);
  }

  /** An alarm is not followed any more, whether it stands or not. */
  forget(alarm: Alarm): void {
    const told = this.#told.get(keyOf(alarm));
    if (told === undefined) return;
    this.#told.delete(keyOf(alarm));
    this.#late.delete(told);
  }

  /** Tells what was left out, as far as there is room for it now. */
  tellLate(): void {
    const now = this.#wallMs();
    if (!isOver(this.#lookedMs, lateIntervalMs, now)) return;
    this.#lookedMs = now;
    for (const told of [...this.#late]) this.#tell(told);
    if (this.#told.size > rememberedMax) this.#forgetSome(now);
  }

  #edge(alarm: Alarm, source: string, isStanding: boolean): void {
    const key = keyOf(alarm);
    let told = this.#told.get(key);
    if (told === undefined) {
      if (this.#told.size >= 2 * rememberedMax) this.#forgetSome(this.#wallMs());
      const nothing = { toldStanding: false, toldDetail: '', toldMs: 0 };
      told = { alarm, source, isStanding, ...nothing, window: { startMs: 0, count: 0 } };
      this.#told.set(key, told);
    }
    told.alarm = alarm;
    told.isStanding = isStanding;
    this.#tell(told);
  }

  #tell(told: Told): void {
    const now = this.#wallMs();
    const { alarm, isStanding, toldStanding } = told;
    this.#late.delete(told);
    const isChange = isStanding && toldStanding && alarm.detail !== told.toldDetail;
    if (isStanding === toldStanding && !isChange) return;
    const isDue = !isChange || isOver(told.toldMs, changeMs, now);
    if (!isDue || !this.#mayTell(told, now)) {
      this.#late.add(told);
      return;
    }
    told.toldStanding = isStanding;
    told.toldDetail = alarm.detail;
    told.toldMs = now;
    this.#listener(isChange ? 'changed' : isStanding ? 'raised' : 'cleared', alarm);
  }

  #mayTell({ alarm, source, window }: Told, now: number): boolean {
    const key = `${alarm.code} ${source}`;
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

  /** Forgets alarms that stand no more: first those whose window is over, then the others, the oldest first. */
  #forgetSome(now: number): void {
    for (const isDue of [(told: Told) => isOver(told.window.startMs, windowMs, now), () => true]) {
      for (const [key, told] of this.#told) {
        if (this.#told.size <= rememberedMax) break;
        if (told.isStanding || !isDue(told)) continue;
        this.#told.delete(key);
        this.#late.delete(told);
      }
    }
    for (const [key, window] of this.#sources) {
      if (isOver(window.startMs, windowMs, now)) this.#sources.delete(key);
    }
  }
}

function keyOf({ code, subject }: { code: ErrorCode; subject: string }): string {
  return `${code} ${subject}`;
}

/** A clock that went back ends what was measured by it. */
function isOver(sinceMs: number, lengthMs: number, now: number): boolean {
  return now - sinceMs >= lengthMs || now < sinceMs;
}
