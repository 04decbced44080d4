/**
 * A list in the order of last use, linked through its members: finding the one that waited longest and moving a used one
 * to the end cost the same, however many there are. No node is allocated.
 */

/** A member can be in one such list at a time. Only the list writes these fields. */
export interface Linked<T> {
  older: T | undefined;
  newer: T | undefined;
}

export class RecencyList<T extends Linked<T>> {
  #oldest: T | undefined;
  #newest: T | undefined;

  /** The member that waited longest. */
  get oldest(): T | undefined {
    return this.#oldest;
  }

  get newest(): T | undefined {
    return this.#newest;
  }

  /** Adds one that is in no list. */
  append(member: T): void {
    member.older = this.#newest;
    member.newer = undefined;
    if (this.#newest === undefined) this.#oldest = member;
    else this.#newest.newer = member;
    this.#newest = member;
  }

  /** Removes one that is in this list. */
  remove(member: T): void {
    const { older, newer } = member;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    member.older = undefined;
    member.newer = undefined;
  }

  /** One that is in this list was used. */
  touch(member: T): void {
    if (this.#newest === member) return;
    this.remove(member);
    this.append(member);
  }
}
