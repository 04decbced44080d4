/**
 * The studies of the high side: which are whole, which miss something, what may be released.
 *
 *   announced → receiving → released        (incomplete, held, quarantined on the way)
 *
 * It keeps, for every study with something open, which objects of each revision have not come. No I/O but
 * the ledger, no clock of its own. A release itself is done by `release.ts`.
 */

import type { Alarms } from '../../shared/alarms.ts';
import { assert, present } from '../../shared/assert.ts';
import type { Clock } from '../../shared/clock.ts';
import { type Manifest, type ManifestEntry, priority } from '../../shared/wire/manifest.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { StudyRecord } from '../ledger/study-records.ts';
import { studyState } from '../ledger/study-state.ts';
import { type RevisionContents, sortRevision } from './release-gate.ts';

/** What a revision consists of, decided when all of it is there. */
export interface ReleaseDecision {
  readonly study: StudyRecord;
  readonly revision: number;
  readonly expected: number;
  /** Object ids of what was not released before, in the order of the manifest. */
  readonly release: readonly string[];
  /** Those of the same UID as another instance that goes out or went out, and other bytes. */
  readonly conflicts: readonly string[];
}

export interface StudiesOptions {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  readonly alarms: Alarms;
  /** Without progress for so long, a study that misses something is incomplete. */
  readonly deadlineMs: number;
  /** Without a manifest for so long, instances are unclaimed. */
  readonly unclaimedMs: number;
  /** When a datagram of an object last came, if it is being collected. */
  readonly touchedAtMs: (objectId: string) => number | undefined;
}

/** Revisions of one study that wait at the same time; older ones are contained in newer ones. */
const revisionsMax = 16;

interface OpenRevision {
  readonly manifest: Manifest;
  readonly missing: Set<string>;
}

interface OpenStudy {
  record: StudyRecord;
  /** The newest first. */
  revisions: OpenRevision[];
  progressAtMs: number;
  unclaimed: boolean;
}

export class Studies {
  readonly #options: StudiesOptions;
  readonly #open = new Map<string, OpenStudy>();
  readonly #ready = new Set<OpenStudy>();
  /** Which study misses an object. */
  readonly #awaited = new Map<string, OpenStudy>();

  constructor(options: StudiesOptions) {
    this.#options = options;
    for (const record of options.ledger.studies.unreleased()) this.#load(record);
  }

  /** Begins anew with what the ledger has, as after a start. */
  loadAgain(): void {
    for (const known of [this.#open, this.#ready, this.#awaited]) known.clear();
    for (const record of this.#options.ledger.studies.unreleased()) this.#load(record);
  }

  /** Instances became durable. */
  instancesStored(rows: readonly InstanceRecord[]): void {
    for (const row of rows) {
      // A list that claims it counts more than what the instance says of itself; a difference is held later.
      const study = this.#awaited.get(row.objectId) ?? this.#study(row.senderId, row.studyUid);
      this.#awaited.delete(row.objectId);
      study.progressAtMs = this.#options.clock.monotonicMs();
      for (const revision of study.revisions) revision.missing.delete(row.objectId);
      this.#assess(study);
    }
  }

  /** A manifest became durable. Its revision is the one the ledger gave it. */
  manifestStored(manifest: Manifest): void {
    const study = this.#study(manifest.senderId, manifest.studyUid);
    study.progressAtMs = this.#options.clock.monotonicMs();
    const newest = manifest.revision >= study.record.newestRevision;
    study.record = {
      ...study.record,
      studyNumber: newest ? manifest.studyNumber : study.record.studyNumber,
      expected: newest ? manifest.entries.length : study.record.expected,
      newestRevision: Math.max(manifest.revision, study.record.newestRevision),
      priority: manifest.priority === priority.stat ? priority.stat : study.record.priority,
    };
    // One that was read from the ledger just now may be among them.
    study.revisions = study.revisions.filter((open) => open.manifest.revision !== manifest.revision);
    study.revisions.push(this.#openRevision(study, manifest));
    study.revisions.sort((a, b) => b.manifest.revision - a.manifest.revision);
    study.revisions.length = Math.min(study.revisions.length, revisionsMax);
    study.unclaimed = false;
    this.#options.alarms.clear('E_STUDY_UNCLAIMED', manifest.studyUid);
    this.#save(study);
    this.#assess(study);
  }

  /** Studies with a revision that is whole and not released. */
  takeReady(): ReleaseDecision[] {
    const decisions: ReleaseDecision[] = [];
    for (const study of this.#ready) {
      const decision = this.#decide(study);
      if (decision !== undefined) decisions.push(decision);
    }
    this.#ready.clear();
    return decisions;
  }

  /** A revision went to the inbox, or there was nothing new in it to go. */
  released(record: StudyRecord, conflicts: number): void {
    const study = this.#study(record.senderId, record.studyUid);
    study.record = record;
    study.revisions = study.revisions.filter((open) => open.manifest.revision > record.releasedRevision);
    for (const code of ['E_STUDY_INCOMPLETE', 'E_STUDY_UNCLAIMED'] as const)
      this.#options.alarms.clear(code, record.studyUid);
    if (conflicts > 0) this.#options.alarms.raise('E_CONFLICT', record.studyUid);
    if (study.revisions.length === 0) this.#open.delete(keyOf(record.senderId, record.studyUid));
    else this.#assess(study);
  }

  /** Whether a manifest lists an object that has not come. */
  isListed(objectId: string): boolean {
    return this.#awaited.has(objectId);
  }

  /** Whether a study that is here in part waits for an object. */
  awaits(objectId: string): boolean {
    const revisions = this.#awaited.get(objectId)?.revisions ?? [];
    return revisions.some(({ missing, manifest }) => missing.size < manifest.entries.length);
  }

  /** An instance that was neither released nor held is gone: its study misses it again. */
  instanceLost(senderId: string, studyUid: string): void {
    const record = this.#options.ledger.studies.get(senderId, studyUid);
    if (record === undefined) return;
    const before = this.#open.get(keyOf(senderId, studyUid));
    if (before !== undefined) this.#ready.delete(before);
    this.#load(record);
  }

  /** Tries a study again that could not be released. */
  retry(senderId: string, studyUid: string): void {
    const study = this.#open.get(keyOf(senderId, studyUid));
    if (study !== undefined) this.#assess(study);
  }

  /**
   * Decides about the newest revision of a study again that went out: a person changed what is held of it.
   * @returns whether there is such a study
   */
  reopen(senderId: string, studyUid: string): boolean {
    const record = this.#options.ledger.studies.get(senderId, studyUid);
    if (record === undefined) return false;
    const releasedRevision = Math.max(0, record.releasedRevision - 1);
    const reopened = { ...record, releasedRevision };
    this.#options.ledger.studies.save(reopened, this.#options.clock.wallMs());
    const before = this.#open.get(keyOf(senderId, studyUid));
    if (before !== undefined) this.#ready.delete(before);
    this.#load(reopened);
    return true;
  }

  /** Names what has waited too long. Call it every second or so. */
  watchDeadlines(): void {
    const now = this.#options.clock.monotonicMs();
    for (const study of this.#open.values()) {
      const waitedMs = now - this.#progressAtMs(study);
      if (study.revisions.length === 0) {
        if (waitedMs >= this.#options.unclaimedMs) this.#markUnclaimed(study);
      } else if (waitedMs >= this.#options.deadlineMs && study.record.state !== studyState.incomplete) {
        if (study.revisions.some((revision) => revision.missing.size === 0)) continue;
        study.record = { ...study.record, state: studyState.incomplete };
        this.#save(study);
        const newest = present(study.revisions[0], 'a study with a manifest');
        const expected = newest.manifest.entries.length;
        const detail = `${expected - newest.missing.size} of ${expected} instances are there`;
        this.#options.alarms.raise('E_STUDY_INCOMPLETE', study.record.studyUid, detail);
      }
    }
  }

  /** What the newest list of a study still misses. */
  missing(senderId: string, studyUid: string): ManifestEntry[] {
    const newest = this.#open.get(keyOf(senderId, studyUid))?.revisions[0];
    return newest?.manifest.entries.filter((entry) => newest.missing.has(entry.objectId)) ?? [];
  }

  /** Any datagram of any missing object is progress: a large instance may take long. */
  #progressAtMs(study: OpenStudy): number {
    let latest = study.progressAtMs;
    for (const objectId of study.revisions[0]?.missing ?? []) {
      latest = Math.max(latest, this.#options.touchedAtMs(objectId) ?? latest);
    }
    return latest;
  }

  #markUnclaimed(study: OpenStudy): void {
    study.unclaimed = true;
    this.#options.alarms.raise('E_STUDY_UNCLAIMED', study.record.studyUid);
  }

  #assess(study: OpenStudy): void {
    if (study.revisions.some((revision) => revision.missing.size === 0)) {
      this.#ready.add(study);
      return;
    }
    const { state } = study.record;
    // What was held is dealt with: only a newer list begins it again.
    const isDecided = state === studyState.held || state === studyState.quarantined;
    if (isDecided && study.revisions.length === 0) return;
    const next = study.revisions.length === 0 ? studyState.announced : studyState.receiving;
    if (state !== next && state !== studyState.released) {
      study.record = { ...study.record, state: next };
      this.#save(study);
      this.#options.alarms.clear('E_STUDY_INCOMPLETE', study.record.studyUid);
    }
  }

  /** The newest revision that is whole goes out: it contains the older ones. */
  #decide(study: OpenStudy): ReleaseDecision | undefined {
    const whole = study.revisions.find((revision) => revision.missing.size === 0);
    if (whole === undefined) return undefined;
    const { manifest } = whole;
    const contents = sortRevision(this.#options.ledger, manifest);
    const { release, conflicts, differing, otherPatients } = contents;
    if (differing.length + otherPatients.length > 0) this.#hold(contents, manifest.studyUid);
    const { revision, entries } = manifest;
    return {
      study: study.record,
      revision,
      expected: entries.length,
      // The rows of a large study are many times its ids, and releasing it takes a while.
      release: release.map(({ objectId }) => objectId),
      conflicts: conflicts.map(({ objectId }) => objectId),
    };
  }

  #hold({ differing, otherPatients, patientMismatch }: RevisionContents, studyUid: string): void {
    const { ledger, alarms } = this.#options;
    ledger.transaction(() => {
      for (const { objectId, heldBecause } of differing) {
        if (heldBecause === undefined) ledger.instances.hold(objectId, 'E_INSTANCE_MISMATCH');
        ledger.holds.claim(objectId, studyUid);
      }
      for (const { objectId } of otherPatients) ledger.instances.hold(objectId, 'E_PATIENT_MISMATCH');
    });
    if (differing.some(({ heldBecause }) => heldBecause === undefined))
      alarms.raise('E_INSTANCE_MISMATCH', studyUid);
    if (otherPatients.length > 0) alarms.raise('E_PATIENT_MISMATCH', studyUid, patientMismatch?.message);
  }

  #study(senderId: string, studyUid: string): OpenStudy {
    const key = keyOf(senderId, studyUid);
    let study = this.#open.get(key);
    if (study === undefined) {
      const record = this.#options.ledger.studies.get(senderId, studyUid);
      study = record === undefined ? this.#begin(senderId, studyUid) : this.#load(record);
    }
    return study;
  }

  #begin(senderId: string, studyUid: string): OpenStudy {
    const record: StudyRecord = {
      senderId,
      studyUid,
      studyNumber: undefined,
      state: studyState.announced,
      priority: priority.routine,
      newestRevision: 0,
      releasedRevision: 0,
      expected: undefined,
      inboxName: undefined,
    };
    const study = {
      record,
      revisions: [],
      progressAtMs: this.#options.clock.monotonicMs(),
      unclaimed: false,
    };
    this.#open.set(keyOf(senderId, studyUid), study);
    this.#save(study);
    return study;
  }

  /** Deadlines begin anew after a restart: only running time counts. */
  #load(record: StudyRecord): OpenStudy {
    const { ledger, clock } = this.#options;
    const manifests = ledger.manifests.above(record.senderId, record.studyUid, record.releasedRevision);
    const study: OpenStudy = {
      record,
      revisions: [],
      progressAtMs: clock.monotonicMs(),
      unclaimed: false,
    };
    study.revisions = manifests.slice(0, revisionsMax).map((manifest) => this.#openRevision(study, manifest));
    this.#open.set(keyOf(record.senderId, record.studyUid), study);
    this.#assess(study);
    return study;
  }

  #openRevision(study: OpenStudy, manifest: Manifest): OpenRevision {
    const { ledger } = this.#options;
    const missing = manifest.entries
      .map((entry) => entry.objectId)
      .filter((objectId) => {
        const row = ledger.instances.get(objectId);
        // Until it is known to be harmless it is as good as not there.
        return row === undefined || row.heldBecause === 'E_SCAN_WAITING';
      });
    for (const objectId of missing) this.#awaited.set(objectId, study);
    return { manifest, missing: new Set(missing) };
  }

  #save(study: OpenStudy): void {
    assert(study.record.studyUid.length > 0, 'a study has its UID');
    this.#options.ledger.studies.save(study.record, this.#options.clock.wallMs());
  }
}

function keyOf(senderId: string, studyUid: string): string {
  return `${senderId} ${studyUid}`;
}
