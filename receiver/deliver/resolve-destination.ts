/** From what the configuration says of a destination to what delivery needs: its files are read, its times are made. */
import { readFileSync } from 'node:fs';
import { present } from '../../shared/assert.ts';
import { readSecretFile } from '../../shared/crypto/secret-file.ts';
import { DiodeError, errorCauseCode } from '../../shared/errors.ts';
import type { DestinationSettings } from '../destination-settings.ts';
import type { DeliveryPolicy } from './delivery-queue.ts';
import { deliveryPolicyDefault } from './delivery-queue.ts';
import type { Destination, PeerTls, WebCredentials } from './destination.ts';
import type { Route } from './routing.ts';

/**
 * Done anew for each round, so that credentials and certificates can be replaced while the receiver runs.
 * @throws DiodeError E_CREDENTIALS
 */
export function resolveDestination(settings: DestinationSettings): Destination {
  const { name } = settings;
  const responseMs = settings.responseSeconds * 1000;
  if (settings.kind === 'dicomweb') {
    const { credentialsFile, instancesPerRequest } = settings;
    const url = new URL(present(settings.url, 'a dicomweb destination has its url'));
    return {
      kind: 'dicomweb',
      name,
      url,
      responseMs,
      ...(instancesPerRequest !== undefined && { instancesPerRequest }),
      ...(credentialsFile !== undefined && { credentials: readCredentials(credentialsFile) }),
      ...(url.protocol === 'https:' && { tls: readTls(settings) }),
    };
  }
  return {
    kind: 'dicom',
    name,
    host: present(settings.host, 'a dicom destination has its host'),
    port: present(settings.port, 'a dicom destination has its port'),
    calledAe: present(settings.calledAe, 'a dicom destination has its AE title'),
    callingAe: present(settings.callingAe, 'a dicom destination has our AE title'),
    connectMs: present(settings.connectSeconds, 'a dicom destination has its times') * 1000,
    times: { idleMs: responseMs },
    ...(settings['tls.enabled'] === true && { tls: readTls(settings) }),
  };
}

export function routeOf(settings: DestinationSettings): Route {
  const { name, senders, modalities, sopClasses, callingAeTitles, calledAeTitles } = settings;
  return { destination: name, senders, modalities, sopClasses, callingAeTitles, calledAeTitles };
}

export function policyOf(settings: DestinationSettings): DeliveryPolicy {
  return {
    ...deliveryPolicyDefault,
    retryMsMin: settings.retrySeconds * 1000,
    retryMsMax: Math.max(settings.retrySeconds * 1000, settings.retryMinutesMax * 60_000),
    attemptsMax: settings.attempts,
    alarmAfterMs: settings.alarmMinutes * 60_000,
  };
}

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

function readTls(settings: DestinationSettings): PeerTls {
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
