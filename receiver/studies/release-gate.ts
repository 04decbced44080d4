/**
 * The gate's second half: which instances of a revision may go out together. The first half looked at each file; here
 * they are looked at side by side, and beside what went out before, whoever sent it: do they agree with their list, is
 * one UID one instance, is it one patient? It decides and changes nothing, until the release begins: then what goes
 * out takes its UIDs, see {@link takeUids}. What a person let through counts as allowed.
 */
import { present } from '../../shared/assert.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { Manifest, ManifestEntry } from '../../shared/wire/manifest.ts';
import { type ComparablePatient, judgePatients } from '../gate/patients.ts';
import type { PatientOut } from '../ledger/holds.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

export interface RevisionContents {
  /** Not released before, in the order of the manifest; what is out from another sender is among it. */
  readonly release: readonly InstanceRecord[];
  /** Same UID as another instance that goes out or went out, other bytes. */
  readonly conflicts: readonly InstanceRecord[];
  /** Not what the manifest says of them; some are held for more than that. */
  readonly differing: readonly InstanceRecord[];
  /** Held with everything that came with them, since it would be two patients; and what they differ in. */
  readonly otherPatients: readonly InstanceRecord[];
  readonly patientMismatch: DiodeError | undefined;
}

/** Looks at what is there of a revision. */
export function sortRevision(ledger: ReceiverLedger, manifest: Manifest): RevisionContents {
  const candidates: InstanceRecord[] = [];
  const conflicts: InstanceRecord[] = [];
  const differing: InstanceRecord[] = [];
  const taken = new Set<string>();
  let isQuarantined = false;
  let somethingOut = false;
  for (const entry of manifest.entries) {
    const row = ledger.instances.listed(manifest.senderId, entry.objectId);
    if (row === undefined) continue;
    const isApproved = approvalsOf(ledger, row);
    const differs = !agrees(entry, row, manifest) && !isApproved('E_INSTANCE_MISMATCH');
    if (row.releasedRevision !== undefined) {
      somethingOut = true;
    } else if (differs) {
      differing.push(row);
    } else if (isHeld(ledger, row)) {
      if (row.heldBecause === 'E_CONFLICT') conflicts.push(row);
      else if (row.heldBecause === 'E_PATIENT_MISMATCH') isQuarantined = true;
    } else if (
      // Two files of one name never share a folder, whoever let them through.
      taken.has(row.sopInstanceUid) ||
      conflictOf(ledger, row) !== undefined
    ) {
      conflicts.push(row);
    } else {
      taken.add(row.sopInstanceUid);
      candidates.push(row);
    }
  }
  return {
    conflicts,
    differing,
    ...sortPatients(ledger, manifest, candidates, isQuarantined && !somethingOut),
  };
}

/** Object ids of a decision, as they are sorted when its release begins. */
export interface GoingOut {
  readonly release: readonly string[];
  /** The very same is out from another sending, or about to be: it is not sent again. */
  readonly known: readonly string[];
  readonly conflicts: readonly string[];
  readonly otherPatients: readonly string[];
  readonly patientMismatch: DiodeError | undefined;
}

/**
 * Gives what is about to go out its UIDs. Since it was decided another sender's release may have begun, so it is
 * looked at again. Within the transaction that begins the release, so that two of them never see the same state.
 */
export function takeUids(
  ledger: ReceiverLedger,
  { senderId, studyUid }: Pick<Manifest, 'senderId' | 'studyUid'>,
  objectIds: readonly string[],
): GoingOut {
  const others = ledger.holds.patientsOutOfOthers(senderId, studyUid);
  const patients =
    others.length === 0
      ? undefined
      : judge(ledger, { senderId, studyUid }, ledger.holds.patientsOut(studyUid), objectIds);
  const wrong = new Set(patients?.mismatch === undefined ? [] : patients.arriving);
  const [release, known, conflicts]: [string[], string[], string[]] = [[], [], []];
  for (const objectId of objectIds) {
    if (wrong.has(objectId)) continue;
    const row = present(ledger.instances.get(objectId), 'all of a release is there');
    if (ledger.instances.sameOut(row) !== undefined) known.push(objectId);
    else if (ledger.instances.takeUid(objectId)) release.push(objectId);
    else if (conflictOf(ledger, row) === undefined) {
      ledger.instances.goBeside(objectId);
      release.push(objectId);
    } else conflicts.push(objectId);
  }
  return {
    release,
    known,
    conflicts,
    otherPatients: objectIds.filter((id) => wrong.has(id)),
    patientMismatch: patients?.mismatch,
  };
}

/**
 * One patient, or nothing of it goes out but what a person let through. A study that is in quarantine stays there,
 * also what comes later: nobody has said yet whose images these are.
 */
function sortPatients(
  ledger: ReceiverLedger,
  manifest: Manifest,
  candidates: readonly InstanceRecord[],
  isQuarantined: boolean,
): Pick<RevisionContents, 'release' | 'otherPatients' | 'patientMismatch'> {
  const out = ledger.holds.patientsOut(manifest.studyUid);
  const ids = candidates.map(({ objectId }) => objectId);
  const { approved, mismatch } = judge(ledger, manifest, out, ids);
  if (mismatch === undefined && !isQuarantined)
    return { release: candidates, otherPatients: [], patientMismatch: undefined };
  const isApproved = (row: InstanceRecord) => approved.has(row.objectId);
  return {
    release: candidates.filter(isApproved),
    otherPatients: candidates.filter((row) => !isApproved(row)),
    patientMismatch: mismatch,
  };
}

/** Compares the patients of instances with those of what is out: what a person let through is out already, for this. */
function judge(
  ledger: ReceiverLedger,
  { senderId, studyUid }: Pick<Manifest, 'senderId' | 'studyUid'>,
  out: readonly PatientOut[],
  objectIds: readonly string[],
): { approved: ReadonlySet<string>; arriving: readonly string[]; mismatch: DiodeError | undefined } {
  const approved = new Set<string>();
  const arriving: string[] = [];
  const accepted = out.map(({ patient }) => patient);
  const patients: ComparablePatient[] = [];
  for (const objectId of objectIds) {
    const inspection = ledger.holds.inspection(objectId);
    const isApproved = inspection?.approved.includes('E_PATIENT_MISMATCH') === true;
    if (isApproved) approved.add(objectId);
    else arriving.push(objectId);
    (isApproved ? accepted : patients).push(inspection?.patient ?? {});
  }
  const judged = judgePatients(accepted, patients);
  if (judged.verdict === 'pass') return { approved, arriving, mismatch: undefined };
  const others = [...new Set(out.map((one) => one.senderId))].filter((id) => id !== senderId);
  const beside =
    others.length === 0
      ? ''
      : `; they are of sender ${senderId}, and ${others.join(', ')} sent ${studyUid} as well`;
  const mismatch = new DiodeError('E_PATIENT_MISMATCH', `${judged.reason.message}${beside}`);
  return { approved, arriving, mismatch };
}

/** Another instance has its UID, from whatever sender, and no person let this one out beside it. */
export function conflictOf(ledger: ReceiverLedger, row: InstanceRecord): InstanceRecord | undefined {
  const owner = ledger.instances.ownerOfUid(row.sopInstanceUid);
  if (owner === undefined || owner.objectId === row.objectId || owner.sha256 === row.sha256) return undefined;
  if (ledger.instances.sameOut(row) !== undefined) return undefined;
  return approvalsOf(ledger, row)('E_CONFLICT') ? undefined : owner;
}

/** What a person let out once is let through when it comes from another sender: it is the same to the last byte. */
function isHeld(ledger: ReceiverLedger, row: InstanceRecord): boolean {
  const { heldBecause } = row;
  if (heldBecause === undefined) return false;
  if (heldBecause === 'E_PURGED') return true;
  const same = ledger.instances.sameOut(row);
  return same === undefined || !ledger.holds.isApproved(same.objectId, heldBecause);
}

function approvalsOf(ledger: ReceiverLedger, row: InstanceRecord): (code: ErrorCode) => boolean {
  // Looked up only where something speaks against the instance: nearly never.
  return (code) => ledger.holds.isApproved(row.objectId, code);
}

function agrees(entry: ManifestEntry, row: InstanceRecord, manifest: Manifest): boolean {
  return (
    entry.sopInstanceUid === row.sopInstanceUid &&
    entry.seriesUid === row.seriesUid &&
    entry.sha256 === row.sha256 &&
    manifest.studyUid === row.studyUid &&
    manifest.senderId === row.senderId
  );
}
