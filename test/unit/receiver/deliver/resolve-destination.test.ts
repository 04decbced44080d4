/** Goal: what the configuration says of a PACS is what delivery does, and secrets stay secret. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { receiverSettings } from '../../../../receiver/configuration.ts';
import { readCredentials } from '../../../../receiver/deliver/destination-files.ts';
import { policyOf, resolveDestination, routeOf } from '../../../../receiver/deliver/resolve-destination.ts';
import type { DestinationSettings } from '../../../../receiver/destination-settings.ts';
import { checkConfiguration, loadConfiguration } from '../../../../shared/config/load.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'destination-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function sources(tables: string) {
  const settings = 'keyFile = "k"\nvault.folder = "v"\ninbox.folder = "i"\nlink.address = "10.0.0.2"\n';
  return { path: file('receiver.toml', settings + tables), environment: {}, overrides: [] };
}

function settingsOf(...lines: readonly string[]): DestinationSettings {
  const toml = ['[[destinations]]', 'name = "pacs"', ...lines].join('\n');
  const [settings] = loadConfiguration(receiverSettings, sources(toml)).values.destinations;
  if (settings === undefined) throw new Error('one destination');
  return settings;
}

const dicom = ['host = "10.0.0.9"', 'calledAe = "PACS"'];
const web = ['kind = "dicomweb"', 'url = "https://pacs.example/dicom-web"'];

describe('a destination', () => {
  it('of C-STORE needs host and AE title, and is otherwise as is usual', () => {
    const settings = settingsOf(...dicom);
    expect(resolveDestination(settings)).toEqual({
      kind: 'dicom',
      name: 'pacs',
      host: '10.0.0.9',
      port: 104,
      calledAe: 'PACS',
      callingAe: 'DIODE',
      connectMs: 10_000,
      times: { idleMs: 120_000 },
    });
    expect(routeOf(settings)).toEqual({ destination: 'pacs' });
    expect(policyOf(settings)).toMatchObject({
      retryMsMin: 15_000,
      retryMsMax: 900_000,
      attemptsMax: 20,
      alarmAfterMs: 1_800_000,
    });
  });

  it('of STOW-RS has its address, and credentials from a file', () => {
    file('credentials', 'bearer abc.def\n');
    const settings = settingsOf(...web, 'credentialsFile = "credentials"', 'instancesPerRequest = 7');
    expect(resolveDestination(settings)).toMatchObject({
      kind: 'dicomweb',
      url: new URL('https://pacs.example/dicom-web'),
      credentials: { kind: 'bearer', token: 'abc.def' },
      instancesPerRequest: 7,
      tls: {},
    });
    expect(JSON.stringify(settings)).not.toContain('abc.def');
  });

  it('of either kind may have TLS of its own; its key is a secret', () => {
    file('ca.pem', 'AUTHORITIES', 0o644);
    file('own.pem', 'OWN', 0o644);
    file('own.key', 'KEY');
    const tls = [
      'tls.enabled = true',
      'tls.caFile = "ca.pem"',
      'tls.certificateFile = "own.pem"',
      'tls.keyFile = "own.key"',
      'tls.serverName = "pacs.example"',
    ];
    expect(resolveDestination(settingsOf(...dicom, ...tls))).toMatchObject({
      tls: { authorities: ['AUTHORITIES'], certificate: 'OWN', key: 'KEY', serverName: 'pacs.example' },
    });
    expect(resolveDestination(settingsOf(...dicom, ...tls.slice(1)))).not.toHaveProperty('tls');
    chmodSync(join(folder, 'own.key'), 0o640);
    expect(() => resolveDestination(settingsOf(...dicom, ...tls))).toThrow(
      expect.objectContaining({ code: 'E_CREDENTIALS', message: expect.stringContaining('chmod 600') }),
    );
  });

  it('may take only what came from or to AE titles', () => {
    const rules = ['callingAeTitles = ["CT1", "MR 2"]', 'calledAeTitles = ["DIODE_STAT"]'];
    expect(routeOf(settingsOf(...dicom, ...rules))).toMatchObject({
      callingAeTitles: ['CT1', 'MR 2'],
      calledAeTitles: ['DIODE_STAT'],
    });
  });

  it('whose retries may never wait less than their first wait keeps that', () => {
    const settings = settingsOf(...dicom, 'retrySeconds = 120', 'retryMinutesMax = 1');
    expect(policyOf(settings)).toMatchObject({ retryMsMin: 120_000, retryMsMax: 120_000 });
  });

  it.each([
    [[...dicom, 'url = "https://pacs.example/"'], 'destinations[1].url'],
    [[...web, 'port = 104'], 'destinations[1].port'],
    [['host = "10.0.0.9"'], 'destinations[1].calledAe is missing'],
    [['kind = "dicomweb"'], 'destinations[1].url is missing'],
    [[...web.slice(0, 1), 'url = "https://a:b@pacs.example/"'], '"https://…@pacs.example/"'],
    [[...dicom, 'modalities = ["ct"]'], 'destinations[1].modalities'],
    [[...dicom, 'senders = ["1"]'], 'destinations[1].senders'],
    [[...dicom, 'sopClasses = ["1.2.*.3"]'], 'destinations[1].sopClasses'],
    [[...dicom, 'callingAeTitles = ["SEVENTEEN LETTERS"]'], 'destinations[1].callingAeTitles'],
    [[...dicom, 'calledAeTitles = ["A\\\\B"]'], 'destinations[1].calledAeTitles'],
    [[...dicom, 'calledAeTitles = [" A"]'], 'destinations[1].calledAeTitles'],
    [[...web, 'credentialsFile = "i/secret"'], 'must be outside inbox.folder'],
  ])('%j is refused', (lines, named) => {
    const toml = ['[[destinations]]', 'name = "pacs"', ...lines].join('\n');
    const { errors } = checkConfiguration(receiverSettings, sources(toml));
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining(named)]);
  });
});

describe('a file of credentials', () => {
  it('is one line, for its owner alone', () => {
    expect(readCredentials(file('a', 'basic diode:pass word:with colon'))).toEqual({
      kind: 'basic',
      user: 'diode',
      password: 'pass word:with colon',
    });
    expect(readCredentials(file('b', 'basic diode:\r\n'))).toEqual({
      kind: 'basic',
      user: 'diode',
      password: '',
    });
    for (const text of [
      '',
      'secret',
      'bearer ',
      'bearer a b',
      'basic diode',
      'basic a:b\nbasic c:d',
      'bearer a\0',
    ]) {
      const read = () => readCredentials(file('c', text));
      expect(read).toThrow(expect.objectContaining({ code: 'E_CREDENTIALS' }));
      if (text.length > 1) expect(read).not.toThrow(new RegExp(`"${text}"`));
    }
    for (const mode of [0o644, 0o640, 0o604])
      expect(() => readCredentials(file('d', 'bearer abc', mode))).toThrow(/can be read by others/);
    expect(() => readCredentials(join(folder, 'none'))).toThrow(/does not exist/);
    expect(() => readCredentials(folder)).toThrow(/is not a regular file/);
  });
});

describe('an inbox', () => {
  it('may be switched off, and then needs no folder', () => {
    const settings = 'keyFile = "k"\nvault.folder = "v"\nlink.address = "10.0.0.2"\n';
    const errors = (more: string) =>
      checkConfiguration(receiverSettings, {
        path: file('receiver.toml', settings + more),
        environment: {},
        overrides: [],
      }).errors.map(({ message }) => message);
    expect(errors('inbox.enabled = false\n')).toEqual([]);
    expect(errors('inbox.enabled = false\ninbox.folder = "i"\n')).toEqual([]);
    expect(errors('')).toEqual([expect.stringContaining('inbox.folder is missing')]);
  });
});
