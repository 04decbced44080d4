/**
 * The folder rejected/: files that can't be taken in, under their code and the path they had. It has a bounded share of the
 * disk, so that whoever writes such files keeps nobody's images out. What finds no place here stays where it is.
 */
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Disk } from '../../shared/disk.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';

export interface RejectedBounds {
  readonly filesMax: number;
  /** Share of the disk that the folder is on. */
  readonly sharePercent: number;
  /** On a disk of any size. */
  readonly bytesMin: number;
}

const boundsDefault: RejectedBounds = { filesMax: 10_000, sharePercent: 5, bytesMin: 64 * 2 ** 20 };
/** When a full folder is measured again: somebody may have emptied it. */
const measureEachMs = 10_000;
const sameNamesMax = 100;

export class RejectedFolder {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #runningMs: () => number;
  readonly #bounds: RejectedBounds;
  #files = 0;
  #bytes = 0;
  #measuredMs = Number.NEGATIVE_INFINITY;

  constructor(folder: string, disk: Disk, runningMs: () => number, bounds: RejectedBounds = boundsDefault) {
    this.#folder = folder;
    this.#disk = disk;
    this.#runningMs = runningMs;
    this.#bounds = bounds;
    disk.makeFolder(folder);
  }

  /**
   * A free name for a file that is about to come, in a folder that exists.
   * @param relativePath where it was found
   * @throws DiodeError E_REJECTED_FULL
   */
  placeFor(bytes: number, relativePath: string, code: ErrorCode): string {
    if (!this.#hasRoom(bytes)) throw new DiodeError('E_REJECTED_FULL');
    const wanted = join(this.#folder, code, relativePath);
    try {
      this.#disk.makeFolder(dirname(wanted));
      for (let attempt = 1; attempt <= sameNamesMax; attempt += 1) {
        const name = attempt === 1 ? wanted : `${wanted}.${attempt}`;
        if (this.#disk.facts(name) === undefined) return name;
      }
    } catch (error) {
      // A file may be where a folder of its path is needed. That is no reason to leave this one where it is.
      if (!(error instanceof DiodeError)) throw error;
    }
    this.#disk.makeFolder(join(this.#folder, code));
    return join(this.#folder, code, randomBytes(8).toString('hex'));
  }

  /** A file has come. */
  added(bytes: number): void {
    this.#files += 1;
    this.#bytes += bytes;
  }

  #hasRoom(bytes: number): boolean {
    if (this.#measuredMs === Number.NEGATIVE_INFINITY) this.#measure();
    const share = (this.#disk.freeBytes(this.#folder).total * this.#bounds.sharePercent) / 100;
    const bytesMax = Math.max(this.#bounds.bytesMin, share);
    const fits = () => this.#files < this.#bounds.filesMax && this.#bytes + bytes <= bytesMax;
    if (!fits() && this.#runningMs() - this.#measuredMs >= measureEachMs) this.#measure();
    return fits();
  }

  /** Counts what is there, up to the limit. */
  #measure(): void {
    this.#measuredMs = this.#runningMs();
    this.#files = 0;
    this.#bytes = 0;
    const folders = [this.#folder];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const name of this.#disk.entries(folder)) {
        if (this.#files >= this.#bounds.filesMax) return;
        const path = join(folder, name);
        const facts = this.#disk.facts(path);
        if (facts?.kind === 'folder') folders.push(path);
        else if (facts !== undefined) this.added(facts.bytes);
      }
    }
  }
}
