/**
 * Releases: from the vault into the inbox, so that after a power cut at any moment a study is there whole
 * and once, or not at all.
 *
 *   intent row → folder of links or clones beside the inbox, synced → "staged" → one rename, parents synced → "done"
 *
 * After a restart the row says how far it got: `staged` without its folder means that the rename was done, but perhaps
 * not synced.
 */
import { assert } from '../../shared/assert.ts';
import type { Clock } from '../../shared/clock.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { ReleaseRecord } from '../ledger/release-records.ts';
import type { StudyRecord } from '../ledger/study-records.ts';
import { type StudyState, studyState } from '../ledger/study-state.ts';
import type { ReleaseDecision } from '../studies/deciding.ts';
import { holdInstances } from '../studies/holding.ts';
import { type GoingOut, takeUids } from '../studies/release-gate.ts';
import type { Outgoing } from '../vault/outgoing.ts';
import type { InboxFiles } from '../vault/staging.ts';
import type { Vault } from '../vault/vault.ts';
import { Finishing } from './finishing.ts';
import { Preparation } from './preparation.ts';

/** How many names are tried for a study before it waits for a free one. */
const nameForms = 8;

export interface ReleaserOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  readonly clock: Clock;
  /** Undefined if there is no inbox: a study is then released to destinations only. */
  readonly inboxFolder: string | undefined;
  readonly partialFolder: string;
  readonly outgoing: Outgoing;
  readonly inboxFiles?: InboxFiles | undefined;
  /** Instances of a study are marked as released: runs in that transaction. */
  readonly onMarked?: ((study: StudyRecord, instances: Iterable<InstanceRecord>) => void) | undefined;
  /** A release is done: for the log. */
  readonly onReleased: (release: ReleaseRecord) => void;
}

export interface ReleaseResult {
  readonly study: StudyRecord;
  readonly conflicts: number;
}

export class Releaser {
  /** What comes before the rename, beside other work. */
  readonly preparation: Preparation;
  readonly #finishing: Finishing;
  readonly #options: ReleaserOptions;

  constructor(options: ReleaserOptions) {
    this.#options = options;
    this.preparation = new Preparation(options);
    this.#finishing = new Finishing(options);
  }

  /** A large release that is in the inbox and to be continued now. */
  get unfinished(): Pick<ReleaseRecord, 'id' | 'senderId' | 'studyUid'> | undefined {
    return this.#finishing.next();
  }

  /** Continues it by one bounded step. @returns like {@link finish}; also undefined while there is more to do */
  goOn(releaseId: number): ReleaseResult | undefined {
    const release = this.#finishing.next();
    if (release?.id !== releaseId || !this.#finishing.step(releaseId)) return undefined;
    return this.#done(release);
  }

  /** Whether a release of a study was begun: it is completed before anything else about the study is decided. */
  hasBegun(senderId: string, studyUid: string): boolean {
    return this.#options.ledger.releases.isAnyUnfinished(senderId, studyUid);
  }

  /** Continues it. @returns like {@link release} */
  resume(senderId: string, studyUid: string): ReleaseResult | undefined {
    const unfinished = this.#options.ledger.releases.unfinishedOf(senderId, studyUid);
    return unfinished === undefined ? undefined : this.#carryOut(unfinished);
  }

  /**
   * Finishes a release that a stop or a failure interrupted, from the step its row names.
   * @returns the study as it is now; undefined for a partial release
   * @throws DiodeError what keeps it from being finished
   */
  finish(releaseId: number): ReleaseResult | undefined {
    const release = this.#options.ledger.releases.get(releaseId);
    assert(release !== undefined, 'an unfinished release has its row');
    try {
      return this.#carryOut(release);
    } catch (error) {
      // A person asked for a part, got no answer, and will ask again.
      if (error instanceof DiodeError && release.kind === 'partial') this.#drop(release.id);
      throw error;
    }
  }

  /**
   * Releases what was decided.
   * @returns the study as it is now
   * @throws DiodeError what keeps it from being released; nothing of it is then in the inbox
   */
  release(decision: ReleaseDecision): ReleaseResult | undefined {
    const { ledger, clock } = this.#options;
    const { study, revision, expected } = decision;
    const { senderId, studyUid } = study;
    const unfinished = ledger.releases.unfinishedOf(senderId, studyUid);
    if (unfinished !== undefined) return this.#carryOut(unfinished);
    if (decision.release.length === 0) return this.#nothingToMove(decision);
    // Since the decision a file was lost, or another list had an instance held: it is decided again.
    if (!ledger.instances.mayAllGo(decision.release)) return undefined;
    let conflicts = decision.conflicts;
    const row = ledger.transaction(() => {
      const { release, ...others } = this.#takeUids(decision);
      conflicts = [...conflicts, ...others.conflicts];
      if (release.length === 0) return undefined;
      const inboxName = ledger.studies.get(senderId, studyUid)?.inboxName ?? this.#freeName(study);
      const isFirst = !ledger.releases.isAnyOf(senderId, studyUid);
      const target = isFirst ? inboxName : this.#supplementName(study, `${inboxName}.rev${revision}`);
      ledger.studies.save({ ...study, inboxName }, clock.wallMs());
      const kind = isFirst ? 'study' : 'supplement';
      const objects = { objectIds: [...release], conflictIds: conflicts };
      const counts = { instances: release.length, expected };
      const of = { senderId, studyUid, revision };
      return ledger.releases.begin({ ...of, kind, target, ...counts, ...objects }, clock.wallMs());
    });
    return row === undefined ? this.#nothingToMove({ ...decision, conflicts }) : this.#carryOut(row);
  }

  /** What is already out from another sender is not moved again; it counts as released, and goes to destinations that do not have it. */
  #takeUids({ study, revision, release }: ReleaseDecision): GoingOut {
    const { ledger, clock } = this.#options;
    const going = takeUids(ledger, study, release);
    const { known, otherPatients } = going;
    if (known.length > 0) {
      this.#finishing.mark(study, { ...study, revision, objectIds: known });
    }
    holdInstances(ledger, study, otherPatients, 'E_PATIENT_MISMATCH', clock.wallMs());
    return going;
  }

  /**
   * Begins a release of what is there of an incomplete study, because a person says so: within their transaction. The
   * study stays incomplete: when the rest arrives, the whole of it goes to the inbox as usual.
   * @returns what {@link carryOutPart} goes on with
   * @throws DiodeError E_STUDY_STATE, E_INBOX_TAKEN
   */
  beginPart(study: StudyRecord, instances: readonly InstanceRecord[], expected: number): ReleaseRecord {
    const { ledger, vault, clock } = this.#options;
    const seen = new Set<string>();
    const usable = instances.filter((instance) => {
      if (instance.heldBecause !== undefined || seen.has(instance.sopInstanceUid)) return false;
      // For what went out long ago the vault has only the row.
      if (!vault.hasObject(instance.objectId)) return false;
      seen.add(instance.sopInstanceUid);
      return true;
    });
    if (usable.length === 0)
      throw new DiodeError('E_STUDY_STATE', 'no instance of the study can be released');
    const inboxName = study.inboxName ?? this.#freeName(study);
    return ledger.releases.begin(
      {
        senderId: study.senderId,
        studyUid: study.studyUid,
        revision: study.newestRevision,
        kind: 'partial',
        target: `${inboxName}.partial-${usable.length}-of-${expected}`,
        instances: usable.length,
        expected,
        objectIds: usable.map((instance) => instance.objectId),
        conflictIds: [],
      },
      clock.wallMs(),
    );
  }

  /** Puts a part into the partial folder, at once or not at all. @throws DiodeError E_INBOX_TAKEN, E_COPY_WAITING, … */
  carryOutPart(part: ReleaseRecord): void {
    try {
      this.preparation.prepareNow(part);
      this.#move(part);
    } catch (error) {
      // It was asked for by a person, who is told: nothing tries it again later.
      if (error instanceof DiodeError) this.#drop(part.id);
      throw error;
    }
    this.#markDone(part);
    this.#options.onReleased({ ...part, step: 'done' });
  }

  #drop(releaseId: number): void {
    this.#options.vault.staging.drop(releaseId);
    this.#options.ledger.releases.forget(releaseId);
  }

  #carryOut(release: ReleaseRecord): ReleaseResult | undefined {
    if (release.step === 'intent') {
      // A person asked for the part and is waiting: at once, or not at all.
      if (release.kind === 'partial') this.preparation.prepareNow(release);
      else if (!this.preparation.prepare(release)) return undefined;
    }
    this.#move(release);
    return this.#finish(release);
  }

  /** Of a prepared release. Its folder is gone if a stop came after the rename. */
  #move(release: ReleaseRecord): void {
    const { vault, inboxFolder, partialFolder } = this.#options;
    const folder = release.kind === 'partial' ? partialFolder : inboxFolder;
    // The inbox may have been switched off in the meantime.
    if (folder === undefined) vault.staging.drop(release.id);
    else if (vault.staging.has(release.id)) vault.staging.moveToInbox(release.id, folder, release.target);
    else vault.staging.settle(folder);
  }

  #finish(release: ReleaseRecord): ReleaseResult | undefined {
    const { ledger } = this.#options;
    if (release.kind === 'partial') {
      this.#markDone(release);
      return undefined;
    }
    const isDone = this.#finishing.finish(release, () => {
      const study = ledger.studies.get(release.senderId, release.studyUid);
      assert(study !== undefined, 'a released study is in the ledger');
      holdInstances(ledger, release, release.conflictIds, 'E_CONFLICT', this.#options.clock.wallMs());
      this.#markDone(release);
      this.#markStudy(study, release.revision);
    });
    return isDone ? this.#done(release) : undefined;
  }

  /** It is where it goes: the row says so, and the event. */
  #markDone(release: ReleaseRecord): void {
    const { ledger, clock, inboxFolder } = this.#options;
    const { id, senderId, studyUid, revision, kind, target, instances, expected } = release;
    const whole = inboxFolder === undefined ? 'destinations' : 'inbox';
    const to = kind === 'partial' ? 'partial folder' : whole;
    const of = { senderId, studyUid, revision, as: kind, to, target, instances, expected } as const;
    ledger.transaction(() => {
      ledger.releases.markStep(id, 'done');
      ledger.events.enter({ kind: 'released', release: id, ...of }, clock.wallMs());
    });
  }

  #done(release: ReleaseRecord): ReleaseResult {
    const study = this.#options.ledger.studies.get(release.senderId, release.studyUid);
    assert(study !== undefined, 'a released study is in the ledger');
    this.#options.onReleased({ ...release, step: 'done' });
    return { study, conflicts: release.conflictIds.length };
  }

  /** Every instance of the revision is released already, or held. */
  #nothingToMove(decision: ReleaseDecision): ReleaseResult {
    const { ledger } = this.#options;
    const { study, revision, conflicts } = decision;
    const record = ledger.transaction(() => {
      holdInstances(ledger, study, conflicts, 'E_CONFLICT', this.#options.clock.wallMs());
      return this.#markStudy(study, revision);
    });
    return { study: record, conflicts: conflicts.length };
  }

  #markStudy(study: StudyRecord, revision: number): StudyRecord {
    const { ledger, clock } = this.#options;
    const somethingOut = ledger.instances.isAnyReleased(study.senderId, study.studyUid);
    const current = ledger.studies.get(study.senderId, study.studyUid) ?? study;
    const record: StudyRecord = {
      ...current,
      state: somethingOut ? studyState.released : this.#heldState(study),
      releasedRevision: Math.max(revision, current.releasedRevision),
    };
    ledger.studies.save(record, clock.wallMs());
    return record;
  }

  #heldState({ senderId, studyUid }: StudyRecord): StudyState {
    const { instances } = this.#options.ledger;
    return instances.isAnyHeld(senderId, studyUid, 'E_PATIENT_MISMATCH')
      ? studyState.quarantined
      : studyState.held;
  }

  /**
   * Two senders with one Study UID never mix: the first to release gets the name, and the others get one that no UID can be.
   * So no name ever belongs to another study.
   */
  #freeName({ senderId, studyUid }: StudyRecord): string {
    const { studies } = this.#options.ledger;
    const ofSender = `${studyUid}.from-${senderId}`;
    const forms = [
      studyUid,
      ofSender,
      ...Array.from({ length: nameForms }, (_, index) => `${ofSender}.${index + 2}`),
    ];
    const free = forms.find((name) => !studies.inboxNameTaken(name));
    if (free === undefined) throw new DiodeError('E_INBOX_TAKEN', 'every name for the study is taken');
    return free;
  }

  /** What a person lets through of a revision that is out goes out under its number again. */
  #supplementName({ senderId, studyUid }: StudyRecord, name: string): string {
    const { releases } = this.#options.ledger;
    if (!releases.hasTarget(senderId, studyUid, name)) return name;
    let again = 2;
    while (releases.hasTarget(senderId, studyUid, `${name}.${again}`)) again += 1;
    return `${name}.${again}`;
  }
}
