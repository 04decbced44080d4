/** Reads files that contain secrets: only their owner may read them, and nothing in them is ever logged. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DiodeError, type ErrorCode, errorCauseCode } from '../errors.ts';

export interface SecretFile {
  readonly path: string;
  /** What it is called in messages: `the key file`. */
  readonly name: string;
  /** For what may be wrong: it can't be read, others can read it, it is not such a file. */
  readonly codes: { readonly missing: ErrorCode; readonly readable: ErrorCode; readonly format: ErrorCode };
}

const fileBytesMax = 65_536;

/**
 * Checked on the open descriptor, so that what is read is what was checked; a pipe does not block it.
 * @param credentialsFolder where systemd puts credentials (LoadCredential=): it sets their mode itself, and
 * only the service sees that folder
 * @throws DiodeError with one of the codes
 */
export function readSecretFile(
  { path, name, codes }: SecretFile,
  credentialsFolder = process.env['CREDENTIALS_DIRECTORY'],
): string {
  const isCredential =
    credentialsFolder !== undefined && dirname(resolve(path)) === resolve(credentialsFolder);
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const facts = fstatSync(descriptor);
      if (!facts.isFile()) throw new DiodeError(codes.missing, `${name} ${path} is not a regular file`);
      if (!isCredential && (facts.mode & 0o077) !== 0)
        throw new DiodeError(codes.readable, `${name} ${path} can be read by others: chmod 600`);
      if (facts.size > fileBytesMax) throw new DiodeError(codes.format, `${name} is larger than 64 KiB`);
      return readFileSync(descriptor, 'utf8');
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    if (cause instanceof DiodeError) throw cause;
    const code = errorCauseCode(cause);
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? 'unknown cause'})`;
    throw new DiodeError(codes.missing, `${name} ${path} ${reason}`, { cause });
  }
}
