/**
 * Manifests are processed entry by entry, in bounded steps beside everything else, each sender in turn and its small ones
 * first: which instances are here, and which are awaited. So a list of 200,000 entries, or any number of short ones, costs
 * others a few milliseconds at a time, and after a stop it continues where it was.
 *
 * Only a bounded number of a sender's objects is awaited by name. Beyond that its manifests are merely counted from time to
 * time until there is room: they are released all the same, a little later.
 */
import type { Clock } from '../../shared/clock.ts';
import { type ManifestEntry, ManifestReader } from '../../shared/wire/manifest.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { OpenManifest } from '../ledger/open-manifests.ts';
import { containStudy, endTrouble, type StudyTrouble } from './containment.ts';
import type { StudiesTime } from './running-time.ts';
import { SenderTurns } from './senders-in-turn.ts';

export interface EnteringOptions {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  /** Content of a sender that is already here under another object id need not be collected. */
  readonly onKnown: (senderId: string, objectIds: readonly string[]) => void;
  /** How many objects of one sender are awaited by name. */
  readonly awaitedMax?: number | undefined;
  /** Sender ids that share one turn; by default each has its own. */
  readonly groupOf?: ((senderId: string) => string) | undefined;
}

/** A step costs a few milliseconds. */
const stepEntries = 1000;
/** Entries of a large manifest at a time: a step leaves room for one of another sender. */
const largeEntries = stepEntries / 2;
/** A small manifest costs as much as this many entries. */
const smallEntries = 50;
/** After a step, entering leaves the thread to others for this many times as long as the step took. */
const restFactor = 3;
const awaitedMaxDefault = 1_000_000;
const countAgainMs = 60_000;
/** How many documents of large manifests are kept at hand, one per sender: finding the place in one again takes as long as it is. */
const readingBytesMax = 8e6;

interface Reading {
  readonly manifest: number;
  readonly reader: ManifestReader;
  readonly documentBytes: number;
  /** Entries that were read so far. */
  entries: number;
}

export class ManifestEntering {
  readonly #options: EnteringOptions;
  readonly #time: StudiesTime;
  readonly #trouble: StudyTrouble;
  /** Large ones that were begun, by sender, the most recently continued one last. */
  readonly #readings = new Map<string, Reading>();
  readonly #turns: SenderTurns;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #mayHaveMore = true;

  constructor(options: EnteringOptions, time: StudiesTime, trouble: StudyTrouble) {
    this.#options = options;
    this.#time = time;
    this.#trouble = trouble;
    this.#turns = new SenderTurns(options.groupOf);
  }

  /** There may be something to enter: a manifest came, or some time has passed. */
  wake(): void {
    this.#mayHaveMore = true;
  }

  /** Starts over with what the ledger has. */
  forget(): void {
    this.#readings.clear();
    this.#mayHaveMore = true;
  }

  /**
   * A bounded step.
   * @returns whether something was entered
   */
  step(): boolean {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    if (!this.#mayHaveMore || startedMs < this.#restUntilMs) return false;
    let entered = false;
    for (let left = stepEntries; left > 0; ) {
      const open = this.#current();
      if (open === undefined) {
        this.#mayHaveMore = false;
        break;
      }
      // A small one is entered in one go.
      const entries = open.entries <= stepEntries ? open.entries : Math.min(left, largeEntries);
      left -= Math.max(smallEntries, this.#enterSome(open, entries));
      entered = true;
    }
    this.#restUntilMs = clock.monotonicMs() + restFactor * (clock.monotonicMs() - startedMs);
    return entered;
  }

  /** Enters a whole study at once: a person is waiting for it. */
  enterNow(senderId: string, studyUid: string): void {
    for (const { manifest } of this.#options.ledger.openManifests.ofStudy(senderId, studyUid)) {
      let open = this.#options.ledger.openManifests.get(manifest);
      while (open !== undefined && open.entered < open.entries) {
        if (this.#enterSome(open, stepEntries) === 0) break;
        open = this.#options.ledger.openManifests.get(manifest);
      }
    }
  }

  /** Each sender's next one in turn: nobody waits for more than one step of every other sender. */
  #current(): OpenManifest | undefined {
    const { openManifests, studies } = this.#options.ledger;
    const nowMs = this.#time.nowMs();
    for (const senderId of this.#turns.order(studies.senderIds())) {
      const open =
        openManifests.nextSmallToEnter(senderId, nowMs, stepEntries) ?? this.#largeOf(senderId, nowMs);
      if (open === undefined) continue;
      this.#turns.took(senderId);
      return open;
    }
    return undefined;
  }

  #largeOf(senderId: string, nowMs: number): OpenManifest | undefined {
    const { openManifests } = this.#options.ledger;
    const reading = this.#readings.get(senderId);
    const begun = reading === undefined ? undefined : openManifests.get(reading.manifest);
    if (begun !== undefined && begun.entered < begun.entries) return begun;
    this.#readings.delete(senderId);
    const open = openManifests.nextToEnter(senderId, nowMs);
    return open === undefined || open.entered < open.entries ? open : { ...open, entered: 0 };
  }

  /** @returns how many entries were processed; 0 if the study is in trouble */
  #enterSome(open: OpenManifest, limit: number): number {
    return (
      containStudy(this.#trouble, open.senderId, open.studyUid, () => {
        const reading = this.#readingOf(open);
        const entries: ManifestEntry[] = [];
        while (entries.length < limit) {
          const entry = reading.reader.next();
          if (entry === undefined) break;
          entries.push(entry);
        }
        reading.entries += entries.length;
        this.#enter(open, entries);
        if (reading.entries === open.entries) endTrouble(this.#trouble, open.senderId, open.studyUid);
        return entries.length;
      }) ?? this.#giveUp(open)
    );
  }

  #giveUp({ manifest, senderId }: OpenManifest): 0 {
    if (this.#readings.get(senderId)?.manifest === manifest) this.#readings.delete(senderId);
    return 0;
  }

  #readingOf(open: OpenManifest): Reading {
    const { ledger } = this.#options;
    const { manifest, senderId, entered } = open;
    const begun = this.#readings.get(senderId);
    if (begun?.manifest === manifest && begun.entries === entered) {
      this.#readings.delete(senderId);
      this.#readings.set(senderId, begun);
      return begun;
    }
    const document = ledger.manifests.document(manifest);
    if (document === undefined) {
      // Dropped to make room: it was released long ago, and cannot be decided again.
      ledger.openManifests.close(open.senderId, open.studyUid, open.revision);
      throw new RangeError('a manifest is not kept any more');
    }
    const reader = new ManifestReader(document);
    for (let skipped = 0; skipped < entered; skipped += 1) reader.next();
    const reading = { manifest, reader, documentBytes: document.length, entries: entered };
    // A large one that is being read continues afterwards.
    if (open.entries > stepEntries) this.#keep(senderId, reading);
    return reading;
  }

  #keep(senderId: string, reading: Reading): void {
    this.#readings.delete(senderId);
    let bytes = reading.documentBytes;
    for (const each of this.#readings.values()) bytes += each.documentBytes;
    for (const [other, { documentBytes }] of this.#readings) {
      if (bytes <= readingBytesMax) break;
      this.#readings.delete(other);
      bytes -= documentBytes;
    }
    this.#readings.set(senderId, reading);
  }

  #enter(open: OpenManifest, entries: readonly ManifestEntry[]): void {
    const { ledger, clock, onKnown } = this.#options;
    const { manifest, senderId } = open;
    const isCounted = open.entered === 0 ? this.#isToBeCounted(open) : open.isCounted;
    const known = ledger.transaction(() => {
      if (open.entered === 0) ledger.openManifests.beginEntering(manifest, isCounted);
      const ids = entries.map(({ objectId }) => objectId);
      const notHere = ledger.openManifests.notHere(senderId, ids);
      const recognised = ledger.objectAliases.recognise(
        senderId,
        entries.filter(({ objectId }) => notHere.has(objectId)),
      );
      // Content that still waits for its scan is recognized, but does not count as here.
      const missing =
        recognised.length === 0 ? notHere : ledger.openManifests.notHere(senderId, [...notHere]);
      const fresh = ledger.openManifests.fresh(
        senderId,
        entries.map(({ objectId }) => objectId),
      );
      ledger.openManifests.enter(open, entries.length, missing, isCounted, fresh);
      const isAll = open.entered + entries.length === open.entries;
      if (isCounted && isAll && ledger.openManifests.get(manifest)?.missing !== 0)
        ledger.openManifests.tryAt(manifest, this.#time.nowMs() + countAgainMs);
      ledger.wholeLists.tell(clock.wallMs());
      return recognised;
    });
    if (known.length > 0) onKnown(senderId, known);
  }

  #isToBeCounted({ senderId, entries, missing, isCounted }: OpenManifest): boolean {
    // What it already awaits by name stays awaited.
    if (!isCounted && missing > 0) return false;
    const { awaited } = this.#options.ledger.openManifests.totals(senderId);
    return awaited + entries > (this.#options.awaitedMax ?? awaitedMaxDefault);
  }
}
