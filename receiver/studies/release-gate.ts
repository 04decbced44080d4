/**
 * The gate's second half: which instances of a revision may go out together. The first half looked at each file; here
 * they are looked at side by side: do they agree with their list, is one UID one instance, is it one patient?
 * It decides and changes nothing. What a person let through counts as allowed.
 */
import type { DiodeError, ErrorCode } from '../../shared/errors.ts';
import type { Manifest, ManifestEntry } from '../../shared/wire/manifest.ts';
import { type ComparablePatient, judgePatients } from '../gate/patients.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

export interface RevisionContents {
  /** Not released before, in the order of the manifest. */
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
    const row = ledger.instances.get(entry.objectId);
    if (row === undefined) continue;
    const isApproved = approvalsOf(ledger, row);
    const differs = !agrees(entry, row, manifest) && !isApproved('E_INSTANCE_MISMATCH');
    if (row.releasedRevision !== undefined) {
      somethingOut = true;
    } else if (differs) {
      differing.push(row);
    } else if (row.heldBecause === 'E_CONFLICT') {
      conflicts.push(row);
    } else if (row.heldBecause !== undefined) {
      if (row.heldBecause === 'E_PATIENT_MISMATCH') isQuarantined = true;
    } else if (
      // Two files of one name never share a folder, whoever let them through.
      taken.has(row.sopInstanceUid) ||
      (ledger.instances.releasedUnderUid(row.senderId, row.sopInstanceUid) && !isApproved('E_CONFLICT'))
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

/**
 * One patient, or nothing of it goes out but what a person let through. A study that is in quarantine stays there,
 * also what comes later: nobody has said yet whose images these are.
 */
function sortPatients(
  ledger: ReceiverLedger,
  { senderId, studyUid }: Manifest,
  candidates: readonly InstanceRecord[],
  isQuarantined: boolean,
): Pick<RevisionContents, 'release' | 'otherPatients' | 'patientMismatch'> {
  const approved: InstanceRecord[] = [];
  const others: InstanceRecord[] = [];
  const accepted = ledger.holds.releasedPatients(senderId, studyUid);
  const arriving: ComparablePatient[] = [];
  for (const row of candidates) {
    const inspection = ledger.holds.inspection(row.objectId);
    const isApproved = inspection?.approved.includes('E_PATIENT_MISMATCH') === true;
    (isApproved ? approved : others).push(row);
    (isApproved ? accepted : arriving).push(inspection?.patient ?? {});
  }
  const judged = judgePatients(accepted, arriving);
  if (judged.verdict === 'pass' && !isQuarantined)
    return { release: candidates, otherPatients: [], patientMismatch: undefined };
  const patientMismatch = judged.verdict === 'hold' ? judged.reason : undefined;
  return { release: approved, otherPatients: others, patientMismatch };
}

function approvalsOf(ledger: ReceiverLedger, row: InstanceRecord): (code: ErrorCode) => boolean {
  // Looked up only where something speaks against the instance: nearly never.
  return (code) => ledger.holds.inspection(row.objectId)?.approved.includes(code) === true;
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
