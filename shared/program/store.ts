/** What stays on the host's disk from run to run, in one folder that one process at a time owns. */
import { join } from 'node:path';
import { takeOwnership } from '../ledger-database.ts';
import type { Part } from './part.ts';
import { openRequests, type Requests } from './requests.ts';

export interface Store<Ledger> {
  readonly ledger: Ledger;
  readonly requests: Requests;
  close(): void;
}

/**
 * Takes the folder, and opens what is in it. If that fails, the folder is free again.
 * @throws DiodeError E_ALREADY_RUNNING, E_LEDGER
 */
export function openStore<Ledger extends { close(): void }>(
  folder: string,
  openLedger: () => Ledger,
  requestsPath: string,
): Store<Ledger> {
  const opened: (() => void)[] = [takeOwnership(join(folder, 'owner.lock'))];
  const close = () => {
    for (const end of opened.toReversed()) end();
  };
  try {
    const ledger = openLedger();
    opened.push(() => ledger.close());
    const requests = openRequests(requestsPath);
    opened.push(() => requests.close());
    return { ledger, requests, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The store as a part of a program: the last one to stop. */
export class StorePart<Ledger> implements Part {
  readonly name = 'store';
  readonly ledger: Ledger;
  readonly requests: Requests;
  readonly #close: () => void;

  constructor(store: Store<Ledger>) {
    this.ledger = store.ledger;
    this.requests = store.requests;
    this.#close = () => store.close();
  }

  stop(): void {
    this.#close();
  }
}
