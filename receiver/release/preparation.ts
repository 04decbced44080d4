/**
 * What precedes the rename of a release, in bounded steps beside other work: every instance gets the file that goes out
 * (see outgoing.ts), and the folder to rename is built beside the inbox and synced.
 *
 * A waiting release does not delay any other; one that the disk refuses is started over when it is requested again.
 */
import { assert } from '../../shared/assert.ts';
import type { Clock } from '../../shared/clock.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { isUid } from '../../shared/wire/limits.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { ReleaseRecord } from '../ledger/release-records.ts';
import type { Outgoing } from '../vault/outgoing.ts';
import type { InboxFiles, StagedFile } from '../vault/staging.ts';
import type { Vault } from '../vault/vault.ts';

/** Reasons to wait that end by themselves, or have an alarm of their own. */
const quietCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['E_COPY_WAITING', 'E_VAULT_DAMAGED']);

export interface PreparationOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  readonly outgoing: Outgoing;
  readonly clock: Clock;
  /** Undefined if there is no inbox. */
  readonly inboxFolder: string | undefined;
  /** Default: auto. */
  readonly inboxFiles?: InboxFiles | undefined;
}

/** How many steps a release takes at once: with links, enough for a study of any usual size. */
const promptSteps = 32;
/** And for how long, except the first step: separate files are synced one by one. */
const promptMs = 10;

/** How many instances one step checks for whether they need a copy. */
const stepInstances = 500;

/** `waits`: nothing is to be done until a copy is made. */
type Step = 'goes on' | 'waits';

interface Preparing {
  readonly release: ReleaseRecord;
  readonly steps: Generator<Step, void>;
  isWaiting: boolean;
}

export class Preparation {
  readonly #options: PreparationOptions;
  /** By release. Within each sender those whose turn is next come first. */
  readonly #preparing = new Map<number, Preparing>();
  #prepared: ReleaseRecord[] = [];
  #turns = 0;
  /** The last turn of each sender. */
  readonly #turnOf = new Map<string, number>();

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  /**
   * Prepares a release, or continues to.
   * @returns false while it waits: {@link step} continues, and {@link takePrepared} returns it in the end
   * @throws DiodeError what keeps it from being prepared
   */
  prepare(release: ReleaseRecord): boolean {
    let preparing = this.#preparing.get(release.id);
    if (preparing === undefined) {
      preparing = { release, steps: this.#steps(release), isWaiting: false };
      this.#preparing.set(release.id, preparing);
    }
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + promptMs;
    for (let step = 0; step < promptSteps && !preparing.isWaiting; step += 1) {
      if (step > 0 && clock.monotonicMs() >= untilMs) break;
      const outcome = this.#stepOf(preparing);
      if (outcome !== 'goes on') return outcome === 'prepared';
    }
    return false;
  }

  /**
   * Prepares a release that a person is waiting for: at once, or not at all.
   * @throws DiodeError E_COPY_WAITING, and what keeps it from being prepared
   */
  prepareNow(release: ReleaseRecord): void {
    for (const step of this.#steps(release))
      if (step === 'waits') throw new DiodeError('E_COPY_WAITING', 'copies of its instances are being made');
  }

  /**
   * The release to continue now, of the sender whose turn was longest ago: however much one sender has ready, it gets one
   * turn.
   */
  next(): ReleaseRecord | undefined {
    let next: ReleaseRecord | undefined;
    let turn = Number.POSITIVE_INFINITY;
    for (const preparing of this.#preparing.values()) {
      const turnOf = this.#turnOf.get(preparing.release.senderId) ?? 0;
      if (preparing.isWaiting || turnOf >= turn) continue;
      next = preparing.release;
      turn = turnOf;
    }
    return next;
  }

  /** Continues it by one bounded step. @throws DiodeError what keeps it from being prepared */
  step(releaseId: number): void {
    const preparing = this.#preparing.get(releaseId);
    if (preparing === undefined) return;
    const { release } = preparing;
    this.#turns += 1;
    this.#turnOf.set(release.senderId, this.#turns);
    this.#preparing.delete(releaseId);
    this.#preparing.set(releaseId, preparing);
    if (this.#stepOf(preparing) === 'prepared') this.#prepared.push(release);
  }

  /** Releases that were prepared beside other work, and can be carried out now. */
  takePrepared(): readonly ReleaseRecord[] {
    const prepared = this.#prepared;
    this.#prepared = [];
    return prepared;
  }

  #stepOf(preparing: Preparing): 'prepared' | 'goes on' | 'given up' {
    const { release, steps } = preparing;
    try {
      const { done, value } = steps.next();
      preparing.isWaiting = value === 'waits';
      if (done !== true) return 'goes on';
      this.#preparing.delete(release.id);
      return 'prepared';
    } catch (error) {
      // It is started over when it is requested again.
      this.#preparing.delete(release.id);
      if (error instanceof DiodeError && quietCodes.has(error.code)) return 'given up';
      throw error;
    }
  }

  *#steps(release: ReleaseRecord): Generator<Step, void> {
    const { ledger, vault, inboxFolder, inboxFiles = 'auto' } = this.#options;
    yield* this.#copies(release);
    // Without an inbox, only destinations get it.
    if (inboxFolder !== undefined || release.kind === 'partial') {
      const files = this.#filesOf(release.objectIds);
      for (const _ of vault.staging.build(release.id, files, inboxFiles)) yield 'goes on';
    }
    ledger.releases.markStep(release.id, 'staged');
  }

  *#copies({ id, objectIds }: ReleaseRecord): Generator<Step, void> {
    const { ledger, outgoing } = this.#options;
    const asked: string[] = [];
    for (let from = 0; from < objectIds.length; from += stepInstances) {
      if (from > 0) yield 'goes on';
      asked.push(...outgoing.waiting(objectIds.slice(from, from + stepInstances)));
    }
    const waiting = new Set(asked);
    if (waiting.size === 0) return;
    let full = 0;
    for (const objectId of waiting) {
      const senderId = ledger.holds.outgoing(objectId)?.senderId ?? '';
      const done = () => {
        waiting.delete(objectId);
        const preparing = this.#preparing.get(id);
        if (preparing !== undefined && waiting.size <= full) preparing.isWaiting = false;
      };
      if (!outgoing.want({ objectId, senderId }, done)) full += 1;
    }
    outgoing.hurry(() => waiting.size <= full);
    while (waiting.size > full) yield 'waits';
    // What could not be made is requested again with the release.
    const [left] = outgoing.waiting(asked);
    if (left !== undefined) throw new DiodeError('E_COPY_WAITING');
  }

  *#filesOf(objectIds: readonly string[]): Generator<StagedFile> {
    const { ledger, outgoing } = this.#options;
    for (const objectId of objectIds) {
      const file = outgoing.file(objectId);
      if (file instanceof DiodeError) throw file;
      const instance = ledger.instances.get(objectId);
      assert(instance !== undefined, 'what has a file has its row');
      const { seriesUid, sopInstanceUid } = instance;
      assert(isUid(seriesUid) && isUid(sopInstanceUid), 'UIDs were checked when they were entered');
      yield { from: file.path, path: [seriesUid, `${sopInstanceUid}.dcm`] };
    }
  }
}
