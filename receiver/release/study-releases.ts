/**
 * Releases what is ready, one study after another and each sender in turn. What goes wrong with one study is recorded in its
 * row and tried again later; it never delays another one.
 */
import { containStudy } from '../studies/containment.ts';
import type { StudyKey } from '../studies/deciding.ts';
import type { Studies } from '../studies/studies.ts';
import type { ReleaseResult, Releaser } from './release.ts';

export interface StudyReleasesOptions {
  readonly studies: Studies;
  readonly releaser: Releaser;
}

/** How many studies one step releases. */
const releasesOfStep = 8;
/** After this long a step leaves the thread to others. */
const stepMs = 10;

export class StudyReleases {
  readonly #options: StudyReleasesOptions;
  /** The last one processed of the releases that a stop interrupted; undefined when all were. */
  #recoveredTo: number | undefined = 0;

  constructor(options: StudyReleasesOptions) {
    this.#options = options;
  }

  /**
   * Continues what is being prepared: first what a stop interrupted, each from the step its row names, then what is ready.
   * @returns whether there is more to do at once
   */
  step(): boolean {
    const { clock } = this.#options.studies.trouble;
    const untilMs = clock.monotonicMs() + stepMs;
    const preparing = this.#prepare();
    for (let count = 0; count < releasesOfStep; count += 1) {
      // At least one, however long the preparation took.
      if (count > 0 && clock.monotonicMs() >= untilMs) break;
      // What was just begun is continued at once.
      if (!this.#one()) return preparing || count > 0;
    }
    return true;
  }

  /** Continues everything. */
  all(): void {
    while (this.step());
  }

  #prepare(): boolean {
    const { studies, releaser } = this.#options;
    const { preparation } = releaser;
    const next = preparation.next();
    if (next !== undefined) this.#contain(next, () => preparation.step(next.id));
    for (const { senderId, studyUid } of preparation.takePrepared()) studies.retry(senderId, studyUid);
    return this.#finishOne() || next !== undefined;
  }

  /** @returns whether there was something to do */
  #finishOne(): boolean {
    const { releaser } = this.#options;
    const unfinished = releaser.unfinished;
    if (unfinished === undefined) return false;
    this.#contain(unfinished, () => this.#settle(releaser.goOn(unfinished.id)));
    return true;
  }

  #one(): boolean {
    if (this.#recoveredTo !== undefined) return this.#recoverOne(this.#recoveredTo);
    const ready = this.#options.studies.nextReady();
    if (ready === undefined) return false;
    this.#contain(ready, () => this.#release(ready));
    return true;
  }

  #recoverOne(after: number): boolean {
    const { studies, releaser } = this.#options;
    const release = studies.trouble.ledger.releases.nextUnfinished(after);
    this.#recoveredTo = release?.id;
    if (release === undefined) return true;
    this.#contain(release, () => this.#settle(releaser.finish(release.id)));
    return true;
  }

  #release(ready: StudyKey): void {
    const { studies, releaser } = this.#options;
    const { senderId, studyUid } = ready;
    const hasBegun = releaser.hasBegun(senderId, studyUid);
    const decision = hasBegun ? undefined : studies.decide(ready);
    if (!hasBegun && decision === undefined) return;
    const result = decision === undefined ? releaser.resume(senderId, studyUid) : releaser.release(decision);
    if (result === undefined) studies.waits(ready);
    else this.#settle(result);
  }

  #settle(result: ReleaseResult | undefined): void {
    if (result !== undefined) this.#options.studies.released(result.study);
  }

  #contain({ senderId, studyUid }: StudyKey, act: () => void): void {
    containStudy(this.#options.studies.trouble, senderId, studyUid, act);
  }
}
