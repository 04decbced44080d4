/** Answers what the command line asks of the running receiver. Its fields are checked: any process may write them. */
import { z } from 'zod';
import { DiodeError } from '../../shared/errors.ts';
import type { Answer, Request } from '../../shared/mailbox.ts';
import { isUid } from '../../shared/wire/limits.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { StudyRecord } from '../ledger/study-records.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { missingEntries } from '../studies/missing.ts';
import { sortRevision } from '../studies/release-gate.ts';
import { quarantineVerb } from './quarantine.ts';
import { senderVerb } from './sender-requests.ts';
import { damagedVerb } from './verify-command.ts';

const releaseParameters = z.strictObject({
  studyUid: z.string().refine(isUid),
  senderId: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  reason: z.string().min(1).max(1000),
  byWhom: z.string().min(1).max(200),
});

const damagedParameters = z.strictObject({ objectId: z.string().regex(/^[0-9a-f]{32}$/) });

export function answerRequest(pipeline: Pipeline, ledger: ReceiverLedger, request: Request): Answer {
  try {
    const quarantine = quarantineVerb(request.verb);
    if (quarantine !== undefined)
      return { ok: true, detail: quarantine(pipeline, ledger, request.parameters) };
    if (request.verb === damagedVerb) return { ok: true, detail: collectAgain(pipeline, ledger, request) };
    const sender = senderVerb(request.verb);
    if (sender !== undefined)
      return { ok: true, detail: sender(pipeline.senders, ledger, request.parameters) };
    if (request.verb !== 'release-partial')
      throw new DiodeError('E_USAGE', 'the running program does not know this request');
    const parsed = releaseParameters.safeParse(request.parameters);
    if (!parsed.success) throw new DiodeError('E_USAGE', 'the request is malformed');
    return { ok: true, detail: releasePartially(pipeline, ledger, parsed.data) };
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    return { ok: false, code: error.code, detail: error.message };
  }
}

/** What `verify` found: it is looked at no more, and collected again. */
function collectAgain(pipeline: Pipeline, ledger: ReceiverLedger, request: Request): string {
  const parsed = damagedParameters.safeParse(request.parameters);
  if (!parsed.success) throw new DiodeError('E_USAGE', 'the request is malformed');
  const { objectId } = parsed.data;
  const instance = ledger.instances.get(objectId);
  if (instance === undefined || ledger.files.stateOf(objectId) !== 'there') return 'nothing to do';
  pipeline.vaultWatch.lost(instance);
  return 'it is collected again';
}

function releasePartially(
  pipeline: Pipeline,
  ledger: ReceiverLedger,
  asked: z.infer<typeof releaseParameters>,
): string {
  const study = findStudy(ledger, asked.studyUid, asked.senderId);
  if (study.expected === undefined) throw new DiodeError('E_STUDY_STATE', 'the study has no manifest yet');
  if (missingEntries(ledger, study).length === 0)
    throw new DiodeError('E_STUDY_STATE', 'the study misses nothing');
  const newest = ledger.manifests.newest(study.senderId, study.studyUid, study.releasedRevision);
  if (newest === undefined) throw new DiodeError('E_STUDY_STATE');
  const { release: objectIds, otherPatients, patientMismatch } = sortRevision(ledger, newest);
  if (otherPatients.length > 0) throw patientMismatch ?? new DiodeError('E_PATIENT_MISMATCH');
  const { byWhom, reason } = asked;
  const instances = objectIds.map((id) => ledger.instances.get(id)).filter((row) => row !== undefined);
  const release = pipeline.releaser.releasePartially(study, instances, study.expected, { byWhom, reason });
  return `${release.instances} of ${release.expected} instances are in the partial folder as ${release.target}`;
}

/** @throws DiodeError E_STUDY_UNKNOWN, E_USAGE when two senders have a study of this UID */
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
