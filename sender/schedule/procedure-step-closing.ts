/**
 * Closes studies because the modality said what they consist of (MPPS, PS3.4 annex F): a study is closed at once when
 * all instances that its completed steps name are there, no other one is, and none of its steps goes on. In every other
 * case it is closed by quiet time as if nothing had been said. Reports are kept in memory: a restart forgets them, and
 * costs the study its quiet time.
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
  /** Of those named, what is not in the ledger yet. */
  readonly awaited: Set<string>;
}

/** What a step takes beside its lists; a UID that it names, and one that is awaited. */
const stepBytes = 1024;
const uidBytes = 200;

export class ProcedureStepClosing {
  readonly #ledger: SenderLedger;
  readonly #close: (studyUid: string) => void;
  /** By scanner and UID of the step, the newest last. */
  readonly #completed = new Map<string, Completed>();
  /**
   * Completed steps by what they await: a scanner may complete thousands, and each instance that comes is looked for. A
   * set only where several await the same: one for each UID would take as much as is counted for it.
   */
  readonly #awaiting = new Map<string, Completed | Set<Completed>>();
  /** Studies of steps that go on, or ended without being whole. */
  readonly #unfinished = new Map<string, readonly string[]>();
  /** Of both. A scanner's own oldest steps go for its new ones, never another's. */
  readonly #room = new SharedRoom(associationLimits.procedureStepBytesMax);

  constructor(ledger: SenderLedger, close: (studyUid: string) => void) {
    this.#ledger = ledger;
    this.#close = close;
  }

  /** A step begins, or goes on. */
  stepBegan(scanner: string, procedureStepUid: string, studyUids: readonly string[]): void {
    const key = `${scanner} ${procedureStepUid}`;
    if (this.#makeRoom(scanner, key, studyUids.length)) this.#unfinished.set(key, studyUids);
  }

  /** A step has ended. One that was discontinued keeps its studies from being closed here: its list is not the whole. */
  stepEnded({ scanner, procedureStepUid, status, studyUids, series }: ProcedureStepReport): void {
    if (status !== 'COMPLETED') return;
    const key = `${scanner} ${procedureStepUid}`;
    const named = new Set(series.flatMap((each) => each.instances.map((one) => one.sopInstanceUid)));
    const completed = { studyUids: new Set(studyUids), named, awaited: new Set<string>() };
    // The ledger may refuse: it is asked before anything is changed, and the step goes on until it is ended again.
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

  /** @returns false where the step is larger than what its scanner may have: its studies are closed by quiet time */
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
