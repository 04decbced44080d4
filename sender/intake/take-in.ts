/**
 * Reads an opened file once, from beginning to end: its SHA-256, the tags of its pieces and, if it is not the spool's own
 * yet, a synced copy. Yields after each bounded step.
 */
import { createHash, randomBytes } from 'node:crypto';
import { PieceTagger, pieceKeyBytes } from '../../shared/crypto/piece-tags.ts';
import type { Disk, DiskFile } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { SourceFile } from './source-file.ts';

/** Read, hashed and written in one step. */
export const stepBytes = 1 << 20;
/** Synced in between, so that no step waits for gigabytes. */
const syncEachBytes = 32 * 2 ** 20;

export interface Content {
  readonly sha256: Uint8Array;
  readonly pieceTags: Uint8Array;
}

/**
 * @param copyPath left out: nothing is copied
 * @param buffer of {@link stepBytes}
 * @throws DiodeError E_FILE_CHANGED if the file has changed, E_FILE_READ; from the copy E_DISK_FULL, E_DISK: then nothing
 *   of it is left
 */
export function* readContent(
  source: SourceFile,
  buffer: Uint8Array,
  copy?: { readonly disk: Disk; readonly path: string; readonly isPrivate?: boolean },
): Generator<void, Content> {
  const digest = createHash('sha256');
  const tagger = new PieceTagger(randomBytes(pieceKeyBytes));
  const use = (part: Uint8Array): void => {
    digest.update(part);
    tagger.update(part);
  };
  if (copy === undefined) yield* readThrough(source, buffer, use);
  else yield* copyThrough(source, buffer, use, copy);
  return { sha256: digest.digest(), pieceTags: tagger.finish() };
}

function* copyThrough(
  source: SourceFile,
  buffer: Uint8Array,
  use: (part: Uint8Array) => void,
  { disk, path, isPrivate = false }: { disk: Disk; path: string; isPrivate?: boolean },
): Generator<void, void> {
  const target = disk.open(path, isPrivate ? 'create-private' : 'create');
  let isWhole = false;
  try {
    let unsynced = 0;
    yield* readThrough(source, buffer, (part, offset) => {
      use(part);
      unsynced = writePart(target, part, offset, unsynced);
    });
    target.sync();
    isWhole = true;
  } finally {
    target.close();
    if (!isWhole) disk.remove(path);
  }
}

/** @returns bytes that are not synced yet */
function writePart(target: DiskFile, part: Uint8Array, offset: number, unsynced: number): number {
  target.writeAt(part, offset);
  if (unsynced + part.length < syncEachBytes) return unsynced + part.length;
  target.sync();
  return 0;
}

function* readThrough(
  source: SourceFile,
  buffer: Uint8Array,
  use: (part: Uint8Array, offset: number) => void,
): Generator<void, void> {
  const { bytes } = source.facts;
  let offset = 0;
  for (let read = source.readAt(buffer, 0); read > 0; read = source.readAt(buffer, offset)) {
    if (offset + read > bytes) throw new DiodeError('E_FILE_CHANGED');
    use(buffer.subarray(0, read), offset);
    offset += read;
    yield;
  }
  if (offset !== bytes) throw new DiodeError('E_FILE_CHANGED');
  source.checkUnchanged();
}
