/** Folders for what benchmarks write: on a real disk, and gone at the end, also when a signal ends it. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

/** `f_type` of statfs(2). */
const memoryFileSystems: ReadonlyMap<number, string> = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
]);

const open = new Set<Scratch>();

/** To be called when a signal ends the process: the programs are killed by listeners that stand before this one. */
export function removeScratchAtExit(): void {
  process.once('exit', () => {
    for (const scratch of open) scratch.remove();
  });
}

export class Scratch {
  readonly folder: string;

  /** @throws Error when `parent` is in memory, or has less room than asked for */
  constructor(parent: string, bytesNeeded: number) {
    const facts = statfsSync(parent);
    const inMemory = memoryFileSystems.get(facts.type);
    if (inMemory !== undefined)
      throw new Error(`${parent} is a ${inMemory}: these figures need a disk; give one with --folder`);
    const free = facts.bavail * facts.bsize;
    if (free < bytesNeeded) {
      const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
      throw new Error(
        `${parent} has ${gigabytes(free)} GB free, ${gigabytes(bytesNeeded)} GB are needed: --folder or --scale`,
      );
    }
    this.folder = mkdtempSync(join(parent, 'dicom-diode-bench-'));
    open.add(this);
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  remove(): void {
    open.delete(this);
    // A program that was killed just now may still be writing.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
