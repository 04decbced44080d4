/**
 * What follows the rename of a release, in bounded steps beside other work: its instances are marked as released and queued
 * for their destinations, some per transaction, and with the last of them the release is done. A stop in the middle leaves
 * it unfinished, and everything is gone over again.
 */
import { assert } from '../../shared/assert.ts';
import type { Clock } from '../../shared/clock.ts';
import { type AeTitles, ManifestReader } from '../../shared/wire/manifest.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { ReleaseRecord } from '../ledger/release-records.ts';
import type { StudyRecord } from '../ledger/study-records.ts';

export interface FinishingOptions {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  /** As of the releaser. */
  readonly onMarked?: ((study: StudyRecord, instances: Iterable<InstanceRecord>) => void) | undefined;
}

/** How many instances one step marks. */
const stepInstances = 500;
/** How many entries of a list one step reads. */
const stepEntries = 2500;
/** After a step, a large release leaves the thread to others for this many times as long as the step took. */
const restFactor = 3;

/** How instances came to the sender is read from the list of their release. */
type Listed = Pick<ReleaseRecord, 'senderId' | 'studyUid' | 'revision' | 'objectIds'>;

interface Large {
  readonly release: ReleaseRecord;
  readonly steps: Generator<void>;
}

export class Finishing {
  readonly #options: FinishingOptions;
  /** By release. Those whose turn is next come first. */
  readonly #large = new Map<number, Large>();
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: FinishingOptions) {
    this.#options = options;
  }

  /**
   * Finishes a release whose folder is in the inbox.
   * @param end what is done in the last transaction
   * @returns whether it is finished: a large one continues in {@link next}
   */
  finish(release: ReleaseRecord, end: () => void): boolean {
    if (this.#large.has(release.id)) return false;
    const steps = this.#steps(release, end);
    if (steps.next().done === true) return true;
    this.#large.set(release.id, { release, steps });
    return false;
  }

  /** The large release to continue now. */
  next(): ReleaseRecord | undefined {
    if (this.#options.clock.monotonicMs() < this.#restUntilMs) return undefined;
    const [next] = this.#large.values();
    return next?.release;
  }

  /** Continues a large release. @returns whether it is finished */
  step(releaseId: number): boolean {
    const { clock } = this.#options;
    const large = this.#large.get(releaseId);
    if (large === undefined) return false;
    const beganMs = clock.monotonicMs();
    // What the ledger refuses is started over with the release.
    this.#large.delete(releaseId);
    const { done } = large.steps.next();
    this.#restUntilMs = clock.monotonicMs() + restFactor * (clock.monotonicMs() - beganMs);
    if (done !== true) this.#large.set(releaseId, large);
    return done === true;
  }

  /** Marks instances as released, all at once: within a transaction. */
  mark(study: StudyRecord, listed: Listed): void {
    const steps = this.#titles(listed);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    for (let from = 0; from < listed.objectIds.length; from += stepInstances)
      this.#mark(study, listed.revision, listed.objectIds.slice(from, from + stepInstances), step.value);
  }

  *#steps(release: ReleaseRecord, end: () => void): Generator<void> {
    const { ledger } = this.#options;
    const { senderId, studyUid, revision, objectIds } = release;
    const study = ledger.studies.get(senderId, studyUid);
    assert(study !== undefined, 'a released study is in the ledger');
    const titles = yield* this.#titles(release);
    for (let from = 0; ; from += stepInstances) {
      const some = objectIds.slice(from, from + stepInstances);
      const isLast = from + stepInstances >= objectIds.length;
      ledger.transaction(() => {
        this.#mark(study, revision, some, titles);
        if (isLast) end();
      });
      if (isLast) return;
      yield;
    }
  }

  #mark(
    study: StudyRecord,
    revision: number,
    objectIds: readonly string[],
    titles: ReadonlyMap<string, AeTitles>,
  ): void {
    const { ledger, onMarked } = this.#options;
    ledger.instances.markReleased(objectIds, revision, titles);
    if (onMarked === undefined) return;
    const rows = ledger.instances.allListed(study.senderId, objectIds);
    assert(rows.size === objectIds.length, 'a released instance has its row');
    onMarked(study, rows.values());
  }

  /** How the instances came to the sender, by object id, according to the list: destinations select by it. */
  *#titles({ senderId, studyUid, revision, objectIds }: Listed): Generator<void, Map<string, AeTitles>> {
    const { ledger } = this.#options;
    const titles = new Map<string, AeTitles>();
    const document = ledger.manifests.documentOf(senderId, studyUid, revision);
    if (document === undefined) return titles;
    const released = new Set(objectIds);
    const reader = new ManifestReader(document);
    if (!reader.hasTitles) return titles;
    for (let count = 1; ; count += 1) {
      const entry = reader.next();
      if (entry === undefined) return titles;
      const { objectId, aeTitles } = entry;
      if (aeTitles !== undefined) {
        // The list may name it by another object id of the same content.
        const id = released.has(objectId) ? objectId : ledger.instances.listed(senderId, objectId)?.objectId;
        if (id !== undefined) titles.set(id, aeTitles);
      }
      if (count % stepEntries === 0) yield;
    }
  }
}
