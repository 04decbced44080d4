/** Goal: the settings of both programs fit together: names, defaults, bounds, and what one says of another. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { receiverSettings } from '../../../receiver/configuration.ts';
import { senderSettings } from '../../../sender/configuration.ts';
import { linkParameters } from '../../../shared/config/link-settings.ts';
import { checkConfiguration, environmentName, loadConfiguration } from '../../../shared/config/load.ts';
import { allFields, type Setting, type Settings } from '../../../shared/config/settings.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'program-settings-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function sources(toml: string) {
  const path = join(folder, 'test.toml');
  writeFileSync(path, toml);
  return { path, environment: {}, overrides: [] };
}

/** Every setting, also those of tables, each with the keys that it may depend on. */
function settingsOf(
  list: Settings,
  outer: readonly string[] = [],
): (Setting & { known: readonly string[] })[] {
  const known = [...outer, ...Object.keys(list)];
  return Object.values(list).flatMap((setting) => [
    { ...setting, known },
    ...(setting.tables === undefined ? [] : settingsOf(allFields(setting.tables), known)),
  ]);
}

describe('the settings of both programs', () => {
  it.each([
    ['sender', senderSettings],
    ['receiver', receiverSettings],
  ])('of the %s have defaults within their bounds and names of their own', (_side, list) => {
    for (const [key, setting] of Object.entries(list)) {
      expect(key).toMatch(/^[a-z][a-zA-Z]*(\.[a-z][a-zA-Z]*)?$/);
      expect(setting.about.length).toBeGreaterThan(3);
      if (setting.fallback !== undefined)
        expect(setting.schema.safeParse(setting.fallback).success).toBe(true);
    }
    const names = Object.keys(list).map(environmentName);
    expect(new Set(names).size).toBe(names.length);
    expect(environmentName('link.datagramBytes')).toBe('DIODE_LINK_DATAGRAM_BYTES');
  });

  it('start with a file of ten lines or less', () => {
    const sender = 'keyFile="k"\nwatch.folder="w"\nspool.folder="s"\nlink.address="10.0.0.2"\n';
    expect(loadConfiguration(senderSettings, sources(sender)).values['code.sourceSymbols']).toBe(200);
    const receiver = 'keyFile="k"\nvault.folder="v"\ninbox.folder="i"\nlink.address="10.0.0.2"\n';
    expect(checkConfiguration(receiverSettings, sources(receiver)).errors).toEqual([]);
  });

  const low = { keyFile: 'k', 'watch.folder': 'w', 'spool.folder': 's', 'link.address': '10.0.0.2' };
  const high = { keyFile: 'k', 'vault.folder': 'v', 'inbox.folder': 'i', 'link.address': '10.0.0.2' };
  const found = (list: typeof senderSettings | typeof receiverSettings, values: Record<string, unknown>) => {
    const lines = Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    return checkConfiguration(list, sources(lines.join(''))).errors.map(({ message }) => message);
  };

  it('have a low-water mark below the high one', () => {
    expect(found(senderSettings, { ...low, 'spool.highWaterPercent': 80 })).toEqual([
      'spool.lowWaterPercent = 80: must be less than spool.highWaterPercent = 80 (default)',
    ]);
    expect(
      found(senderSettings, { ...low, 'spool.highWaterPercent': 50, 'spool.lowWaterPercent': 49 }),
    ).toEqual([]);
    // A value with an error of its own is not judged by another.
    expect(
      found(senderSettings, { ...low, 'spool.highWaterPercent': 0, 'spool.lowWaterPercent': 90 }),
    ).toHaveLength(1);
  });

  it('keep what is theirs out of folders that others fill or empty', () => {
    const inside = ['w', 'w/s', './w/../w/a/b', 'w/..s'];
    for (const path of inside) {
      for (const key of ['keyFile', 'spool.folder', 'watch.rejectedFolder'])
        expect(found(senderSettings, { ...low, [key]: path })[0]).toContain('must be outside watch.folder');
    }
    for (const key of ['keyFile', 'vault.folder', 'inbox.partialFolder'])
      expect(found(receiverSettings, { ...high, [key]: 'i/x' })[0]).toContain('outside inbox.folder');
    for (const path of ['w2', '..w', 'w..', '..', '.', '../w'])
      expect(found(senderSettings, { ...low, 'spool.folder': path })).toEqual([]);
    expect(found(senderSettings, { ...low, 'watch.folder': '/', 'spool.folder': '/s' })).toHaveLength(2);
  });

  it('name settings of their own where one depends on another', () => {
    for (const list of [senderSettings, receiverSettings]) {
      for (const { below, outside, requiredWhere, tables, known } of settingsOf(list)) {
        if (below !== undefined) expect(known).toContain(below);
        if (requiredWhere !== undefined) expect(known).toContain(requiredWhere.key);
        // A kind has fields beside those of every table, and changes none of them.
        const common = new Set(Object.keys(tables?.fields ?? {}));
        for (const ofKind of Object.values(tables?.kinds?.settings ?? {}))
          expect(Object.keys(ofKind).filter((field) => common.has(field))).toEqual([]);
        for (const folder of outside ?? []) expect(known).toContain(folder);
      }
    }
  });

  it('never have more encoding symbols than the code', () => {
    const values = { 'link.datagramBytes': 1472, 'link.protection': 'sealed' } as const;
    const parameters = linkParameters({ ...values, 'code.sourceSymbols': 200, 'code.repairSymbols': 200 });
    expect(parameters).toEqual({ datagramBytes: 1472, sourceSymbols: 200, repairSymbols: 55, protection: 1 });
  });
});

describe('the titles that scanners call', () => {
  const shortest = 'keyFile="k"\nspool.folder="s"\nlink.address="10.0.0.2"\ndicom.address="192.0.2.1"\n';
  const check = (tables: string) => checkConfiguration(senderSettings, sources(shortest + tables));

  it('are a list, and each may say who calls it', () => {
    expect(check('').errors).toEqual([]);
    const { values, errors } = check(
      '[[dicom.titles]]\ntitle="CT"\n[[dicom.titles]]\ntitle="STAT"\npriority="stat"\nquietSeconds=5\n' +
        'callingTitles=["A B"]\ncallingAddresses=["192.0.2.0/24", "2001:db8::7"]\n',
    );
    expect(errors).toEqual([]);
    expect(values['dicom.titles']).toMatchObject([
      { title: 'CT', priority: 'routine', quietSeconds: undefined, callingTitles: undefined },
      { title: 'STAT', priority: 'stat', quietSeconds: 5, callingTitles: ['A B'] },
    ]);
  });

  it.each([
    'title="seventeen letters"',
    'title="A"\nquietSeconds=-1',
    'title="A"\ncallingTitles=["back\\\\slash"]',
    'title="A"\ncallingAddresses=["192.0.2.0/33"]',
    'title="A"\ncallingAddresses=["scanner.example"]',
    'title="A"\n[[dicom.titles]]\ntitle="A"',
  ])('are checked: %s', (fields) => {
    expect(check(`[[dicom.titles]]\n${fields}\n`).errors).toMatchObject([{ code: 'E_CONFIG_VALUE' }]);
  });
});
