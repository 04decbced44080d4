/** What a hostile scanner or writer does, kind by kind in turn, and what became of it. */
import type { Random } from './random.ts';

/** Does its kind of harm once. @throws when it came to nothing */
export type HostileAct = (random: Random) => Promise<void>;

/** How often a kind of act came to something, and how often it did not. */
export interface ActCount {
  succeeded: number;
  failed: number;
}

export class HostileActs {
  readonly counts: Readonly<Record<string, ActCount>>;
  readonly #acts: readonly (readonly [kind: string, act: HostileAct])[];
  readonly #random: Random;
  readonly #turns: (readonly [kind: string, act: HostileAct])[] = [];
  /** Why the last one of a kind came to nothing. */
  readonly #failures = new Map<string, unknown>();

  constructor(acts: Readonly<Record<string, HostileAct>>, random: Random) {
    this.#acts = Object.entries(acts);
    this.#random = random;
    this.counts = Object.fromEntries(this.#acts.map(([kind]) => [kind, { succeeded: 0, failed: 0 }]));
  }

  /** Does one. All kinds have their turns, in any order: none is left out, however few there are. */
  async doNext(): Promise<void> {
    if (this.#turns.length === 0) this.#turns.push(...this.#random.shuffle([...this.#acts]));
    const [kind, act] = this.#turns.pop() ?? [];
    const count = this.counts[kind ?? ''];
    if (kind === undefined || act === undefined || count === undefined) return;
    try {
      await act(this.#random.fork(this.#random.word()));
      count.succeeded += 1;
    } catch (error) {
      // It may be refused, and what it works on may be taken away.
      count.failed += 1;
      this.#failures.set(kind, error);
    }
  }

  get done(): number {
    return Object.values(this.counts).reduce((sum, { succeeded, failed }) => sum + succeeded + failed, 0);
  }

  /** Kinds of which it isn't known what they would have done, each with a reason. */
  unproven(): string[] {
    return Object.entries(this.counts)
      .filter(([, { succeeded }]) => succeeded === 0)
      .map(
        ([kind, { failed }]) =>
          `no act "${kind}" came to anything: ${failed} failed, ${this.#failures.get(kind)}`,
      );
  }
}
