/**
 * The studies of the high side: which are whole, which miss something, what may be released.
 *
 *   announced → receiving → released        (incomplete, held, quarantined on the way)
 *
 * What is open stands in the ledger as counts, so that neither memory nor a start grows with what senders tell of. No I/O
 * but the ledger, no clock of its own. A release itself is done by `release.ts`.
 */

import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import { countText } from '../../shared/console/quantities.ts';
import { type ManifestEntry, type ManifestHead, priority } from '../../shared/wire/manifest.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { StudyRecord } from '../ledger/study-records.ts';
import { studyState } from '../ledger/study-state.ts';
import { containStudy, endTrouble, type StudyTrouble } from './containment.ts';
import { Deadlines, isWhole } from './deadlines.ts';
import { Deciding, type ReleaseDecision, type StudyKey } from './deciding.ts';
import { ManifestEntering } from './entering.ts';
import { StudiesTime } from './running-time.ts';
import { SenderTurns } from './senders-in-turn.ts';

export interface StudiesOptions {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  readonly alarms: Alarms;
  /** Without progress for so long, a study that misses something is incomplete. */
  readonly deadlineMs: number;
  /** Without a manifest for so long, instances are unclaimed. */
  readonly unclaimedMs: number;
  /** Objects that are being collected, of whom, and when a datagram of each last came. */
  readonly collecting: () => Iterable<readonly [senderId: string, objectId: string, touchedAtMs: number]>;
  /** Content of a sender that is here under another object id need not be collected. */
  readonly onKnown?: ((senderId: string, objectIds: readonly string[]) => void) | undefined;
  /** Objects of one sender that are awaited by name. */
  readonly awaitedMax?: number | undefined;
  /** Sender ids that count as one where turns are; each is its own when left out. */
  readonly groupOf?: ((senderId: string) => string) | undefined;
}

/** Revisions of one study that are open at the same time; older ones are contained in newer ones, as a rule. */
const revisionsMax = 16;
/** Lists of one sender that are open at the same time, and their bytes. */
const openManifestsMax = 50_000;
const openBytesMax = 2 ** 30;
/** A study that waits for a part of it to be made ready is looked at again so often. */
const waitMs = 5000;
/** Rows of left manifests that one look forgets. */
const sweptRows = 4000;
/** Answers about awaited objects that are kept. */
const awaitsMax = 4096;

export class Studies {
  readonly trouble: StudyTrouble;
  readonly #options: StudiesOptions;
  readonly #entering: ManifestEntering;
  readonly #deadlines: Deadlines;
  readonly #deciding: Deciding;
  #mayBeReady = true;
  /** Of releases. */
  readonly #turns: SenderTurns;
  /** Studies that a person asked about. */
  readonly #asked: StudyKey[] = [];
  /** What was answered of objects since something came: with a full vault each datagram asks. */
  readonly #awaits = new Map<string, boolean>();

  constructor(options: StudiesOptions) {
    this.#options = options;
    const { ledger, alarms, clock, onKnown = () => {}, awaitedMax, groupOf } = options;
    const time = new StudiesTime(ledger, clock);
    this.trouble = { ledger, alarms, clock, time };
    this.#turns = new SenderTurns(groupOf);
    const entering = { ledger, clock, onKnown, awaitedMax, groupOf };
    this.#entering = new ManifestEntering(entering, time, this.trouble);
    this.#deadlines = new Deadlines(options, this.trouble);
    this.#deciding = new Deciding(this.trouble, () => this.#entering.wake());
  }

  /** Begins anew with what the ledger has, as after a start. */
  loadAgain(): void {
    this.#awaits.clear();
    this.#entering.forget();
    this.#deciding.forget();
    this.#mayBeReady = true;
  }

  /** Instances became durable: the ledger has taken them off what is awaited. */
  instancesStored(rows: readonly InstanceRecord[]): void {
    this.#awaits.clear();
    const studies = new Map(
      rows.map(({ senderId, studyUid }) => [`${senderId} ${studyUid}`, { senderId, studyUid }]),
    );
    for (const { senderId, studyUid } of studies.values())
      containStudy(this.trouble, senderId, studyUid, () => this.#assess(senderId, studyUid));
    this.#mayBeReady ||= rows.length > 0;
  }

  /** Whether there is room for one more list of a sender. Where there is none, an alarm says so, until there is. */
  hasRoomFor(senderId: string): boolean {
    const { ledger, alarms } = this.#options;
    const { manifests, bytes } = ledger.openManifests.totals(senderId);
    const isFull = manifests >= openManifestsMax || bytes >= openBytesMax;
    const detail = `${countText(manifests, 'study list')} with instances missing, ${Math.round(bytes / 1e6)} MB in all`;
    alarms.set(isFull, 'E_STUDIES_FULL', senderId, detail);
    return !isFull;
  }

  /**
   * A manifest became durable, or does in this transaction. Its revision is the one the ledger gave it. Its entries are
   * looked at in steps.
   */
  manifestStored(manifest: ManifestHead): void {
    const { ledger, clock } = this.#options;
    const { senderId, studyUid } = manifest;
    ledger.studies.begin(senderId, studyUid, clock.wallMs());
    const study = ledger.studies.get(senderId, studyUid);
    if (study === undefined) return;
    const stated = ledger.manifests.stated(senderId, studyUid);
    const open = ledger.openManifests.ofStudy(senderId, studyUid);
    if (open.length > revisionsMax) ledger.openManifests.closeOldest(senderId, studyUid, revisionsMax);
    const isDone = study.state === studyState.released;
    ledger.studies.save(
      {
        ...study,
        state: isDone ? study.state : studyState.receiving,
        studyNumber: stated.studyNumber,
        expected: stated.entries,
        newestRevision: Math.max(manifest.revision, study.newestRevision),
        priority: manifest.priority === priority.stat ? priority.stat : study.priority,
      },
      clock.wallMs(),
    );
    this.#clear('E_STUDY_UNCLAIMED', senderId, studyUid);
    if (study.state === studyState.incomplete) this.#clear('E_STUDY_INCOMPLETE', senderId, studyUid);
    ledger.manifests.limitKept(senderId);
    this.#deadlines.progress(senderId, studyUid, open);
    this.#entering.wake();
  }

  /** Looks at the entries of manifests that came, a bounded step. @returns whether there may be more to do at once */
  enterSome(): boolean {
    const entered = this.#entering.step();
    if (entered) this.#awaits.clear();
    this.#mayBeReady ||= entered;
    return entered;
  }

  /** A study with a revision that is whole and not released: of each sender in turn, its small ones first. */
  nextReady(): StudyKey | undefined {
    if (!this.#mayBeReady) return undefined;
    const { isResting, current } = this.#deciding;
    const senderIds = this.#options.ledger.studies.senderIds();
    for (const senderId of this.#turns.order(senderIds)) {
      const ready = this.#readyOf(senderId);
      if (ready === undefined) continue;
      this.#turns.took(senderId);
      return ready;
    }
    if (isResting) return undefined;
    // Nothing of its sender is open any more: who decides about it finds that out.
    if (current === undefined) this.#mayBeReady = false;
    return current;
  }

  /**
   * The newest revision that is whole goes out: it contains the older ones.
   * @returns undefined where there is none, or it is not decided yet: it is ready again
   */
  decide(ready: StudyKey): ReleaseDecision | undefined {
    return this.#deciding.decide(ready);
  }

  /** A revision went to the inbox, or there was nothing new in it to go. */
  released(record: StudyRecord): void {
    const { ledger, clock } = this.#options;
    const { senderId, studyUid, releasedRevision } = record;
    const open = ledger.transaction(() => {
      ledger.openManifests.closeReleased(senderId, studyUid, releasedRevision);
      const left = ledger.openManifests.ofStudy(senderId, studyUid);
      const newestRevision = Math.max(record.newestRevision, left[0]?.revision ?? 0);
      if (newestRevision > record.newestRevision)
        ledger.studies.save({ ...record, newestRevision }, clock.wallMs());
      if (left.length > 0 || ledger.instances.isAnyWaiting(senderId, studyUid))
        this.#deadlines.progress(senderId, studyUid, left);
      else this.#deadlines.end(senderId, studyUid);
      return left;
    });
    endTrouble(this.trouble, senderId, studyUid);
    for (const code of ['E_STUDY_INCOMPLETE', 'E_STUDY_UNCLAIMED'] as const)
      this.#clear(code, senderId, studyUid);
    if (open.length > 0) this.#entering.wake();
    this.#mayBeReady = true;
  }

  /** Whether a manifest of its sender lists an object that has not come. Ask before it is entered. */
  isListed(senderId: string, objectId: string): boolean {
    return this.#options.ledger.openManifests.isAwaited(senderId, objectId);
  }

  /** Whether a study of its sender that is here in part waits for an object. */
  awaits(senderId: string, objectId: string): boolean {
    const asked = `${senderId} ${objectId}`;
    const known = this.#awaits.get(asked);
    if (known !== undefined) return known;
    if (this.#awaits.size >= awaitsMax) this.#awaits.clear();
    const awaits = this.#options.ledger.openManifests.isAwaitedInPart(senderId, objectId);
    this.#awaits.set(asked, awaits);
    return awaits;
  }

  /** An instance that was neither released nor held is gone: its study misses it again. */
  instanceLost(senderId: string, studyUid: string): void {
    const { ledger } = this.#options;
    const record = ledger.studies.get(senderId, studyUid);
    if (record === undefined) return;
    this.#deciding.forgetStudy(senderId, studyUid);
    ledger.openManifests.open(senderId, studyUid, record.releasedRevision);
    this.#assess(senderId, studyUid);
    this.#entering.wake();
  }

  /** Something of a study that is ready is still being made: it is asked for again then, or after a while. */
  waits({ senderId, studyUid }: StudyKey): void {
    this.#options.ledger.openManifests.tryStudyAt(senderId, studyUid, this.trouble.time.nowMs() + waitMs);
  }

  /** Tries a study again at once that could not be released. */
  retry(senderId: string, studyUid: string): void {
    this.#options.ledger.openManifests.tryStudyAt(senderId, studyUid, 0);
    this.#mayBeReady = true;
  }

  /**
   * Decides about the newest revision of a study again that went out: a person changed what is held of it.
   * @returns whether there is such a study
   */
  reopen(senderId: string, studyUid: string): boolean {
    const { ledger, clock } = this.#options;
    const record = ledger.studies.get(senderId, studyUid);
    if (record === undefined) return false;
    this.#deciding.forgetStudy(senderId, studyUid);
    const releasedRevision = Math.max(0, record.releasedRevision - 1);
    ledger.openManifests.open(senderId, studyUid, releasedRevision);
    const open = ledger.openManifests.ofStudy(senderId, studyUid);
    // Its list was given up for room long ago: it stays as it is.
    if (open.length === 0) return false;
    ledger.studies.save({ ...record, releasedRevision }, clock.wallMs());
    this.#deadlines.progress(senderId, studyUid, open);
    this.#asked.push({ senderId, studyUid });
    this.#entering.wake();
    return true;
  }

  /** Enters what a person asked for: they wait for it. */
  enterAsked(): void {
    for (const { senderId, studyUid } of this.#asked.splice(0)) this.#entering.enterNow(senderId, studyUid);
    this.#entering.wake();
    this.#mayBeReady = true;
  }

  /** Names what has waited too long, and looks again at what waits for its time. Call it every second or so. */
  watchDeadlines(): void {
    const { ledger, alarms } = this.#options;
    this.#deadlines.watch();
    this.#entering.wake();
    this.#awaits.clear();
    this.#mayBeReady = true;
    if (ledger.openManifests.isSweepDue()) ledger.transaction(() => ledger.openManifests.sweep(sweptRows));
    for (const senderId of ledger.studies.senderIds()) {
      const leftOut = ledger.senderReports.leftOut(senderId);
      const detail = `at least ${countText(leftOut, 'study', 'studies')} of its roll are not recorded`;
      alarms.set(leftOut > 0, 'E_STUDIES_FULL', `${senderId} roll`, detail);
    }
  }

  /** What the newest list of a study still misses. */
  missing(senderId: string, studyUid: string): ManifestEntry[] {
    const { ledger } = this.#options;
    const [newest] = ledger.openManifests.ofStudy(senderId, studyUid);
    const manifest =
      newest === undefined ? undefined : ledger.manifests.get(senderId, studyUid, newest.revision);
    if (manifest === undefined) return [];
    const ids = manifest.entries.map(({ objectId }) => objectId);
    const notHere = ledger.openManifests.notHere(senderId, ids);
    return manifest.entries.filter(({ objectId }) => notHere.has(objectId));
  }

  /** Something of a study came. */
  #assess(senderId: string, studyUid: string): void {
    const { ledger, clock } = this.#options;
    const study = ledger.studies.get(senderId, studyUid);
    if (study === undefined) return;
    const open = ledger.openManifests.ofStudy(senderId, studyUid);
    this.#deadlines.progress(senderId, studyUid, open);
    const { state } = study;
    // What is released or was held is dealt with: only a newer list begins it again.
    const isDecided =
      state === studyState.released || state === studyState.held || state === studyState.quarantined;
    if (isDecided && (open.length === 0 || state === studyState.released)) return;
    const next = open.length === 0 ? studyState.announced : studyState.receiving;
    if (state === next || open.some(isWhole)) return;
    ledger.studies.save({ ...study, state: next }, clock.wallMs());
    this.#clear('E_STUDY_INCOMPLETE', senderId, studyUid);
  }

  /** Two senders may have a study of one UID: its alarm stands while one of them is in that trouble. */
  #clear(code: 'E_STUDY_INCOMPLETE' | 'E_STUDY_UNCLAIMED', senderId: string, studyUid: string): void {
    const { ledger, alarms } = this.#options;
    const trouble = code === 'E_STUDY_INCOMPLETE' ? 'incomplete' : 'unclaimed';
    if (!ledger.studies.isTroubleOfAnother(senderId, studyUid, trouble)) alarms.clear(code, studyUid);
  }

  /** One large list is decided about at a time, and gone on with whatever else its sender has. */
  #readyOf(senderId: string): StudyKey | undefined {
    const { openManifests } = this.#options.ledger;
    const { current, isResting } = this.#deciding;
    if (current?.senderId === senderId && !isResting) return current;
    const nowMs = this.trouble.time.nowMs();
    const small = openManifests.ready(senderId, 'small', nowMs);
    if (small !== undefined) return { senderId, studyUid: small };
    if (isResting || current !== undefined) return undefined;
    const large = openManifests.ready(senderId, 'large', nowMs);
    return large === undefined ? undefined : { senderId, studyUid: large };
  }
}
