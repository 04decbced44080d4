/**
 * Checks the given values against the settings: their types and bounds, which are required, and how one value
 * restricts another. Every error is listed.
 */
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { DiodeError } from '../errors.ts';
import { keyPart } from './key-lines.ts';
import { isOnLinkNetwork } from './link-network.ts';
import { nearestKey } from './nearest-key.ts';
import { allFields, type Setting, type Settings } from './settings.ts';

export type Origin = 'default' | 'file' | 'environment' | 'flag';

/** A value that was given, and where. */
export interface Given {
  readonly value: unknown;
  readonly origin: Origin;
  /** The end of a message: where this key, or one in its list of tables, is. */
  readonly where: (key: string) => string;
}

interface Place {
  /** Paths are resolved against it. */
  readonly folder: string;
  /** Whether a missing required value is an error. */
  readonly demands: boolean;
  /** Of a table in a list: its key with a dot, such as `destinations[1].`. */
  readonly prefix?: string;
  /** Of a table in a list: where it is. */
  readonly where?: string;
  /** Of a table in a list: the values around it. */
  readonly outer?: ReadonlyMap<string, unknown>;
}

interface Checked {
  readonly values: ReadonlyMap<string, unknown>;
  readonly origins: ReadonlyMap<string, Origin>;
}

const depthMax = 8;
const shownCharactersMax = 80;
const hintsMax = 50;

/** The values of all settings. One that has an error, or depends on one that does, must not be used. */
export function checkValues(
  settings: Settings,
  given: ReadonlyMap<string, Given>,
  place: Place,
  errors: DiodeError[],
): Checked {
  const { prefix = '' } = place;
  const values = new Map<string, unknown>(place.outer);
  const origins = new Map<string, Origin>();
  const problem = (key: string, one: Given, what: string) => errors.push(badValue(prefix + key, one, what));
  for (const [key, setting] of Object.entries(settings)) {
    const one = given.get(key);
    origins.set(prefix + key, one?.origin ?? 'default');
    values.set(key, undefined);
    const result = one === undefined ? undefined : setting.schema.safeParse(one.value);
    const isDemanded = setting.required && isMet(setting.requiredWhere, settings, given) === true;
    if (one !== undefined && result?.success === false) {
      problem(key, one, `must be ${setting.allowed}`);
    } else if (one === undefined && isDemanded && place.demands) {
      const where = place.where ?? '';
      errors.push(new DiodeError('E_CONFIG_VALUE', `${prefix}${key} is missing: ${setting.about}${where}`));
    } else {
      const value = result?.success ? result.data : setting.fallback;
      values.set(key, setting.isPath && typeof value === 'string' ? resolve(place.folder, value) : value);
    }
  }
  for (const [key, setting] of Object.entries(settings)) {
    const what = relationProblem(key, setting, values);
    const one = given.get(key) ?? { value: values.get(key), origin: 'default', where: () => ' (default)' };
    if (what !== undefined) problem(key, one, what);
  }
  for (const [key, { tables }] of Object.entries(settings)) {
    const one = given.get(key);
    if (tables === undefined || one === undefined || !Array.isArray(values.get(key))) continue;
    const checked = checkTables(prefix + key, tables, one, { ...place, outer: values }, errors);
    values.set(key, checked.values);
    for (const [inner, origin] of checked.origins) origins.set(inner, origin);
  }
  return { values, origins };
}

function checkTables(
  list: string,
  tables: NonNullable<Setting['tables']>,
  { value, origin, where }: Given,
  place: Place,
  errors: DiodeError[],
) {
  const origins = new Map<string, Origin>();
  const values: Record<string, unknown>[] = [];
  const seen = new Set<unknown>();
  const all = allFields(tables);
  for (const [index, table] of (value as readonly unknown[]).entries()) {
    const key = `${list}[${index + 1}]`;
    if (!isTable(table)) {
      errors.push(
        badValue(key, { value: table, origin, where }, `must be a table that begins with [[${list}]]`),
      );
      continue;
    }
    const given = new Map<string, Given>();
    for (const [field, one] of leaves(table, all)) {
      const path = `${key}.${field}`;
      if (Object.hasOwn(all, field)) given.set(field, { value: one, origin, where });
      else addUnknownKey(errors, path, () => nearestKey(field, Object.keys(all)), where(path));
    }
    const inner = { ...place, prefix: `${key}.`, where: where(key) };
    const fields = fieldsOfKind(tables, given, inner.prefix, errors);
    const checked = checkValues(fields, given, inner, errors);
    for (const [path, from] of checked.origins) origins.set(path, from);
    const name = checked.values.get(tables.uniqueField);
    if (name !== undefined && seen.has(name)) {
      const path = `${key}.${tables.uniqueField}`;
      errors.push(badValue(path, { value: name, origin, where }, `occurs twice in ${list}`));
    }
    seen.add(name);
    const ofKind = (field: string) => (Object.hasOwn(fields, field) ? checked.values.get(field) : undefined);
    values.push(Object.fromEntries(Object.keys(all).map((field) => [field, ofKind(field)])));
  }
  return { values, origins };
}

/** The fields of a table of the kind that it names; a field that belongs to another kind is an error. */
function fieldsOfKind(
  { fields, kinds }: NonNullable<Setting['tables']>,
  given: ReadonlyMap<string, Given>,
  prefix: string,
  errors: DiodeError[],
): Settings {
  if (kinds === undefined) return fields;
  const decides = fields[kinds.field];
  const said = given.get(kinds.field)?.value ?? decides?.fallback;
  const isKnown = typeof said === 'string' && Object.hasOwn(kinds.settings, said);
  const own = { ...fields, ...(isKnown && kinds.settings[said]) };
  for (const [key, one] of given) {
    // If a table names an unknown kind, nobody can tell which fields it may have.
    if (!isKnown || Object.hasOwn(own, key)) continue;
    const owners = Object.keys(kinds.settings).filter((kind) =>
      Object.hasOwn(kinds.settings[kind] ?? {}, key),
    );
    const whose = owners.map((kind) => JSON.stringify(kind)).join(' or ');
    errors.push(badValue(prefix + key, one, `is only for ${kinds.field} = ${whose}`));
  }
  return own;
}

/** The values of a TOML table by key path, including unknown tables: each of their keys then names the nearest known one. */
export function* leaves(
  table: Record<string, unknown>,
  settings: Settings,
  prefix = '',
): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(table)) {
    const key = prefix + keyPart(name);
    const isInner = isTable(value) && Object.keys(value).length > 0 && !Object.hasOwn(settings, key);
    if (isInner && key.split('.').length < depthMax) yield* leaves(value, settings, `${key}.`);
    // A table whose keys are all commented out is not a key; one without a known setting is unknown.
    else if (!isTable(value) || !isTableOf(settings, key)) yield [key, value];
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function isTableOf(settings: Settings, key: string): boolean {
  return Object.keys(settings).some((known) => known.startsWith(`${key}.`));
}

/** Whether a condition is met; undefined when that cannot be told, because the value it depends on has an error of its own. */
function isMet(
  condition: Setting['requiredWhere'],
  settings: Settings,
  given: ReadonlyMap<string, Given>,
): boolean | undefined {
  if (condition === undefined) return true;
  const decides = settings[condition.key];
  const one = given.get(condition.key);
  const value = one === undefined ? decides?.fallback : one.value;
  return decides?.schema.safeParse(value).success === true ? value === condition.value : undefined;
}

/** What is wrong between a value and those of other keys; a value with an error of its own is not checked. */
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
  if (setting.awayFrom !== undefined) {
    const link = values.get(setting.awayFrom);
    if (typeof value === 'string' && typeof link === 'string' && isOnLinkNetwork(value, link))
      return `is on the network of the link (${setting.awayFrom} = ${link}), over which nothing comes back; use an address on another network`;
  }
  for (const folder of setting.outside ?? []) {
    const other = values.get(folder);
    if (typeof value === 'string' && typeof other === 'string' && liesIn(value, other))
      return `must be outside ${folder} = ${shown(other)}`;
  }
  return undefined;
}

/** Judged by the names alone: symbolic links are not resolved. */
function liesIn(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function badValue(key: string, { value, where }: Given, problem: string): DiodeError {
  return new DiodeError('E_CONFIG_VALUE', `${key} = ${shown(value)}: ${problem}${where(key)}`);
}

/** Adds an unknown key. Only the first ones come with the nearest known key: a search costs as much as a small file. */
export function addUnknownKey(
  errors: DiodeError[],
  key: string,
  nearest: () => string | undefined,
  where: string,
): void {
  const hint = errors.length < hintsMax ? `; did you mean ${nearest()}?` : '';
  const name = key.slice(0, shownCharactersMax);
  errors.push(new DiodeError('E_CONFIG_UNKNOWN_KEY', `there is no setting ${name}${where}${hint}`));
}

/** A value as a message shows it: on one line, shortened when long, and without credentials in an address. */
export function shown(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? '(not set)');
  const safe = text.replaceAll(/\/\/[^/@"]*@/g, '//…@');
  return safe.length <= shownCharactersMax ? safe : `${safe.slice(0, shownCharactersMax)}…`;
}
