/** The rows of `config show`: every setting, including those of a list of tables that has no table yet. */
import type { Origin } from '../config/check-values.ts';
import { allFields, type Settings } from '../config/settings.ts';
import { countText } from './quantities.ts';

/** Key, value, where the value comes from, what it is for. */
export type SettingRow = readonly [string, string, Origin, string];

export function settingRows(
  settings: Settings,
  values: Readonly<Record<string, unknown>>,
  origins: Readonly<Record<string, Origin>>,
): SettingRow[] {
  return Object.entries(settings).flatMap(([key, { about, tables }]): SettingRow[] => {
    const value = values[key];
    const from = origins[key] ?? 'default';
    if (tables === undefined) return [[key, valueText(value), from, about]];
    const list: readonly Record<string, unknown>[] = Array.isArray(value) ? value : [];
    const many = countText(list.length, 'table');
    // A list without tables shows what one could have.
    const tablesShown =
      list.length === 0 ? [['', {}] as const] : list.map((each, at) => [at + 1, each] as const);
    return [
      [key, many, from, about],
      ...tablesShown.flatMap(([number, each]) => {
        const path = `${key}[${number}].`;
        const fields = allFields(tables);
        const values = prefixed({ ...fallbacks(fields), ...each }, path);
        return settingRows(prefixed(fields, path), values, origins);
      }),
    ];
  });
}

function fallbacks(settings: Settings): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).map(([key, { fallback }]) => [key, fallback]));
}

function prefixed<T>(record: Readonly<Record<string, T>>, prefix: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [prefix + key, value]));
}

function valueText(value: unknown): string {
  if (value === undefined) return '(not set)';
  return Array.isArray(value) ? value.join(', ') : String(value);
}
