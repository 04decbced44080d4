/** What senders had no room for, by sender: for status, and for an alarm that names the sender. */
import { limits } from '../../shared/wire/limits.ts';

/** What was full: the table of open objects, the memory for documents, or the vault's disk. */
export type Scarce = 'open objects' | 'documents' | 'vault';

export interface Shortage {
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  readonly what: Scarce;
  /** Objects or blocks that were refused or given up for it. */
  readonly count: number;
}

export class Shortages {
  readonly #bySender = new Map<string, Map<Scarce, number>>();

  count(senderId: string, what: Scarce): void {
    let counts = this.#bySender.get(senderId);
    if (counts === undefined) {
      counts = new Map();
      if (this.#bySender.size >= limits.sendersMax) this.#forgetOldest();
    } else {
      this.#bySender.delete(senderId);
    }
    this.#bySender.set(senderId, counts);
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }

  rows(): Shortage[] {
    return [...this.#bySender].flatMap(([senderId, counts]) =>
      [...counts].map(([what, count]) => ({ senderId, what, count })),
    );
  }

  /** Forgets the sender that ran short longest ago. */
  #forgetOldest(): void {
    for (const senderId of this.#bySender.keys()) {
      this.#bySender.delete(senderId);
      return;
    }
  }
}
