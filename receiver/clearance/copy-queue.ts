/**
 * Copies that go out in the place of instances, since their preamble does not: made one after the other, in steps. What
 * waits beyond a bound is in the ledger and read from there when there is room.
 */
import type { Alarms } from '../../shared/alarms.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Vault } from '../vault/vault.ts';

export interface CopyQueueOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  readonly alarms: Alarms;
}

/** Rows in memory. */
export const copiesWaitingMax = 256;

export class CopyQueue {
  readonly #options: CopyQueueOptions;
  #rows: InstanceRecord[] = [];
  #copy: { readonly row: InstanceRecord; readonly steps: Generator<void, string> } | undefined;
  /** From this arrival on the ledger has some that are not in memory. */
  #behind: number | undefined;

  constructor(options: CopyQueueOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#copy === undefined && this.#rows.length === 0 && this.#behind === undefined;
  }

  add(row: InstanceRecord): void {
    if (this.#behind === undefined && this.#rows.length < copiesWaitingMax) {
      this.#rows.push(row);
      return;
    }
    const arrival = this.#options.ledger.clearances.arrivalOf(row.objectId);
    if (arrival !== undefined) this.#behind = Math.min(this.#behind ?? arrival, arrival);
  }

  /**
   * Copies a few MB.
   * @returns the instance, when its copy is made or the disk refused it: the release then tries again
   */
  step(): InstanceRecord | undefined {
    if (this.#copy === undefined && this.#rows.length === 0) this.#readBehind();
    const row = this.#copy?.row ?? this.#rows[0];
    if (row === undefined) return undefined;
    const { ledger, vault, alarms } = this.#options;
    this.#copy ??= { row, steps: vault.zeroPreamble(row.objectId) };
    try {
      const step = this.#copy.steps.next();
      if (step.done !== true) return undefined;
      ledger.holds.keepReleasedSha256(row.objectId, step.value);
      for (const code of ['E_DISK', 'E_DISK_FULL'] as const) alarms.clear(code, 'vault copy');
    } catch (error) {
      // Whatever is wrong with this one is no reason for the others to wait.
      if (!(error instanceof DiodeError)) throw error;
      alarms.raise(error.code === 'E_DISK_FULL' ? 'E_DISK_FULL' : 'E_DISK', 'vault copy', error.message);
    }
    this.#copy = undefined;
    this.#rows.shift();
    return row;
  }

  #readBehind(): void {
    if (this.#behind === undefined) return;
    const { found, next } = this.#options.ledger.clearances.toCopy(this.#behind, copiesWaitingMax);
    this.#rows = found.map(({ row }) => row);
    this.#behind = next;
  }
}
