/**
 * The key file: one line per key, `dicom-diode-key-1 ID SECRET NAME`, several lines for a rotation. A sender uses the
 * first key; a receiver accepts datagrams under all of them. The file is the secret: only its owner may read it, and
 * only ids and names from it are ever logged.
 *
 * The name says whose key it is: senders with keys of different names can't speak for each other. Keys without one
 * share the name ''. A line `dicom-diode-sender-1 SENDER-ID NAME` binds a sender id to a name.
 */
import { closeSync, constants, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DiodeError, diskError, errorCauseCode } from '../errors.ts';
import { readSecretFile } from './secret-file.ts';

/** A key. Printed, inspected or as JSON, only its id shows: the secret is in a private field. */
export class Key {
  /** 1 to 65535, unencrypted in every datagram. */
  readonly id: number;
  /** Whose it is; '' if the file gives no name. */
  readonly name: string;
  readonly #secret: Uint8Array;

  constructor(id: number, secret: Uint8Array, name = '') {
    this.id = id;
    this.name = name;
    this.#secret = secret;
  }

  /** 32 bytes */
  get secret(): Uint8Array {
    return this.#secret;
  }
}

/** Whose the keys and the senders of a ring are, according to its file. */
export interface KeyNames {
  /** The name of each key, by key id. */
  readonly names: ReadonlyMap<number, string>;
  /** The key name of each sender id that the file binds. */
  readonly senders: ReadonlyMap<string, string>;
}

export interface KeyRing extends KeyNames {
  readonly keys: readonly [Key, ...Key[]];
}

const format = 'dicom-diode-key-1';
const keyName = '[A-Za-z0-9._-]{1,32}';
const keyLine = new RegExp(`^${format} ([1-9][0-9]{0,4}) ([A-Za-z0-9_-]{43})(?: (${keyName}))?$`);
const senderLine = new RegExp(`^dicom-diode-sender-1 ([0-9a-f]{16}) (${keyName})$`);
/** The most sender ids that a file may bind. */
const senderLinesMax = 256;
/** The most keys in a ring. */
export const keysMax = 16;
const secretBytes = 32;
const idMax = 65_535;

/**
 * @param credentialsFolder as of {@link readSecretFile}
 * @throws DiodeError E_KEY_MISSING, E_KEY_READABLE, E_KEY_FORMAT
 */
export function readKeyFile(path: string, credentialsFolder?: string): readonly [Key, ...Key[]] {
  return readKeyRing(path, credentialsFolder).keys;
}

/** The same with all names: what a receiver reads. @throws DiodeError like readKeyFile */
export function readKeyRing(path: string, credentialsFolder?: string): KeyRing {
  const codes = { missing: 'E_KEY_MISSING', readable: 'E_KEY_READABLE', format: 'E_KEY_FORMAT' } as const;
  const { keys, senders } = parseLines(
    readSecretFile({ path, name: 'the key file', codes }, credentialsFolder),
  );
  const [first, ...others] = keys;
  if (first === undefined) throw new DiodeError('E_KEY_FORMAT', 'the key file contains no key');
  return { keys: [first, ...others], names: new Map(keys.map(({ id, name }) => [id, name])), senders };
}

/** Whether a text can be the name of a key. */
export function isKeyName(text: string): boolean {
  return new RegExp(`^${keyName}$`).test(text);
}

/** The name as people read it. */
export function keyNameText(name: string): string {
  return name === '' ? 'without a name' : name;
}

/** The secrets of a key ring by key id, in order: what threads get. */
export function secretsOf(keys: readonly Key[]): ReadonlyMap<number, Uint8Array> {
  return new Map(keys.map((key) => [key.id, key.secret]));
}

function parseLines(text: string): { keys: Key[]; senders: Map<string, string> } {
  const keys: Key[] = [];
  const senders = new Map<string, string>();
  for (const [index, untrimmed] of text.split('\n').entries()) {
    const line = untrimmed.trimEnd();
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, senderId, name] = senderLine.exec(line) ?? [];
    if (senderId !== undefined && name !== undefined) {
      if (senders.has(senderId) || senders.size >= senderLinesMax)
        throw new DiodeError(
          'E_KEY_FORMAT',
          `line ${index + 1} of the key file repeats a sender id or exceeds their maximum number`,
        );
      senders.set(senderId, name);
      continue;
    }
    const key = keyOf(line);
    if (key === undefined)
      throw new DiodeError('E_KEY_FORMAT', `line ${index + 1} of the key file is not a key`);
    if (keys.some(({ id }) => key.id === id))
      throw new DiodeError('E_KEY_FORMAT', `key id ${key.id} occurs twice`);
    keys.push(key);
    if (keys.length > keysMax)
      throw new DiodeError('E_KEY_FORMAT', `the key file has more than ${keysMax} keys`);
  }
  return { keys, senders };
}

function keyOf(line: string): Key | undefined {
  const match = keyLine.exec(line);
  const secret = Buffer.from(match?.[2] ?? '', 'base64url');
  const id = Number(match?.[1]);
  if (match === null || secret.length !== secretBytes || id > idMax) return undefined;
  return new Key(id, new Uint8Array(secret), match[3] ?? '');
}

/** A new key, with a random id. */
export function newKey(randomBytes: (count: number) => Uint8Array, name: string): Key {
  const [high = 0, low = 0] = randomBytes(2);
  return new Key((((high << 8) | low) % idMax) + 1, randomBytes(secretBytes), name);
}

/** A random name for a sender's first key: two hosts don't get the same one. */
function newKeyName(randomBytes: (count: number) => Uint8Array): string {
  return `sender-${Buffer.from(randomBytes(3)).toString('hex')}`;
}

/** @throws DiodeError E_USAGE */
export function requireKeyName(name: string): string {
  if (isKeyName(name)) return name;
  throw new DiodeError(
    'E_USAGE',
    'a key name must be 1 to 32 letters, digits, dots, hyphens and underscores',
  );
}

/** A key as written in the file. */
export function keyLineOf(key: Key): string {
  const line = `${format} ${key.id} ${Buffer.from(key.secret).toString('base64url')}`;
  return key.name === '' ? line : `${line} ${key.name}`;
}

/**
 * Writes a new key file, mode 0600, durably; an existing file is never overwritten.
 * @param randomBytes returns that many random bytes, fit for keys
 * @param name whose the key is; random if left out
 * @returns the id of the key
 * @throws DiodeError E_KEY_EXISTS, E_FOLDER, E_DISK_FULL, E_DISK, E_USAGE
 */
export function writeKeyFile(
  path: string,
  randomBytes: (count: number) => Uint8Array,
  name: string = newKeyName(randomBytes),
): number {
  const key = newKey(randomBytes, requireKeyName(name));
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
    // Half a key is useless, and would get in the way of the next attempt.
    rmSync(path, { force: true });
    throw diskError(cause, 'the key file cannot be written');
  }
  return key.id;
}

function createExclusively(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (cause) {
    const code = errorCauseCode(cause);
    if (code === 'EEXIST') throw new DiodeError('E_KEY_EXISTS', undefined, { cause });
    throw new DiodeError('E_FOLDER', `the key file cannot be created there (${code ?? 'unknown cause'})`, {
      cause,
    });
  }
}
