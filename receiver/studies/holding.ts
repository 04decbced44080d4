/** Holds instances of a study, and says so, in one transaction. */
import type { ErrorCode } from '../../shared/errors.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { StudyKey } from './deciding.ts';

export function holdInstances(
  ledger: ReceiverLedger,
  { senderId, studyUid }: StudyKey,
  objectIds: readonly string[],
  code: ErrorCode,
  atMs: number,
): void {
  if (objectIds.length === 0) return;
  ledger.transaction(() => {
    const instances = ledger.instances.holdAll(objectIds, code);
    if (instances > 0) ledger.events.enter({ kind: 'held', senderId, studyUid, code, instances }, atMs);
  });
}
