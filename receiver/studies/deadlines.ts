/**
 * When each open study last made progress, and which have waited too long. The ledger says when a study is to be checked
 * next; only for a bounded number of recently active studies is the exact moment kept here.
 */

import { countText } from '../../shared/console/quantities.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { OpenManifest } from '../ledger/open-manifests.ts';
import type { StudyRecord } from '../ledger/study-records.ts';
import { studyState } from '../ledger/study-state.ts';
import { containStudy, type StudyTrouble } from './containment.ts';

export interface DeadlinesOptions {
  readonly ledger: ReceiverLedger;
  /** After this long without progress, a study with instances missing counts as incomplete. */
  readonly deadlineMs: number;
  /** After this long without a manifest, instances count as unclaimed. */
  readonly unclaimedMs: number;
  /** Objects that are being collected, and when a datagram of each last came. They are bounded. */
  readonly collecting: () => Iterable<readonly [senderId: string, objectId: string, touchedAtMs: number]>;
}

interface Progress {
  readonly senderId: string;
  readonly studyUid: string;
  readonly atMs: number;
  /** How many instances of its newest list were missing then. */
  readonly missing: number;
}

/** Studies whose progress is known to the millisecond. For the others the ledger has it. */
const progressMax = 10_000;
/** How many studies of one sender are checked at a time. */
const lookedAtMax = 64;
/** When a study is reported again, in case its alarm found no room. */
const namedAgainMs = 86_400_000;

export class Deadlines {
  readonly #options: DeadlinesOptions;
  readonly #trouble: StudyTrouble;
  /** The longest without progress first. */
  readonly #progress = new Map<string, Progress>();

  constructor(options: DeadlinesOptions, trouble: StudyTrouble) {
    this.#options = options;
    this.#trouble = trouble;
  }

  /** Something of a study came, or a list of it. */
  progress(senderId: string, studyUid: string, open: readonly OpenManifest[]): void {
    const { ledger } = this.#options;
    const now = this.#trouble.time.nowMs();
    const key = keyOf(senderId, studyUid);
    const isNew = !this.#progress.has(key);
    this.#progress.delete(key);
    this.#progress.set(key, { senderId, studyUid, atMs: now, missing: open[0]?.missing ?? 0 });
    const lookAtMs = ledger.studies.lookAtMs(senderId, studyUid);
    const waitMs = this.#waitMs(open);
    if (isNew || lookAtMs === undefined || lookAtMs > now + waitMs)
      ledger.studies.lookAt(senderId, studyUid, now + waitMs);
    if (this.#progress.size > progressMax) this.#writeOldest();
  }

  /** Nothing of a study is open any more. */
  end(senderId: string, studyUid: string): void {
    this.#progress.delete(keyOf(senderId, studyUid));
    this.#options.ledger.studies.lookAt(senderId, studyUid, undefined);
  }

  /** Reports what has waited too long: some of each sender. */
  watch(): void {
    const { ledger } = this.#options;
    const { time } = this.#trouble;
    let touched: Map<number, number> | undefined;
    for (const senderId of ledger.studies.senderIds()) {
      for (const { studyUid, lookAtMs } of ledger.studies.toLookAt(senderId, time.nowMs(), lookedAtMax)) {
        touched ??= this.#touchedAtMs();
        const touchedAtMs = touched;
        containStudy(this.#trouble, senderId, studyUid, () => {
          const study = ledger.studies.get(senderId, studyUid);
          if (study !== undefined) this.#look(study, lookAtMs, touchedAtMs);
        });
      }
    }
  }

  #look(study: StudyRecord, lookAtMs: number, touchedAtMs: ReadonlyMap<number, number>): void {
    const { ledger } = this.#options;
    const { senderId, studyUid } = study;
    const { time } = this.#trouble;
    const open = ledger.openManifests.ofStudy(senderId, studyUid);
    const waitMs = this.#waitMs(open);
    const known = this.#progress.get(keyOf(senderId, studyUid));
    const [newest] = open;
    // An instance that claims another study counts for the list that names it: when it came is not known.
    const isFewer = known !== undefined && newest !== undefined && newest.missing < known.missing;
    // Deadlines start over with the program: only running time counts.
    const isOfEarlierLife = lookAtMs <= time.startedMs;
    const progressAtMs = Math.max(
      known?.atMs ?? (isOfEarlierLife ? time.startedMs : lookAtMs - waitMs),
      isFewer ? time.nowMs() : 0,
      (newest === undefined ? undefined : touchedAtMs.get(newest.manifest)) ?? 0,
    );
    if (isFewer) this.#progress.set(keyOf(senderId, studyUid), { ...known, missing: newest.missing });
    if (time.nowMs() < progressAtMs + waitMs)
      return ledger.studies.lookAt(senderId, studyUid, progressAtMs + waitMs);
    this.#progress.delete(keyOf(senderId, studyUid));
    if (newest === undefined) this.#lookAtUnlisted(study);
    else this.#lookAtListed(study, open, newest);
  }

  #lookAtUnlisted({ senderId, studyUid, state }: StudyRecord): void {
    const { ledger } = this.#options;
    const { time, desk } = this.#trouble;
    const isDecided = state !== studyState.announced && state !== studyState.receiving;
    if (isDecided && !ledger.instances.isAnyWaiting(senderId, studyUid)) return this.end(senderId, studyUid);
    desk.raise('E_STUDY_UNCLAIMED', studyUid, undefined, undefined, senderId);
    ledger.studies.lookAt(senderId, studyUid, time.nowMs() + namedAgainMs);
  }

  #lookAtListed(study: StudyRecord, open: readonly OpenManifest[], newest: OpenManifest): void {
    const { ledger } = this.#options;
    const { time, desk } = this.#trouble;
    const { senderId, studyUid } = study;
    if (open.some(isWhole) || newest.entered < newest.entries)
      return ledger.studies.lookAt(senderId, studyUid, time.nowMs() + this.#waitMs(open));
    if (study.state !== studyState.incomplete) this.#markIncomplete(study, newest);
    const detail = `${newest.entries - newest.missing} of ${countText(newest.entries, 'instance')} arrived`;
    desk.raise('E_STUDY_INCOMPLETE', studyUid, detail, undefined, senderId);
    ledger.studies.lookAt(senderId, studyUid, time.nowMs() + namedAgainMs);
  }

  #markIncomplete(study: StudyRecord, { revision, entries, missing }: OpenManifest): void {
    const { ledger } = this.#options;
    const { senderId, studyUid, studyNumber = 0 } = study;
    const atMs = this.#trouble.clock.wallMs();
    const there = { studyNumber, revision, instances: entries - missing, expected: entries };
    ledger.transaction(() => {
      ledger.studies.save({ ...study, state: studyState.incomplete }, atMs);
      ledger.events.enter({ kind: 'incomplete', senderId, studyUid, ...there }, atMs);
    });
  }

  #waitMs(open: readonly OpenManifest[]): number {
    return open.length === 0 ? this.#options.unclaimedMs : this.#options.deadlineMs;
  }

  /** Any datagram of any missing object is progress: a large instance may take long. By manifest, in running time. */
  #touchedAtMs(): Map<number, number> {
    const { ledger, collecting } = this.#options;
    const touched = new Map<number, number>();
    for (const [senderId, objectId, monotonicMs] of collecting()) {
      const atMs = this.#trouble.time.of(monotonicMs);
      for (const manifest of ledger.openManifests.awaiting(senderId, objectId))
        touched.set(manifest, Math.max(atMs, touched.get(manifest) ?? 0));
    }
    return touched;
  }

  #writeOldest(): void {
    const { ledger } = this.#options;
    for (const [key, { senderId, studyUid, atMs }] of this.#progress) {
      const open = ledger.openManifests.ofStudy(senderId, studyUid);
      const lookAtMs = ledger.studies.lookAtMs(senderId, studyUid);
      const dueAtMs = atMs + this.#waitMs(open);
      if (lookAtMs !== undefined && lookAtMs < dueAtMs) ledger.studies.lookAt(senderId, studyUid, dueAtMs);
      this.#progress.delete(key);
      return;
    }
  }
}

/** Whether everything that a list names has arrived. */
export function isWhole({ entries, entered, missing }: OpenManifest): boolean {
  return entered === entries && missing === 0;
}

function keyOf(senderId: string, studyUid: string): string {
  return `${senderId} ${studyUid}`;
}
