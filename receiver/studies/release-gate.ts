/**
 * The gate's second half: which instances of a revision may go out together. The first half examined each file; here
 * they are compared with each other, and with what went out before, whoever sent it: do they agree with their list, is
 * one UID one instance, is it one patient? It decides and changes nothing until the release begins: then what goes out
 * takes its UIDs, see {@link takeUids}. What a person let through counts as allowed.
 */
import { present } from '../../shared/assert.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { Manifest, ManifestEntry, ManifestHead } from '../../shared/wire/manifest.ts';
import { type ComparablePatient, judgePatients } from '../gate/patients.ts';
import type { PatientOut } from '../ledger/holds.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

/** Object ids of a revision, sorted. */
export interface RevisionContents {
  /** Not released before, in the order of the manifest; this includes what already went out from another sender. */
  readonly release: readonly string[];
  /** Same UID as another instance that goes out or went out, but different bytes. */
  readonly conflicts: readonly string[];
  /** Held together with everything that came with them, because they name two patients; and how they differ. */
  readonly otherPatients: readonly string[];
  readonly patientMismatch: DiodeError | undefined;
}

/** What one sorting step processed. */
export interface SortedStep {
  readonly objectIds: readonly string[];
  /** Differs from the manifest; some may be held for other reasons, too. */
  readonly differing: readonly Pick<InstanceRecord, 'objectId' | 'heldBecause'>[];
}

/** A list that is being checked, entry by entry. */
export interface ListedEntries {
  readonly head: Pick<ManifestHead, 'senderId' | 'studyUid'>;
  next(): ManifestEntry | undefined;
}

/** How many entries, and rows of released instances, one step processes. */
const stepEntries = 250;
const stepRows = 1000;

/** Checks everything that has arrived of a revision, all at once. */
export function sortRevision(ledger: ReceiverLedger, manifest: Manifest): RevisionContents {
  const entries = manifest.entries.values();
  const steps = sortingSteps(ledger, { head: manifest, next: () => entries.next().value });
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** The same in bounded steps. The decision is checked again when the release begins. */
export function* sortingSteps(
  ledger: ReceiverLedger,
  list: ListedEntries,
): Generator<SortedStep, RevisionContents> {
  const sorting = new Sorting(ledger, list.head);
  for (;;) {
    const entries: ManifestEntry[] = [];
    for (let entry = list.next(); entry !== undefined; entry = list.next()) {
      entries.push(entry);
      if (entries.length === stepEntries) break;
    }
    if (entries.length === 0) break;
    yield { objectIds: entries.map(({ objectId }) => objectId), differing: sorting.sort(entries) };
  }
  return yield* sorting.sortPatients();
}

class Sorting {
  readonly #ledger: ReceiverLedger;
  readonly #head: ListedEntries['head'];
  readonly #candidates: string[] = [];
  readonly #conflicts: string[] = [];
  /** Whose object each SOP Instance UID is. */
  readonly #taken = new Map<string, string>();
  readonly #patients = new ListPatients();
  #isQuarantined = false;
  #somethingOut = false;

  constructor(ledger: ReceiverLedger, head: ListedEntries['head']) {
    this.#ledger = ledger;
    this.#head = head;
  }

  /** @returns what differs from the list */
  sort(entries: readonly ManifestEntry[]): SortedStep['differing'] {
    const { instances } = this.#ledger;
    // A list from one sender says nothing about what another sent.
    const listed = instances.allListed(
      this.#head.senderId,
      entries.map(({ objectId }) => objectId),
    );
    const before = this.#candidates.length;
    const differing: InstanceRecord[] = [];
    for (const entry of entries) {
      const row = listed.get(entry.objectId);
      if (row === undefined) continue;
      if (row.releasedRevision !== undefined) this.#somethingOut = true;
      else if (!agrees(entry, row, this.#head) && !approvalsOf(this.#ledger, row)('E_INSTANCE_MISMATCH'))
        differing.push(row);
      else this.#sortAgreeing(row);
    }
    this.#patients.add(this.#ledger, this.#candidates.slice(before));
    return differing;
  }

  #sortAgreeing(row: InstanceRecord): void {
    const { objectId, sopInstanceUid, heldBecause } = row;
    if (isHeld(this.#ledger, row)) {
      if (heldBecause === 'E_CONFLICT') this.#conflicts.push(objectId);
      else if (heldBecause === 'E_PATIENT_MISMATCH') this.#isQuarantined = true;
      return;
    }
    const taken = this.#taken.get(sopInstanceUid);
    // Listed before, maybe under another id: it is no conflict with itself.
    if (taken === objectId) return;
    // Two files of one name never share a folder, whoever let them through.
    if (taken !== undefined || conflictOf(this.#ledger, row) !== undefined) {
      this.#conflicts.push(objectId);
      return;
    }
    this.#taken.set(sopInstanceUid, objectId);
    this.#candidates.push(objectId);
  }

  /**
   * One patient, or nothing goes out except what a person let through. A study in quarantine stays there, including what
   * comes later: nobody has said yet whose images these are.
   */
  *sortPatients(): Generator<SortedStep, RevisionContents> {
    const candidates = this.#candidates;
    const conflicts = this.#conflicts;
    const passed = { release: candidates, conflicts, otherPatients: [], patientMismatch: undefined };
    if (candidates.length === 0) return passed;
    const out: PatientOut[] = [];
    for (const page of patientsOut(this.#ledger, this.#head.studyUid)) {
      out.push(...page);
      yield { objectIds: [], differing: [] };
    }
    const mismatch = this.#patients.judge(this.#head, out);
    if (mismatch === undefined && (!this.#isQuarantined || this.#somethingOut)) return passed;
    const { approved } = this.#patients;
    return {
      release: candidates.filter((id) => approved.has(id)),
      conflicts,
      otherPatients: candidates.filter((id) => !approved.has(id)),
      patientMismatch: mismatch,
    };
  }
}

/** Object ids of a decision, sorted when its release begins. */
export interface GoingOut {
  readonly release: readonly string[];
  /** The very same instance is out from another transmission, or about to be: it is not sent again. */
  readonly known: readonly string[];
  readonly conflicts: readonly string[];
  readonly otherPatients: readonly string[];
}

/**
 * Gives its UIDs to what is about to go out. Another sender's release may have begun since the decision, so it is checked
 * again, within the transaction that begins the release, so that two releases never see the same state.
 */
export function takeUids(
  ledger: ReceiverLedger,
  { senderId, studyUid }: Pick<Manifest, 'senderId' | 'studyUid'>,
  objectIds: readonly string[],
): GoingOut {
  const others = ledger.holds.patientsOutOfOthers(senderId, studyUid);
  const patients = new ListPatients();
  if (others.length > 0) patients.add(ledger, objectIds);
  const patientMismatch =
    others.length === 0
      ? undefined
      : patients.judge({ senderId, studyUid }, ledger.holds.patientsOut(studyUid));
  const isWrong = (id: string) => patientMismatch !== undefined && !patients.approved.has(id);
  const may = patientMismatch === undefined ? objectIds : objectIds.filter((id) => !isWrong(id));
  const known = ledger.instances.knownOut(may);
  const fresh = may.filter((id) => !known.has(id));
  const conflicts = new Set<string>();
  for (const objectId of ledger.instances.takeUids(fresh)) {
    const row = present(ledger.instances.get(objectId), 'all of a release is there');
    if (conflictOf(ledger, row) === undefined) ledger.instances.goBeside(objectId);
    else conflicts.add(objectId);
  }
  return {
    release: fresh.filter((id) => !conflicts.has(id)),
    known: [...known],
    conflicts: [...conflicts],
    otherPatients: patientMismatch === undefined ? [] : objectIds.filter(isWrong),
  };
}

/** Patients of what is out under a Study UID, from all senders, some at a time; equal ones of a sender count once. */
function* patientsOut(ledger: ReceiverLedger, studyUid: string): Generator<readonly PatientOut[]> {
  for (const senderId of ledger.studyPatients.sendersOf(studyUid)) {
    const seen = new Set<string>();
    for (let arrival: number | undefined = 0; arrival !== undefined; ) {
      const page = ledger.studyPatients.outAfter({ senderId, studyUid }, arrival, stepRows);
      const fresh = [...page.patients].filter((patient) => !seen.has(JSON.stringify(patient)));
      for (const patient of fresh) seen.add(JSON.stringify(patient));
      yield fresh.map((patient) => ({ senderId, patient }));
      arrival = page.arrival;
    }
  }
}

/** The patients of a list, each once; what a person let through counts as out already. */
class ListPatients {
  readonly approved = new Set<string>();
  readonly #accepted = new Map<string, ComparablePatient>();
  readonly #arriving = new Map<string, ComparablePatient>();

  add(ledger: ReceiverLedger, objectIds: readonly string[]): void {
    if (objectIds.length === 0) return;
    const { approved, rows } = ledger.studyPatients.of(objectIds);
    for (const id of approved) this.approved.add(id);
    for (const [objectId, patient] of rows) {
      const patients = this.approved.has(objectId) ? this.#accepted : this.#arriving;
      // Most are the same as the one before.
      if (patients.get('last') === patient) continue;
      patients.set('last', patient).set(JSON.stringify(patient), patient);
    }
  }

  /** Compares them with those of what is out. */
  judge({ senderId, studyUid }: ListedEntries['head'], out: readonly PatientOut[]): DiodeError | undefined {
    const accepted = [...out.map(({ patient }) => patient), ...this.#accepted.values()];
    const judged = judgePatients(accepted, this.#arriving.values());
    if (judged.verdict === 'pass') return undefined;
    const others = [...new Set(out.map((one) => one.senderId))].filter((id) => id !== senderId);
    const beside =
      others.length === 0
        ? ''
        : `; they came from sender ${senderId}, and ${others.join(', ')} sent ${studyUid} as well`;
    return new DiodeError('E_PATIENT_MISMATCH', `${judged.reason.message}${beside}`);
  }
}

/** Another instance has its UID, from whatever sender, and no person let this one out as well. */
export function conflictOf(ledger: ReceiverLedger, row: InstanceRecord): InstanceRecord | undefined {
  const owner = ledger.instances.ownerOfUid(row.sopInstanceUid);
  if (owner === undefined || owner.objectId === row.objectId || owner.sha256 === row.sha256) return undefined;
  if (ledger.instances.sameOut(row) !== undefined) return undefined;
  return approvalsOf(ledger, row)('E_CONFLICT') ? undefined : owner;
}

/** What a person let through once is let through again from another sender: it is identical to the last byte. */
function isHeld(ledger: ReceiverLedger, row: InstanceRecord): boolean {
  const { heldBecause } = row;
  if (heldBecause === undefined) return false;
  if (heldBecause === 'E_PURGED') return true;
  const same = ledger.instances.sameOut(row);
  return same === undefined || !ledger.holds.isApproved(same.objectId, heldBecause);
}

function approvalsOf(ledger: ReceiverLedger, row: InstanceRecord): (code: ErrorCode) => boolean {
  // Looked up only if something speaks against the instance: almost never.
  return (code) => ledger.holds.isApproved(row.objectId, code);
}

function agrees(entry: ManifestEntry, row: InstanceRecord, head: ListedEntries['head']): boolean {
  return (
    entry.sopInstanceUid === row.sopInstanceUid &&
    entry.seriesUid === row.seriesUid &&
    entry.sha256 === row.sha256 &&
    head.studyUid === row.studyUid &&
    head.senderId === row.senderId
  );
}
