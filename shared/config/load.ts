/**
 * Reads a configuration: flags win over the environment, the environment over the file, the file over the
 * defaults. Every key that nobody knows is an error that names the nearest right one; all errors are
 * reported, not only the first.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { DiodeError } from '../errors.ts';
import { nearestKey } from './nearest-key.ts';
import type { Setting, Settings, ValuesOf } from './settings.ts';

export type Origin = 'default' | 'file' | 'environment' | 'flag';

export interface Sources {
  /** Path of the TOML file. */
  readonly path: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `key=value` as given with --set. */
  readonly overrides: readonly string[];
}

export interface Loaded<S extends Settings> {
  readonly values: ValuesOf<S>;
  readonly origins: Readonly<Record<string, Origin>>;
}

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

/** Reads a configuration and lists all that is wrong with it. */
export function checkConfiguration<S extends Settings>(
  settings: S,
  sources: Sources,
): Loaded<S> & { readonly errors: readonly DiodeError[] } {
  const errors: DiodeError[] = [];
  const given = new Map<string, { value: unknown; origin: Origin }>();
  const take = (key: string, value: unknown, origin: Origin, where: string) => {
    if (Object.hasOwn(settings, key)) given.set(key, { value, origin });
    else errors.push(unknownKey(key, Object.keys(settings), where));
  };
  try {
    const { table, text } = readFile(sources.path);
    for (const [key, value] of leaves(table, settings)) take(key, value, 'file', lineOf(text, key));
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    errors.push(error);
  }
  takeEnvironment(settings, sources.environment, take, errors);
  for (const override of sources.overrides) {
    const [key = '', ...rest] = override.split('=');
    if (rest.length === 0) errors.push(new DiodeError('E_USAGE', `--set takes key=value, not "${override}"`));
    else take(key, typed(settings[key], rest.join('=')), 'flag', ' on the command line');
  }
  const folder = dirname(resolve(sources.path));
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const [key, setting] of Object.entries(settings)) {
    const found = given.get(key);
    origins[key] = found?.origin ?? 'default';
    values[key] = found === undefined ? setting.fallback : checked(key, setting, found.value, errors);
    if (
      found === undefined &&
      setting.required &&
      errors.every((error) => error.code !== 'E_CONFIG_MISSING')
    ) {
      errors.push(new DiodeError('E_CONFIG_VALUE', `${key} is missing: ${setting.about}`));
    }
    const value = values[key];
    if (setting.isPath && typeof value === 'string') values[key] = resolve(folder, value);
  }
  return { values: values as ValuesOf<S>, origins, errors };
}

function readFile(path: string): { table: Record<string, unknown>; text: string } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new DiodeError('E_CONFIG_MISSING', `the configuration ${path} can not be read`, { cause });
  }
  if (text.length > fileBytesMax)
    throw new DiodeError('E_CONFIG_SYNTAX', 'the configuration is larger than 256 KiB');
  try {
    return { table: parse(text), text };
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [reason = 'it is not valid TOML'] = cause.message.split('\n');
    throw new DiodeError('E_CONFIG_SYNTAX', `${path}, line ${cause.line}: ${reason}`, { cause });
  }
}

/** The values of a TOML document by key path. A table that no setting lies in is reported as a key. */
function* leaves(
  table: Record<string, unknown>,
  settings: Settings,
  prefix = '',
): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(table)) {
    const key = prefix + name;
    const isTable =
      typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
    const holdsSettings = Object.keys(settings).some((known) => known.startsWith(`${key}.`));
    if (isTable && holdsSettings) yield* leaves(value as Record<string, unknown>, settings, `${key}.`);
    else yield [key, value];
  }
}

function takeEnvironment(
  settings: Settings,
  environment: Sources['environment'],
  take: (key: string, value: unknown, origin: Origin, where: string) => void,
  errors: DiodeError[],
): void {
  const names = new Map(Object.keys(settings).map((key) => [environmentName(key), key]));
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(environmentPrefix) || value === undefined) continue;
    const key = names.get(name);
    if (key === undefined) errors.push(unknownKey(name, [...names.keys()], ' in the environment'));
    else take(key, typed(settings[key], value), 'environment', '');
  }
}

/** A text from the environment or a flag as what the setting wants: a number where only that fits. */
function typed(setting: Setting | undefined, value: string): unknown {
  if (setting === undefined || setting.schema.safeParse(value).success) return value;
  return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
}

function checked(key: string, setting: Setting, value: unknown, errors: DiodeError[]): unknown {
  const result = setting.schema.safeParse(value);
  if (result.success) return result.data;
  const problem = result.error.issues[0]?.message ?? 'it is not valid';
  errors.push(new DiodeError('E_CONFIG_VALUE', `${key} = ${JSON.stringify(value)}: ${problem}`));
  return setting.fallback;
}

function unknownKey(key: string, known: readonly string[], where: string): DiodeError {
  const nearest = nearestKey(key, known);
  return new DiodeError('E_CONFIG_UNKNOWN_KEY', `there is no ${key}${where}; did you mean ${nearest}?`);
}

/** Where a key stands in the file, as far as a look at its last part tells. */
function lineOf(text: string, key: string): string {
  const name = key.split('.').at(-1) ?? key;
  const line = text
    .split('\n')
    .findIndex((candidate) => candidate.trimStart().replace('[', '').startsWith(name));
  return line < 0 ? '' : ` (line ${line + 1})`;
}
