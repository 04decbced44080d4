/**
 * Removes from the vault what every destination has had for long enough. Its row stays, so it is not collected again.
 *
 * What the disk refuses to remove moves behind the others and waits longer each time, so that such files, however many,
 * do not keep the others in the vault.
 */

import { type DiodeError, storageCodes } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { RunningTime } from '../../shared/running-time.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Vault } from '../vault/vault.ts';

/** Files removed at once: each may take a while. */
const removedMax = 20;
const firstWaitMs = 1000;
const longestWaitMs = 600_000;
/** How many refused files have their waits remembered; others wait the longest at once. */
const rememberedMax = 1000;

export interface VaultRemovalOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  readonly runningTime: RunningTime;
  readonly alarms: Alarms;
  readonly keptMs: number;
}

interface Refused {
  readonly waitMs: number;
  readonly why: DiodeError;
}

export class VaultRemoval {
  readonly #options: VaultRemovalOptions;
  readonly #desk: AlarmDesk;
  /** By object id. Lost when the program ends: then their waits start short again. */
  readonly #refused = new Map<string, Refused>();

  constructor(options: VaultRemovalOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('vault removal');
  }

  /** Removes a few. An alarm stays up while some are refused, even when none of them is due. */
  step(): void {
    this.#desk.during('vault removal', storageCodes, () => {
      this.#removeSome();
      const [refused] = this.#refused.values();
      if (refused !== undefined) throw refused.why;
    });
  }

  #removeSome(): void {
    const { ledger, vault, runningTime, keptMs } = this.#options;
    const doneMs = runningTime.nowMs() - keptMs;
    const gone = ledger.removableObjects.due(doneMs, removedMax);
    if (gone.length === 0) return;
    ledger.transaction(() => ledger.files.markRemoved(gone));
    // Forgotten only when they are gone: what the disk refuses, or a stop interrupts, is removed later.
    const refusals = vault.removeWhatCanGo(gone);
    for (const objectId of gone) {
      const why = refusals.get(objectId);
      if (why === undefined) this.#refused.delete(objectId);
      else this.#remember(objectId, why);
    }
    ledger.transaction(() => {
      ledger.removableObjects.forget(gone.filter((objectId) => !refusals.has(objectId)));
      for (const objectId of refusals.keys())
        ledger.removableObjects.postpone(
          objectId,
          doneMs + (this.#refused.get(objectId)?.waitMs ?? longestWaitMs),
        );
    });
  }

  #remember(objectId: string, why: DiodeError): void {
    const known = this.#refused.get(objectId);
    if (known === undefined && this.#refused.size >= rememberedMax) return;
    const waitMs = known === undefined ? firstWaitMs : Math.min(longestWaitMs, known.waitMs * 2);
    this.#refused.set(objectId, { waitMs, why });
  }
}
