/**
 * What must be true at every step of a simulation, for one receiver:
 *
 * - nothing wrong: a released file is byte for byte a file that was taken in, of that study and that sender;
 * - nothing incomplete: a study is released with every instance of a revision, or those are held as conflicts;
 * - nothing twice: no instance of a sender is released two times;
 * - nothing taken back: what stood in the inbox stands there after every restart;
 * - nothing promised too early: what the ledger says is in the vault is there, byte for byte, after every restart;
 * - nothing untold, and nothing told that is not: a release has its event, an event its release;
 * - nothing silently missing: every study the receiver was told of is released, or named by `missing`.
 */
import { createHash } from 'node:crypto';
import type { ReleaseRecord } from '../../receiver/ledger/release-records.ts';
import { accountOfMissing } from '../../receiver/studies/missing.ts';
import { assert } from '../../shared/assert.ts';
import { checkReceiverEvents } from './event-invariants.ts';
import { type HighSide, inboxFolder, objectsFolder } from './high-side.ts';

/** A file that a scanner gave to a sender. */
export interface Expected {
  readonly senderId: string;
  readonly studyUid: string;
  readonly sopInstanceUid: string;
  readonly sha256: string;
  /** It came when its study had been closed: only the next list of that tells of it. */
  readonly isLate?: boolean;
}

export class Invariants {
  readonly #high: HighSide;
  readonly #expected: readonly Expected[];
  /** Senders that have a scanner here, where there are others as well: those put what they like into their own folders. */
  readonly #honest: ReadonlySet<string> | undefined;
  /** Whose a folder of the inbox is, as far as it was asked. */
  readonly #owners = new Map<string, ReleaseRecord>();
  /** SHA-256 of every file in the inbox, as far as it was looked at. */
  readonly #seen = new Map<string, string>();
  #releasesChecked = 0;
  #unreleased:
    | { readonly atMs: number; readonly releases: number; readonly files: readonly Expected[] }
    | undefined;

  constructor(high: HighSide, expected: readonly Expected[], honest?: ReadonlySet<string>) {
    this.#high = high;
    this.#expected = expected;
    this.#honest = honest;
  }

  /** After each step: looks at what was released since the last time. */
  check(): void {
    const { releases } = this.#high;
    if (releases.length === this.#releasesChecked) return;
    const fresh = releases.slice(this.#releasesChecked);
    this.#releasesChecked = releases.length;
    this.#checkInbox(false);
    for (const release of fresh) this.#checkComplete(release.senderId, release.studyUid, release.revision);
  }

  /**
   * After a restart, before the receiver did anything: reads every byte of inbox and vault again.
   * @param damaged objects of the vault that are not what the ledger says, and not by the receiver's doing
   */
  checkAgain(damaged: ReadonlySet<string> = new Set()): void {
    this.#checkInbox(true);
    this.#checkVault(damaged);
    checkReceiverEvents(this.#high.ledger);
  }

  /** What was put in and is neither in the inbox nor held. */
  unreleased(): readonly Expected[] {
    const nowMs = this.#high.clock.monotonicMs();
    const releases = this.#high.releases.length;
    const known = this.#unreleased;
    // A hold makes no noise, so that a while later it is looked at anyway.
    if (known !== undefined && known.releases === releases && nowMs - known.atMs < 5000 && nowMs > known.atMs)
      return known.files;
    const out = new Set<string>();
    const { ledger } = this.#high;
    for (const study of ledger.studies.newest(10_000)) {
      for (const row of ledger.instances.ofStudy(study.senderId, study.studyUid)) {
        const accounted = row.releasedRevision !== undefined || row.heldBecause !== undefined;
        if (accounted) out.add(`${row.senderId} ${row.sha256}`);
      }
    }
    const files = this.#expected.filter(({ senderId, sha256 }) => !out.has(`${senderId} ${sha256}`));
    this.#unreleased = { atMs: nowMs, releases, files };
    return files;
  }

  /**
   * What the receiver was told of and is not in the inbox must be named.
   * @param numbers the study numbers of a sender by Study UID, as far as the receiver was told of them
   */
  checkNothingSilent(numbers: (file: Expected) => number | undefined): void {
    this.check();
    const files = this.unreleased();
    if (files.length === 0) return;
    const rows = accountOfMissing(this.#high.ledger, 10_000);
    const named = new Set(rows.map((row) => `${row.senderId} ${row.studyUid}`));
    const byNumber = new Set(rows.map((row) => `${row.senderId} ${row.studyNumber}`));
    for (const file of files) {
      const studyNumber = numbers(file);
      if (studyNumber === undefined) continue;
      const found =
        named.has(`${file.senderId} ${file.studyUid}`) || byNumber.has(`${file.senderId} ${studyNumber}`);
      assert(found, `study ${studyNumber} (${file.studyUid}) is neither released nor named as missing`);
    }
  }

  #checkInbox(everything: boolean): void {
    const contents = this.#high.disk.contents(inboxFolder);
    for (const path of this.#seen.keys())
      assert(contents.has(path), `a released file is gone from the inbox: ${path}`);
    const known = new Map(this.#expected.map((file) => [`${file.sopInstanceUid} ${file.sha256}`, file]));
    const once = new Set<string>();
    for (const [path, bytes] of contents) {
      const before = this.#seen.get(path);
      const sha256 =
        before !== undefined && !everything ? before : createHash('sha256').update(bytes).digest('hex');
      assert(before === undefined || before === sha256, `a released file has changed: ${path}`);
      this.#seen.set(path, sha256);
      const [folder = '', , name] = path.split('/');
      const owner = this.#ownerOf(folder);
      assert(owner !== undefined, `a folder of the inbox is of no release: ${folder}`);
      if (this.#honest?.has(owner.senderId) === false) continue;
      const file = known.get(`${name?.replace(/\.dcm$/, '')} ${sha256}`);
      assert(file !== undefined, `the inbox has what was never taken in under that name: ${path}`);
      const isIts = this.#expected.some(
        ({ sha256: other, studyUid, senderId }) =>
          other === sha256 && studyUid === owner.studyUid && senderId === owner.senderId,
      );
      assert(isIts, `an instance is in the folder of another study: ${path}`);
      const place = `${owner.senderId} ${owner.studyUid} ${sha256}`;
      assert(!once.has(place), `an instance is in the inbox twice: ${path}`);
      once.add(place);
    }
  }

  /** A folder is named by the release that put it there. */
  #ownerOf(folder: string): ReleaseRecord | undefined {
    const known = this.#owners.get(folder);
    if (known !== undefined) return known;
    const { ledger } = this.#high;
    for (const { senderId, studyUid } of ledger.studies.newest(10_000)) {
      for (const release of ledger.releases.ofStudy(senderId, studyUid))
        if (release.kind !== 'partial') this.#owners.set(release.target, release);
    }
    return this.#owners.get(folder);
  }

  #checkVault(damaged: ReadonlySet<string>): void {
    const contents = this.#high.disk.contents(objectsFolder);
    for (const { objectId, sha256 } of this.#high.ledger.files.after(0, 100_000)) {
      if (damaged.has(objectId)) continue;
      const bytes = contents.get(objectId);
      assert(bytes !== undefined, `the ledger says of an object that it is in the vault: ${objectId}`);
      const found = createHash('sha256').update(bytes).digest('hex');
      assert(found === sha256, `an object in the vault is not what the ledger says: ${objectId}`);
    }
  }

  #checkComplete(senderId: string, studyUid: string, revision: number): void {
    const { ledger } = this.#high;
    const manifest = ledger.manifests
      .above(senderId, studyUid, revision - 1)
      .find((candidate) => candidate.revision === revision);
    assert(manifest !== undefined, 'a released revision has its manifest');
    for (const entry of manifest.entries) {
      const row = ledger.instances.listed(senderId, entry.objectId);
      const accounted =
        row !== undefined && (row.releasedRevision !== undefined || row.heldBecause !== undefined);
      assert(accounted, `study ${studyUid} was released without ${entry.sopInstanceUid}`);
    }
  }
}
