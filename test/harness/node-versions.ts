/**
 * Runs the tests on other versions of Node, which come as npm packages: `npm run test:node-versions [-- VERSION…]`.
 * PROJECTS names the tiers, by default all of them. A version takes as long as `npm test`; what it prints is kept short.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { table } from '../../shared/console/table.ts';
import { repositoryRoot } from './repository-root.ts';

const named = process.argv.slice(2);
const versions = named.length > 0 ? named : ['20', '22', '24', '26'];
const projects = (process.env['PROJECTS'] ?? 'unit,vectors,property,simulation,network').split(',');
const folder = mkdtempSync(join(tmpdir(), 'dicom-diode-node-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const results = versions.map((version) => {
  const place = join(folder, version);
  const wanted = `node-linux-${process.arch}@${version}`;
  const flags = ['install', '--prefix', place, '--no-save', '--ignore-scripts', '--no-audit', wanted];
  if (spawnSync('npm', flags, { stdio: 'inherit' }).status !== 0) return [version, 'can not be installed'];
  const node = join(place, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  const told = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`Node ${told}: ${projects.join(', ')}`);
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=dot'];
  const tiers = projects.flatMap((project) => ['--project', project]);
  // What a test starts by name is of this version too, and what Node means to take away is an error.
  const env = {
    ...process.env,
    PATH: [dirname(node), process.env['PATH'] ?? ''].join(delimiter),
    NODE_OPTIONS: '--throw-deprecation',
  };
  const { status } = spawnSync(node, [...vitest, ...tiers], { cwd: repositoryRoot(), stdio: 'inherit', env });
  return [told, status === 0 ? 'passes' : 'FAILS'];
});
console.log(table(['Node', 'tests'], results));
process.exitCode = results.every(([, result]) => result === 'passes') ? 0 : 1;
