/** Looks for what must not be in files. */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** A link that was moved leads where its writer wants. */
export function linksBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A piece at a time: a file may be longer than memory. */
export function fileHas(path: string, words: string): boolean {
  const wanted = Buffer.from(words, 'latin1');
  const buffer = Buffer.alloc(4 << 20);
  const descriptor = openSync(path, 'r');
  try {
    for (let offset = 0; ; offset += buffer.length - wanted.length) {
      const bytes = readSync(descriptor, buffer, 0, buffer.length, offset);
      if (buffer.subarray(0, bytes).includes(wanted)) return true;
      if (bytes < buffer.length) return false;
    }
  } finally {
    closeSync(descriptor);
  }
}
