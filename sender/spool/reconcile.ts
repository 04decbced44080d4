/**
 * Compares the spool with its ledger after a start, one bounded step at a time, while the program is already working: a
 * million files take minutes, and the first image need not wait for that.
 *
 * A file without a row is taken in again, as if it had just come (a power cut between file and row). A row without its
 * file, or with one of the wrong size, is marked unreadable, and the high side is told. Nothing is deleted except what has
 * expired.
 */
import type { Clock } from '../../shared/clock.ts';
import type { Disk } from '../../shared/disk.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import type { Spool } from './spool.ts';
import { markUnreadable } from './unreadable.ts';

export interface SpoolReconciliation {
  /** Files without a row: they are in arriving/ now. */
  readonly adopted: number;
  /** Rows without their file. */
  readonly unreadable: number;
}

/** Rows or names per step: about a millisecond. */
const stepEntries = 100;

/** Yields after each bounded step. */
export function* reconcileSpool(options: {
  readonly ledger: SenderLedger;
  readonly spool: Spool;
  readonly disk: Disk;
  readonly clock: Clock;
}): Generator<void, SpoolReconciliation> {
  const { ledger, spool, disk, clock } = options;
  let adopted = 0;
  let unreadable = 0;
  let looked = 0;
  for (const objectId of disk.entries(spool.objects.path)) {
    looked += 1;
    if (looked % stepEntries === 0) yield;
    if (ledger.objects.has(objectId)) continue;
    if (ledger.retained.hasExpired(objectId)) {
      spool.removeObject(objectId);
    } else {
      spool.takeUp(objectId);
      adopted += 1;
    }
  }
  let after = 0;
  for (;;) {
    yield;
    const page = ledger.instances.after(after, stepEntries);
    for (const { intake, objectId, bytes } of page) {
      after = intake;
      if (spool.objects.has(objectId, bytes)) continue;
      markUnreadable(ledger, objectId, clock.wallMs());
      unreadable += 1;
    }
    if (page.length < stepEntries) break;
  }
  return { adopted, unreadable };
}
