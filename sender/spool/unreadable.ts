/** A file of the spool that is gone, cut or changed: what is done about it, and the event that says so. */
import type { SenderLedger } from '../ledger/ledger.ts';

/** It is not sent until the same content is taken in again. */
export function markUnreadable(ledger: SenderLedger, objectId: string, atMs: number): void {
  ledger.transaction(() => {
    const studyUid = ledger.objects.markUnreadable(objectId);
    if (studyUid !== undefined) ledger.events.enter({ kind: 'damaged', studyUid, instances: 1 }, atMs);
  });
}
