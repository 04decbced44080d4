/** Names the senders that have no room for more, by an alarm for each while it goes on. */
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Shortage } from '../assemble/shortages.ts';

/** It is over after this long without another shortage. */
const overMs = 60_000;

interface Standing {
  count: number;
  atMs: number;
}

export class ShortageAlarms {
  readonly #desk: AlarmDesk;
  readonly #rows: () => readonly Shortage[];
  /** By sender; of bounded size, since the rows are. */
  readonly #bySender = new Map<string, Standing>();

  constructor(alarms: Alarms, rows: () => readonly Shortage[]) {
    this.#desk = alarms.desk('shares of senders');
    this.#rows = rows;
  }

  /** Call it every second or so. */
  watch(nowMs: number): void {
    const counts = new Map<string, { total: number; of: string[] }>();
    for (const { senderId, what, count } of this.#rows()) {
      const { total, of } = counts.get(senderId) ?? { total: 0, of: [] };
      counts.set(senderId, { total: total + count, of: [...of, `${what} ${count}`] });
    }
    for (const [senderId, { total, of }] of counts) {
      const standing = this.#bySender.get(senderId);
      if (standing?.count === total) continue;
      this.#bySender.set(senderId, { count: total, atMs: nowMs });
      this.#desk.raise('E_NO_ROOM', senderId, `refused or given up so far: ${of.join(', ')}`);
    }
    for (const [senderId, { atMs }] of this.#bySender) {
      if (nowMs - atMs < overMs) continue;
      this.#desk.clear('E_NO_ROOM', senderId);
      if (!counts.has(senderId)) this.#bySender.delete(senderId);
    }
  }
}
