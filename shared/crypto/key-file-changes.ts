/**
 * Changes to a key file: a key is added after the others, made the first, or revoked. Each change happens completely or not
 * at all, and keeps owner, mode and comments: programs may read the file at any moment.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DiodeError, diskError } from '../errors.ts';
import { keyLineOf, keysMax, newKey, readKeyFile, requireKeyName } from './key-file.ts';

/**
 * Adds a new key as the last one: a receiver accepts it, no sender uses it yet.
 * @param name whose it is; if left out, that of the first key, so that a change of keys changes nothing else
 * @returns its id
 * @throws DiodeError E_KEY_…, E_DISK, E_DISK_FULL, E_USAGE
 */
export function addKey(path: string, randomBytes: (count: number) => Uint8Array, name?: string): number {
  const keys = readKeyFile(path);
  const itsName = name === undefined ? keys[0].name : requireKeyName(name);
  const taken = keys.map(({ id }) => id);
  if (taken.length >= keysMax)
    throw new DiodeError(
      'E_KEY_FORMAT',
      `the key file already has ${keysMax} keys, the maximum: revoke one first`,
    );
  let key = newKey(randomBytes, itsName);
  for (let again = 0; taken.includes(key.id) && again < 64; again += 1) key = newKey(randomBytes, itsName);
  change(path, (lines) => [...lines, keyLineOf(key)]);
  return key.id;
}

/** Makes a key the first one: a sender uses it from its next start on. @throws DiodeError E_KEY_UNKNOWN, E_KEY_…, E_DISK */
export function useKey(path: string, id: number): void {
  requireKey(path, id);
  change(path, (lines) => {
    const chosen = lines.filter((line) => isLineOf(line, id));
    const others = lines.filter((line) => !isLineOf(line, id));
    const first = others.findIndex((line) => !line.startsWith('#') && line.trim() !== '');
    return [...others.slice(0, Math.max(0, first)), ...chosen, ...others.slice(Math.max(0, first))];
  });
}

/**
 * Removes a key from the ring; its id stays as a comment.
 * @throws DiodeError E_KEY_UNKNOWN, E_KEY_LAST, E_KEY_…, E_DISK
 */
export function revokeKey(path: string, id: number): void {
  if (requireKey(path, id) === 1) throw new DiodeError('E_KEY_LAST');
  change(path, (lines) => lines.map((line) => (isLineOf(line, id) ? `# revoked: key ${id}` : line)));
}

/** @returns how many keys there are */
function requireKey(path: string, id: number): number {
  const keys = readKeyFile(path);
  if (!keys.some((key) => key.id === id))
    throw new DiodeError('E_KEY_UNKNOWN', `the key file has no key ${id}`);
  return keys.length;
}

function isLineOf(line: string, id: number): boolean {
  return line.startsWith('dicom-diode-key-') && line.split(' ')[1] === String(id);
}

function change(path: string, edit: (lines: string[]) => string[]): void {
  const partial = `${path}.partial`;
  try {
    const { uid, gid } = statSync(path);
    const lines = readFileSync(path, 'utf8').replace(/\n+$/, '').split('\n');
    rmSync(partial, { force: true });
    const descriptor = openSync(partial, 'wx', 0o600);
    try {
      fchmodSync(descriptor, 0o600);
      if (process.getuid?.() === 0) fchownSync(descriptor, uid, gid);
      writeFileSync(descriptor, `${edit(lines).join('\n')}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    readKeyFile(partial);
    renameSync(partial, path);
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (cause) {
    rmSync(partial, { force: true });
    if (cause instanceof DiodeError) throw cause;
    throw diskError(cause, 'the key file cannot be changed');
  }
}
