/**
 * Watches what keeps other networks away from the link: that its socket is bound to its interface, and that the kernel rules
 * stop nothing. Either may be tried from outside for ever, so each is a single alarm.
 */

import type { HostFiles } from './host-network.ts';
import type { Binding } from './kernel-socket.ts';
import { countersIn, countersPath } from './link-counters.ts';
import type { AlarmDesk } from './program/alarm-desk.ts';
import type { Alarms } from './program/alarms.ts';

export interface LinkGuardOptions {
  readonly files: Pick<HostFiles, 'read'>;
  readonly alarms: Alarms;
  /** Those that have to stay 0. */
  readonly counters: readonly string[];
}

/** The file is written each minute. */
const readMs = 10_000;
/** An alarm stays up until nothing more was stopped for this long. */
const quietMs = 900_000;
/** The file is no longer than this for the rules of this project. */
const textMax = 65_536;

export class LinkGuard {
  readonly #options: LinkGuardOptions;
  readonly #desk: AlarmDesk;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #counted = 0;
  #grewAtMs: number | undefined;

  constructor(options: LinkGuardOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('link guard');
  }

  /** Call it about once a second. */
  look(binding: Binding, nowMs: number): void {
    // While the interface is gone there is nothing by which anything could come or leave.
    this.#desk.set(binding === 'unbound', 'E_LINK_INTERFACE', 'link');
    if (nowMs - this.#readAtMs < readMs) return;
    this.#readAtMs = nowMs;
    const text = this.#options.files.read(countersPath);
    const counters = text === undefined || text.length > textMax ? undefined : countersIn(text);
    // It is up to `doctor` to say that the rules are not loaded, or that nobody saves their counters.
    if (counters !== undefined) this.#compare(counters, nowMs);
  }

  #compare(counters: ReadonlyMap<string, number>, nowMs: number): void {
    const { counters: names } = this.#options;
    const stopped = names.filter((name) => (counters.get(name) ?? 0) > 0);
    const sum = stopped.reduce((packets, name) => packets + (counters.get(name) ?? 0), 0);
    if (sum > this.#counted) this.#grewAtMs = nowMs;
    // Less than before: the rules were reloaded.
    this.#counted = sum;
    const told = stopped.map((name) => `${name} ${counters.get(name)}`).join(', ');
    if (sum === 0 || this.#grewAtMs === undefined || nowMs - this.#grewAtMs >= quietMs)
      this.#desk.clear('E_LINK_STRAY', 'link');
    else this.#desk.raise('E_LINK_STRAY', 'link', `packets stopped by the kernel rules: ${told}`);
  }
}
