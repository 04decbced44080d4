/**
 * Real DICOM files, where a machine has them: a folder beside the repository, never part of it.
 * Tests over it are skipped where it is missing, `describe.skipIf(corpusFolder() === undefined)`, and have the
 * word "corpus" in their name: a whole run then lets exactly these be skipped.
 */
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { repositoryRoot } from './repository-root.ts';

export interface CorpusFile {
  readonly path: string;
  /** Inside the corpus, with forward slashes: a stable name for tables and snapshots. */
  readonly name: string;
  readonly bytes: number;
  /** Whether it has the preamble and prefix of a Part 10 file (PS3.10 section 7.1). */
  readonly part10: boolean;
}

/** The corpus, or undefined where there is none. */
export function corpusFolder(): string | undefined {
  const folder = resolve(repositoryRoot(), '..', 'shared', 'corpus');
  return existsSync(folder) ? folder : undefined;
}

/** All its files in the order of their names, the notes beside them left out; empty where there is no corpus. */
export function corpusFiles(folder = corpusFolder()): CorpusFile[] {
  if (folder === undefined) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/^(readme|licen[cs]e)/i.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({
      path,
      name: relative(folder, path).replaceAll('\\', '/'),
      bytes: statSync(path).size,
      part10: isPart10(path),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isPart10(path: string): boolean {
  const descriptor = openSync(path, 'r');
  try {
    const prefix = Buffer.alloc(4);
    return readSync(descriptor, prefix, 0, 4, 128) === 4 && prefix.toString('latin1') === 'DICM';
  } finally {
    closeSync(descriptor);
  }
}
