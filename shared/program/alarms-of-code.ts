/**
 * The alarms of one code, of all owners. Some are shown one by one; the rest wait for room, and are counted. A
 * more urgent alarm takes the room of a less urgent one. Among equals each source has its share: those of one source make
 * room for those of others.
 */
import { keyOf, rankOf, type Standing } from './alarm.ts';

/** Alarms of one code that are shown one by one. */
export const alarmsOfCodeMax = 100;
/** How many more of one code are counted, and wait for room. */
export const waitingOfCodeMax = 300;

export interface AlarmsOfCodeOptions {
  readonly shownMax: number;
  /** One is shown from now on. */
  readonly onShown: (standing: Standing) => void;
  /** There was not even room to count one: nothing about it is remembered. */
  readonly onForgotten: (standing: Standing) => void;
}

export class AlarmsOfCode {
  readonly #options: AlarmsOfCodeOptions;
  readonly #shown = new Map<string, Standing>();
  readonly #waiting = new Map<string, Standing>();
  #isMore = false;

  constructor(options: AlarmsOfCodeOptions) {
    this.#options = options;
  }

  get shown(): Iterable<Standing> {
    return this.#shown.values();
  }

  /** Both those shown and those waiting. */
  get all(): readonly Standing[] {
    return [...this.#shown.values(), ...this.#waiting.values()];
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether some were not even counted since the last had room. */
  get isMore(): boolean {
    return this.#isMore;
  }

  get isWaitingCritical(): boolean {
    return [...this.#waiting.values()].some(({ alarm }) => alarm.severity === 'critical');
  }

  find(key: string): Standing | undefined {
    return this.#shown.get(key) ?? this.#waiting.get(key);
  }

  add(standing: Standing): void {
    if (!this.#showIfRoom(standing)) this.#wait(standing);
  }

  /** @returns the one that was removed; undefined if there was none */
  remove(key: string): Standing | undefined {
    const standing = this.find(key);
    this.#shown.delete(key);
    this.#waiting.delete(key);
    this.#fill();
    return standing;
  }

  /** One became more or less urgent. */
  reconsider(standing: Standing): void {
    const key = keyOf(standing.alarm);
    if (this.#waiting.delete(key)) this.add(standing);
    this.#fill();
  }

  #showIfRoom(standing: Standing): boolean {
    if (this.#shown.size >= this.#options.shownMax) {
      const displaced = this.#displacedBy(standing);
      if (displaced === undefined) return false;
      this.#shown.delete(keyOf(displaced.alarm));
      this.#wait(displaced);
    }
    this.#shown.set(keyOf(standing.alarm), standing);
    this.#options.onShown(standing);
    return true;
  }

  #wait(standing: Standing): void {
    const key = keyOf(standing.alarm);
    if (this.#waiting.size < waitingOfCodeMax) {
      this.#waiting.set(key, standing);
      return;
    }
    this.#isMore = true;
    const least = [...this.#waiting.values()].reduce((a, b) => (rankOf(b.alarm) > rankOf(a.alarm) ? b : a));
    const isLess = rankOf(least.alarm) > rankOf(standing.alarm);
    if (isLess) {
      this.#waiting.delete(keyOf(least.alarm));
      this.#waiting.set(key, standing);
    }
    this.#options.onForgotten(isLess ? least : standing);
  }

  /** Shows as many of the waiting ones as there is room for now. */
  #fill(): void {
    for (let left = waitingOfCodeMax; left > 0; left -= 1) {
      const next = this.#next();
      if (next === undefined) break;
      const isRoom = this.#shown.size < this.#options.shownMax;
      if (!isRoom && this.#lessUrgentThan(next).length === 0) break;
      this.#waiting.delete(keyOf(next.alarm));
      this.#showIfRoom(next);
    }
    if (this.#waiting.size === 0) this.#isMore = false;
  }

  /** The most urgent that waits, from the source with the fewest shown; among equals the oldest. */
  #next(): Standing | undefined {
    if (this.#waiting.size === 0) return undefined;
    const counts = shares(this.#shown.values());
    const isBefore = (a: Standing, b: Standing) => {
      const urgency = rankOf(a.alarm) - rankOf(b.alarm);
      return urgency !== 0 ? urgency < 0 : (counts.get(shareOf(a)) ?? 0) < (counts.get(shareOf(b)) ?? 0);
    };
    return [...this.#waiting.values()].reduce((a, b) => (isBefore(b, a) ? b : a));
  }

  /**
   * What makes room for one: the newest of the least urgent, if that is less urgent; else the newest of the source that
   * has the most of them, if that has more than this one would.
   */
  #displacedBy(standing: Standing): Standing | undefined {
    const less = this.#lessUrgentThan(standing);
    const equal = [...this.#shown.values()].filter(({ alarm }) => rankOf(alarm) === rankOf(standing.alarm));
    const among = less.length > 0 ? less : equal;
    const counts = shares(among);
    const [largest, most] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0]);
    if (less.length === 0 && most <= (counts.get(shareOf(standing)) ?? 0) + 1) return undefined;
    return among.findLast((each) => shareOf(each) === largest);
  }

  /** The least urgent that are shown, where they are less urgent than one. */
  #lessUrgentThan({ alarm }: Standing): Standing[] {
    const least = Math.max(...[...this.#shown.values()].map((each) => rankOf(each.alarm)));
    if (least <= rankOf(alarm)) return [];
    return [...this.#shown.values()].filter((each) => rankOf(each.alarm) === least);
  }
}

/** If it is nobody's fault, each owner has a share of its own. */
function shareOf({ source, alarm }: Standing): string {
  return source === '' ? `owner ${alarm.owner}` : source;
}

/** How many each share has of these. */
function shares(standing: Iterable<Standing>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of standing) counts.set(shareOf(each), (counts.get(shareOf(each)) ?? 0) + 1);
  return counts;
}
