/** What is kept from run to run: the last part to stop. */
import type { Part } from '../../shared/program/part.ts';
import type { Requests } from '../../shared/program/requests.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import type { SenderStore } from './host.ts';

export class StorePart implements Part {
  readonly name = 'store';
  readonly ledger: SenderLedger;
  readonly requests: Requests;
  readonly #store: SenderStore;

  constructor(store: SenderStore) {
    this.#store = store;
    this.ledger = store.ledger;
    this.requests = store.requests;
  }

  status() {
    return {
      counters: Object.fromEntries(this.ledger.counters.all().map(({ code, count }) => [code, count])),
    };
  }

  stop(): void {
    this.#store.close();
  }
}
