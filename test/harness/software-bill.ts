/**
 * The software bill of materials (CycloneDX 1.5, JSON): what npm tells of the lock file, made the same on every machine
 * and at every time. `npm run --silent sbom > dicom-diode.cdx.json`.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { repositoryRoot } from './repository-root.ts';

const billSchema = z.looseObject({
  metadata: z.looseObject({ component: z.looseObject({}) }),
  components: z.array(z.looseObject({ 'bom-ref': z.string(), name: z.string() })),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()).optional() })),
});

export type SoftwareBill = z.infer<typeof billSchema>;

/** Licences that a package states in its README and not where programs look. */
export const statedElsewhere: Readonly<Record<string, string>> = { 'reed-solomon-erasure': 'MIT' };

/** @param lock the text of package-lock.json: the same lock file is the same bill, under the same serial number */
export function deterministicBill(told: unknown, lock: string): SoftwareBill {
  const { metadata, components, dependencies, ...rest } = billSchema.parse(told);
  // The day it was made and the npm that made it are nothing of the software; the name is that of a folder.
  const { timestamp: _, tools: __, ...kept } = metadata;
  const digest = createHash('sha256').update(lock).digest('hex');
  // RFC 9562: version 8, variant 10: made of a hash of our own.
  const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  return {
    ...rest,
    serialNumber: `urn:uuid:${uuid}`,
    metadata: { ...kept, component: { ...kept.component, name: 'dicom-diode', type: 'application' } },
    components: components
      .map((component) => ({ ...licenceOf(component.name), ...component }))
      .toSorted((a, b) => compare(a['bom-ref'], b['bom-ref'])),
    dependencies: dependencies
      .map(({ dependsOn = [], ...one }) => ({ ...one, dependsOn: dependsOn.toSorted(compare) }))
      .toSorted((a, b) => compare(a.ref, b.ref)),
  };
}

/** The bill of this repository. */
export function softwareBill(): SoftwareBill {
  const root = repositoryRoot();
  const flags = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only', '--offline'];
  const told = execFileSync('npm', flags, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
  return deterministicBill(JSON.parse(told), readFileSync(join(root, 'package-lock.json'), 'utf8'));
}

function licenceOf(name: string): { licenses?: unknown } {
  const id = statedElsewhere[name];
  return id === undefined ? {} : { licenses: [{ license: { id } }] };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? '')).href)
  process.stdout.write(`${JSON.stringify(softwareBill(), undefined, 2)}\n`);
