/**
 * Decides which instances of a whole revision go out. A revision with few entries is decided at once, a large one in bounded
 * steps beside everything else, one at a time: whatever lists a sender makes up, others lose a few milliseconds. A revision
 * that is already out entirely is not even read.
 *
 * The decision may be outdated by the time the release begins, so the release checks it again: see `release.ts`.
 */
import { ManifestReader } from '../../shared/wire/manifest.ts';
import { smallEntriesMax } from '../ledger/list-size.ts';
import type { OpenManifest } from '../ledger/open-manifests.ts';
import type { StudyRecord } from '../ledger/study-records.ts';
import type { StudyTrouble } from './containment.ts';
import { isWhole } from './deadlines.ts';
import { holdInstances } from './holding.ts';
import { type RevisionContents, type SortedStep, sortingSteps } from './release-gate.ts';

/** What a revision consists of, decided once all of it has arrived. */
export interface ReleaseDecision {
  readonly study: StudyRecord;
  readonly revision: number;
  readonly expected: number;
  /** Object ids of instances not released before, in the order of the manifest. */
  readonly release: readonly string[];
  /** Those with the same UID as another instance that goes out or went out, but different bytes. */
  readonly conflicts: readonly string[];
}

export interface StudyKey {
  readonly senderId: string;
  readonly studyUid: string;
}

/** After a step on a large list, the thread is left to others for this many times as long as the step took. */
const restFactor = 3;
/** How many are held in one transaction. */
const heldAtOnce = 250;

type Steps = Generator<void, RevisionContents | undefined>;

export class Deciding {
  readonly #trouble: StudyTrouble;
  /** Something that a list counts as arrived is gone: the list is checked again. */
  readonly #onGone: () => void;
  #large: (StudyKey & { readonly manifest: number; readonly steps: Steps }) | undefined;
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(trouble: StudyTrouble, onGone: () => void) {
    this.#trouble = trouble;
    this.#onGone = onGone;
  }

  /** The study of the large list that is being decided on. */
  get current(): StudyKey | undefined {
    return this.#large;
  }

  /** Whether large lists currently leave the time to others. */
  get isResting(): boolean {
    return this.#trouble.clock.monotonicMs() < this.#restUntilMs;
  }

  /** Starts over with what the ledger has. */
  forget(): void {
    this.#large = undefined;
  }

  /** The same for one study that a person, or the loss of a file, has changed. */
  forgetStudy(senderId: string, studyUid: string): void {
    if (this.#large?.senderId === senderId && this.#large.studyUid === studyUid) this.#large = undefined;
  }

  /** Continues with the newest whole list of a study. @returns undefined if there is none, or if there is more to check */
  decide(key: StudyKey): ReleaseDecision | undefined {
    const { ledger } = this.#trouble;
    const { senderId, studyUid } = key;
    const whole = ledger.openManifests.ofStudy(senderId, studyUid).find(isWhole);
    const study = ledger.studies.get(senderId, studyUid);
    if (whole === undefined || study === undefined) {
      this.forgetStudy(senderId, studyUid);
      return undefined;
    }
    const contents = whole.fresh === 0 ? nothingFresh : this.#contents(key, whole);
    if (contents === undefined) return undefined;
    const { release, conflicts } = contents;
    return { study, revision: whole.revision, expected: whole.entries, release, conflicts };
  }

  #contents(key: StudyKey, whole: OpenManifest): RevisionContents | undefined {
    if (whole.entries > smallEntriesMax) return this.#stepOfLarge(key, whole);
    const steps = this.#steps(whole);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    return step.value;
  }

  #stepOfLarge({ senderId, studyUid }: StudyKey, whole: OpenManifest): RevisionContents | undefined {
    const { clock } = this.#trouble;
    const { manifest } = whole;
    const beganMs = clock.monotonicMs();
    const large =
      this.#large?.manifest === manifest
        ? this.#large
        : { senderId, studyUid, manifest, steps: this.#steps(whole) };
    // If it throws, it is started over.
    this.#large = undefined;
    const { done, value } = large.steps.next();
    this.#restUntilMs = clock.monotonicMs() + restFactor * (clock.monotonicMs() - beganMs);
    if (done === true) return value;
    this.#large = large;
    return undefined;
  }

  *#steps(whole: OpenManifest): Steps {
    const { ledger } = this.#trouble;
    const { senderId, studyUid, revision, manifest } = whole;
    const document = ledger.manifests.document(manifest);
    if (document === undefined) {
      ledger.openManifests.close(senderId, studyUid, revision);
      return undefined;
    }
    const steps = sortingSteps(ledger, new ManifestReader(document));
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) {
      const { objectIds, differing } = step.value;
      if (ledger.openManifests.notHere(senderId, objectIds).size > 0) {
        ledger.openManifests.beginEntering(manifest, whole.isCounted);
        this.#onGone();
        return undefined;
      }
      this.#holdDiffering(differing, whole);
      yield;
    }
    const contents = step.value;
    yield* this.#holdOtherPatients(contents, whole);
    return contents;
  }

  #holdDiffering(differing: SortedStep['differing'], study: StudyKey): void {
    const { ledger, clock } = this.#trouble;
    if (differing.length === 0) return;
    const toHold = differing.flatMap(({ objectId, heldBecause }) =>
      heldBecause === undefined ? objectId : [],
    );
    ledger.transaction(() => {
      holdInstances(ledger, study, toHold, 'E_INSTANCE_MISMATCH', clock.wallMs());
      for (const { objectId } of differing) ledger.holds.claim(objectId, study.studyUid);
    });
  }

  /** Nothing of the revision goes out until all of these are held. */
  *#holdOtherPatients({ otherPatients }: RevisionContents, study: StudyKey): Generator<void> {
    const { ledger, clock } = this.#trouble;
    for (let from = 0; from < otherPatients.length; from += heldAtOnce) {
      if (from > 0) yield;
      const some = otherPatients.slice(from, from + heldAtOnce);
      holdInstances(ledger, study, some, 'E_PATIENT_MISMATCH', clock.wallMs());
    }
  }
}

const nothingFresh = {
  release: [],
  conflicts: [],
  otherPatients: [],
  patientMismatch: undefined,
} as const satisfies RevisionContents;
