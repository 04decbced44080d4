/**
 * Releases what is ready, one study after another and each sender in turn. What goes wrong with one is entered in its row
 * and tried again later; it never keeps another one back.
 */
import type { StudyRecord } from '../ledger/study-records.ts';
import { containStudy } from '../studies/containment.ts';
import type { Studies, StudyKey } from '../studies/studies.ts';
import type { Releaser } from './release.ts';

export interface StudyReleasesOptions {
  readonly studies: Studies;
  readonly releaser: Releaser;
}

/** Studies that one step releases. */
const releasesOfStep = 8;

export class StudyReleases {
  readonly #options: StudyReleasesOptions;
  /** The last release that was looked at of those a stop interrupted; undefined when all were. */
  #recoveredTo: number | undefined = 0;

  constructor(options: StudyReleasesOptions) {
    this.#options = options;
  }

  /**
   * Goes on: with what is being prepared, first with what a stop interrupted, each from the step its row names, then with what is ready.
   * @returns whether there is more to do at once
   */
  step(): boolean {
    const preparing = this.#prepare();
    for (let count = 0; count < releasesOfStep; count += 1) if (!this.#one()) return preparing;
    return true;
  }

  /** Goes on with everything. */
  all(): void {
    while (this.step());
  }

  #prepare(): boolean {
    const { studies, releaser } = this.#options;
    const more = releaser.preparation.step();
    for (const { senderId, studyUid } of releaser.preparation.takePrepared())
      studies.retry(senderId, studyUid);
    return more;
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
    const decision = studies.decide(ready);
    if (decision === undefined) return;
    const result = releaser.release(decision);
    if (result === undefined) studies.waits(ready);
    else this.#settle(result);
  }

  #settle(result: { study: StudyRecord; conflicts: number } | undefined): void {
    if (result !== undefined) this.#options.studies.released(result.study, result.conflicts);
  }

  #contain({ senderId, studyUid }: StudyKey, act: () => void): void {
    containStudy(this.#options.studies.trouble, senderId, studyUid, act);
  }
}
