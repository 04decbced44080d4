/**
 * The high side behind its link: assemble → gate → vault → studies → inbox, with everything it needs
 * handed in, so that a simulation runs exactly this. It is driven by two calls: `receive` for each admitted
 * datagram, and `step` often. Work that costs disk syncs is grouped in `step`.
 */

import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import type { KeyNames } from '../../shared/crypto/key-file.ts';
import type { Disk } from '../../shared/disk.ts';
import { type ErrorCode, storageCodes } from '../../shared/errors.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { type AssembledObject, Assembler } from '../assemble/assembler.ts';
import { Clearance, type MalwareScanner } from '../clearance/clearance.ts';
import type { GatePolicy } from '../gate/inspect.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { ReleaseRecord } from '../ledger/release-records.ts';
import { Releaser, type ReleaserOptions } from '../release/release.ts';
import { StudyReleases } from '../release/study-releases.ts';
import { Studies } from '../studies/studies.ts';
import { Outgoing } from '../vault/outgoing.ts';
import type { VaultReconciliation } from '../vault/reconcile.ts';
import type { Room } from '../vault/room.ts';
import type { SpillArea } from '../vault/spill.ts';
import type { Vault } from '../vault/vault.ts';
import { HoldAlarms } from '../watch/hold-alarms.ts';
import type { LowSideMarks } from '../watch/low-side-alarms.ts';
import { SenderWatch } from '../watch/sender-watch.ts';
import { ShortageAlarms } from '../watch/shortage-alarms.ts';
import { ControlDocuments } from './control-documents.ts';
import { loadFinished, resumeCollecting } from './earlier-life.ts';
import type { Inspector } from './inspector.ts';
import { InstanceKeeping } from './instance-keeping.ts';
import { VaultWatch } from './vault-watch.ts';

export interface PipelineOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  /** The disk of the vault. */
  readonly disk: Disk;
  readonly spill: SpillArea;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly code: ErasureCode;
  readonly parameters: LinkParameters;
  readonly secrets: ReadonlyMap<number, Uint8Array>;
  /** Whose the keys are; left out: they have no names. */
  readonly keyNames?: KeyNames | undefined;
  /** Undefined where releases go to destinations only. */
  readonly inboxFolder: string | undefined;
  readonly partialFolder: string;
  readonly memoryBytes: number;
  readonly openObjectsMax: number;
  readonly deadlineMs: number;
  readonly unclaimedMs: number;
  readonly silenceMs: number;
  readonly gate: GatePolicy;
  /** 32 bytes: of patients only hashes under this key leave the files. */
  readonly patientKey: Uint8Array;
  readonly scanner?: MalwareScanner | undefined;
  /** Of the vault's disk. */
  readonly room: Room;
  /** Without a new block for so long an instance is given up; it comes again. */
  readonly partialMs: number;
  /** Who looks at instances for the gate; the thread that assembles when left out. */
  readonly inspector?: Inspector | undefined;
  readonly lowSide: LowSideMarks;
  /** So many bytes of documents are not needed any more. */
  readonly onDocumentDropped?: ((bytes: number) => void) | undefined;
  readonly onReconciled?: ((found: VaultReconciliation) => void) | undefined;
  readonly onReleased: (release: ReleaseRecord) => void;
  /** As of outgoing.ts: whether the disk may be filled with copies. */
  readonly mayCopy?: (() => boolean) | undefined;
  /** As of the releaser. */
  readonly inboxFiles?: ReleaserOptions['inboxFiles'];
  readonly onMarked?: ReleaserOptions['onMarked'];
}

const watchIntervalMs = 1000;
/** After the ledger refused something it is left alone for so long. */
const refusedWaitMs = 200;

export class Pipeline {
  readonly assembler: Assembler;
  readonly studies: Studies;
  readonly releaser: Releaser;
  readonly outgoing: Outgoing;
  readonly senders: SenderWatch;
  readonly vaultWatch: VaultWatch;
  readonly #clearance: Clearance;
  readonly #releases: StudyReleases;
  readonly #holdAlarms: HoldAlarms;
  readonly #shortageAlarms: ShortageAlarms;
  readonly #options: PipelineOptions;
  readonly #keeping: InstanceKeeping;
  readonly #documents: ControlDocuments;
  #secrets: ReadonlyMap<number, Uint8Array>;
  #isStarted = false;
  /** A step broke off in the middle. */
  #isBehind = false;
  #stepAgainAtMs = Number.NEGATIVE_INFINITY;
  #watchedAtMs = 0;
  #roomAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: PipelineOptions) {
    this.#options = options;
    const { ledger, vault, clock, alarms, parameters, room } = options;
    this.senders = new SenderWatch(options);
    this.assembler = new Assembler({
      datagramBytes: parameters.datagramBytes,
      protection: parameters.protection,
      secrets: options.secrets,
      code: options.code,
      memoryBytes: options.memoryBytes,
      openObjectsMax: options.openObjectsMax,
      partialMs: options.partialMs,
      spill: options.spill,
      mayOpen: (opening) => this.senders.admission.mayOpen(opening),
      sinkFor: (facts, hereBytes) =>
        this.#mayBegin(facts.senderId)
          ? room.reserve(facts, hereBytes, () => vault.incoming.sink(facts, hereBytes > 0))
          : undefined,
      onObject: (object) => this.#take(object),
      onProblem: (error) =>
        error.code === 'E_DISK_FULL' ? room.refused() : alarms.raise(error.code, 'vault', error.message),
    });
    const { senders } = this;
    const groupOf = (senderId: string) => senders.admission.groupOf(senderId);
    room.serve({
      giveUp: (claim) => this.assembler.giveUp(claim),
      isAwaited: (senderId, objectId) => this.#isAwaited(senderId, objectId),
      isOverShare: (senderId) => this.assembler.shortages.count(senderId, 'vault'),
      whole: {
        ofSenders: () => ledger.vaultBytes.ofSenders(),
        senderIds: () => this.senders.inUse(),
        groupOf,
      },
    });
    this.#shortageAlarms = new ShortageAlarms(alarms, () => this.assembler.shortages.rows());
    loadFinished(ledger, this.assembler);
    resumeCollecting({ ...options, assembler: this.assembler });
    this.outgoing = new Outgoing({ ...options, onDamaged: (instance) => this.vaultWatch.lost(instance) });
    const { outgoing } = this;
    this.#clearance = new Clearance({ ...options, outgoing });
    this.studies = new Studies({
      ledger,
      clock,
      alarms,
      deadlineMs: options.deadlineMs,
      unclaimedMs: options.unclaimedMs,
      collecting: () => this.assembler.collecting(),
      onKnown: (senderId, objectIds) => {
        for (const objectId of objectIds) this.assembler.dismiss(senderId, objectId);
      },
      groupOf,
    });
    this.releaser = new Releaser({ ...options, outgoing });
    this.#releases = new StudyReleases({ studies: this.studies, releaser: this.releaser });
    this.#holdAlarms = new HoldAlarms(ledger, alarms);
    const { assembler, studies } = this;
    const onRefused = () => {
      this.#isBehind = true;
    };
    this.#keeping = new InstanceKeeping({
      ...options,
      assembler,
      studies,
      groupOf,
      initialHold: this.#clearance.initialHold,
      onKept: (rows) => {
        this.#clearance.add(rows);
        this.#clear();
        room.lookAtShares();
      },
      onRefused: () => {
        onRefused();
        this.vaultWatch.compareAgain();
      },
    });
    this.#documents = new ControlDocuments({
      ...{ ledger, clock, alarms, assembler, studies, senders },
      groupOf,
      onRefused,
      onDropped: options.onDocumentDropped,
    });
    this.#secrets = options.secrets;
    this.vaultWatch = new VaultWatch({
      ...options,
      assembler: this.assembler,
      secrets: () => this.#secrets,
      studies: () => this.studies,
      take: (object) => this.#take(object),
    });
    room.lookAtShares();
    this.#isStarted = true;
  }

  /** Another key ring from now on. */
  useSecrets(secrets: ReadonlyMap<number, Uint8Array>, keyNames?: KeyNames): void {
    this.#secrets = secrets;
    if (keyNames !== undefined) this.senders.admission.useKeys(keyNames);
    this.assembler.useSecrets(secrets);
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
    const { clock, alarms } = this.#options;
    const now = clock.monotonicMs();
    this.#watchRoom(now);
    if (now < this.#stepAgainAtMs) return false;
    const more = alarms.during('ledger', storageCodes, () => this.#step());
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
    this.#options.alarms.during('room of the vault', ['E_DISK'], () => this.#options.room.look(now));
    this.#shortageAlarms.watch(now);
  }

  #step(): boolean {
    const now = this.#options.clock.monotonicMs();
    if (this.#isBehind) {
      // What is known here may differ from what was stored when the ledger refused: only the latter counts.
      this.studies.loadAgain();
      this.#isBehind = false;
    }
    const busy = this.assembler.work();
    this.#keeping.step();
    const reading = this.#documents.read();
    const copying = this.outgoing.step();
    this.#clear();
    const releasing = this.#release();
    this.vaultWatch.step();
    if (now - this.#watchedAtMs >= watchIntervalMs) {
      this.#watchedAtMs = now;
      this.studies.watchDeadlines();
      this.senders.watch((senderId) => this.#documents.beaconCameMs(senderId));
      this.#options.room.lookAtShares();
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

  /** Collects an object anew when it comes again: its bytes are gone, and so is its row. */
  collectAgain(objectId: string): void {
    this.#options.vault.removeObjects([objectId]);
    this.assembler.unfinish(objectId);
  }

  /** Deletes the bytes of an object that is kept out from now on. */
  removeBytes(objectId: string): void {
    this.#options.vault.removeObjects([objectId]);
  }

  /** Whether so much waits, all of one sender, that nothing more is to be received now. */
  get backedUp(): boolean {
    return this.#keeping.backedUp;
  }

  /** Whether whole objects wait to be kept: their sync ends beside this thread, and a few of its turns later. */
  get isKeeping(): boolean {
    return this.#keeping.isKeeping;
  }

  /** Makes everything durable that is whole: before a stop. */
  flush(): void {
    while (this.assembler.work());
    this.#keeping.flush();
    // What the ledger refuses now is done after the start.
    this.#options.alarms.during('ledger', storageCodes, () => {
      this.#documents.readAll();
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
    return !this.#isStarted || this.#keeping.mayBegin(senderId);
  }

  #take(object: AssembledObject): void {
    const { alarms } = this.#options;
    const may = alarms.during('sender bindings', storageCodes, () => ({
      refused: this.senders.admission.mayTake(object),
    }));
    // What the ledger could not bind now comes again with a later pass.
    if (may === undefined || may.refused !== undefined) this.#refuse(object, may?.refused);
    else if (object.type === objectType.instance) this.#keeping.add(object);
    else {
      this.#keeping.heard(object.senderId);
      this.#documents.add(object);
    }
  }

  /** An object that came whole, of a sender that may not have sent it: nothing of it stays. */
  #refuse(object: AssembledObject, code: ErrorCode | undefined): void {
    if (code !== undefined) this.assembler.counters.refuse(code);
    if (object.type === objectType.instance) this.#options.vault.incoming.discard(object);
    this.assembler.unfinish(object.objectId);
  }

  /** Tells the studies of what is cleared. */
  #clear(): void {
    this.#clearance.step();
    const cleared = this.#clearance.takeCleared();
    if (cleared.length > 0) this.studies.instancesStored(cleared);
  }

  /** @returns whether there is more to do at once */
  #release(): boolean {
    const entered = this.studies.enterSome();
    return this.#releases.step() || entered;
  }
}
