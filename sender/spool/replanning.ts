/**
 * Plans objects in the spool again whose key left the ring, whose cut is for another datagram length, or whose sender
 * continues under another id. Their content stays, their ids don't: an id is bound to sender, key and cut. The receiver
 * recognizes content it has by its hash, so nothing is stored or released twice there.
 *
 * The next start recovers from a power cut at any point: the file gets its new name beside the old one, then the ledger
 * gets the new one, then the old one goes. A leftover is taken in again, found to be there already, and removed.
 */
import { join } from 'node:path';
import type { Disk } from '../../shared/disk.ts';
import { objectType, symbolBytesOf } from '../../shared/wire/datagram.ts';
import { objectPlanner, type SenderIdentity, secretsOf } from '../identity.ts';
import type { SenderLedger } from '../ledger/ledger.ts';

const groupObjects = 256;

/** @returns how many instances have a new plan */
export function replanStale(options: {
  ledger: SenderLedger;
  disk: Disk;
  /** Where the spool keeps its files by object id. */
  objectsFolder: string;
  identity: SenderIdentity;
  passesPlanned: number;
}): number {
  const { ledger, disk, objectsFolder, identity, passesPlanned } = options;
  const plan = objectPlanner(identity);
  const usable = {
    keyIds: [...secretsOf(identity).keys()],
    symbolBytes: symbolBytesOf(identity.parameters.datagramBytes),
  };
  let replanned = 0;
  for (;;) {
    const group = ledger.plans.staleInstances(usable, groupObjects);
    if (group.length === 0) break;
    const changes = group.map((from) => ({
      from,
      to: plan(objectType.instance, Buffer.from(from.sha256, 'hex'), from.bytes),
    }));
    const paths = changes.map(({ from, to }) => ({
      from: join(objectsFolder, from.objectId),
      to: join(objectsFolder, to.objectId),
    }));
    for (const path of paths) {
      // The next pass reports a file that is gone; an earlier attempt may have come this far.
      if (disk.facts(path.from) !== undefined && disk.facts(path.to) === undefined)
        disk.link(path.from, path.to);
    }
    disk.syncFolder(objectsFolder);
    ledger.plans.replan(changes, passesPlanned);
    for (const path of paths) disk.remove(path.from);
    replanned += group.length;
  }
  ledger.plans.dropStaleManifests(usable);
  return replanned;
}
