/** What is kept from run to run: the last part to stop. */
import type { Part } from '../../shared/program/part.ts';
import type { Requests } from '../../shared/program/requests.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { ReceiverStore } from './host.ts';

export class StorePart implements Part {
  readonly name = 'store';
  readonly ledger: ReceiverLedger;
  readonly requests: Requests;
  readonly patientKey: Uint8Array;
  readonly #store: ReceiverStore;

  constructor(store: ReceiverStore) {
    this.#store = store;
    this.ledger = store.ledger;
    this.requests = store.requests;
    this.patientKey = store.patientKey;
  }

  stop(): void {
    this.#store.close();
  }
}
