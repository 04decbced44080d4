/**
 * The studies of the high side: which are whole, which have instances missing, what may be released.
 *
 *   announced → receiving → released        (incomplete, held, quarantined on the way)
 *
 * Open studies are kept in the ledger as counts, so that neither memory nor the time to start grows with what senders
 * announce. No I/O except the ledger, no clock of its own. The release itself is done by `release.ts`.
 */

import type { Clock } from '../../shared/clock.ts';
import { countText } from '../../shared/console/quantities.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
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
  /** After this long without progress, a study with instances missing counts as incomplete. */
  readonly deadlineMs: number;
  /** After this long without a manifest, instances count as unclaimed. */
  readonly unclaimedMs: number;
  /** Objects that are being collected, of whom, and when a datagram of each last came. */
  readonly collecting: () => Iterable<readonly [senderId: string, objectId: string, touchedAtMs: number]>;
  /** Content of a sender that is already here under another object id need not be collected. */
  readonly onKnown?: ((senderId: string, objectIds: readonly string[]) => void) | undefined;
  /** How many objects of one sender are awaited by name. */
  readonly awaitedMax?: number | undefined;
  /** Sender ids that share one turn; by default each has its own. */
  readonly groupOf?: ((senderId: string) => string) | undefined;
}

/** How many revisions of one study may be open; older ones are usually contained in newer ones. */
const revisionsMax = 16;
/** How many lists of one sender may be open, and their bytes. */
const openManifestsMax = 50_000;
const openBytesMax = 2 ** 30;
/** How often a study is checked that waits for some of it to be made ready. */
const waitMs = 5000;
/** How many rows of abandoned manifests are deleted at a time. */
const sweptRows = 4000;
/** How many answers about awaited objects are cached. */
const awaitsMax = 4096;
/** After a start a study that is late still is named so much behind its deadline at the latest. */
const slackMs = 600_000;

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
  /** Answers about objects since something came: with a full vault every datagram asks. */
  readonly #awaits = new Map<string, boolean>();

  constructor(options: StudiesOptions) {
    this.#options = options;
    const {
      ledger,
      alarms,
      clock,
      deadlineMs,
      unclaimedMs,
      onKnown = () => {},
      awaitedMax,
      groupOf,
    } = options;
    const time = new StudiesTime(ledger, clock);
    // Deadlines begin anew with a start.
    const desk = alarms.desk('studies', { settleMs: Math.max(deadlineMs, unclaimedMs) + slackMs });
    this.trouble = { ledger, desk, clock, time };
    this.#turns = new SenderTurns(groupOf);
    const entering = { ledger, clock, onKnown, awaitedMax, groupOf };
    this.#entering = new ManifestEntering(entering, time, this.trouble);
    this.#deadlines = new Deadlines(options, this.trouble);
    this.#deciding = new Deciding(this.trouble, () => this.#entering.wake());
  }

  /** Starts over with what the ledger has, as after a start. */
  loadAgain(): void {
    this.#awaits.clear();
    this.#entering.forget();
    this.#deciding.forget();
    this.#mayBeReady = true;
  }

  /** Instances became durable: the ledger no longer lists them as awaited. */
  instancesStored(rows: readonly InstanceRecord[]): void {
    this.#awaits.clear();
    const studies = new Map(
      rows.map(({ senderId, studyUid }) => [`${senderId} ${studyUid}`, { senderId, studyUid }]),
    );
    for (const { senderId, studyUid } of studies.values())
      containStudy(this.trouble, senderId, studyUid, () => this.#assess(senderId, studyUid));
    this.#mayBeReady ||= rows.length > 0;
  }

  /** Whether there is room for another list of a sender. If not, an alarm says so until there is. */
  hasRoomFor(senderId: string): boolean {
    const { ledger } = this.#options;
    const { manifests, bytes } = ledger.openManifests.totals(senderId);
    const isFull = manifests >= openManifestsMax || bytes >= openBytesMax;
    const detail = `${countText(manifests, 'study list')} with instances missing, ${Math.round(bytes / 1e6)} MB in all`;
    this.trouble.desk.set(isFull, 'E_STUDIES_FULL', senderId, detail);
    return !isFull;
  }

  /**
   * A manifest became durable, or will with this transaction. Its revision is the one the ledger gave it. Its entries are
   * processed in steps.
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

  /** Processes the entries of manifests that came, one bounded step. @returns whether there may be more to do at once */
  enterSome(): boolean {
    const entered = this.#entering.step();
    if (entered) this.#awaits.clear();
    this.#mayBeReady ||= entered;
    return entered;
  }

  /** A study with a revision that is whole and not released: each sender in turn, its small ones first. */
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
    // Nothing of its sender is open any more: deciding about it will show that.
    if (current === undefined) this.#mayBeReady = false;
    return current;
  }

  /**
   * The newest revision that is whole goes out: it contains the older ones.
   * @returns undefined if there is none, or if it is not decided yet: then it is ready again
   */
  decide(ready: StudyKey): ReleaseDecision | undefined {
    return this.#deciding.decide(ready);
  }

  /** A revision went to the inbox, or contained nothing new. */
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

  /** Whether a manifest of its sender lists an object that has not arrived. Ask before the object is entered. */
  isListed(senderId: string, objectId: string): boolean {
    return this.#options.ledger.openManifests.isAwaited(senderId, objectId);
  }

  /** Whether a study of its sender that has partly arrived waits for an object. */
  awaits(senderId: string, objectId: string): boolean {
    const asked = `${senderId} ${objectId}`;
    const known = this.#awaits.get(asked);
    if (known !== undefined) return known;
    if (this.#awaits.size >= awaitsMax) this.#awaits.clear();
    const awaits = this.#options.ledger.openManifests.isAwaitedInPart(senderId, objectId);
    this.#awaits.set(asked, awaits);
    return awaits;
  }

  /** An instance that was neither released nor held is gone: it is missing from its study again. */
  instanceLost(senderId: string, studyUid: string): void {
    const { ledger } = this.#options;
    const record = ledger.studies.get(senderId, studyUid);
    if (record === undefined) return;
    this.#deciding.forgetStudy(senderId, studyUid);
    ledger.openManifests.open(senderId, studyUid, record.releasedRevision);
    this.#assess(senderId, studyUid);
    this.#entering.wake();
  }

  /** Part of a ready study is still being prepared: the study is tried again when that is done, or after a while. */
  waits({ senderId, studyUid }: StudyKey): void {
    this.#options.ledger.openManifests.tryStudyAt(senderId, studyUid, this.trouble.time.nowMs() + waitMs);
  }

  /** Immediately retries a study that could not be released. */
  retry(senderId: string, studyUid: string): void {
    this.#options.ledger.openManifests.tryStudyAt(senderId, studyUid, 0);
    this.#mayBeReady = true;
  }

  /**
   * Decides again about the newest released revision of a study: a person changed which instances are held.
   * @returns whether there is such a study
   */
  reopen(senderId: string, studyUid: string): boolean {
    const { ledger } = this.#options;
    const record = ledger.studies.get(senderId, studyUid);
    if (record === undefined) return false;
    this.#deciding.forgetStudy(senderId, studyUid);
    // What is out stays out: the list is open again, the study is what it was.
    ledger.openManifests.open(senderId, studyUid, Math.max(0, record.releasedRevision - 1));
    const open = ledger.openManifests.ofStudy(senderId, studyUid);
    // Its list was dropped to make room long ago: it stays as it is.
    if (open.length === 0) return false;
    this.#deadlines.progress(senderId, studyUid, open);
    this.#asked.push({ senderId, studyUid });
    this.#entering.wake();
    return true;
  }

  /** Enters what a person asked for, who is waiting for it. */
  enterAsked(): void {
    for (const { senderId, studyUid } of this.#asked.splice(0)) this.#entering.enterNow(senderId, studyUid);
    this.#entering.wake();
    this.#mayBeReady = true;
  }

  /** Reports what has waited too long, and checks again what waits for its time. Call it every second or so. */
  watchDeadlines(): void {
    const { ledger, clock } = this.#options;
    this.#deadlines.watch();
    this.#entering.wake();
    this.#awaits.clear();
    this.#mayBeReady = true;
    // Of many that became whole at once the rest is told here.
    if (ledger.wholeLists.isAnyUntold()) ledger.transaction(() => ledger.wholeLists.tell(clock.wallMs()));
    if (ledger.openManifests.isSweepDue()) ledger.transaction(() => ledger.openManifests.sweep(sweptRows));
    for (const senderId of ledger.studies.senderIds()) {
      const leftOut = ledger.senderReports.leftOut(senderId);
      const detail = `at least ${countText(leftOut, 'study', 'studies')} of its roll are not recorded`;
      this.trouble.desk.set(leftOut > 0, 'E_STUDIES_FULL', `${senderId} roll`, detail);
    }
  }

  /** How many instances of a study's newest list are still missing. */
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
    // A study that is released or was held is dealt with: only a newer list reopens it.
    const isDecided =
      state === studyState.released || state === studyState.held || state === studyState.quarantined;
    if (isDecided && (open.length === 0 || state === studyState.released)) return;
    const next = open.length === 0 ? studyState.announced : studyState.receiving;
    if (state === next || open.some(isWhole)) return;
    ledger.studies.save({ ...study, state: next }, clock.wallMs());
    this.#clear('E_STUDY_INCOMPLETE', senderId, studyUid);
  }

  /** Two senders may have a study with the same UID: its alarm stays up while either of them has the problem. */
  #clear(code: 'E_STUDY_INCOMPLETE' | 'E_STUDY_UNCLAIMED', senderId: string, studyUid: string): void {
    const { ledger } = this.#options;
    const trouble = code === 'E_STUDY_INCOMPLETE' ? 'incomplete' : 'unclaimed';
    if (!ledger.studies.isTroubleOfAnother(senderId, studyUid, trouble))
      this.trouble.desk.clear(code, studyUid);
  }

  /** One large list is decided at a time, and continued whatever else its sender has. */
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
