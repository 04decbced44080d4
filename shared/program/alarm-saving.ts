/** Decides which alarms have to be written so that the ledger knows the current ones: grouped, and a bounded number at a time. */
import { type Alarm, type KeptAlarm, keyOf, rankOf, type Standing } from './alarm.ts';

export interface AlarmStore {
  /** In one transaction. @throws DiodeError a storage code */
  write(entered: readonly KeptAlarm[], gone: readonly Alarm[]): void;
}

/** Alarms that one save writes. */
const changesMax = 500;
/** If only the detail of an alarm changed, such as a count, it is written no more often than this. */
const detailsIntervalMs = 60_000;

export class AlarmSaving {
  /** As the ledger has them. */
  readonly #saved = new Map<string, Alarm>();
  #detailsAtMs = Number.NEGATIVE_INFINITY;

  /** The ledger has these. */
  isKept(alarms: readonly Alarm[]): void {
    for (const alarm of alarms) this.#saved.set(fullKeyOf(alarm), alarm);
  }

  /** @throws DiodeError what the store throws: then it is as if this had not been called */
  save(store: AlarmStore, standing: readonly Standing[], nowMs: number): void {
    const withDetails = nowMs - this.#detailsAtMs >= detailsIntervalMs;
    const current = new Set<string>();
    const entered: Standing[] = [];
    for (const each of standing) {
      const key = fullKeyOf(each.alarm);
      current.add(key);
      const saved = this.#saved.get(key);
      if (saved === each.alarm) continue;
      if (withDetails || saved === undefined || isMoreThanDetail(saved, each.alarm)) entered.push(each);
    }
    const gone = [...this.#saved]
      .flatMap(([key, alarm]) => (current.has(key) ? [] : alarm))
      .slice(0, changesMax);
    entered.sort((a, b) => rankOf(a.alarm) - rankOf(b.alarm));
    entered.splice(changesMax - gone.length);
    if (entered.length > 0 || gone.length > 0) store.write(entered, gone);
    for (const alarm of gone) this.#saved.delete(fullKeyOf(alarm));
    for (const { alarm } of entered) this.#saved.set(fullKeyOf(alarm), alarm);
    if (withDetails) this.#detailsAtMs = nowMs;
  }
}

function isMoreThanDetail(a: Alarm, b: Alarm): boolean {
  return a.severity !== b.severity || a.sinceMs !== b.sinceMs || a.acknowledged !== b.acknowledged;
}

function fullKeyOf(alarm: Alarm): string {
  return `${alarm.code}\n${keyOf(alarm)}`;
}
