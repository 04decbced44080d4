/**
 * What the sequence numbers say about the link: each datagram of a session has one, so any that is missing was
 * lost before it reached this program.
 */
export class LinkStatistics {
  #counter = -1;
  #random = -1;
  #first = 0;
  #highest = -1;
  #received = 0;
  #lostBefore = 0;
  #reordered = 0;

  /** Counts a datagram. A new session begins with its first datagram. */
  count(sessionCounter: number, sessionRandom: number, sequence: number): void {
    if (sessionCounter !== this.#counter || sessionRandom !== this.#random) {
      // A replay of an older session is not a session of its own.
      if (sessionCounter < this.#counter) return;
      this.#lostBefore = this.lost;
      this.#counter = sessionCounter;
      this.#random = sessionRandom;
      this.#first = sequence;
      this.#highest = sequence - 1;
      this.#received = 0;
    }
    this.#received += 1;
    if (sequence > this.#highest) this.#highest = sequence;
    else this.#reordered += 1;
  }

  /** Datagrams sent between the first and the newest one received, and never received themselves. */
  get lost(): number {
    const expected = this.#highest - this.#first + 1;
    return this.#lostBefore + Math.max(0, expected - this.#received);
  }

  get reordered(): number {
    return this.#reordered;
  }
}
