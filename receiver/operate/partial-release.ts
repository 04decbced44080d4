/** What the running receiver does when a person wants an incomplete study as far as it has arrived. */
import { z } from 'zod';
import { countText } from '../../shared/console/quantities.ts';
import { DiodeError } from '../../shared/errors.ts';
import {
  type Acted,
  auditedForm,
  type Operation,
  operation,
  whoFields,
} from '../../shared/program/operations.ts';
import { isUid } from '../../shared/wire/limits.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { StudyRecord } from '../ledger/study-records.ts';
import type { Releaser } from '../release/release.ts';
import { missingEntries } from '../studies/missing.ts';
import { sortRevision } from '../studies/release-gate.ts';
import { senderIdField } from './senders.ts';

export const partialReleaseForm = auditedForm(
  'release-partial',
  z.strictObject({
    ...whoFields,
    studyUid: z.string().refine(isUid),
    senderId: senderIdField.optional(),
  }),
);

export interface PartialReleaseParts {
  readonly ledger: ReceiverLedger;
  readonly releaser: Pick<Releaser, 'beginPart' | 'carryOutPart'>;
}

export function partialReleaseOperations(parts: PartialReleaseParts): readonly Operation[] {
  return [operation(partialReleaseForm, ({ studyUid, senderId }) => releasePart(parts, studyUid, senderId))];
}

function releasePart(
  { ledger, releaser }: PartialReleaseParts,
  studyUid: string,
  senderId: string | undefined,
): Acted {
  const study = findStudy(ledger, studyUid, senderId);
  if (study.expected === undefined) throw new DiodeError('E_STUDY_STATE', 'the study has no manifest yet');
  const newest = ledger.manifests.newest(study.senderId, study.studyUid, study.releasedRevision);
  if (newest === undefined)
    throw new DiodeError('E_STUDY_STATE', 'its newest list has already been dealt with');
  if (missingEntries(ledger, study).length === 0)
    throw new DiodeError('E_STUDY_STATE', 'no instance of the study is missing');
  const { release: objectIds, otherPatients, patientMismatch } = sortRevision(ledger, newest);
  if (otherPatients.length > 0) throw patientMismatch ?? new DiodeError('E_PATIENT_MISMATCH');
  const instances = objectIds.map((id) => ledger.instances.get(id)).filter((row) => row !== undefined);
  const part = releaser.beginPart(study, instances, study.expected);
  const some = `${part.instances} of ${countText(part.expected, 'instance')}`;
  const facts = { instances: part.instances, expected: part.expected, folder: part.target };
  return {
    audit: { action: 'release partial', subjects: [study.studyUid] },
    told: { detail: `${some} to be put into the partial folder as ${part.target}`, facts },
    afterwards: () => {
      releaser.carryOutPart(part);
      return { detail: `${some} put into the partial folder as ${part.target}`, facts };
    },
  };
}

/** @throws DiodeError E_STUDY_UNKNOWN, E_USAGE if two senders have a study with this UID */
function findStudy(ledger: ReceiverLedger, studyUid: string, senderId: string | undefined): StudyRecord {
  const found = ledger.studies
    .ofUid(studyUid)
    .filter((study) => senderId === undefined || study.senderId === senderId);
  const [study, ...others] = found;
  if (study === undefined) throw new DiodeError('E_STUDY_UNKNOWN');
  if (others.length > 0)
    throw new DiodeError('E_USAGE', 'several senders have this study: name one with --sender');
  return study;
}
