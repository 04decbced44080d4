/** Mixed load for a transfer: studies of all sizes, some urgent, as long as not too much is on its way. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.ts';
import type { Transfer } from './transfer.ts';

const betweenStudiesMs = 250;

export class TransferLoad {
  studies = 0;
  readonly #transfer: Transfer;
  readonly #random: Random;
  readonly #waitingMax: number;
  #stopped = false;

  /** @param waitingMax instances on their way at most: more would only make a run longer */
  constructor(transfer: Transfer, random: Random, waitingMax: number) {
    this.#transfer = transfer;
    this.#random = random;
    this.#waitingMax = waitingMax;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      if (this.#transfer.instances - this.#transfer.releasedFiles() < this.#waitingMax) this.#put();
      await sleep(betweenStudiesMs);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #put(): void {
    this.studies += 1;
    const kind = this.#random.next();
    const stat = this.#random.next() < 0.1;
    if (kind < 0.1) this.#transfer.putStudy({ instances: 2, bytes: 4_000_000, stat });
    else if (kind < 0.5)
      this.#transfer.putStudy({ instances: this.#random.between(1, 40), bytes: 3000, stat });
    else this.#transfer.putStudy({ instances: this.#random.between(1, 12), bytes: 60_000, stat });
  }
}
