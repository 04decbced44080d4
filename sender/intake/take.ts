/**
 * Takes files in: reads what identifies them, hashes them in a stream, enters them in the spool.
 *
 * It is a generator that yields after each bounded step, so that the program around it stays awake and a
 * simulation can stop it anywhere. A file that can't be taken goes to rejected/ with its code; a file
 * that fails for a passing reason (a full disk) stays where it is and is tried again.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';
import { type InstanceHeader, readInstanceHeaderFromFile } from '../../shared/dicom/instance-header.ts';
import type { Disk, DiskFile } from '../../shared/disk.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { Priority } from '../../shared/wire/manifest.ts';
import type { ObjectPlan } from '../identity.ts';
import type { InstanceRow } from '../ledger/instance-records.ts';
import type { PreparedInstance, Spool } from '../spool/spool.ts';

const hashStepBytes = 1 << 20;

export interface Candidate {
  readonly path: string;
  /** Where it was found, below the watch folder: the place it gets in rejected/. */
  readonly relativePath: string;
  readonly priority: Priority;
  readonly quietSeconds: number;
  /** Already in arriving/: a leftover, or an instance that came over the network. */
  readonly arrived: boolean;
}

export interface TakeOutcome {
  /** Rows that are new in the ledger. */
  readonly entered: InstanceRow[];
  readonly duplicates: number;
  readonly rejected: { readonly code: ErrorCode; readonly relativePath: string }[];
  /** What failed for a passing reason; the file is where it was. */
  readonly postponed: DiodeError[];
}

/** Codes that say something of the host, not of the file: the file is kept and tried again. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'E_DISK_FULL',
  'E_DISK',
  'E_LEDGER',
  'E_FILE_CHANGED',
  'E_FILE_READ',
]);

export interface IntakeOptions {
  readonly disk: Disk;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly plan: (type: typeof objectType.instance, sha256: Uint8Array, objectBytes: number) => ObjectPlan;
}

/** Takes a bounded batch of files. Its result is durable when the generator returns. */
export function* takeFiles(
  options: IntakeOptions,
  batch: readonly Candidate[],
): Generator<void, TakeOutcome> {
  const outcome: TakeOutcome = { entered: [], duplicates: 0, rejected: [], postponed: [] };
  const prepared: PreparedInstance[] = [];
  // One for all: a fresh one for each file is garbage that the collector sees too late.
  const buffer = new Uint8Array(hashStepBytes);
  for (const candidate of batch) {
    try {
      prepared.push(yield* prepare(options, candidate, buffer));
    } catch (error) {
      if (!(error instanceof DiodeError)) throw error;
      refuse(options, candidate, error, outcome);
    }
    yield;
  }
  try {
    const entered = options.spool.enter(prepared);
    return { ...outcome, entered, duplicates: prepared.length - entered.length };
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    // The files lie in arriving/ or objects/, where leftovers() finds them.
    outcome.postponed.push(error);
    return outcome;
  }
}

function refuse(options: IntakeOptions, candidate: Candidate, error: DiodeError, outcome: TakeOutcome): void {
  if (passing.has(error.code)) {
    outcome.postponed.push(error);
    return;
  }
  try {
    options.spool.reject(candidate.path, candidate.relativePath, error);
  } catch (cause) {
    // rejected/ may be on a disk of its own, and full: the file stays where it is meanwhile.
    if (!(cause instanceof DiodeError)) throw cause;
    outcome.postponed.push(cause);
    return;
  }
  outcome.rejected.push({ code: error.code, relativePath: candidate.relativePath });
}

function* prepare(
  options: IntakeOptions,
  candidate: Candidate,
  buffer: Uint8Array,
): Generator<void, PreparedInstance> {
  const facts = options.disk.facts(candidate.path);
  if (facts === undefined || facts.kind !== 'file') throw new DiodeError('E_FILE_READ', 'the file is gone');
  if (facts.bytes === 0) throw new DiodeError('E_FILE_EMPTY');
  if (facts.bytes > limits.objectBytesMax)
    throw new DiodeError('E_TOO_LARGE', 'the file is larger than 64 GiB');
  const header = readHeaderOf(options.disk, candidate.path, facts.bytes);
  if (header instanceof DiodeError) throw header;
  const arrivingPath = candidate.arrived
    ? candidate.path
    : options.spool.bringIn(candidate.path, candidate.priority);
  const sha256 = yield* hash(options.disk, arrivingPath, facts.bytes, buffer);
  const plan = options.plan(objectType.instance, sha256, facts.bytes);
  return {
    arrivingPath,
    row: {
      ...plan,
      sha256: Buffer.from(sha256).toString('hex'),
      bytes: facts.bytes,
      priority: candidate.priority,
      quietSeconds: candidate.quietSeconds,
      studyUid: header.studyUid,
      seriesUid: header.seriesUid,
      sopInstanceUid: header.sopInstanceUid,
      takenAtMs: options.clock.wallMs(),
    },
  };
}

/** @throws DiodeError E_FILE_CHANGED when the file is not as long as it was */
function* hash(disk: Disk, path: string, bytes: number, buffer: Uint8Array): Generator<void, Uint8Array> {
  const digest = createHash('sha256');
  const file = disk.open(path, 'read');
  try {
    let offset = 0;
    for (let read = file.readAt(buffer, 0); read > 0; read = file.readAt(buffer, offset)) {
      digest.update(buffer.subarray(0, read));
      offset += read;
      if (offset > bytes) break;
      yield;
    }
    if (offset !== bytes) throw new DiodeError('E_FILE_CHANGED');
    return digest.digest();
  } finally {
    file.close();
  }
}

/** Reads what identifies the instance in a file. Errors: as {@link readInstanceHeaderFromFile}. */
export function readHeaderOf(disk: Disk, path: string, fileBytes: number): InstanceHeader | DiodeError {
  const file = disk.open(path, 'read');
  try {
    return readInstanceHeaderFromFile((offset, length) => readPart(file, offset, length), fileBytes);
  } finally {
    file.close();
  }
}

function readPart(file: DiskFile, offset: number, length: number): Uint8Array {
  const part = new Uint8Array(length);
  return part.subarray(0, file.readAt(part, offset));
}
