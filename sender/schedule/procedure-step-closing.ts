/**
 * Closes studies because the modality said what they consist of (MPPS, PS3.4 annex F): a study is closed at once when
 * all instances that its completed steps name are there, no other one is, and none of its steps goes on. In every other
 * case it is closed by quiet time as if nothing had been said. Reports are held in memory: a restart forgets them, and
 * costs the study its quiet time.
 */
import { limits } from '../../shared/wire/limits.ts';
import type { ProcedureStepReport } from '../intake/performed-procedure-steps.ts';
import type { InstanceRow } from '../ledger/instance-records.ts';
import type { SenderLedger } from '../ledger/ledger.ts';

const reportsMax = 256;

/** A completed step. */
interface Completed {
  readonly studyUids: Set<string>;
  readonly named: ReadonlySet<string>;
  /** Of those named, what is not in the ledger yet. */
  readonly awaited: Set<string>;
}

export class ProcedureStepClosing {
  readonly #ledger: SenderLedger;
  readonly #close: (studyUid: string) => void;
  /** Newest last. */
  readonly #completed: Completed[] = [];
  /** Studies of steps that go on, or ended without being whole, by the UID of the step. */
  readonly #unfinished = new Map<string, readonly string[]>();

  constructor(ledger: SenderLedger, close: (studyUid: string) => void) {
    this.#ledger = ledger;
    this.#close = close;
  }

  /** A step begins, or goes on. */
  stepBegan(procedureStepUid: string, studyUids: readonly string[]): void {
    this.#unfinished.set(procedureStepUid, studyUids);
    const [oldest] = this.#unfinished.keys();
    if (this.#unfinished.size > reportsMax && oldest !== undefined) this.#unfinished.delete(oldest);
  }

  /** A step has ended. One that was discontinued keeps its studies from being closed here: its list is not the whole. */
  stepEnded({ procedureStepUid, status, studyUids, series }: ProcedureStepReport): void {
    if (status !== 'COMPLETED') return;
    this.#unfinished.delete(procedureStepUid);
    const named = new Set(series.flatMap((each) => each.instances.map((one) => one.sopInstanceUid)));
    if (named.size === 0 || named.size > limits.manifestEntriesMax) return;
    const completed = { studyUids: new Set(studyUids), named, awaited: new Set<string>() };
    for (const uid of named) {
      const held = this.#ledger.instances.studiesOf(uid);
      if (held.length === 0) completed.awaited.add(uid);
      for (const studyUid of held) completed.studyUids.add(studyUid);
    }
    this.#completed.push(completed);
    if (this.#completed.length > reportsMax) this.#completed.shift();
    this.#closeIfWhole(completed);
  }

  /** New instances are in the ledger. */
  instancesEntered(rows: readonly InstanceRow[]): void {
    for (const completed of [...this.#completed]) {
      const came = rows.filter((row) => completed.awaited.delete(row.sopInstanceUid));
      for (const { studyUid } of came) completed.studyUids.add(studyUid);
      if (came.length > 0) this.#closeIfWhole(completed);
    }
  }

  #closeIfWhole({ awaited, studyUids }: Completed): void {
    if (awaited.size > 0) return;
    for (const studyUid of studyUids) if (this.#isWhole(studyUid)) this.#close(studyUid);
  }

  #isWhole(studyUid: string): boolean {
    if (this.#ledger.studies.get(studyUid)?.open !== true) return false;
    if ([...this.#unfinished.values()].some((studies) => studies.includes(studyUid))) return false;
    const steps = this.#completed.filter((completed) => completed.studyUids.has(studyUid));
    if (steps.some(({ awaited }) => awaited.size > 0)) return false;
    for (const { sopInstanceUid } of this.#ledger.studies.manifestEntries(studyUid))
      if (!steps.some(({ named }) => named.has(sopInstanceUid))) return false;
    return true;
  }
}
