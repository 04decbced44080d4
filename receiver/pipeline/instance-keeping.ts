/**
 * What is done with instances that came whole: looked at by the gate and brought to the disk, both beside this thread,
 * then given their name and their row in groups. Only then one counts as finished; one that the disk or the ledger refused
 * comes again with a later pass.
 *
 * Senders wait for their own: each has its turn at the gate and at the disk, and a share of what may wait.
 */
import { present } from '../../shared/assert.ts';
import type { Clock } from '../../shared/clock.ts';
import { DiodeError, isStorageCode } from '../../shared/errors.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import { EventGroups } from '../../shared/program/event-groups.ts';
import type { AssembledObject, Assembler } from '../assemble/assembler.ts';
import type { ObjectClaim } from '../assemble/kept-state.ts';
import type { Findings } from '../gate/findings.ts';
import type { Inspected } from '../ledger/holds.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Studies } from '../studies/studies.ts';
import type { VaultAlarms } from '../vault/vault-alarms.ts';
import { type GateOptions, InProcessInspector, type InspectionAnswer, type Inspector } from './inspector.ts';
import { SenderQueues } from './sender-queues.ts';
import { SenderShares } from './sender-shares.ts';

/** Syncs begin no sooner one after the other, and for no larger groups. A whole object on an idle link does not wait. */
const groupGapMs = 50;
const groupObjects = 64;
/** Instances that the gate is asked for at a time, all of one sender. */
const askedObjects = 32;
/** At a stop, so long is taken for what the gate has not looked at. */
const lastLookMs = 2000;

/** An instance that is whole and not kept yet. */
interface Waiting {
  readonly object: AssembledObject;
  isSynced: boolean;
  findings: Findings | undefined;
  /** Whose turn and share it takes. */
  readonly group: string;
  /** Kept, or refused: what is still on its way for it says nothing any more. */
  isGone: boolean;
}

/** An instance that was looked at, and not stored yet. */
interface Seen {
  readonly claim: ObjectClaim;
  readonly row: InstanceRecord;
  readonly inspected: Inspected;
}

export interface InstanceKeepingOptions extends GateOptions {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly vaultAlarms: VaultAlarms;
  readonly assembler: Assembler;
  readonly studies: Studies;
  /** Who looks at instances for the gate; in this thread when left out. */
  readonly inspector?: Inspector | undefined;
  /** Sender ids that count as one where turns and shares are; each is its own when left out. */
  readonly groupOf?: ((senderId: string) => string) | undefined;
  /** What an instance is held for until it was looked at further. */
  readonly initialHold: string | undefined;
  readonly onKept: (rows: readonly InstanceRecord[]) => void;
  /** The disk or the ledger refused a group. */
  readonly onRefused: () => void;
}

export class InstanceKeeping {
  readonly #options: InstanceKeepingOptions;
  readonly #inProcess: InProcessInspector;
  readonly #inspector: Inspector;
  readonly #shares: SenderShares;
  readonly #toSync = new SenderQueues<Waiting>();
  readonly #toInspect = new SenderQueues<Waiting>();
  /** Synced and looked at. */
  readonly #ready: Waiting[] = [];
  /** All that is whole and not kept. */
  readonly #waiting = new Set<Waiting>();
  #isSyncing = false;
  /** A group has come to the disk since something was kept. */
  #groupIsThrough = false;
  /** When the gate was asked last, when the last sync began, and when something was kept last. */
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #groupedAtMs = Number.NEGATIVE_INFINITY;
  #keptAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: InstanceKeepingOptions) {
    this.#options = options;
    this.#inProcess = new InProcessInspector(options);
    this.#inspector = options.inspector ?? this.#inProcess;
    this.#shares = new SenderShares(options.clock, options.alarms);
  }

  add(object: AssembledObject): void {
    const group = this.#groupOf(object.senderId);
    const waiting: Waiting = { object, group, isSynced: false, findings: undefined, isGone: false };
    this.#waiting.add(waiting);
    this.#shares.add(group);
    this.#toSync.add(group, waiting);
    this.#toInspect.add(group, waiting);
  }

  /**
   * Whether an instance of a sender may be begun now. Too much of it may wait here already: then others go on, and its
   * own come again with a later pass.
   */
  mayBegin(senderId: string): boolean {
    return this.#shares.mayBegin(this.#groupOf(senderId));
  }

  /** Something other than an instance came of a sender. */
  heard(senderId: string): void {
    this.#shares.heard(this.#groupOf(senderId));
  }

  /** Whether nothing more is to be received now: so much waits, all of the one sender there is. */
  get backedUp(): boolean {
    return this.#shares.backedUp;
  }

  /** Whether whole objects wait to be kept: their sync ends beside this thread, and a few of its turns later. */
  get isKeeping(): boolean {
    return this.#waiting.size > 0;
  }

  /** Keeps what is synced and looked at, and begins with the next group when it is due. */
  step(): void {
    this.#inspector.step();
    this.#keepReady();
    const now = this.#options.clock.monotonicMs();
    const groupIsDue = this.#toSync.size >= groupObjects || now - this.#groupedAtMs >= groupGapMs;
    // Some at a time: to wake another thread for each would cost more than what it does.
    if (this.#toInspect.size >= askedObjects || now - this.#askedAtMs >= groupGapMs) this.#inspect(now);
    if (this.#toSync.size > 0 && groupIsDue && !this.#isSyncing) {
      this.#groupedAtMs = now;
      this.#syncGroup();
    }
    this.#keepReady();
  }

  /**
   * Keeps what waits: before a stop. What the gate has in hand, or has not come to in time, comes again with a later pass.
   */
  flush(): void {
    const untilMs = this.#options.clock.monotonicMs() + lastLookMs;
    for (const waiting of this.#toInspect.takeAll()) {
      if (this.#options.clock.monotonicMs() > untilMs) break;
      if (!waiting.isGone) this.#take(waiting, this.#inProcess.lookAt(waiting.object));
    }
    const all = [...this.#waiting];
    const found = all.filter(({ findings }) => findings !== undefined);
    if (found.length > 0) this.#keep(found, 'unsynced');
    this.#refuse([...this.#waiting]);
    this.#ready.length = 0;
  }

  /** Hands the next instances to the gate. */
  #inspect(now: number): void {
    while (!this.#inspector.isBusy) {
      const next = this.#toInspect.take(askedObjects);
      if (next === undefined) return;
      const asked = next.items.filter(({ isGone }) => !isGone);
      if (asked.length === 0) continue;
      this.#askedAtMs = now;
      const requests = asked.map(({ object: { objectId, keyId, bytes } }) => ({ objectId, keyId, bytes }));
      this.#inspector.inspect(requests, (answers) => this.#answered(next.senderId, asked, answers));
    }
  }

  #answered(
    senderId: string,
    asked: readonly Waiting[],
    answers: readonly (InspectionAnswer | undefined)[],
  ): void {
    const again: Waiting[] = [];
    for (const [index, waiting] of asked.entries()) {
      const answer = answers[index];
      if (waiting.isGone) continue;
      if (answer === undefined) again.push(waiting);
      else this.#take(waiting, answer.found);
    }
    this.#toInspect.putBack(senderId, again);
    for (const answer of answers) this.#toInspect.charge(senderId, answer?.cost ?? 0);
  }

  #take(waiting: Waiting, found: Findings | DiodeError): void {
    if (found instanceof DiodeError) {
      // It says nothing of the instance: the disk is asked again with a later pass.
      this.#options.vaultAlarms.refused(found);
      this.#refuse([waiting]);
      return;
    }
    waiting.findings = found;
    if (waiting.isSynced) this.#ready.push(waiting);
  }

  /** Begins with the content of a group: what takes long goes on beside everything else. */
  #syncGroup(): void {
    const group: Waiting[] = [];
    while (group.length < groupObjects) {
      // One at a time, so that a group has something of every sender that waits.
      const next = this.#toSync.take(1);
      if (next === undefined) break;
      this.#toSync.charge(next.senderId, 1);
      group.push(...next.items.filter(({ isGone }) => !isGone));
    }
    if (group.length === 0) return;
    this.#isSyncing = true;
    const objects = group.map(({ object }) => object);
    this.#options.vault.incoming.syncLater(objects, (failure) => this.#synced(group, failure));
  }

  #synced(group: readonly Waiting[], failure: DiodeError | undefined): void {
    this.#isSyncing = false;
    const waiting = group.filter(({ isGone }) => !isGone);
    if (failure !== undefined) {
      this.#options.vaultAlarms.refused(failure);
      this.#options.onRefused();
      this.#refuse(waiting);
      return;
    }
    this.#groupIsThrough = true;
    for (const one of waiting) {
      one.isSynced = true;
      if (one.findings !== undefined) this.#ready.push(one);
    }
  }

  /** Keeps a group when it is through, and at once; what the gate took longer for, now and then. */
  #keepReady(): void {
    const now = this.#options.clock.monotonicMs();
    const isDue =
      this.#groupIsThrough || this.#ready.length >= groupObjects || now - this.#keptAtMs >= groupGapMs;
    if (!isDue || this.#ready.length === 0) return;
    this.#groupIsThrough = false;
    this.#keptAtMs = now;
    this.#keep(this.#ready.splice(0, groupObjects), 'synced');
  }

  /** Not known to be durable, so not finished: they come again with a later pass. */
  #refuse(group: readonly Waiting[]): void {
    for (const waiting of group) {
      this.#through(waiting);
      this.#options.assembler.unfinish(waiting.object.objectId);
    }
  }

  #through(waiting: Waiting): void {
    waiting.isGone = true;
    if (this.#waiting.delete(waiting)) this.#shares.remove(waiting.group);
  }

  #groupOf(senderId: string): string {
    return this.#options.groupOf?.(senderId) ?? senderId;
  }

  /** File content, names and rows of a group become durable: in this order. */
  #keep(group: readonly Waiting[], content: 'synced' | 'unsynced'): void {
    const { onKept, onRefused } = this.#options;
    const stored = this.#stored(group, content);
    if (stored === undefined) {
      onRefused();
      this.#refuse(group);
      return;
    }
    for (const waiting of group) this.#through(waiting);
    onKept(stored.map(({ row }) => row));
  }

  /** @returns undefined where the disk or the ledger refused it */
  #stored(group: readonly Waiting[], content: 'synced' | 'unsynced'): Seen[] | undefined {
    const { vault, vaultAlarms } = this.#options;
    try {
      const seen = this.#unknownOf(group.map((waiting) => this.#seen(waiting)));
      vault.keep(
        seen.map(({ claim }) => claim),
        content,
      );
      const entered = this.#enter(seen);
      vaultAlarms.worked();
      return entered;
    } catch (error) {
      if (!(error instanceof DiodeError) || !isStorageCode(error.code)) throw error;
      vaultAlarms.refused(error);
      return undefined;
    }
  }

  /** @returns what its study is to be told of: a file that was lost is back in its place, and that went on without it */
  #enter(seen: readonly Seen[]): Seen[] {
    const { ledger, clock } = this.#options;
    const begun = new Set<string>();
    const events = new EventGroups();
    return ledger.transaction(() => {
      const told = seen.filter(({ row, inspected }) => {
        this.#beginStudy(row, begun);
        const isNew = ledger.instances.enter(row, clock.wallMs());
        if (isNew) ledger.holds.enter(inspected);
        const cameBack = !isNew && ledger.files.cameBack(row.objectId);
        if (isNew || cameBack) addReceived(events, row);
        return !cameBack;
      });
      events.enterInto(ledger.events, clock.wallMs());
      ledger.wholeLists.tell(clock.wallMs());
      return told;
    });
  }

  /** @param begun studies of the group that are known to have their row */
  #beginStudy({ senderId, studyUid, objectId }: InstanceRecord, begun: Set<string>): void {
    const { ledger, clock, studies } = this.#options;
    const study = `${senderId} ${studyUid}`;
    if (begun.has(study)) return;
    if (ledger.studies.get(senderId, studyUid) === undefined) {
      // Asked before it is entered: then it is not awaited any more.
      if (studies.isListed(senderId, objectId)) return;
      ledger.studies.begin(senderId, studyUid, clock.wallMs());
    }
    begun.add(study);
  }

  /** Leaves out what is here under another object id: see known-content.ts. */
  #unknownOf(seen: readonly Seen[]): Seen[] {
    const { ledger, vault } = this.#options;
    const known = new Set(
      [...new Set(seen.map(({ row }) => row.senderId))].flatMap((senderId) =>
        ledger.objectAliases.recognise(
          senderId,
          seen.flatMap(({ row }) => (row.senderId === senderId ? row : [])),
        ),
      ),
    );
    return seen.filter(({ claim }) => {
      if (!known.has(claim.objectId)) return true;
      vault.incoming.discard(claim);
      return false;
    });
  }

  /** What is entered of an instance. What can't be read is kept and held, never lost. */
  #seen({ object, findings }: Waiting): Seen {
    const { objectId, senderId, bytes, sha256, repairedSymbols } = object;
    const found = present(findings, 'it was looked at');
    const { sopClassUid, modality, reasons, preamble, zeroPreamble, patient } = found;
    const row = {
      objectId,
      senderId,
      studyUid: found.studyUid ?? '0',
      seriesUid: found.seriesUid ?? '0',
      sopInstanceUid: found.sopInstanceUid ?? '0',
      bytes,
      sha256,
      repairedSymbols,
      sopClassUid,
      modality,
      heldBecause: reasons[0] ?? this.#options.initialHold,
      releasedRevision: undefined,
    };
    const claim = { objectId, keyId: object.keyId };
    return { claim, row, inspected: { objectId, sopClassUid, reasons, preamble, zeroPreamble, patient } };
  }
}

function addReceived(events: EventGroups, { senderId, studyUid, bytes, heldBecause }: InstanceRecord): void {
  events.add({ kind: 'received', senderId, studyUid, instances: 1, bytes });
  // Until it is scanned is no time that a person decides about.
  if (heldBecause !== undefined && heldBecause !== 'E_SCAN_WAITING')
    events.add({ kind: 'held', senderId, studyUid, code: heldBecause, instances: 1 });
}
