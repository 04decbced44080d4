/**
 * The account of what the high side doesn't have: everything a sender announced that it took in and that is
 * not in the inbox. It is read only from the ledger, so the command line can print it while the program runs.
 *
 * Filters are applied before limits, each sender has its share of the rows, and what is not shown is counted.
 */

import type { ManifestEntry } from '../../shared/wire/manifest.ts';
import type { AccountFilter, CountedRows, OpenStudyRow } from '../ledger/account.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { NumberRange } from '../ledger/manifests.ts';
import type { StudyRecord } from '../ledger/study-records.ts';

/** Why something is missing. */
export const missingCauses = [
  /** The manifest has arrived; some of its instances have not. */
  'instances missing',
  /** Everything on a list has arrived, but it is not released. */
  'complete, not released',
  /** No manifest with this study number ever came. */
  'study never seen',
  /** The sender's roll names a list that never came. */
  'revision never seen',
  /** Instances have arrived that no manifest lists. */
  'not closed by the sender',
] as const;
export type MissingCause = (typeof missingCauses)[number];

export interface MissingRow {
  readonly cause: MissingCause;
  readonly senderId: string;
  readonly studyNumber: number | undefined;
  readonly studyUid: string | undefined;
  /** Instances that have arrived, and that should have; undefined if unknown. */
  readonly have: number | undefined;
  readonly expected: number | undefined;
  readonly state: string | undefined;
  /** The sender can no longer send it: only the scanner can. */
  readonly expired: boolean;
  /** The code of why it is not released, if that was tried. */
  readonly problem: string | undefined;
}

/** What is missing beyond the rows that are shown; at least this much if a sender announces more than is kept. */
export interface MoreMissing {
  readonly cause: MissingCause;
  readonly senderId: string;
  readonly count: number;
  /** If study numbers are counted, the range they are in. */
  readonly numbers?: NumberRange | undefined;
}

export interface MissingAccount {
  readonly rows: readonly MissingRow[];
  readonly more: readonly MoreMissing[];
}

export interface MissingFilter {
  readonly senderId?: string | undefined;
  /** A study by its UID, or by its number. */
  readonly studyUid?: string | undefined;
  readonly studyNumber?: number | undefined;
}

/** A release takes a moment; a study that has been whole for longer is listed. */
const releaseMs = 60_000;

/**
 * Each study once.
 * @param limit rows of each cause; the senders share them
 * @param nowMs by the wall clock: leave it out to also list what was completed just now
 */
export function missingAccount(
  ledger: ReceiverLedger,
  limit: number,
  filter: MissingFilter = {},
  nowMs?: number,
): MissingAccount {
  const senderIds = filter.senderId === undefined ? ledger.account.senderIds() : [filter.senderId];
  const rows: MissingRow[] = [];
  const more: MoreMissing[] = [];
  const ofSenders = senderIds.map((senderId) => accountOfSender(ledger, senderId, limit, filter, nowMs));
  for (const cause of missingCauses) {
    const found = ofSenders.map((each) => each.rows.filter((row) => row.cause === cause));
    const shares = fairShares(
      found.map(({ length }) => length),
      limit,
    );
    ofSenders.forEach(({ senderId, beyond }, index) => {
      const ofCause = found[index] ?? [];
      const shown = ofCause.slice(0, shares[index]);
      rows.push(...shown);
      const { count = 0, numbers } = beyond.get(cause) ?? {};
      const left = ofCause.length - shown.length + count;
      if (left > 0) more.push({ cause, senderId, count: left, ...(numbers !== undefined && { numbers }) });
    });
  }
  return { rows, more };
}

/** Only the rows. */
export function accountOfMissing(ledger: ReceiverLedger, limit: number): readonly MissingRow[] {
  return missingAccount(ledger, limit).rows;
}

/** The entries of a study's newest manifest whose instances have not arrived. */
export function missingEntries(ledger: ReceiverLedger, study: StudyRecord): ManifestEntry[] {
  const newest = ledger.manifests.newest(study.senderId, study.studyUid, study.releasedRevision);
  return (
    newest?.entries.filter(
      (entry) => ledger.instances.listed(study.senderId, entry.objectId) === undefined,
    ) ?? []
  );
}

interface SenderAccount {
  readonly senderId: string;
  readonly rows: readonly MissingRow[];
  readonly beyond: ReadonlyMap<MissingCause, { readonly count: number; readonly numbers?: NumberRange }>;
}

type Beyond = Map<MissingCause, { count: number; numbers?: NumberRange }>;

function accountOfSender(
  ledger: ReceiverLedger,
  senderId: string,
  limit: number,
  { studyUid, studyNumber }: MissingFilter,
  nowMs: number | undefined,
): SenderAccount {
  const filter: AccountFilter = { senderId, studyUid, studyNumber };
  const rows = new Map<string, MissingRow>();
  const beyond: Beyond = new Map();
  const add = (row: MissingRow) => {
    // A UID may look like a number.
    const key = row.studyUid === undefined ? `number ${row.studyNumber}` : `UID ${row.studyUid}`;
    const known = rows.get(key);
    if (known === undefined) rows.set(key, row);
    else if (known.have === undefined) rows.set(key, { ...known, have: row.have });
  };
  const addAll = <T>(
    cause: MissingCause,
    { rows: found, count }: CountedRows<T>,
    rowOf: (row: T) => MissingRow,
  ) => {
    for (const row of found) add(rowOf(row));
    leave(beyond, cause, count - found.length);
  };
  const open = (cause: MissingCause) => (row: OpenStudyRow) => openStudy(ledger, senderId, cause, row);
  addAll('instances missing', ledger.account.missing(filter, limit), open('instances missing'));
  const { rows: whole, count } = ledger.account.whole(filter, limit);
  const late = whole.filter(
    ({ changedAtMs, problem }) =>
      problem !== undefined || nowMs === undefined || Math.abs(nowMs - changedAtMs) >= releaseMs,
  );
  const wholeRows = { rows: late, count: count - whole.length + late.length };
  addAll('complete, not released', wholeRows, open('complete, not released'));
  addUnknownNumbers(ledger, filter, limit, add, beyond);
  const told = (row: UnseenRow) => toldOf(ledger, senderId, row);
  addAll('revision never seen', ledger.account.unseen(filter, limit), told);
  if (studyUid === undefined && studyNumber === undefined)
    leave(beyond, 'study never seen', ledger.senderReports.leftOut(senderId));
  addAll('not closed by the sender', ledger.account.unclaimed(filter, limit), (row) => ({
    ...nothingKnown(senderId),
    cause: 'not closed by the sender',
    studyUid: row.studyUid,
    have: row.instances,
  }));
  return { senderId, rows: [...rows.values()], beyond };
}

/** Study numbers for which no manifest came: individually while there is room, and the rest as a range. */
function addUnknownNumbers(
  ledger: ReceiverLedger,
  { senderId, studyUid, studyNumber }: AccountFilter,
  limit: number,
  add: (row: MissingRow) => void,
  beyond: Beyond,
): void {
  const sender = ledger.senders.get(senderId);
  // A study given only by its UID has the numbers that the roll gives.
  const only =
    studyNumber ??
    (studyUid === undefined ? undefined : ledger.senderReports.studyNumber(senderId, studyUid));
  if (studyUid !== undefined && only === undefined) return;
  const [from, to] = [
    Math.max(sender?.accountFrom ?? 1, only ?? 1),
    Math.min(sender?.highestStudyNumber ?? 0, only ?? Number.MAX_SAFE_INTEGER),
  ];
  const unknown = ledger.manifests.unknownRanges(senderId, from, to, limit + 1);
  addNumbers(ledger, senderId, unknown, limit, add);
  const shown = Math.min(limit, sizeOf(unknown));
  const left = ledger.manifests.unknownCount(senderId, from, to) - shown;
  leave(beyond, 'study never seen', left, left > 0 ? { first: behind(unknown, shown), last: to } : undefined);
  const forgotten = ledger.senderReports
    .forgotten(senderId, limit + 1)
    .map(({ first, last }) => ({ first: Math.max(first, only ?? first), last: Math.min(last, only ?? last) }))
    .filter(({ first, last }) => first <= last);
  addNumbers(ledger, senderId, forgotten, limit, add);
  leave(beyond, 'study never seen', sizeOf(forgotten) - Math.min(limit, sizeOf(forgotten)));
}

function addNumbers(
  ledger: ReceiverLedger,
  senderId: string,
  ranges: readonly NumberRange[],
  limit: number,
  add: (row: MissingRow) => void,
): void {
  let left = limit;
  for (const { first, last } of ranges)
    for (let number = first; number <= last && left > 0; number += 1, left -= 1)
      add(neverSeen(ledger, senderId, number));
}

function sizeOf(ranges: readonly NumberRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/** The number after this many of these. */
function behind(ranges: readonly NumberRange[], count: number): number {
  let left = count;
  for (const { first, last } of ranges) {
    if (last - first + 1 > left) return first + left;
    left -= last - first + 1;
  }
  return (ranges.at(-1)?.last ?? 0) + 1;
}

function leave(beyond: Beyond, cause: MissingCause, count: number, numbers?: NumberRange): void {
  if (count <= 0) return;
  const before = beyond.get(cause);
  const named = numbers ?? before?.numbers;
  beyond.set(cause, { count: count + (before?.count ?? 0), ...(named !== undefined && { numbers: named }) });
}

/**
 * Shares of a limit: nobody gets more than they have, and what one leaves goes to the others.
 * @returns how many of each
 */
function fairShares(counts: readonly number[], limit: number): number[] {
  const shares = counts.map(() => 0);
  const bySize = counts.map((count, index) => ({ count, index })).sort((a, b) => a.count - b.count);
  let left = limit;
  bySize.forEach(({ count, index }, place) => {
    // With more senders than rows, each that has something gets one.
    const share = Math.max(1, Math.floor(left / (bySize.length - place)));
    shares[index] = Math.min(count, share);
    left = Math.max(0, left - (shares[index] ?? 0));
  });
  return shares;
}

type UnseenRow = ReturnType<ReceiverLedger['account']['unseen']>['rows'][number];

function toldOf(ledger: ReceiverLedger, senderId: string, told: UnseenRow): MissingRow {
  const { studyNumber, studyUid, instances, expired } = told;
  const study = ledger.studies.get(senderId, studyUid);
  const isNew = study?.expected === undefined;
  return {
    ...nothingKnown(senderId),
    cause: isNew ? 'study never seen' : 'revision never seen',
    studyNumber,
    studyUid,
    expected: instances,
    state: study?.state,
    expired,
  };
}

function openStudy(
  ledger: ReceiverLedger,
  senderId: string,
  cause: MissingCause,
  { studyUid, studyNumber, state, entries, entered, missing, problem }: OpenStudyRow,
): MissingRow {
  return {
    ...nothingKnown(senderId),
    cause,
    studyNumber,
    studyUid,
    // It is unknown until the whole list was processed.
    have: entered < entries ? undefined : entries - missing,
    expected: entries,
    state,
    expired: ledger.senderReports.hasExpired(senderId, studyUid),
    problem,
  };
}

function neverSeen(ledger: ReceiverLedger, senderId: string, studyNumber: number): MissingRow {
  const studyUid = ledger.senderReports.studyUid(senderId, studyNumber);
  return {
    ...nothingKnown(senderId),
    cause: 'study never seen',
    studyNumber,
    studyUid,
    expired: studyUid !== undefined && ledger.senderReports.hasExpired(senderId, studyUid),
  };
}

function nothingKnown(senderId: string): Omit<MissingRow, 'cause'> {
  return {
    senderId,
    studyNumber: undefined,
    studyUid: undefined,
    have: undefined,
    expected: undefined,
    state: undefined,
    expired: false,
    problem: undefined,
  };
}
