/**
 * The demo's own account of every file it put in, made from the files themselves and not from what the two
 * programs say: delivered when its very bytes stand in the inbox, and so on. Nothing may be left over.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReceiverLedger } from '../../receiver/ledger/ledger.ts';

export interface Account {
  delivered: number;
  /** Of these: with a preamble of zeros in place of its own, and the same from byte 128 on. */
  preambleZeroed: number;
  /** The same bytes as a file that was delivered. */
  duplicate: number;
  /** The UID of another file and other bytes: held on the high side. */
  conflict: number;
  /** Held on the high side for another reason. */
  held: number;
  /** Rejected on the low side, with a code. */
  rejected: number;
  /** Neither of these: the demo fails. */
  unaccounted: number;
  /** Files in the inbox that nobody put in: the demo fails. */
  foreign: number;
  deliveredBytes: number;
  /** Verified files of each study folder in the inbox. */
  readonly verifiedByStudy: Map<string, number>;
}

/** A file that was put in, by the hash of its bytes. */
export interface SourceFile {
  readonly path: string;
  readonly sha256: string;
  /** With a preamble of zeros, as the gate's policy may release it; as `sha256` where it has one already. */
  readonly sha256ZeroPreamble: string;
}

/** The 128 bytes before `DICM` (PS3.10 section 7.1). */
const preambleBytes = 128;

export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

export function sourceFiles(folder: string): SourceFile[] {
  return filesBelow(folder).map((path) => {
    const bytes = readFileSync(path);
    const sha256 = sha256Of(bytes);
    return {
      path,
      sha256,
      sha256ZeroPreamble: sha256Of(bytes.fill(0, 0, Math.min(preambleBytes, bytes.length))),
    };
  });
}

/**
 * Compares what stands in the inbox with what was put in, byte for byte; the preamble may have become zeros, as the
 * gate's policy says, and then that is counted.
 */
export function accountFor(
  sources: readonly SourceFile[],
  places: { inboxFolder: string; rejectedFolder: string; ledger: ReceiverLedger },
): Account {
  const account: Account = {
    delivered: 0,
    preambleZeroed: 0,
    duplicate: 0,
    conflict: 0,
    held: 0,
    rejected: 0,
    unaccounted: 0,
    foreign: 0,
    deliveredBytes: 0,
    verifiedByStudy: new Map(),
  };
  const byHash = new Map(sources.map((source) => [source.sha256ZeroPreamble, source]));
  for (const source of sources) byHash.set(source.sha256, source);
  const delivered = new Set<string>();
  for (const path of filesBelow(places.inboxFolder)) {
    const bytes = readFileSync(path);
    const sha256 = sha256Of(bytes);
    const source = byHash.get(sha256);
    // The hash finds the source; the bytes decide.
    const found = source === undefined ? undefined : comparison(readFileSync(source.path), bytes);
    if (source === undefined || found === undefined || delivered.has(source.sha256)) {
      account.foreign += 1;
      continue;
    }
    delivered.add(source.sha256);
    if (found === 'preamble zeroed') account.preambleZeroed += 1;
    account.deliveredBytes += bytes.length;
    const study =
      path
        .slice(places.inboxFolder.length + 1)
        .split('/')[0]
        ?.split('.rev')[0] ?? '';
    account.verifiedByStudy.set(study, (account.verifiedByStudy.get(study) ?? 0) + 1);
  }
  const held = new Map(places.ledger.instances.held(100_000).map((row) => [row.sha256, row.heldBecause]));
  const rejected = countHashes(filesBelow(places.rejectedFolder));
  const seen = new Set<string>();
  for (const { sha256 } of sources) {
    if (take(rejected, sha256)) account.rejected += 1;
    else if (seen.has(sha256)) account.duplicate += 1;
    else if (delivered.has(sha256)) account.delivered += 1;
    else if (held.get(sha256) === 'E_CONFLICT') account.conflict += 1;
    else if (held.has(sha256)) account.held += 1;
    else account.unaccounted += 1;
    seen.add(sha256);
  }
  return account;
}

function comparison(source: Buffer, released: Buffer): 'same' | 'preamble zeroed' | undefined {
  if (source.equals(released)) return 'same';
  const isZeroed = released.subarray(0, preambleBytes).every((byte) => byte === 0);
  return isZeroed && source.subarray(preambleBytes).equals(released.subarray(preambleBytes))
    ? 'preamble zeroed'
    : undefined;
}

function countHashes(paths: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const sha256 = sha256Of(readFileSync(path));
    counts.set(sha256, (counts.get(sha256) ?? 0) + 1);
  }
  return counts;
}

function take(counts: Map<string, number>, sha256: string): boolean {
  const count = counts.get(sha256) ?? 0;
  if (count === 0) return false;
  counts.set(sha256, count - 1);
  return true;
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
