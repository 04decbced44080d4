/**
 * What goes wrong with one study affects only that study: it is recorded in its row, an alarm names it, it is tried again
 * after growing waits, and everything else goes on.
 */
import { AssertionFailure } from '../../shared/assert.ts';
import type { Clock } from '../../shared/clock.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { StudiesTime } from './running-time.ts';

export interface StudyTrouble {
  readonly ledger: ReceiverLedger;
  /** Of the studies: two senders may have one of the same UID, and an alarm of the UID stands while either is in trouble. */
  readonly desk: AlarmDesk;
  readonly clock: Clock;
  readonly time: StudiesTime;
}

/**
 * Codes that say by themselves why a study waits; every other one is reported as E_RELEASE. That a disk is full is for others
 * to say: that this study waits for it is not.
 */
const plainCodes = ['E_INBOX_TAKEN', 'E_DISK'] as const satisfies readonly ErrorCode[];
const firstWaitMs = 5000;
const longestWaitMs = 300_000;

/**
 * Does something for one study.
 *
 * What it throws is the study's own problem if the ledger can still record it. A ledger that refuses even that refuses
 * everything, which the whole step has to deal with.
 * @returns undefined if the study is in trouble
 * @throws DiodeError a storage code, if the ledger accepts nothing; errors that no data of a study can cause
 */
export function containStudy<T>(
  trouble: StudyTrouble,
  senderId: string,
  studyUid: string,
  act: () => T,
): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!isOfData(error)) throw error;
    noteTrouble(trouble, senderId, studyUid, error);
    return undefined;
  }
}

/** A study is in order again. */
export function endTrouble({ ledger, desk }: StudyTrouble, senderId: string, studyUid: string): void {
  if (ledger.studies.get(senderId, studyUid)?.hasProblem === true)
    ledger.studies.clearProblem(senderId, studyUid);
  if (ledger.studies.isTroubleOfAnother(senderId, studyUid, 'unreleased')) return;
  for (const code of [...plainCodes, 'E_RELEASE'] as const) desk.clear(code, studyUid);
}

function noteTrouble(
  { ledger, desk, clock, time }: StudyTrouble,
  senderId: string,
  studyUid: string,
  error: Error,
): void {
  const code = error instanceof DiodeError ? error.code : 'E_INTERNAL';
  ledger.transaction(() => {
    const tries = ledger.studies.markProblem(senderId, studyUid, code, clock.wallMs());
    const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(tries - 1, 10));
    ledger.openManifests.tryStudyAt(senderId, studyUid, time.nowMs() + waitMs);
  });
  const plain = plainCodes.find((each) => each === code);
  if (plain !== undefined) desk.raise(plain, studyUid, error.message, undefined, senderId);
  else desk.raise('E_RELEASE', studyUid, `${code}: ${error.message}`, undefined, senderId);
}

/** Whether the data of one study may be the cause. This includes what the runtime throws for malformed data. */
function isOfData(error: unknown): error is Error {
  return (
    error instanceof DiodeError ||
    error instanceof AssertionFailure ||
    error instanceof SyntaxError ||
    error instanceof RangeError ||
    error instanceof TypeError ||
    (error instanceof Error && error.name === 'ZodError')
  );
}
