/**
 * The account of what the high side doesn't have: everything a sender took in, as far as it told, that is
 * not in the inbox. It is read from the ledger alone, so the command line gives it beside a running program.
 */
import type { ManifestEntry } from '../../shared/wire/manifest.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { StudyRecord } from '../ledger/study-records.ts';

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
  /** Instances that are there, and that should be; unknown where nothing says it. */
  readonly have: number | undefined;
  readonly expected: number | undefined;
  readonly state: string | undefined;
  /** The sender can't send it any more: only the scanner can. */
  readonly expired: boolean;
}

/** Each study once; at most `limit` rows of each cause. */
export function accountOfMissing(ledger: ReceiverLedger, limit: number): MissingRow[] {
  const rows = new Map<string, MissingRow>();
  const add = (row: MissingRow) => {
    const key = `${row.senderId} ${row.studyUid ?? row.studyNumber}`;
    const known = rows.get(key);
    if (known === undefined) rows.set(key, row);
    else if (known.have === undefined) rows.set(key, { ...known, have: row.have });
  };
  for (const study of ledger.studies.unreleased().slice(0, limit))
    instancesMissing(ledger, study).forEach(add);
  for (const { senderId, accountFrom, highestStudyNumber } of ledger.senders.all()) {
    const numbers = ledger.manifests.unknownStudyNumbers(senderId, accountFrom, highestStudyNumber, limit);
    for (const studyNumber of numbers) add(neverSeen(ledger, senderId, studyNumber));
  }
  for (const { senderId, studyNumber } of ledger.told.forgotten(limit))
    add(neverSeen(ledger, senderId, studyNumber));
  for (const { senderId, studyNumber, studyUid, instances, expired } of ledger.told.unseen(limit)) {
    const study = ledger.studies.get(senderId, studyUid);
    const cause = study?.expected === undefined ? 'study never seen' : 'revision never seen';
    add({
      cause,
      senderId,
      studyNumber,
      studyUid,
      have: undefined,
      expected: instances,
      state: study?.state,
      expired,
    });
  }
  for (const { senderId, studyUid, instances } of ledger.instances.unclaimed(limit)) {
    add({
      cause: 'not closed by the sender',
      senderId,
      studyUid,
      studyNumber: undefined,
      have: instances,
      expected: undefined,
      state: undefined,
      expired: false,
    });
  }
  const counts = new Map<MissingCause, number>();
  return [...rows.values()].filter(({ cause }) => {
    const count = (counts.get(cause) ?? 0) + 1;
    counts.set(cause, count);
    return count <= limit;
  });
}

/** The entries of a study's newest manifest whose instances are not there. */
export function missingEntries(ledger: ReceiverLedger, study: StudyRecord): ManifestEntry[] {
  const [newest] = ledger.manifests.above(study.senderId, study.studyUid, study.releasedRevision);
  return newest?.entries.filter((entry) => ledger.instances.get(entry.objectId) === undefined) ?? [];
}

function instancesMissing(ledger: ReceiverLedger, study: StudyRecord): MissingRow[] {
  const { senderId, studyNumber, studyUid, expected, state } = study;
  if (expected === undefined) return [];
  const missing = missingEntries(ledger, study).length;
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
      expired: ledger.told.hasExpired(senderId, studyUid),
    },
  ];
}

function neverSeen(ledger: ReceiverLedger, senderId: string, studyNumber: number): MissingRow {
  const studyUid = ledger.told.studyUid(senderId, studyNumber);
  return {
    cause: 'study never seen',
    senderId,
    studyNumber,
    studyUid,
    have: undefined,
    expected: undefined,
    state: undefined,
    expired: studyUid !== undefined && ledger.told.hasExpired(senderId, studyUid),
  };
}
