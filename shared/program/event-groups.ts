/** Facts of one transaction that are counted before they are entered: a row for each study, not for each instance. */
import { countNames, type NewEvent } from './event-catalogue.ts';
import type { Events } from './events.ts';

interface Group {
  readonly event: NewEvent;
  readonly counts: Record<string, number>;
}

export class EventGroups {
  readonly #groups = new Map<string, Group>();

  /** @param event of a grouped kind: events that differ only in their counts are one fact */
  add(event: NewEvent): void {
    const fields = Object.entries(event);
    const isCount = (name: string) => countNames.some((count) => count === name);
    const key = JSON.stringify(fields.filter(([name]) => !isCount(name)));
    const group = this.#groups.get(key) ?? { event, counts: {} };
    this.#groups.set(key, group);
    for (const [name, value] of fields)
      if (isCount(name)) group.counts[name] = (group.counts[name] ?? 0) + Number(value);
  }

  /** Enters all of them. */
  enterInto(events: Events, atMs: number): void {
    // The sums take the place of the counts.
    for (const { event, counts } of this.#groups.values())
      events.enter({ ...event, ...counts } as NewEvent, atMs);
  }
}
