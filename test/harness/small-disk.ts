/** A real disk of a few megabytes (tmpfs), to fill to the last byte. Mounting needs root. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Why there are none here; undefined where there are. */
export const noSmallDisks = process.getuid?.() === 0 ? undefined : 'mounting needs root';

const fillerPrefix = 'filler-';
const fillersMax = 10_000;

export class SmallDisk {
  readonly folder: string;

  /** @param folder does not exist yet */
  constructor(folder: string, megabytes: number) {
    this.folder = folder;
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'dicom-diode-test', folder]);
  }

  /** Takes the last byte, or leaves some pages of 4096 bytes. */
  fill(pagesLeft = 0): void {
    for (const bytes of [1_000_000, 4096]) {
      for (let number = 0; number < fillersMax; number += 1) {
        const path = join(this.folder, `${fillerPrefix}${bytes}-${number}`);
        try {
          writeFileSync(path, new Uint8Array(bytes));
        } catch {
          // What there was room for goes into smaller ones.
          rmSync(path, { force: true });
          break;
        }
      }
    }
    for (const name of this.#fillers().slice(0, pagesLeft)) rmSync(join(this.folder, name));
  }

  makeRoom(): void {
    for (const name of this.#fillers()) rmSync(join(this.folder, name));
  }

  unmount(): void {
    execFileSync('umount', ['--lazy', this.folder]);
  }

  /** The small ones first. */
  #fillers(): string[] {
    const names = readdirSync(this.folder).filter((name) => name.startsWith(fillerPrefix));
    return names.sort((a, b) => Number(a.startsWith('filler-1')) - Number(b.startsWith('filler-1')));
  }
}
