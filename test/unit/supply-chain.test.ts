/**
 * Goal: what is installed is known, under licences that are allowed, and nothing of it runs at install. Method: the lock
 * file is read; docs/licences.md and the bill of materials are compared with it. `UPDATE=1` writes the page anew.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deterministicBill, softwareBill, statedElsewhere } from '../harness/software-bill.ts';
import { root } from './source-tree.ts';

const lockText = readFileSync(join(root, 'package-lock.json'), 'utf8');
const lock = z
  .object({
    packages: z.record(
      z.string(),
      z.object({
        version: z.string(),
        license: z.string().optional(),
        dev: z.boolean().optional(),
        hasInstallScript: z.boolean().optional(),
      }),
    ),
  })
  .parse(JSON.parse(lockText));
const packages = Object.entries(lock.packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({
    path,
    name: nameOf(path),
    ...entry,
    license: entry.license ?? statedElsewhere[nameOf(path)],
  }));

/** Each may be used and passed on with a program under Apache-2.0. */
const allowedLicences = [
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MIT OR Apache-2.0',
  '0BSD',
];
/** Not passed on with the programs: used while building and testing. */
const allowedInDevelopment = ['MPL-2.0', 'Python-2.0', 'CC0-1.0'];
/** koffi would only compile what its prebuilt package has; `.npmrc` ignores it. The other one is macOS's alone. */
const installScripts = ['fsevents', 'koffi'];

describe('what is installed', () => {
  it('has a licence that is allowed', () => {
    const allowed = (dev: boolean) => (dev ? [...allowedLicences, ...allowedInDevelopment] : allowedLicences);
    const other = packages.filter(
      ({ license, dev = false }) => license === undefined || !allowed(dev).includes(license),
    );
    expect(other.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
    expect(packages.length).toBeGreaterThan(20);
  });

  it('runs nothing at install', () => {
    expect(readFileSync(join(root, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
    const scripted = packages.filter(({ hasInstallScript }) => hasInstallScript === true);
    expect(
      [...new Set(scripted.map(({ name }) => name))].filter((name) => !installScripts.includes(name)),
    ).toEqual([]);
  });

  it('is listed in docs/licences.md', () => {
    const path = join(root, 'docs', 'licences.md');
    if (process.env['UPDATE'] !== undefined) writeFileSync(path, licencesPage());
    expect(readFileSync(path, 'utf8')).toBe(licencesPage());
  });
});

describe('the bill of materials', () => {
  it('names every package of the lock file, with its hash and licence, and is the same every time', () => {
    const bill = softwareBill();
    const listed = bill.components.map(({ name, group, version }) =>
      `${group === undefined ? '' : `${group}/`}${name}@${version}`.replace('//', '/'),
    );
    const wanted = packages.map(({ name, version }) => `${name}@${version}`);
    expect(wanted.filter((one) => !listed.some((found) => found.endsWith(one)))).toEqual([]);
    expect(
      bill.components.every(({ hashes, licenses }) => Array.isArray(hashes) && Array.isArray(licenses)),
    ).toBe(true);
    expect(bill['bomFormat']).toBe('CycloneDX');
    expect(JSON.stringify(bill)).not.toMatch(/timestamp/);
    const { serialNumber, ...again } = bill;
    const shuffled = {
      ...again,
      components: bill.components.toReversed(),
      dependencies: bill.dependencies.toReversed(),
    };
    expect(deterministicBill(shuffled, lockText)).toEqual(bill);
    expect(deterministicBill(shuffled, `${lockText} `)['serialNumber']).not.toBe(serialNumber);
    expect(serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(existsSync(join(root, 'package-lock.json'))).toBe(true);
  });
});

function nameOf(path: string): string {
  return path.replace(/^.*node_modules\//, '');
}

function licencesPage(): string {
  const rows = (dev: boolean) =>
    packages
      .filter((one) => (one.dev ?? false) === dev)
      .map(({ name, version, license }) => `| \`${name}\` | ${version} | ${license} |`)
      .filter((row, index, all) => all.indexOf(row) === index)
      .sort();
  const table = (dev: boolean) =>
    ['| package | version | license |', '|---|---|---|', ...rows(dev)].join('\n');
  return `# Licenses of what dicom-diode uses

Written by \`UPDATE=1 npx vitest run --project unit test/unit/supply-chain.test.ts\` from the lock file; a test
checks it, and the list of allowed licenses. \`npm run --silent sbom\` prints the same as a CycloneDX bill of materials.

## Part of the installed programs
${table(false)}

## For building and testing only
${table(true)}
`;
}
