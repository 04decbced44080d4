/**
 * Goal: nothing that this host speaks with, or that speaks with it, is on the network of the link: neither program starts
 * with such an address, and doctor finds the names and routes that lead there. Method: configurations, and hosts as text.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { receiverSettings } from '../../../receiver/configuration.ts';
import { senderSettings } from '../../../sender/configuration.ts';
import { isOnLinkNetwork } from '../../../shared/config/link-network.ts';
import { checkConfiguration } from '../../../shared/config/load.ts';
import type { Settings } from '../../../shared/config/settings.ts';
import { bindingFinding } from '../../../shared/doctor/link-findings.ts';
import { type Place, placeFindings } from '../../../shared/doctor/place-findings.ts';
import { interfaceOf } from '../../../shared/host-network.ts';
import { TableOfFiles } from '../../harness/host-files.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'places-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function problems(settings: Settings, ...lines: readonly string[]): string[] {
  const path = join(folder, 'test.toml');
  writeFileSync(path, `${lines.join('\n')}\n`);
  const { errors } = checkConfiguration(settings, { path, environment: {}, overrides: [] });
  return errors.map(({ code, message }) => `${code} ${message}`);
}

const receiver = (...lines: readonly string[]) =>
  problems(
    receiverSettings,
    ...['keyFile = "k"', 'vault.folder = "v"', 'inbox.folder = "i"', 'link.address = "10.99.0.2"'],
    ...lines,
  );
const pacs = (line: string) => ['[[destinations]]', 'name = "pacs"', ...line.split('\n')];

describe('a configuration', () => {
  it.each([
    ['the own address', 'host = "10.99.0.2"\ncalledAe = "P"', 'destinations[1].host'],
    ['the sender', 'host = "10.99.0.1"\ncalledAe = "P"', 'destinations[1].host'],
    ['a web address', 'kind = "dicomweb"\nurl = "https://10.99.0.1:8443/dicom"', 'destinations[1].url'],
    ['one in other digits', 'kind = "dicomweb"\nurl = "http://0x0a630001/"', 'destinations[1].url'],
    ['one in IPv6', 'kind = "dicomweb"\nurl = "http://[::ffff:10.99.0.1]/"', 'destinations[1].url'],
  ])('has no destination on the link: %s', (_what, line, key) => {
    const found = receiver(...pacs(line));
    expect(found).toEqual([expect.stringMatching(/^E_CONFIG_VALUE .*network of the link/)]);
    expect(found[0]).toContain(key);
    expect(found[0]).toContain('use an address on another network');
  });

  it('has no malware scanner there, and no scanner port', () => {
    expect(receiver('scan.host = "10.99.0.1"')).toEqual([expect.stringContaining('scan.host')]);
    const sender = (address: string) =>
      problems(
        senderSettings,
        ...[
          'keyFile = "k"',
          'spool.folder = "s"',
          'link.address = "10.99.0.2"',
          `dicom.address = "${address}"`,
        ],
      );
    expect(sender('10.99.0.1')).toEqual([expect.stringContaining('dicom.address')]);
    expect(sender('192.0.2.10')).toEqual([]);
  });

  it('may have what is elsewhere, a name, and all on loopback', () => {
    expect(receiver(...pacs('host = "10.99.0.4"\ncalledAe = "P"'))).toEqual([]);
    expect(receiver(...pacs('host = "pacs.hospital"\ncalledAe = "P"'), 'modalities = ["CT"]')).toEqual([]);
    expect(isOnLinkNetwork('127.0.0.1', '127.0.0.1')).toBe(false);
    expect(isOnLinkNetwork('10.99.0.256', '10.99.0.2')).toBe(false);
  });

  it('names one interface of the receiver, not all of them', () => {
    const found = problems(
      receiverSettings,
      ...['keyFile = "k"', 'vault.folder = "v"', 'inbox.folder = "i"', 'link.address = "0.0.0.0"'],
    );
    expect(found).toEqual([expect.stringMatching(/^E_CONFIG_VALUE .*not 0\.0\.0\.0/)]);
  });
});

describe('doctor', () => {
  const networkRoute = 'rx0\t0000630A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0';
  const files = new TableOfFiles({ name: 'rx0', ownAddress: '10.99.0.2', networkRoute });
  const link = { address: '10.99.0.2', interface: 'rx0' };
  const names = new Map([
    ['pacs.hospital', ['192.0.2.7']],
    ['pacs.wrong', ['192.0.2.8', '10.99.0.1']],
  ]);
  const look = (...places: readonly Place[]) =>
    placeFindings(files, link, places, (host) => Promise.resolve(names.get(host) ?? []));
  const place = (where: string) => ({ what: 'pacs', where });

  it('looks names up, and finds those that lead to the link', async () => {
    expect(await look(place('pacs.hospital'), place('https://pacs.hospital/x'))).toMatchObject([
      { verdict: 'ok' },
    ]);
    expect(await look(place('pacs.hospital'), place('pacs.wrong'))).toMatchObject([
      { verdict: 'failure', found: expect.stringContaining('10.99.0.1') },
    ]);
    expect(await look(place('pacs.nowhere'))).toMatchObject([{ verdict: 'unknown' }]);
  });

  it('finds what a route leads to over the link, whatever its address', async () => {
    expect(await look(place('10.99.0.77'))).toMatchObject([{ verdict: 'failure' }]);
  });

  it('says whether the socket is bound to the interface that has the address', () => {
    const verdicts = (...from: Parameters<typeof bindingFinding>) =>
      bindingFinding(...from).map(({ verdict }) => verdict);
    expect(verdicts(undefined, 'rx0', { boundTo: 'rx0' })).toEqual(['ok']);
    expect(verdicts(undefined, 'rx0', {})).toEqual(['failure']);
    expect(verdicts('eth0', 'rx0', { boundTo: 'eth0' })).toEqual(['failure']);
    expect(verdicts(undefined, 'rx0', undefined)).toEqual([]);
  });
});

it('the interface of an address is not that of the default route', () => {
  const byDefault = 'eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0';
  const files = new TableOfFiles({ name: 'eth0', ownAddress: '192.168.0.5', networkRoute: byDefault });
  expect(interfaceOf(files, '192.168.0.5')).toBe('eth0');
  expect(interfaceOf(files, '127.0.0.1')).toBe('lo');
  expect(interfaceOf(files, '10.99.0.2')).toBeUndefined();
});
