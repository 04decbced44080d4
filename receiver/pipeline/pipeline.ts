/**
 * The high side behind its link: assemble → gate → vault → studies → inbox, with everything it needs
 * handed in, so that a simulation runs exactly this. It is driven by two calls: `receive` for each admitted
 * datagram, and `step` often. Work that costs disk syncs is grouped in `step`.
 */
import { type KeyRing, secretsOf } from '../../shared/crypto/key-file.ts';
import { type DiodeError, type ErrorCode, storageCodes } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Measure } from '../../shared/program/measure.ts';
import type { Part } from '../../shared/program/part.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import type { AssembledObject, Assembler } from '../assemble/assembler.ts';
import type { Releaser } from '../release/release.ts';
import { StudyReleases } from '../release/study-releases.ts';
import type { Studies } from '../studies/studies.ts';
import type { Outgoing } from '../vault/outgoing.ts';
import { HoldAlarms } from '../watch/hold-alarms.ts';
import type { SenderWatch } from '../watch/sender-watch.ts';
import { ShortageAlarms } from '../watch/shortage-alarms.ts';
import { assembleMeasures, assembleStatus, type PipelineStatus } from './pipeline-status.ts';
import { type Foundation, makeStages, type StageListeners, type Stages } from './stages.ts';
import type { VaultWatch } from './vault-watch.ts';

const watchIntervalMs = 1000;
/** After the ledger refused something it is left alone for so long. */
const refusedWaitMs = 200;
/** At a stop the gate gets so long for what it has in hand. */
const lastAnswerMs = 2000;

export class Pipeline implements Part {
  readonly name = 'pipeline';
  readonly #foundation: Foundation;
  readonly #stages: Stages;
  readonly #desk: AlarmDesk;
  readonly #releases: StudyReleases;
  readonly #holdAlarms: HoldAlarms;
  readonly #shortageAlarms: ShortageAlarms;
  #secrets: ReadonlyMap<number, Uint8Array>;
  #isStarted = false;
  /** A step broke off in the middle. */
  #isBehind = false;
  #stepAgainAtMs = Number.NEGATIVE_INFINITY;
  #watchedAtMs = 0;
  #roomAtMs = Number.NEGATIVE_INFINITY;

  constructor(foundation: Foundation, listeners: StageListeners) {
    this.#foundation = foundation;
    const { ledger, alarms, room, keys } = foundation;
    this.#desk = alarms.desk('pipeline');
    this.#secrets = secretsOf(keys.keys);
    this.#stages = makeStages(foundation, listeners, {
      secrets: () => this.#secrets,
      mayBegin: (senderId) => this.#mayBegin(senderId),
      isAwaited: (senderId, objectId) => this.#isAwaited(senderId, objectId),
      take: (object) => this.#take(object),
      onKept: (rows) => {
        this.#stages.clearance.add(rows);
        this.#clear();
        room.lookAtShares();
      },
      onRefused: () => {
        this.#isBehind = true;
      },
    });
    const { assembler, studies, releaser } = this.#stages;
    this.#releases = new StudyReleases({ studies, releaser });
    this.#holdAlarms = new HoldAlarms(ledger, alarms);
    this.#shortageAlarms = new ShortageAlarms(alarms, () => assembler.shortages.rows());
    room.lookAtShares();
    this.#isStarted = true;
  }

  get assembler(): Assembler {
    return this.#stages.assembler;
  }

  get studies(): Studies {
    return this.#stages.studies;
  }

  get releaser(): Releaser {
    return this.#stages.releaser;
  }

  get outgoing(): Outgoing {
    return this.#stages.outgoing;
  }

  get senders(): SenderWatch {
    return this.#stages.senders;
  }

  get vaultWatch(): VaultWatch {
    return this.#stages.vaultWatch;
  }

  status(): PipelineStatus {
    return { assemble: assembleStatus(this.assembler), senders: this.senders.statuses() };
  }

  measures(): readonly Measure[] {
    return assembleMeasures(this.assembler);
  }

  useKeys(ring: KeyRing): void {
    // First what may fail.
    this.senders.admission.useKeys(ring);
    this.#secrets = secretsOf(ring.keys);
    this.assembler.useSecrets(this.#secrets);
  }

  /** Makes everything durable that is whole. */
  stop(): void | Promise<void> {
    const closing = this.#foundation.inspector?.close?.(lastAnswerMs);
    if (closing === undefined) return this.flush();
    return closing.then(() => this.flush());
  }

  /** Takes one admitted datagram, which begins at `start`; the bytes are copied. */
  receive(bytes: Uint8Array, nowMs: number, start = 0): void {
    this.assembler.receive(bytes, nowMs, start);
  }

  /**
   * Goes on with what waits: verification, durability, manifests, releases, deadlines. Where the ledger refuses, it is
   * an alarm, and tried again a little later.
   * @returns whether there is more to do at once
   */
  step(): boolean {
    const { clock } = this.#foundation;
    const now = clock.monotonicMs();
    this.#watchRoom(now);
    if (now < this.#stepAgainAtMs) return false;
    const more = this.#desk.during('ledger', storageCodes, () => this.#step());
    if (more !== undefined) return more;
    this.#isBehind = true;
    this.#stepAgainAtMs = clock.monotonicMs() + refusedWaitMs;
    return false;
  }

  /** Room comes back whether the ledger stores anything or not. */
  #watchRoom(now: number): void {
    this.assembler.expire(now);
    if (now - this.#roomAtMs < watchIntervalMs) return;
    this.#roomAtMs = now;
    this.#foundation.room.look(now);
    this.#stages.vaultAlarms.watch();
    this.#shortageAlarms.watch(now);
  }

  #step(): boolean {
    const now = this.#foundation.clock.monotonicMs();
    if (this.#isBehind) {
      // What is known here may differ from what was stored when the ledger refused: only the latter counts.
      this.studies.loadAgain();
      this.#isBehind = false;
    }
    const busy = this.assembler.work();
    this.#stages.keeping.step();
    const reading = this.#stages.documents.read();
    const copying = this.outgoing.step();
    this.#clear();
    const releasing = this.#release();
    this.vaultWatch.step();
    if (now - this.#watchedAtMs >= watchIntervalMs) {
      this.#watchedAtMs = now;
      this.studies.watchDeadlines();
      this.senders.watch((senderId) => this.#stages.documents.beaconCameMs(senderId));
      this.#foundation.room.lookAtShares();
      this.#holdAlarms.watch();
    }
    return busy || copying || reading || releasing;
  }

  /** Releases what is ready, at once: a person waits for it. */
  releaseReady(): void {
    this.studies.enterAsked();
    this.#releases.all();
    this.#holdAlarms.watch();
  }

  /** Collects objects anew when they come again: their rows are gone. @returns those whose bytes the disk keeps */
  collectAgain(objectIds: readonly string[]): ReadonlyMap<string, DiodeError> {
    const refusals = this.#foundation.vault.removeWhatCanGo(objectIds);
    for (const objectId of objectIds) this.assembler.unfinish(objectId);
    return refusals;
  }

  /** Deletes the bytes of objects that are kept out from now on. @returns those that the disk keeps */
  removeBytes(objectIds: readonly string[]): ReadonlyMap<string, DiodeError> {
    return this.#foundation.vault.removeWhatCanGo(objectIds);
  }

  /** Whether so much waits, all of one sender, that nothing more is to be received now. */
  get backedUp(): boolean {
    return this.#stages.keeping.backedUp;
  }

  /** Whether whole objects wait to be kept: their sync ends beside this thread, and a few of its turns later. */
  get isKeeping(): boolean {
    return this.#stages.keeping.isKeeping;
  }

  /** The same, with what the gate has not answered looked at here. */
  flush(): void {
    while (this.assembler.work());
    this.#stages.keeping.flush();
    // What the ledger refuses now is done after the start.
    this.#desk.during('ledger', storageCodes, () => {
      this.#stages.documents.readAll();
      this.#clear();
      this.#release();
    });
    this.assembler.park();
  }

  /** Whether a study that is here in part waits for an object. What an earlier life had begun counts as well. */
  #isAwaited(senderId: string, objectId: string): boolean {
    return !this.#isStarted || this.studies.awaits(senderId, objectId);
  }

  /** What an earlier life had begun goes on in any case. */
  #mayBegin(senderId: string): boolean {
    return !this.#isStarted || this.#stages.keeping.mayBegin(senderId);
  }

  #take(object: AssembledObject): void {
    const may = this.#desk.during('sender bindings', storageCodes, () => ({
      refused: this.senders.admission.mayTake(object),
    }));
    // What the ledger could not bind now comes again with a later pass.
    if (may === undefined || may.refused !== undefined) this.#refuse(object, may?.refused);
    else if (object.type === objectType.instance) this.#stages.keeping.add(object);
    else {
      this.#stages.keeping.heard(object.senderId);
      this.#stages.documents.add(object);
    }
  }

  /** An object that came whole, of a sender that may not have sent it: nothing of it stays. */
  #refuse(object: AssembledObject, code: ErrorCode | undefined): void {
    if (code !== undefined) this.assembler.counters.refuse(code);
    if (object.type === objectType.instance) this.#foundation.vault.incoming.discard(object);
    this.assembler.unfinish(object.objectId);
  }

  /** Tells the studies of what is cleared. */
  #clear(): void {
    this.#stages.clearance.step();
    const cleared = this.#stages.clearance.takeCleared();
    if (cleared.length > 0) this.studies.instancesStored(cleared);
  }

  /** @returns whether there is more to do at once */
  #release(): boolean {
    const entered = this.studies.enterSome();
    return this.#releases.step() || entered;
  }
}
