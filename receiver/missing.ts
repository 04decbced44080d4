/**
 * The account of what the high side doesn't have: everything a sender took in, as far as it told, that is
 * not in the inbox. It is read from the ledger alone, so the command line gives it beside a running program.
 */
import type { ManifestEntry } from '../shared/wire/manifest.ts';
import { type ReceiverLedger, type StudyRecord, studyState } from './ledger.ts';

/** Why something is missing. */
export type MissingCause =
  /** No manifest with this study number ever came. */
  | 'study never seen'
  /** The manifest is there; some of its instances are not. */
  | 'instances missing'
  /** The sender's roll names a newer revision. */
  | 'revision never seen'
  /** Instances are there that no manifest lists. */
  | 'not closed by the sender';

export interface MissingRow {
  readonly cause: MissingCause;
  readonly senderId: string;
  readonly studyNumber: number | undefined;
  readonly studyUid: string | undefined;
  /** Instances that are there, and that should be; unknown where no manifest says it. */
  readonly have: number | undefined;
  readonly expected: number | undefined;
  readonly state: string | undefined;
}

/** At most `limit` rows of each cause. */
export function accountOfMissing(ledger: ReceiverLedger, limit: number): MissingRow[] {
  return [
    ...ledger.studies(limit).flatMap((study) => instancesMissing(ledger, study)),
    ...numbersNeverSeen(ledger, limit),
    ...ledger
      .rollAhead(limit)
      .map((row) => ({ ...unknownCounts, cause: 'revision never seen' as const, ...row })),
    ...ledger.unclaimed(limit).map(({ senderId, studyUid, instances }) => ({
      ...unknownCounts,
      cause: 'not closed by the sender' as const,
      senderId,
      studyUid,
      studyNumber: undefined,
      have: instances,
    })),
  ];
}

/** The entries of a study's newest manifest whose instances are not there. */
export function missingEntries(ledger: ReceiverLedger, study: StudyRecord): ManifestEntry[] {
  const [newest] = ledger.manifestsAbove(study.senderId, study.studyUid, study.releasedRevision);
  return newest?.entries.filter((entry) => ledger.instance(entry.objectId) === undefined) ?? [];
}

const unknownCounts = { have: undefined, expected: undefined, state: undefined };

function instancesMissing(ledger: ReceiverLedger, study: StudyRecord): MissingRow[] {
  if (study.state === studyState.released && study.newestRevision === study.releasedRevision) return [];
  if (study.expected === undefined) return [];
  const missing = missingEntries(ledger, study).length;
  const { senderId, studyNumber, studyUid, expected, state } = study;
  if (missing === 0) return [];
  return [
    {
      cause: 'instances missing',
      senderId,
      studyNumber,
      studyUid,
      have: expected - missing,
      expected,
      state,
    },
  ];
}

function numbersNeverSeen(ledger: ReceiverLedger, limit: number): MissingRow[] {
  return ledger.senders().flatMap(({ senderId, accountFrom, highestStudyNumber }) =>
    ledger.unknownStudyNumbers(senderId, accountFrom, highestStudyNumber, limit).map((studyNumber) => ({
      ...unknownCounts,
      cause: 'study never seen' as const,
      senderId,
      studyNumber,
      studyUid: ledger.rollStudyUid(senderId, studyNumber),
    })),
  );
}
