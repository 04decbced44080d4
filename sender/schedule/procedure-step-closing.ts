/**
 * Closes studies because the modality said what they consist of (MPPS, PS3.4 annex F): a study is closed at once when all
 * instances named by its completed steps have come, no other one has, and none of its steps is still in progress. In every
 * other case it is closed by quiet time, as if nothing had been said. Reports are kept in memory: a restart forgets them,
 * and the study waits for its quiet time.
 */
import { associationLimits } from '../../shared/dicom/upper-layer/limits.ts';
import type { ProcedureStepReport } from '../intake/performed-procedure-steps.ts';
import { SharedRoom } from '../intake/shared-room.ts';
import type { InstanceRow } from '../ledger/instance-records.ts';
import type { SenderLedger } from '../ledger/ledger.ts';

/** A completed step. */
interface Completed {
  readonly studyUids: Set<string>;
  readonly named: ReadonlySet<string>;
  /** Those named that are not in the ledger yet. */
  readonly awaited: Set<string>;
}

/** The memory of a step without its lists; of a UID that it names, and of one that is awaited. */
const stepBytes = 1024;
const uidBytes = 200;

export class ProcedureStepClosing {
  readonly #ledger: SenderLedger;
  readonly #close: (studyUid: string) => void;
  /** By scanner and UID of the step, the newest last. */
  readonly #completed = new Map<string, Completed>();
  /**
   * Completed steps by what they await: a scanner may complete thousands, and each instance that comes is looked up. A set
   * only if several await the same UID: one for each UID would take as much memory as is counted for it.
   */
  readonly #awaiting = new Map<string, Completed | Set<Completed>>();
  /** Studies of steps that are in progress, or that ended incomplete. */
  readonly #unfinished = new Map<string, readonly string[]>();
  /** For both. A scanner's own oldest steps make room for its new ones, never another's. */
  readonly #room = new SharedRoom(associationLimits.procedureStepBytesMax);

  constructor(ledger: SenderLedger, close: (studyUid: string) => void) {
    this.#ledger = ledger;
    this.#close = close;
  }

  /** A step begins, or continues. */
  stepBegan(scanner: string, procedureStepUid: string, studyUids: readonly string[]): void {
    const key = `${scanner} ${procedureStepUid}`;
    if (this.#makeRoom(scanner, key, studyUids.length)) this.#unfinished.set(key, studyUids);
  }

  /** A step has ended. A discontinued one keeps its studies from being closed here: its list is not complete. */
  stepEnded({ scanner, procedureStepUid, status, studyUids, series }: ProcedureStepReport): void {
    if (status !== 'COMPLETED') return;
    const key = `${scanner} ${procedureStepUid}`;
    const named = new Set(series.flatMap((each) => each.instances.map((one) => one.sopInstanceUid)));
    const completed = { studyUids: new Set(studyUids), named, awaited: new Set<string>() };
    // The ledger may refuse: it is asked before anything is changed, and the step continues until it is ended again.
    for (const uid of named) {
      const itsStudies = this.#ledger.instances.studiesOf(uid);
      if (itsStudies.length === 0) completed.awaited.add(uid);
      for (const studyUid of itsStudies) completed.studyUids.add(studyUid);
    }
    this.#forget(key);
    if (named.size === 0) this.#room.remove(scanner, key);
    if (named.size === 0 || !this.#makeRoom(scanner, key, studyUids.length + named.size)) return;
    for (const uid of completed.awaited) this.#await(completed, uid);
    this.#completed.set(key, completed);
    this.#closeIfWhole(completed);
  }

  /** New instances are in the ledger. */
  instancesEntered(rows: readonly InstanceRow[]): void {
    const reached = new Set<Completed>();
    for (const { sopInstanceUid, studyUid } of rows) {
      for (const completed of this.#awaitedBy(sopInstanceUid)) {
        completed.awaited.delete(sopInstanceUid);
        completed.studyUids.add(studyUid);
        reached.add(completed);
      }
      this.#awaiting.delete(sopInstanceUid);
    }
    for (const completed of reached) this.#closeIfWhole(completed);
  }

  #await(completed: Completed, uid: string): void {
    const steps = this.#awaiting.get(uid);
    if (steps instanceof Set) steps.add(completed);
    else this.#awaiting.set(uid, steps === undefined ? completed : new Set([steps, completed]));
  }

  #awaitedBy(uid: string): Iterable<Completed> {
    const steps = this.#awaiting.get(uid) ?? [];
    return Symbol.iterator in steps ? steps : [steps];
  }

  /** @returns false if the step is larger than its scanner's share: its studies are then closed by quiet time */
  #makeRoom(scanner: string, key: string, uids: number): boolean {
    const gone = this.#room.put(scanner, key, stepBytes + uidBytes * uids);
    if (gone === undefined) this.#forget(key);
    for (const oldest of gone ?? []) this.#forget(oldest);
    return gone !== undefined;
  }

  #forget(key: string): void {
    this.#unfinished.delete(key);
    const completed = this.#completed.get(key);
    this.#completed.delete(key);
    if (completed === undefined) return;
    for (const uid of completed.awaited) {
      const steps = this.#awaiting.get(uid);
      if (steps instanceof Set) steps.delete(completed);
      if (steps === completed || (steps instanceof Set && steps.size === 0)) this.#awaiting.delete(uid);
    }
  }

  #closeIfWhole({ awaited, studyUids }: Completed): void {
    if (awaited.size > 0) return;
    for (const studyUid of studyUids) if (this.#isWhole(studyUid)) this.#close(studyUid);
  }

  #isWhole(studyUid: string): boolean {
    if (this.#ledger.studies.get(studyUid)?.open !== true) return false;
    if ([...this.#unfinished.values()].some((studies) => studies.includes(studyUid))) return false;
    const steps = [...this.#completed.values()].filter((completed) => completed.studyUids.has(studyUid));
    if (steps.some(({ awaited }) => awaited.size > 0)) return false;
    for (const { sopInstanceUid } of this.#ledger.studies.manifestEntries(studyUid))
      if (!steps.some(({ named }) => named.has(sopInstanceUid))) return false;
    return true;
  }
}
