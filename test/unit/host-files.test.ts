/**
 * Goal: the units and rules of hw-notes are as hard as they say, and name what the programs know. Method: systemd rates
 * the units; files that must agree are compared.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { receiverSettings } from '../../receiver/configuration.ts';
import { senderSettings } from '../../sender/configuration.ts';
import { environmentName } from '../../shared/config/load.ts';
import { hasProgram } from '../harness/peer-namespace.ts';
import { root } from './source-tree.ts';

const notes = join(root, 'hw-notes');
/** What `systemd-analyze security` may find at most, of 10. */
const exposureMax = 2;
const noAnalyser = hasProgram('systemd-analyze') ? undefined : 'systemd-analyze is not installed';
if (noAnalyser !== undefined && process.env['CI'] !== undefined) throw new Error(noAnalyser);

const scratch = mkdtempSync(join(tmpdir(), 'dicom-diode-units-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const unit = (side: string) => readFileSync(join(notes, 'systemd', `diode-${side}.service`), 'utf8');

describe.each(['sender', 'receiver'] as const)('the unit of the %s', (side) => {
  it.skipIf(noAnalyser !== undefined)(`is rated at most ${exposureMax} by systemd-analyze security`, () => {
    const path = join(notes, 'systemd', `diode-${side}.service`);
    const rated = execFileSync('systemd-analyze', ['security', '--offline=true', path], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', SYSTEMD_COLORS: '0', HOME: scratch },
    });
    const exposure = Number(/Overall exposure level for \S+: ([0-9.]+) /.exec(rated)?.[1]);
    expect(exposure).toBeGreaterThan(0);
    expect(exposure).toBeLessThanOrEqual(exposureMax);
  });

  it('has what the rating does not know', () => {
    const text = unit(side);
    // The key file is root's, and V8 can't run where memory is never both written and executed.
    expect(text).toContain('LoadCredential=key:/etc/dicom-diode/key');
    expect(text).toMatch(/^UMask=0027$/m);
    expect(text).toMatch(/^LimitCORE=0$/m);
    expect(text).not.toMatch(/^MemoryDenyWriteExecute/m);
    const settings = side === 'sender' ? senderSettings : receiverSettings;
    const variable = environmentName(Object.keys(settings).find((key) => key === 'keyFile') ?? 'none');
    expect(text).toContain(`Environment=${variable}=%d/key`);
    expect(text).toContain(`/etc/dicom-diode/${side}.toml`);
  });
});

it('both units are hardened alike', () => {
  const hardening = (side: string) =>
    unit(side)
      .split('\n')
      .filter((line) => /^[A-Z]\w+=/.test(line))
      .map((line) => line.replaceAll(/sender|receiver/g, 'side'))
      .filter((line) => !/^(Description|Wants|After|IPAddressAllow|ReadWritePaths)=/.test(line));
  expect(hardening('sender')).toEqual(hardening('receiver'));
  expect(hardening('sender').length).toBeGreaterThan(30);
});

it('the notes name every file that lies beside them, and its place on the host', () => {
  const page = readFileSync(join(notes, 'README.md'), 'utf8');
  const folders = ['networkd', 'nftables', 'sysctl.d', 'systemd', 'sysusers.d'];
  const files = folders.flatMap((folder) =>
    readdirSync(join(notes, folder)).map((file) => `${folder}/${file}`),
  );
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter((file) => !page.includes(file))).toEqual([]);
  for (const file of files) {
    const [first = '', second = ''] = readFileSync(join(notes, file), 'utf8').split('\n');
    expect(`${first}\n${second}`).toMatch(/^# \/etc\//m);
  }
});
