/**
 * The key file: one line a key, `dicom-diode-key-1 ID SECRET`, several lines for a rotation. The first key is
 * the one a sender uses; a receiver takes datagrams of all of them. The file is the secret: nobody but its
 * owner may read it, and nothing of it is ever logged.
 */
import { closeSync, constants, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DiodeError, diskError, errorCauseCode } from '../errors.ts';
import { readSecretFile } from './secret-file.ts';

/** A key. Printed, inspected or as JSON it is its id alone: the secret is behind a private field. */
export class Key {
  /** 1 to 65535, in clear in every datagram. */
  readonly id: number;
  readonly #secret: Uint8Array;

  constructor(id: number, secret: Uint8Array) {
    this.id = id;
    this.#secret = secret;
  }

  /** 32 bytes */
  get secret(): Uint8Array {
    return this.#secret;
  }
}

const format = 'dicom-diode-key-1';
const keyLine = new RegExp(`^${format} ([1-9][0-9]{0,4}) ([A-Za-z0-9_-]{43})$`);
/** Keys a ring holds at most. */
export const keysMax = 16;
const secretBytes = 32;
const idMax = 65_535;

/**
 * @param credentialsFolder as of {@link readSecretFile}
 * @throws DiodeError E_KEY_MISSING, E_KEY_READABLE, E_KEY_FORMAT
 */
export function readKeyFile(path: string, credentialsFolder?: string): readonly [Key, ...Key[]] {
  const codes = { missing: 'E_KEY_MISSING', readable: 'E_KEY_READABLE', format: 'E_KEY_FORMAT' } as const;
  const [first, ...others] = parseKeys(
    readSecretFile({ path, name: 'the key file', codes }, credentialsFolder),
  );
  if (first === undefined) throw new DiodeError('E_KEY_FORMAT', 'the key file holds no key');
  return [first, ...others];
}

/** The secrets of a key ring by key id, in its order: what threads are handed. */
export function secretsOf(keys: readonly Key[]): ReadonlyMap<number, Uint8Array> {
  return new Map(keys.map((key) => [key.id, key.secret]));
}

function parseKeys(text: string): Key[] {
  const keys: Key[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const match = keyLine.exec(line.trimEnd());
    const secret = Buffer.from(match?.[2] ?? '', 'base64url');
    const id = Number(match?.[1]);
    if (match === null || secret.length !== secretBytes || id > idMax) {
      throw new DiodeError('E_KEY_FORMAT', `line ${index + 1} of the key file is not a key`);
    }
    if (keys.some((key) => key.id === id))
      throw new DiodeError('E_KEY_FORMAT', `key id ${id} is there twice`);
    keys.push(new Key(id, new Uint8Array(secret)));
    if (keys.length > keysMax)
      throw new DiodeError('E_KEY_FORMAT', `the key file holds more than ${keysMax} keys`);
  }
  return keys;
}

/** A new key, with an id by chance. */
export function newKey(randomBytes: (count: number) => Uint8Array): Key {
  const [high = 0, low = 0] = randomBytes(2);
  return new Key((((high << 8) | low) % idMax) + 1, randomBytes(secretBytes));
}

/** A key as it stands in the file. */
export function keyLineOf(key: Key): string {
  return `${format} ${key.id} ${Buffer.from(key.secret).toString('base64url')}`;
}

/**
 * Writes a new key file, mode 0600, durably; an existing file is never overwritten.
 * @param randomBytes gives that many random bytes, fit for keys
 * @returns the id of the key
 * @throws DiodeError E_KEY_EXISTS, E_FOLDER, E_DISK_FULL, E_DISK
 */
export function writeKeyFile(path: string, randomBytes: (count: number) => Uint8Array): number {
  const key = newKey(randomBytes);
  const text = `# dicom-diode key: keep it secret, carry it to the other side by hand\n${keyLineOf(key)}\n`;
  const descriptor = createExclusively(path);
  try {
    try {
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    const folder = openSync(dirname(path), constants.O_RDONLY);
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (cause) {
    // Half a key is none, and it would stand in the way of the next try.
    rmSync(path, { force: true });
    throw diskError(cause, 'the key file can not be written');
  }
  return key.id;
}

function createExclusively(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (cause) {
    const code = errorCauseCode(cause);
    if (code === 'EEXIST') throw new DiodeError('E_KEY_EXISTS', undefined, { cause });
    throw new DiodeError('E_FOLDER', `the key file can not be made there (${code ?? 'unknown cause'})`, {
      cause,
    });
  }
}
