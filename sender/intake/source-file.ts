/**
 * A file where others can write: in the watch folder, or on a medium. It is opened once, without following any link, and
 * everything (its kind, its header, its hash, the spool's copy) is read from that descriptor. By the time its name is used
 * again, to remove it, the name may lead to anything; so removal first checks what it is about to remove.
 */
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { assert } from '../../shared/assert.ts';
import type { Disk, ForeignFacts, ForeignFile } from '../../shared/disk.ts';
import { DiodeError, errorCauseCode, isStorageCode } from '../../shared/errors.ts';

/** Where a file is: a folder of ours or from the configuration, and below it whatever others made. */
export interface SourcePlace {
  readonly folder: string;
  readonly relativePath: string;
}

export function placeOf(path: string, relativePath: string): SourcePlace {
  assert(path.endsWith(`/${relativePath}`), 'a path ends in what it is below its folder');
  return { folder: path.slice(0, -relativePath.length - 1), relativePath };
}

/** An open file, and what it was when it was opened. While it is open no other file can get its identity. */
export class SourceFile {
  readonly facts: ForeignFacts;
  readonly #disk: Disk;
  readonly #place: SourcePlace;
  readonly #file: ForeignFile;

  private constructor(disk: Disk, place: SourcePlace, file: ForeignFile) {
    this.#disk = disk;
    this.#place = place;
    this.#file = file;
    this.facts = file.facts();
  }

  /**
   * @param isToGo whether it will be removed: a file that can't be is not taken in, or it would come again and again
   * @throws DiodeError E_FILE_KIND if it is not a file, or a link is on the way to it; E_FILE_READ
   */
  static open(disk: Disk, place: SourcePlace, isToGo: boolean): SourceFile {
    return reading(() =>
      inFolder(disk, place, (path) => {
        if (isToGo && !disk.mayChange(dirname(path)))
          throw new DiodeError('E_FILE_READ', 'a file cannot be removed from its folder');
        return new SourceFile(disk, place, disk.openForeign(path));
      }),
    );
  }

  /** @throws DiodeError E_FILE_READ */
  readAt(target: Uint8Array, offset: number): number {
    return reading(() => this.#file.readAt(target, offset));
  }

  /** Call it when everything is read. @throws DiodeError E_FILE_CHANGED */
  checkUnchanged(): void {
    const { bytes, modifiedMs, changedMs } = reading(() => this.#file.facts());
    const { facts } = this;
    if (bytes !== facts.bytes || modifiedMs !== facts.modifiedMs || changedMs !== facts.changedMs)
      throw new DiodeError('E_FILE_CHANGED');
  }

  /**
   * Removes exactly the file that was read: it is first renamed, in the same folder, to a name that nobody else knows, and
   * what is there is then compared. A different file that was put there in the meantime is moved back and taken in as itself.
   * A stop in between leaves the new name, which the next scan finds like any other.
   * @throws DiodeError E_FILE_CHANGED if its writer continued: it is taken in once more; E_FILE_READ, E_FILE_KIND
   */
  remove(): void {
    this.checkUnchanged();
    const disk = this.#disk;
    reading(() =>
      inFolder(disk, this.#place, (path) => {
        if (!this.#is(path)) return;
        const aside = join(dirname(path), `diode-${randomBytes(8).toString('hex')}.taken`);
        disk.rename(path, aside);
        // Removing a name reads nothing and publishes nothing, whatever it leads to at that moment.
        if (this.#is(aside)) disk.remove(aside);
        else if (disk.identityOf(path) === undefined) disk.rename(aside, path);
      }),
    );
  }

  close(): void {
    this.#file.close();
  }

  #is(path: string): boolean {
    return this.#disk.identityOf(path) === this.facts.identity;
  }
}

/** Opens folder after folder, so that none of them can be replaced by a link on the way. */
function inFolder<T>(disk: Disk, { folder, relativePath }: SourcePlace, act: (path: string) => T): T {
  // The configured folder itself may be a link: the configuration is trusted.
  let open = disk.openFolder(folder, 'followed');
  try {
    for (const name of dirname(relativePath).split('/')) {
      if (name === '.') continue;
      assert(name !== '..', 'a path below its folder');
      const next = disk.openFolder(join(open.path, name));
      open.close();
      open = next;
    }
    return act(join(open.path, basename(relativePath)));
  } finally {
    open.close();
  }
}

/** An error from where the file is, as distinct from those of the spool's disk. */
export function reading<T>(act: () => T): T {
  try {
    return act();
  } catch (cause) {
    if (!(cause instanceof DiodeError)) throw cause;
    if (!isStorageCode(cause.code)) throw cause;
    const code = errorCauseCode(cause.cause);
    const detail =
      code === 'ENOENT'
        ? 'the file is gone'
        : `a file cannot be read or removed (${code ?? 'unknown cause'})`;
    throw new DiodeError('E_FILE_READ', detail, { cause });
  }
}
