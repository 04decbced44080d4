/** The folder objects/ of spool and vault: whole objects, each in a file that is named by its object id. */
import { join } from 'node:path';
import type { Disk } from './disk.ts';

export class ObjectFolder {
  readonly path: string;
  readonly #disk: Disk;

  constructor(path: string, disk: Disk) {
    this.path = path;
    this.#disk = disk;
    disk.makeFolder(path);
  }

  /** The path of a whole object. */
  pathOf(objectId: string): string {
    return join(this.path, objectId);
  }

  /** Whether an object's file exists and has its size. */
  has(objectId: string, bytes: number): boolean {
    const facts = this.#disk.facts(this.pathOf(objectId));
    return facts?.kind === 'file' && facts.bytes === bytes;
  }
}
