/** Configurations of both sides: a file, the environment and flags, each as a person or a broken disk may leave it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { receiverSettings } from '../../../receiver/configuration.ts';
import { senderSettings } from '../../../sender/configuration.ts';
import { assert } from '../../../shared/assert.ts';
import { checkConfiguration, environmentName } from '../../../shared/config/load.ts';
import { DiodeError } from '../../../shared/errors.ts';
import type { Random } from '../../harness/random.ts';
import type { FuzzTarget } from '../fuzz-target.ts';
import { mutate } from '../mutate.ts';

const sides = [senderSettings, receiverSettings];
const keys = [...new Set(sides.flatMap((settings) => Object.keys(settings)))];
const values = [
  '1',
  '0',
  '-1',
  '1e400',
  'nan',
  '0x10',
  '"text"',
  '""',
  "'x'",
  'true',
  '[]',
  '["1.2.*"]',
  '{}',
  '{ a = 1 }',
  '1979-05-27T07:32:00Z',
  '"""\nmany\nlines"""',
  '"10.99.0.2"',
  '"/srv/folder"',
  '"\\u0000"',
];
const odd = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '"a.b"', "''", 'a'.repeat(5000)];

let folder: string | undefined;

/** One file, written over and over. */
function path(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'dicom-diode-fuzz-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return join(folder, 'fuzzed.toml');
}

function line(random: Random): string {
  const key = random.chance(0.1) ? random.pick(odd) : random.pick(keys);
  const kind = random.integer(8);
  if (kind === 0) return `[${key}]`;
  if (kind === 1) return `[[${key}]]`;
  if (kind === 2) return `# ${key}`;
  const name = random.chance(0.5) ? key : (key.split('.').at(-1) ?? key);
  return `${name} = ${random.pick(values)}`;
}

function checkOnce(input: Uint8Array, random: Random): string {
  writeFileSync(path(), input);
  const settings = random.pick(sides);
  const words = Buffer.from(input).toString('latin1').split('\n');
  const overrides = random.chance(0.3) ? words.slice(0, 3) : [];
  const environment = random.chance(0.3)
    ? Object.fromEntries(words.slice(0, 3).map((word) => [environmentName(random.pick(keys)), word]))
    : {};
  const { errors } = checkConfiguration(settings, { path: path(), environment, overrides });
  for (const error of errors) {
    assert(error instanceof DiodeError, 'what is wrong with a configuration is told by code');
    assert(error.message.length < 1000, 'a message fits on a screen');
  }
  return errors[0]?.code ?? 'accepted';
}

export const configurationTarget: FuzzTarget = {
  name: 'configuration',
  input: (random) => {
    const text = Array.from({ length: random.integer(12) }, () => line(random)).join('\n');
    const bytes = Buffer.from(text);
    return random.chance(0.4) ? mutate(bytes, random) : bytes;
  },
  run: checkOnce,
  // Above 256 KiB a file is refused without being read.
  sized: (bytes) => {
    const lines = Array.from({ length: Math.min(250_000, bytes) / 12 }, (_, index) => `key${index} = 1`);
    return Buffer.from(lines.join('\n'));
  },
};
