/**
 * Compares the vault with its ledger after a start, one bounded step at a time, while the program is already working.
 *
 * A file without a row (a power cut between the two) is adopted if its hash and an object id say what it is, otherwise
 * moved to orphans/. An object whose row has no file, or one of the wrong size, is collected again; what is left of the
 * file goes to damaged/. Nothing is deleted except what was removed on purpose.
 */
import { createHash } from 'node:crypto';
import type { Disk, DiskFile } from '../../shared/disk.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { VaultFile } from '../ledger/vault-files.ts';
import type { Vault } from './vault.ts';

export interface Orphan {
  readonly objectId: string;
  readonly bytes: number;
  readonly sha256: Uint8Array;
}

export interface ReconcileOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  readonly disk: Disk;
  /** Moves it back to where it was assembled, if a key explains it. @returns whether it was adopted */
  readonly adopt: (orphan: Orphan) => boolean;
  /** A row has no file, or one of the wrong size. */
  readonly lost: (file: VaultFile) => void;
}

export interface VaultReconciliation {
  readonly adopted: number;
  readonly orphans: number;
  readonly lost: number;
}

/** Names or rows per step. */
const stepEntries = 50;
const hashStepBytes = 1 << 20;
const objectIdPattern = /^[0-9a-f]{32}$/;

/** Yields after each bounded step. */
export function* reconcileVault(options: ReconcileOptions): Generator<void, VaultReconciliation> {
  const { ledger, vault, disk } = options;
  let [adopted, orphans, lost, looked] = [0, 0, 0, 0];
  for (const name of disk.entries(vault.objects.path)) {
    looked += 1;
    if (looked % stepEntries === 0) yield;
    const state = ledger.files.stateOf(name);
    if (state === 'there' || state === 'lost') continue;
    if (state === 'removed') {
      // What the disk refuses is removed along with the rest, which waits and reports it: the comparison goes on.
      if (vault.removeWhatCanGo([name]).size > 0) ledger.removableObjects.enter(name, 0);
    } else if (yield* takeOrphan(options, name)) adopted += 1;
    else orphans += 1;
  }
  let after = 0;
  for (;;) {
    yield;
    const page = ledger.files.after(after, stepEntries);
    for (const file of page) {
      after = file.arrival;
      if (vault.objects.has(file.objectId, file.bytes)) continue;
      // While this was asked the file may have been removed on purpose.
      if (ledger.files.stateOf(file.objectId) !== 'there') continue;
      options.lost(file);
      lost += 1;
    }
    if (page.length < stepEntries) break;
  }
  return { adopted, orphans, lost };
}

function* takeOrphan({ vault, disk, adopt }: ReconcileOptions, name: string): Generator<void, boolean> {
  const path = vault.objects.pathOf(name);
  const bytes = disk.facts(path)?.bytes ?? 0;
  if (objectIdPattern.test(name) && bytes > 0) {
    const sha256 = yield* hashFile(disk, path);
    if (adopt({ objectId: name, bytes, sha256 })) return true;
  }
  vault.setAside('orphans', name);
  return false;
}

/** SHA-256 of a file, 1 MB per step. */
export function* hashFile(disk: Disk, path: string): Generator<void, Uint8Array> {
  const digest = createHash('sha256');
  const file: DiskFile = disk.open(path, 'read');
  try {
    const buffer = new Uint8Array(hashStepBytes);
    for (let offset = 0; ; ) {
      const read = file.readAt(buffer, offset);
      if (read === 0) return digest.digest();
      digest.update(buffer.subarray(0, read));
      offset += read;
      if (read === buffer.length) yield;
    }
  } finally {
    file.close();
  }
}
