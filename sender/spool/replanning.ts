/**
 * Plans spooled objects again whose key left the ring, whose cut is that of another datagram length, or whose sender
 * goes on under another id. Their content stays, their ids don't: an id is bound to sender, key and cut. The receiver knows content it has by its hash, so
 * nothing is stored or released twice there.
 *
 * A power cut at any point is made good by the next start: the file gets its new name beside the old one, then the
 * ledger says the new one, then the old one goes. What is left over is taken in again, found to be there, and removed.
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
      // A file that is gone is told by its next pass; an earlier try may have come this far.
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
