/**
 * Reads a configuration: flags win over the environment, the environment over the file, the file over the
 * defaults. Every key that nobody knows is an error that names the nearest right one; all errors are
 * reported, not only the first.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { DiodeError, errorCauseCode } from '../errors.ts';
import { keyLines, keyPart, lineOfKey } from './key-lines.ts';
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

/** A value somebody gave, and where, as a message says it. */
interface Given {
  readonly value: unknown;
  readonly origin: Origin;
  readonly where: string;
}

type Take = (key: string, given: Given) => void;

const fileBytesMax = 256 * 1024;
const depthMax = 8;
const shownCharactersMax = 80;
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

/** Reads a configuration and lists all that is wrong with it. Its values are only of use when nothing is. */
export function checkConfiguration<S extends Settings>(
  settings: S,
  sources: Sources,
): Loaded<S> & { readonly errors: readonly DiodeError[] } {
  const errors: DiodeError[] = [];
  const given = new Map<string, Given>();
  const take: Take = (key, one) => {
    if (Object.hasOwn(settings, key)) given.set(key, one);
    else errors.push(unknownKey(key, Object.keys(settings), one.where));
  };
  try {
    takeFile(settings, sources.path, take);
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    errors.push(error);
  }
  takeEnvironment(settings, sources.environment, take, errors);
  takeOverrides(settings, sources.overrides, take, errors);

  const isFileMissing = errors.some(({ code }) => code === 'E_CONFIG_MISSING');
  const folder = dirname(resolve(sources.path));
  const values = new Map<string, unknown>();
  for (const [key, setting] of Object.entries(settings)) {
    const one = given.get(key);
    const result = one === undefined ? undefined : setting.schema.safeParse(one.value);
    if (one !== undefined && result?.success === false)
      errors.push(badValue(key, one, `must be ${setting.allowed}`));
    else if (one === undefined && setting.required && !isFileMissing)
      errors.push(new DiodeError('E_CONFIG_VALUE', `${key} is missing: ${setting.about}`));
    else {
      const value = result?.success ? result.data : setting.fallback;
      values.set(key, setting.isPath && typeof value === 'string' ? resolve(folder, value) : value);
    }
  }
  for (const [key, setting] of Object.entries(settings)) {
    const problem = relationProblem(key, setting, values);
    const one = given.get(key) ?? { value: values.get(key), origin: 'default', where: ' (default)' };
    if (problem !== undefined) errors.push(badValue(key, one, problem));
  }
  const origins = Object.fromEntries(
    Object.keys(settings).map((key) => [key, given.get(key)?.origin ?? 'default'] as const),
  );
  return { values: Object.fromEntries(values) as ValuesOf<S>, origins, errors };
}

function takeFile(settings: Settings, path: string, take: Take): void {
  const text = readText(path);
  const table = parsed(text, path);
  const lines = keyLines(text);
  for (const [key, value] of leaves(table, settings)) {
    const line = lineOfKey(lines, key);
    take(key, { value, origin: 'file', where: line === undefined ? '' : ` (line ${line})` });
  }
}

/** Checked on the open descriptor: a device or a pipe in the place of the file neither blocks nor fills memory. */
function readText(path: string): string {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const facts = fstatSync(descriptor);
      if (!facts.isFile()) throw new DiodeError('E_CONFIG_MISSING', `the configuration ${path} is no file`);
      if (facts.size > fileBytesMax)
        throw new DiodeError('E_CONFIG_SYNTAX', 'the configuration is larger than 256 KiB');
      return readFileSync(descriptor, 'utf8');
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    if (cause instanceof DiodeError) throw cause;
    const reason = errorCauseCode(cause) ?? 'unknown cause';
    throw new DiodeError('E_CONFIG_MISSING', `the configuration ${path} can not be read (${reason})`, {
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

/** The values of a TOML document by key path, of unknown tables too: each key then names its nearest one. */
function* leaves(
  table: Record<string, unknown>,
  settings: Settings,
  prefix = '',
): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(table)) {
    const key = prefix + keyPart(name);
    const isTable =
      typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
    const isInner = isTable && Object.keys(value).length > 0 && !Object.hasOwn(settings, key);
    if (isInner && key.split('.').length < depthMax)
      yield* leaves(value as Record<string, unknown>, settings, `${key}.`);
    // A table whose keys are all commented out is no key; one that no setting lies in is an unknown one.
    else if (!isTable || !isTableOf(settings, key)) yield [key, value];
  }
}

function isTableOf(settings: Settings, key: string): boolean {
  return Object.keys(settings).some((known) => known.startsWith(`${key}.`));
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
    if (key === undefined) errors.push(unknownKey(name, [...names.keys()], ' in the environment'));
    else take(key, { value: typed(settings[key], value), origin: 'environment', where: ` (${name})` });
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
    // Not `settings[key]` alone: a flag may name what every object has, as `constructor`.
    const setting = Object.hasOwn(settings, key) ? settings[key] : undefined;
    if (rest.length === 0)
      errors.push(new DiodeError('E_USAGE', `--set takes key=value, not ${shown(override)}`));
    else take(key, { value: typed(setting, rest.join('=')), origin: 'flag', where: ' on the command line' });
  }
}

/** A text from the environment or a flag as what the setting wants: a number where only that fits. */
function typed(setting: Setting | undefined, value: string): unknown {
  if (setting === undefined || setting.schema.safeParse(value).success) return value;
  return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
}

/** What is wrong between a value and those of other keys; a value that has an error of its own is left alone. */
function relationProblem(
  key: string,
  setting: Setting,
  values: ReadonlyMap<string, unknown>,
): string | undefined {
  const value = values.get(key);
  if (setting.below !== undefined) {
    const other = values.get(setting.below);
    if (typeof value === 'number' && typeof other === 'number' && value >= other)
      return `must be less than ${setting.below} = ${other}`;
  }
  for (const folder of setting.outside ?? []) {
    const other = values.get(folder);
    if (typeof value === 'string' && typeof other === 'string' && liesIn(value, other))
      return `must lie outside ${folder} = ${shown(other)}`;
  }
  return undefined;
}

/** By their names alone: what symbolic links make of them is not looked at. */
function liesIn(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function badValue(key: string, { value, where }: Given, problem: string): DiodeError {
  return new DiodeError('E_CONFIG_VALUE', `${key} = ${shown(value)}: ${problem}${where}`);
}

function unknownKey(key: string, known: readonly string[], where: string): DiodeError {
  const nearest = nearestKey(key, known);
  const name = key.slice(0, shownCharactersMax);
  return new DiodeError('E_CONFIG_UNKNOWN_KEY', `there is no ${name}${where}; did you mean ${nearest}?`);
}

/** A value as a message shows it: on one line, and not all of a long one. */
function shown(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? '(not set)');
  return text.length <= shownCharactersMax ? text : `${text.slice(0, shownCharactersMax)}…`;
}
