/** `diode-sender import`: copies a medium into the spool, waits until the running sender has taken it in, and reports. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../shared/clock.ts';
import { bar, Progress } from '../../shared/console/progress.ts';
import { bytesText, countText } from '../../shared/console/quantities.ts';
import { nodeDisk } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';
import { WaterMarks } from '../../shared/water-marks.ts';
import type { Priority } from '../../shared/wire/manifest.ts';
import type { SenderConfiguration } from '../configuration.ts';
import { type ImportedInstance, type ImportProgress, importMedia } from '../intake/media-import.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import { spoolFolderOf } from '../places.ts';
import { Spool } from '../spool/spool.ts';

export interface ImportSummary {
  readonly files: number;
  readonly bytes: number;
  /** In the ledger now. */
  readonly taken: number;
  readonly studies: number;
  readonly duplicates: number;
  readonly dicomdirs: number;
  readonly others: number;
  /** Copied but not taken in yet: the sender is not running, or has more to do than we wait for. */
  readonly waiting: number;
  readonly failed: Readonly<Record<string, number>>;
}

/** A copy that an import left unfinished. */
const forgottenMs = 24 * 3_600_000;
const waitMs = 60_000;
/** For a row whose file is no longer in arriving/: many times what a group of rows takes on a slow disk. */
const rowWaitMs = 15_000;
const lookMs = 100;

export async function importFolder(options: {
  readonly configuration: SenderConfiguration;
  readonly ledger: SenderLedger;
  readonly folder: string;
  readonly priority: Priority;
  /** Whether a sender is running to take in what is copied. */
  readonly isRunning: () => boolean;
}): Promise<ImportSummary> {
  const { configuration, ledger, isRunning } = options;
  const spoolFolder = spoolFolderOf(configuration);
  // The sender could not read what root copies.
  if (statSync(spoolFolder).uid !== process.geteuid?.())
    throw new DiodeError('E_FOLDER', 'the spool belongs to another user: run this command as that user');
  const spool = new Spool({ folder: spoolFolder, disk: nodeDisk, ledger });
  spool.dropImports(systemClock.wallMs() - forgottenMs);
  const marks = new WaterMarks({
    highPercent: configuration['spool.highWaterPercent'],
    lowPercent: configuration['spool.lowWaterPercent'],
  });
  const lines = new Progress(process.stderr, systemClock.monotonicMs);
  const steps = importMedia({
    folder: resolve(options.folder),
    disk: nodeDisk,
    spool,
    instances: ledger.instances,
    priority: options.priority,
    hasRoom: () => !marks.update(spool.freeBytes()),
  });
  for (let step = steps.next(); ; step = steps.next()) {
    show(lines, step.value);
    if (step.done !== true) continue;
    const hasRow = ({ sha256, sopInstanceUid }: ImportedInstance) =>
      ledger.instances.hasContent(sha256, sopInstanceUid);
    const sender = { arrivedNames: () => spool.arrivedNames(), hasRow, isRunning };
    const waiting = await takenIn(step.value.imported, sender, (left) => lines.show(waitingLines(left)));
    lines.clear();
    return summary(ledger, step.value, waiting);
  }
}

/**
 * Waits until the sender has taken in what was copied, for as long as it makes progress. A name is gone from arriving/
 * before its row is entered, and what was rejected never has one: so rows are waited for, but not long.
 * @param wait between two looks
 * @returns the names of what may still be taken in
 */
export async function takenIn(
  imported: readonly ImportedInstance[],
  sender: {
    readonly arrivedNames: () => readonly string[];
    readonly hasRow: (instance: ImportedInstance) => boolean;
    readonly isRunning: () => boolean;
  },
  tell: (left: number) => void,
  wait: (ms: number) => Promise<void> = sleep,
): Promise<ReadonlySet<string>> {
  let missing = imported;
  for (let waitedMs = 0; ; waitedMs += lookMs) {
    const isRunning = sender.isRunning();
    const arriving = new Set(sender.arrivedNames());
    const still = missing.filter((instance) => arriving.has(instance.name) || !sender.hasRow(instance));
    if (still.length < missing.length) waitedMs = 0;
    missing = still;
    const names = new Set(missing.map(({ name }) => name));
    // It ended between a name and its row: its next start finds the file.
    if (names.size === 0 || !isRunning) return names;
    const waiting = new Set([...names].filter((name) => arriving.has(name)));
    if (waitedMs >= (waiting.size > 0 ? waitMs : rowWaitMs)) return waiting;
    tell(names.size);
    await wait(lookMs);
  }
}

function summary(
  ledger: SenderLedger,
  progress: ImportProgress,
  waiting: ReadonlySet<string>,
): ImportSummary {
  const taken = progress.imported.filter(
    ({ name, sha256, sopInstanceUid }) =>
      !waiting.has(name) && ledger.instances.hasContent(sha256, sopInstanceUid),
  );
  const failed: Record<string, number> = Object.fromEntries(progress.failed);
  const rejected = progress.imported.length - waiting.size - taken.length;
  // The sender judged a file differently than we did: its reason is in its log and its counters.
  if (rejected > 0) failed['E_FILE_CHANGED'] = (failed['E_FILE_CHANGED'] ?? 0) + rejected;
  return {
    files: progress.files,
    bytes: progress.bytes,
    taken: taken.length,
    studies: new Set(taken.map(({ studyUid }) => studyUid)).size,
    duplicates: progress.duplicates,
    dicomdirs: progress.dicomdirs,
    others: progress.others,
    waiting: waiting.size,
    failed,
  };
}

function show(lines: Progress, { files, seen, bytes, imported }: ImportProgress): void {
  const summary = `${seen} of ${countText(files, 'file')}, ${countText(imported.length, 'instance')}, ${bytesText(bytes)}`;
  lines.show({ lines: [`${bar(seen, files)} ${summary}`], summary });
}

function waitingLines(left: number) {
  const summary = `copied; waiting for the sender to take in ${countText(left, 'instance')}`;
  return { lines: [summary], summary };
}

/** The summary for people. */
export function importText(summary: ImportSummary): string {
  const { files, taken, studies, duplicates, dicomdirs, others, waiting, failed } = summary;
  const lines = [
    `${countText(files, 'file')}: ${countText(taken, 'instance')} of ${countText(studies, 'study', 'studies')} taken in, ${duplicates} already there`,
    `skipped: ${dicomdirs} DICOMDIR, ${others} not DICOM`,
  ];
  if (waiting > 0)
    lines.push(`copied, waiting in the spool for diode-sender to take in: ${countText(waiting, 'instance')}`);
  for (const [code, count] of Object.entries(failed)) lines.push(`NOT TAKEN: ${count} ${code}`);
  return lines.join('\n');
}
