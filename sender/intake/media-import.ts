/**
 * Imports a CD, a USB stick or any folder: DICOM files are copied into the spool's arriving/, where the running sender takes
 * them in like everything else; the medium itself is only read. DICOMDIRs, and files that are not DICOM (viewers, notes),
 * are counted and skipped.
 *
 * It runs in the command line's process, beside the sender. Its copies have a folder of their own until they are complete
 * and synced; the rename into arriving/ hands them over.
 */
import { basename, join, relative } from 'node:path';
import type { Disk } from '../../shared/disk.ts';
import { DiodeError, type ErrorCode, isStorageCode } from '../../shared/errors.ts';
import type { Priority } from '../../shared/wire/manifest.ts';
import type { InstanceRecords } from '../ledger/instance-records.ts';
import type { Spool } from '../spool/spool.ts';
import { placeOf, SourceFile } from './source-file.ts';
import { headerFrom } from './take.ts';
import { readContent, stepBytes } from './take-in.ts';

const depthMax = 32;
const filesMax = 1_000_000;

/** Codes of files that belong on a medium but are not instances. */
const noInstance: ReadonlySet<ErrorCode> = new Set(['E_NOT_DICOM', 'E_FILE_EMPTY']);

export interface ImportOptions {
  readonly folder: string;
  readonly disk: Disk;
  readonly spool: Spool;
  readonly instances: InstanceRecords;
  readonly priority: Priority;
  /** Whether the spool's disk has room for more. */
  readonly hasRoom: () => boolean;
}

/** An instance that was copied and awaits the sender. */
export interface ImportedInstance {
  readonly name: string;
  readonly sha256: string;
  readonly sopInstanceUid: string;
  readonly studyUid: string;
}

export interface ImportProgress {
  /** Files found on the medium, known from the first step on. */
  files: number;
  seen: number;
  bytes: number;
  /** Already in the spool, or twice on the medium, with the same content. */
  duplicates: number;
  dicomdirs: number;
  /** Files that are not DICOM. */
  others: number;
  /** DICOM files that can't be taken in, and files that can't be read, by code. */
  readonly failed: Map<ErrorCode, number>;
  readonly imported: ImportedInstance[];
}

/**
 * Imports file by file; yields the progress after each bounded step.
 * @throws DiodeError E_FOLDER; from the spool E_DISK_FULL, E_DISK, E_LEDGER. What was imported until then is in order.
 */
export function* importMedia(options: ImportOptions): Generator<ImportProgress, ImportProgress> {
  const paths = filesBelow(options.disk, options.folder);
  const progress: ImportProgress = {
    files: paths.length,
    seen: 0,
    bytes: 0,
    duplicates: 0,
    dicomdirs: 0,
    others: 0,
    failed: new Map(),
    imported: [],
  };
  const hashes = new Set<string>();
  for (const path of paths) {
    yield progress;
    if (!options.hasRoom()) throw new DiodeError('E_DISK_FULL', 'the spool has no room for more');
    try {
      yield* importFile(options, path, progress, hashes);
    } catch (error) {
      // A failure on this side ends the import; an unreadable file on the medium costs only that file.
      if (!(error instanceof DiodeError) || isStorageCode(error.code)) throw error;
      if (error.code === 'E_DICOMDIR') progress.dicomdirs += 1;
      else if (noInstance.has(error.code)) progress.others += 1;
      else progress.failed.set(error.code, (progress.failed.get(error.code) ?? 0) + 1);
    }
    progress.seen += 1;
  }
  return progress;
}

function* importFile(
  { folder, disk, spool, instances, priority }: ImportOptions,
  path: string,
  progress: ImportProgress,
  hashes: Set<string>,
): Generator<ImportProgress, void> {
  const source = SourceFile.open(disk, placeOf(path, relative(folder, path)), false);
  const copyPath = spool.importPath();
  try {
    const { bytes } = source.facts;
    if (bytes === 0) throw new DiodeError('E_FILE_EMPTY');
    const header = headerFrom(source, bytes);
    if (header instanceof DiodeError) throw header;
    const { sopInstanceUid, studyUid } = header;
    const sha256 = yield* copyFile(source, { disk, path: copyPath }, progress);
    if (hashes.has(sha256) || instances.hasContent(sha256, sopInstanceUid)) {
      progress.duplicates += 1;
    } else {
      hashes.add(sha256);
      const arrivingPath = spool.arrivingPath(priority);
      disk.rename(copyPath, arrivingPath);
      progress.imported.push({ name: basename(arrivingPath), sha256, sopInstanceUid, studyUid });
    }
  } finally {
    source.close();
    disk.remove(copyPath);
  }
}

/** @returns the SHA-256 of what was copied */
function* copyFile(
  source: SourceFile,
  copy: { readonly disk: Disk; readonly path: string },
  progress: ImportProgress,
): Generator<ImportProgress, string> {
  const { bytes } = source.facts;
  const bytesBefore = progress.bytes;
  const steps = readContent(source, new Uint8Array(Math.min(stepBytes, bytes)), copy);
  for (let done = 0; ; ) {
    const step = steps.next();
    if (step.done === true) return Buffer.from(step.value.sha256).toString('hex');
    done = Math.min(bytes, done + stepBytes);
    progress.bytes = bytesBefore + done;
    yield progress;
  }
}

/** Files in the order of their names, folder by folder; links are skipped. */
function filesBelow(disk: Disk, folder: string): string[] {
  const found: string[] = [];
  const folders = [{ path: folder, depth: 0 }];
  if (disk.facts(folder)?.kind !== 'folder') throw new DiodeError('E_FOLDER', 'there is no such folder');
  for (let next = folders.shift(); next !== undefined; next = folders.shift()) {
    for (const name of disk.list(next.path).sort()) {
      const path = join(next.path, name);
      const kind = disk.facts(path)?.kind;
      if (kind === 'folder' && next.depth < depthMax) folders.push({ path, depth: next.depth + 1 });
      if (kind === 'file') found.push(path);
      if (found.length > filesMax) throw new DiodeError('E_TOO_LARGE', 'more than a million files');
    }
  }
  return found;
}
