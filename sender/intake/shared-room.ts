/**
 * Memory that several scanners share. Each may take half of what the others leave, and anything beyond that replaces its own
 * oldest: nobody's entries go for somebody else's, and there is always room for one more scanner. It only counts; whoever
 * keeps the entries is told which of them go.
 */
import { assert } from '../../shared/assert.ts';

export class SharedRoom {
  readonly #bytesMax: number;
  /** Keys and bytes by source, each from its oldest on. */
  readonly #taken = new Map<string, Map<string, number>>();
  readonly #bytesOf = new Map<string, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Counts an entry, replacing the one with the same key.
   * @returns the keys of the same source that go for it; undefined if it is larger than everything its source may have: then
   *   it is not counted, and neither is the entry that had its key
   */
  put(source: string, key: string, bytes: number): string[] | undefined {
    assert(bytes > 0, 'a thing takes room');
    this.remove(source, key);
    const mine = this.#bytesOf.get(source) ?? 0;
    const allowed = Math.floor((this.#bytesMax - (this.#bytes - mine)) / 2);
    if (bytes > allowed) return undefined;
    const gone: string[] = [];
    const taken = this.#taken.get(source) ?? new Map<string, number>();
    for (const oldest of taken.keys()) {
      if ((this.#bytesOf.get(source) ?? 0) + bytes <= allowed) break;
      gone.push(oldest);
      this.remove(source, oldest);
    }
    this.#taken.set(source, taken.set(key, bytes));
    this.#count(source, bytes);
    return gone;
  }

  remove(source: string, key: string): void {
    const taken = this.#taken.get(source);
    const bytes = taken?.get(key);
    if (taken === undefined || bytes === undefined) return;
    taken.delete(key);
    if (taken.size === 0) this.#taken.delete(source);
    this.#count(source, -bytes);
  }

  #count(source: string, bytes: number): void {
    this.#bytes += bytes;
    const mine = (this.#bytesOf.get(source) ?? 0) + bytes;
    if (mine === 0) this.#bytesOf.delete(source);
    else this.#bytesOf.set(source, mine);
  }
}
