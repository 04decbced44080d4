/**
 * Reads a configuration: flags override the environment, the environment overrides the file, and the file
 * overrides the defaults. An unknown key is an error that names the nearest known one; all errors are
 * reported, not only the first.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { DiodeError, errorCauseCode } from '../errors.ts';
import { addUnknownKey, checkValues, type Given, leaves, type Origin, shown } from './check-values.ts';
import { keyLines, lineOfKey } from './key-lines.ts';
import { nearestKey } from './nearest-key.ts';
import type { Setting, Settings, ValuesOf } from './settings.ts';

export interface Sources {
  /** Path of the TOML file. */
  readonly path: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `key=value` as given with --set. */
  readonly overrides: readonly string[];
}

export interface Loaded<S extends Settings> {
  readonly values: ValuesOf<S>;
  /** Including each field of each table in a list. */
  readonly origins: Readonly<Record<string, Origin>>;
}

type Take = (key: string, given: Given) => void;

const fileBytesMax = 256 * 1024;
const environmentPrefix = 'DIODE_';

/** `link.datagramBytes` as DIODE_LINK_DATAGRAM_BYTES. */
export function environmentName(key: string): string {
  return (
    environmentPrefix +
    key
      .replaceAll('.', '_')
      .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
      .toUpperCase()
  );
}

/** @throws DiodeError the first of all errors, with E_CONFIG_… */
export function loadConfiguration<S extends Settings>(settings: S, sources: Sources): Loaded<S> {
  const result = checkConfiguration(settings, sources);
  const [first] = result.errors;
  if (first !== undefined) throw first;
  return result;
}

/** Reads a configuration and lists everything that is wrong with it. Its values may only be used when nothing is. */
export function checkConfiguration<S extends Settings>(
  settings: S,
  sources: Sources,
): Loaded<S> & { readonly errors: readonly DiodeError[] } {
  const errors: DiodeError[] = [];
  const given = new Map<string, Given>();
  const take: Take = (key, one) => {
    if (Object.hasOwn(settings, key)) given.set(key, one);
    else addUnknownKey(errors, key, () => nearestKey(key, Object.keys(settings)), one.where(key));
  };
  try {
    takeFile(settings, sources.path, take);
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    errors.push(error);
  }
  takeEnvironment(settings, sources.environment, take, errors);
  takeOverrides(settings, sources.overrides, take, errors);

  const place = {
    folder: dirname(resolve(sources.path)),
    demands: !errors.some(({ code }) => code === 'E_CONFIG_MISSING'),
  };
  const { values, origins } = checkValues(settings, given, place, errors);
  return {
    values: Object.fromEntries(values) as ValuesOf<S>,
    origins: Object.fromEntries(origins),
    errors,
  };
}

function takeFile(settings: Settings, path: string, take: Take): void {
  const text = readText(path);
  const table = parsed(text, path);
  const lines = keyLines(text);
  const where = (key: string) => {
    const line = lineOfKey(lines, key);
    return line === undefined ? '' : ` (line ${line})`;
  };
  for (const [key, value] of leaves(table, settings)) take(key, { value, origin: 'file', where });
}

/** Checked on the open descriptor: a device or a pipe in the file's place neither blocks nor fills memory. */
function readText(path: string): string {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const facts = fstatSync(descriptor);
      if (!facts.isFile())
        throw new DiodeError('E_CONFIG_MISSING', `the configuration ${path} is not a regular file`);
      if (facts.size > fileBytesMax)
        throw new DiodeError('E_CONFIG_SYNTAX', 'the configuration is larger than 256 KiB');
      return readFileSync(descriptor, 'utf8');
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    if (cause instanceof DiodeError) throw cause;
    const reason = errorCauseCode(cause) ?? 'unknown cause';
    throw new DiodeError('E_CONFIG_MISSING', `the configuration ${path} cannot be read (${reason})`, {
      cause,
    });
  }
}

function parsed(text: string, path: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [reason = 'it is not valid TOML'] = cause.message.split('\n');
    throw new DiodeError('E_CONFIG_SYNTAX', `${path}, line ${cause.line}: ${reason}`, { cause });
  }
}

function takeEnvironment(
  settings: Settings,
  environment: Sources['environment'],
  take: Take,
  errors: DiodeError[],
): void {
  const names = new Map(Object.keys(settings).map((key) => [environmentName(key), key]));
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(environmentPrefix) || value === undefined) continue;
    const key = names.get(name);
    if (key === undefined)
      addUnknownKey(errors, name, () => nearestKey(name, [...names.keys()]), ' in the environment');
    else take(key, { value: typed(settings[key], value), origin: 'environment', where: () => ` (${name})` });
  }
}

function takeOverrides(
  settings: Settings,
  overrides: readonly string[],
  take: Take,
  errors: DiodeError[],
): void {
  for (const override of overrides) {
    const [key = '', ...rest] = override.split('=');
    // Not `settings[key]` alone: a flag may name what every object has, such as `constructor`.
    const setting = Object.hasOwn(settings, key) ? settings[key] : undefined;
    if (rest.length === 0)
      errors.push(new DiodeError('E_USAGE', `--set needs key=value, not ${shown(override)}`));
    else {
      const value = typed(setting, rest.join('='));
      take(key, { value, origin: 'flag', where: () => ' on the command line' });
    }
  }
}

/** A text from the environment or a flag, turned into what the setting needs: a number, yes or no, or a list if only that fits. */
function typed(setting: Setting | undefined, value: string): unknown {
  if (setting === undefined || setting.tables !== undefined || value.trim() === '') return value;
  const number = Number(value);
  const readings = [value, number, value === 'true' || (value !== 'false' && value), value.split(',')];
  const fitting = readings.find((reading) => setting.schema.safeParse(reading).success);
  return fitting ?? (Number.isFinite(number) ? number : value);
}
