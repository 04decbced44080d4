/**
 * The key file: one line a key, `dicom-diode-key-1 ID SECRET`, several lines for a rotation. The first key is
 * the one a sender uses; a receiver takes datagrams of all of them. The file is the secret: nobody but its
 * owner may read it, and nothing of it is ever logged.
 */
import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { DiodeError, errorCauseCode } from '../errors.ts';

export interface Key {
  /** 1 to 65535, in clear in every datagram. */
  readonly id: number;
  /** 32 bytes */
  readonly secret: Uint8Array;
}

const format = 'dicom-diode-key-1';
const keysMax = 16;
const fileBytesMax = 65_536;
const secretBytes = 32;

/** @throws DiodeError E_KEY_MISSING, E_KEY_READABLE, E_KEY_FORMAT */
export function readKeyFile(
  path: string,
  credentialsFolder = process.env['CREDENTIALS_DIRECTORY'],
): readonly [Key, ...Key[]] {
  let text: string;
  try {
    const facts = statSync(path);
    // systemd sets the mode of credentials itself (LoadCredential=), in a folder only the service sees.
    const isCredential = credentialsFolder !== undefined && dirname(path) === credentialsFolder;
    if (!isCredential && (facts.mode & 0o077) !== 0) throw new DiodeError('E_KEY_READABLE');
    if (facts.size > fileBytesMax) throw new DiodeError('E_KEY_FORMAT', 'the key file is larger than 64 KiB');
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof DiodeError) throw cause;
    const missing = errorCauseCode(cause) === 'ENOENT';
    throw new DiodeError('E_KEY_MISSING', missing ? undefined : 'the key file can not be read', { cause });
  }
  const keys = parseKeys(text);
  const [first, ...others] = keys;
  if (first === undefined) throw new DiodeError('E_KEY_FORMAT', 'the key file holds no key');
  return [first, ...others];
}

function parseKeys(text: string): Key[] {
  const keys: Key[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const match = /^dicom-diode-key-1 ([1-9][0-9]{0,4}) ([A-Za-z0-9_-]{43})$/.exec(line.trimEnd());
    const secret = Buffer.from(match?.[2] ?? '', 'base64url');
    const id = Number(match?.[1]);
    if (match === null || secret.length !== secretBytes || id > 65_535) {
      throw new DiodeError('E_KEY_FORMAT', `line ${index + 1} of the key file is not a key`);
    }
    if (keys.some((key) => key.id === id))
      throw new DiodeError('E_KEY_FORMAT', `key id ${id} is there twice`);
    keys.push({ id, secret: new Uint8Array(secret) });
    if (keys.length > keysMax)
      throw new DiodeError('E_KEY_FORMAT', `the key file holds more than ${keysMax} keys`);
  }
  return keys;
}

/**
 * Writes a new key file, mode 0600; an existing file is never overwritten.
 * @param randomBytes gives that many random bytes, fit for keys
 * @returns the id of the key
 * @throws DiodeError E_KEY_EXISTS, E_FOLDER
 */
export function writeKeyFile(path: string, randomBytes: (count: number) => Uint8Array): number {
  const [high = 0, low = 0] = randomBytes(2);
  const id = (((high << 8) | low) % 65_535) + 1;
  const secret = Buffer.from(randomBytes(secretBytes)).toString('base64url');
  const text = `# dicom-diode key: keep it secret, carry it to the other side by hand\n${format} ${id} ${secret}\n`;
  try {
    const descriptor = openSync(path, 'wx', 0o600);
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    if (errorCauseCode(cause) === 'EEXIST') throw new DiodeError('E_KEY_EXISTS', undefined, { cause });
    throw new DiodeError('E_FOLDER', 'the key file can not be written there', { cause });
  }
  return id;
}
