/**
 * Whose turn it is: whatever counts as one sender has one turn, however many sender ids it uses, and those ids take turns
 * within it.
 */

export class SenderTurns {
  readonly #groupOf: (senderId: string) => string;
  #lastGroup = '';
  /** The sender id that had the last turn in each group. */
  readonly #lastSenders = new Map<string, string>();

  /** @param groupOf sender ids that count as one; by default each is its own */
  constructor(groupOf: (senderId: string) => string = (senderId) => senderId) {
    this.#groupOf = groupOf;
  }

  /**
   * All of a group, then all of the next: the first with anything to do has the turn.
   * @returns the senders, beginning after the group that was served last, and within each group after the one served last
   */
  order(senderIds: readonly string[]): string[] {
    const groups = new Map<string, string[]>();
    for (const senderId of senderIds) {
      const group = this.#groupOf(senderId);
      const ofGroup = groups.get(group);
      if (ofGroup === undefined) groups.set(group, [senderId]);
      else ofGroup.push(senderId);
    }
    return behind([...groups.keys()].sort(), this.#lastGroup).flatMap((group) =>
      behind(groups.get(group) ?? [], this.#lastSenders.get(group) ?? ''),
    );
  }

  /** A sender had its turn. */
  took(senderId: string): void {
    this.#lastGroup = this.#groupOf(senderId);
    this.#lastSenders.set(this.#lastGroup, senderId);
  }
}

/** Sorted names, beginning after one of them. */
function behind(names: readonly string[], last: string): readonly string[] {
  const next = names.findIndex((name) => name > last);
  return next < 0 ? names : [...names.slice(next), ...names.slice(0, next)];
}
