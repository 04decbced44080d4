/**
 * Closes studies: when no instance of a study has come for its quiet time, or when somebody says so, its
 * manifest is written and queued. A late instance opens the study again; closing it next time makes a new
 * revision with the same study number.
 */
import { createHash } from 'node:crypto';
import { present } from '../../shared/assert.ts';
import type { Clock } from '../../shared/clock.ts';
import { DiodeError } from '../../shared/errors.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { type CloseReason, closeReason, ManifestWriter, priority } from '../../shared/wire/manifest.ts';
import type { ObjectPlan } from '../identity.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import type { StudyRow } from '../ledger/study-records.ts';

export interface ClosedStudy {
  readonly studyUid: string;
  readonly studyNumber: number;
  readonly revision: number;
  readonly instances: number;
}

/** Studies that one open association keeps from being closed. */
const awaitedStudiesMax = 1000;
/** Per call: studies that are closed, what their lists name, and studies that are looked up. The next call does the rest. */
const closedMax = 16;
const listedMax = 2000;
const askedMax = 500;

/** Why a study was closed, in words of events. */
const reasons = { 1: 'quiet', 2: 'forced', 3: 'mpps' } as const satisfies Record<CloseReason, string>;

interface Due {
  readonly atMs: number;
  readonly isUrgent: boolean;
}

export class StudyClosing {
  readonly #ledger: SenderLedger;
  readonly #clock: Clock;
  readonly #senderId: string;
  readonly #runningMs: () => number;
  readonly #plan: (type: typeof objectType.manifest, sha256: Uint8Array, objectBytes: number) => ObjectPlan;
  /** Since when a study has been quiet, the longest first. It starts over with a restart: a study is never closed early. */
  readonly #quietSinceMs = new Map<string, number>();
  /** When such a study is due, once it was looked up: not every one of many studies is looked up in each step. */
  readonly #due = new Map<string, Due>();
  /** Studies, by UID, that come over associations still open. */
  readonly #openAssociations = new Map<string, Set<number>>();
  /** The same by association, the study seen last at the end. */
  readonly #awaitedOver = new Map<number, Set<string>>();

  constructor(options: {
    ledger: SenderLedger;
    clock: Clock;
    senderId: string;
    /** The sender's running time: retention counts from the closing. */
    runningMs: () => number;
    plan: (type: typeof objectType.manifest, sha256: Uint8Array, objectBytes: number) => ObjectPlan;
  }) {
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#senderId = options.senderId;
    this.#runningMs = options.runningMs;
    this.#plan = options.plan;
    for (const study of this.#ledger.studies.open()) this.instanceCame(study.studyUid);
  }

  /** Every new instance refreshes the quiet time. */
  instanceCame(studyUid: string): void {
    this.#quietSinceMs.delete(studyUid);
    this.#quietSinceMs.set(studyUid, this.#clock.monotonicMs());
    // It may have come with a shorter quiet time.
    this.#due.delete(studyUid);
  }

  /**
   * Instances of this study come over this association: as long as it is open, more may be on their way. An association
   * keeps only a bounded number of studies open; beyond that, its oldest are closed by quiet time.
   */
  studySeen(studyUid: string, associationId: number): void {
    const associations = this.#openAssociations.get(studyUid) ?? new Set();
    this.#openAssociations.set(studyUid, associations.add(associationId));
    const awaited = this.#awaitedOver.get(associationId) ?? new Set();
    awaited.delete(studyUid);
    this.#awaitedOver.set(associationId, awaited.add(studyUid));
    const [oldest] = awaited;
    if (awaited.size > awaitedStudiesMax && oldest !== undefined) {
      awaited.delete(oldest);
      this.#letGo(oldest, associationId);
    }
  }

  associationClosed(associationId: number): void {
    for (const studyUid of this.#awaitedOver.get(associationId) ?? []) this.#letGo(studyUid, associationId);
    this.#awaitedOver.delete(associationId);
  }

  #letGo(studyUid: string, associationId: number): void {
    const associations = this.#openAssociations.get(studyUid);
    associations?.delete(associationId);
    if (associations?.size === 0) this.#openAssociations.delete(studyUid);
  }

  /** Closes some of the studies that have been quiet for long enough: the urgent first, then in the order they were due. */
  closeQuiet(): ClosedStudy[] {
    const closed: ClosedStudy[] = [];
    let listed = 0;
    for (const studyUid of this.#dueNow()) {
      // If the ledger refuses this one, the others come before it.
      this.#due.set(studyUid, { atMs: this.#clock.monotonicMs(), isUrgent: false });
      const study = present(this.#ledger.studies.get(studyUid), 'an open study is in the ledger');
      const one = this.#close(study, closeReason.quiet);
      this.#forget(studyUid);
      closed.push(one);
      listed += one.instances;
      if (closed.length >= closedMax || listed >= listedMax) break;
    }
    return closed;
  }

  #dueNow(): string[] {
    const now = this.#clock.monotonicMs();
    const dueNow: [string, Due][] = [];
    let asked = 0;
    for (const [studyUid, sinceMs] of this.#quietSinceMs) {
      if (this.#openAssociations.has(studyUid)) continue;
      let due = this.#due.get(studyUid);
      if (due === undefined && asked < askedMax) {
        asked += 1;
        const study = present(this.#ledger.studies.get(studyUid), 'an open study is in the ledger');
        due = { atMs: sinceMs + study.quietSeconds * 1000, isUrgent: study.priority === priority.stat };
        this.#due.set(studyUid, due);
      }
      if (due !== undefined && now >= due.atMs) dueNow.push([studyUid, due]);
    }
    return dueNow
      .sort(([, a], [, b]) => Number(b.isUrgent) - Number(a.isUrgent) || a.atMs - b.atMs)
      .map(([studyUid]) => studyUid);
  }

  /** Closes one study at once, or all that are open. @throws DiodeError E_STUDY_UNKNOWN, E_STUDY_STATE */
  close(studyUid: string | undefined, because: CloseReason): ClosedStudy[] {
    const closed = this.closeWithin(studyUid, because);
    this.closed(closed);
    return closed;
  }

  /** The same within a transaction of the caller: until {@link closed} is told they are still watched. */
  closeWithin(studyUid: string | undefined, because: CloseReason): ClosedStudy[] {
    if (studyUid === undefined)
      return this.#ledger.studies.open().map((study) => this.#close(study, because));
    const study = this.#ledger.studies.get(studyUid);
    if (study === undefined) throw new DiodeError('E_STUDY_UNKNOWN');
    if (!study.open) throw new DiodeError('E_STUDY_STATE', 'the study is already closed');
    return [this.#close(study, because)];
  }

  /** That transaction is committed. */
  closed(studies: readonly ClosedStudy[]): void {
    for (const { studyUid } of studies) this.#forget(studyUid);
  }

  /** Writes manifests again whose old one had to go, with the reason the study was closed for: see replanning.ts. */
  reissue(): ClosedStudy[] {
    return this.#ledger.plans
      .studiesWithoutManifest()
      .map(({ studyUid, closedBecause }) =>
        this.#close(
          present(this.#ledger.studies.get(studyUid), 'a closed study is in the ledger'),
          closedBecause,
        ),
      );
  }

  #close(study: StudyRow, because: CloseReason): ClosedStudy {
    const { studyUid } = study;
    const studyNumber = study.studyNumber ?? this.#ledger.studies.nextNumber();
    const revision = study.revision + 1;
    const closedAtMs = this.#clock.wallMs();
    const writer = new ManifestWriter();
    let notListed = 0;
    // From the first one on, so that a ticket's places in the list are those of the ledger.
    for (const entry of this.#ledger.studies.manifestEntries(studyUid))
      if (!writer.add(entry)) notListed += 1;
    if (notListed > 0) this.#ledger.counters.add('E_STUDY_FULL', notListed);
    const document = writer.finish({
      senderId: this.#senderId,
      studyNumber,
      revision,
      closedBecause: because,
      priority: study.priority,
      closedAtMs,
      studyUid,
    });
    const sha256 = createHash('sha256').update(document).digest();
    const manifest = {
      ...this.#plan(objectType.manifest, sha256, document.length),
      sha256: sha256.toString('hex'),
      bytes: document.length,
      priority: study.priority,
      studyUid,
      document,
    };
    const closed = { studyUid, studyNumber, revision, instances: writer.count };
    this.#ledger.transaction(() => {
      const closedRunningMs = this.#runningMs();
      this.#ledger.studies.close({
        ...closed,
        closedBecause: because,
        closedAtMs,
        closedRunningMs,
        manifest,
      });
      this.#ledger.events.enter({ kind: 'closed', ...closed, because: reasons[because] }, closedAtMs);
    });
    return closed;
  }

  #forget(studyUid: string): void {
    this.#quietSinceMs.delete(studyUid);
    this.#due.delete(studyUid);
  }
}
