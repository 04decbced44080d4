/** Reads the files that a destination's settings name: certificates, keys, credentials. */
import { readFileSync } from 'node:fs';
import { readSecretFile } from '../../shared/crypto/secret-file.ts';
import { DiodeError, errorCauseCode } from '../../shared/errors.ts';
import type { DestinationSettings } from '../destination-settings.ts';
import type { PeerTls, WebCredentials } from './destination.ts';

const secretCodes = { missing: 'E_CREDENTIALS', readable: 'E_CREDENTIALS', format: 'E_CREDENTIALS' } as const;

/** One line: `bearer TOKEN`, or `basic USER:PASSWORD`. @throws DiodeError E_CREDENTIALS */
export function readCredentials(path: string): WebCredentials {
  const text = readSecretFile({ path, name: 'the credentials file', codes: secretCodes });
  const [line = '', ...rest] = text.split(/\r?\n/);
  const bearer = /^bearer ([\x21-\x7E]+)$/.exec(line);
  const basic = /^basic ([^:\p{Cc}]+):(\P{Cc}*)$/u.exec(line);
  const isOneLine = rest.every((more) => more === '');
  if (isOneLine && bearer?.[1] !== undefined) return { kind: 'bearer', token: bearer[1] };
  if (isOneLine && basic?.[1] !== undefined)
    return { kind: 'basic', user: basic[1], password: basic[2] ?? '' };
  throw new DiodeError(
    'E_CREDENTIALS',
    `the credentials file ${path} must be one line, "bearer TOKEN" or "basic USER:PASSWORD"`,
  );
}

/** @throws DiodeError E_CREDENTIALS */
export function readTls(settings: DestinationSettings): PeerTls {
  const authorities = settings['tls.caFile'];
  const certificate = settings['tls.certificateFile'];
  const key = settings['tls.keyFile'];
  const serverName = settings['tls.serverName'];
  return {
    ...(authorities !== undefined && { authorities: [readPublic(authorities)] }),
    ...(certificate !== undefined && { certificate: readPublic(certificate) }),
    ...(key !== undefined && { key: readSecretFile({ path: key, name: 'the key', codes: secretCodes }) }),
    ...(serverName !== undefined && { serverName }),
  };
}

function readPublic(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = errorCauseCode(cause) ?? 'unknown cause';
    throw new DiodeError('E_CREDENTIALS', `the certificate ${path} can not be read (${why})`, { cause });
  }
}
