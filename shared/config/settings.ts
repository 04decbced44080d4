/**
 * What a configuration consists of: a flat list of settings, each with its key, type, bounds, default and
 * a short description. The file, the environment and the flags are all checked against this list, and the help
 * and the documentation are printed from it. What can occur several times, such as destinations, is a list of
 * tables, each with a flat list of settings of its own.
 */
import { z } from 'zod';
import { type TextForm, textForms } from './text-forms.ts';

export interface Setting<T = unknown> {
  readonly schema: z.ZodType<T>;
  /** What the schema accepts, to complete the sentence "must be …". */
  readonly allowed: string;
  /** Undefined where the operator has to choose. */
  readonly fallback: T | undefined;
  readonly required: boolean;
  /** Paths are resolved against the folder of the configuration file. */
  readonly isPath: boolean;
  readonly about: string;
  /** The key of a number that this one must be less than. */
  readonly below?: string;
  /** Keys of folders: this path may be none of them, nor be inside one. */
  readonly outside?: readonly string[];
  /** The key of the link's address: this address, host or web address must not be on the link's network. */
  readonly awayFrom?: string;
  /** Only required where the key beside it has this value; it may be given elsewhere too. */
  readonly requiredWhere?: Condition;
  /** What each table of a list has. */
  readonly tables?: Tables;
}

interface Condition {
  readonly key: string;
  readonly value: string | boolean;
}

interface Tables {
  /** What each table has. */
  readonly fields: Settings;
  readonly tablesMax: number;
  /** The field that identifies a table: no two tables have the same value. */
  readonly uniqueField: string;
  /** Where the tables are of several kinds: which field says it, and what a table of a kind has beside `fields`. */
  readonly kinds?: { readonly field: string; readonly settings: Readonly<Record<string, Settings>> };
}

/** Settings by their key path: `link.port`. */
export type Settings = Readonly<Record<string, Setting>>;

/** Settings of tables of several kinds, by kind. */
export type SettingsByKind = Readonly<Record<string, Settings>>;

/** The values of a list of settings, by key path. */
export type ValuesOf<S extends Settings> = {
  readonly [Key in keyof S]: S[Key] extends Setting<infer T> ? T : never;
};

/** The values of a table of one of several kinds: that of a kind has what it says of itself, and no other's. */
export type ValuesByKind<Fields extends Settings, Field extends string, Kinds extends SettingsByKind> = {
  readonly [Kind in keyof Kinds & string]: ValuesOf<Fields> &
    ValuesOf<Kinds[Kind]> & { readonly [Key in Field]: Kind };
}[keyof Kinds & string];

interface NumberBounds {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
}

export function wholeNumber({ min, max, fallback }: NumberBounds, about: string): Setting<number> {
  const schema = z.number().int().min(min).max(max);
  return optional(schema, `a whole number from ${min} to ${max}`, fallback, about);
}

export function realNumber({ min, max, fallback }: NumberBounds, about: string): Setting<number> {
  return optional(z.number().min(min).max(max), `a number from ${min} to ${max}`, fallback, about);
}

/** A number whose default is derived from other settings; undefined here. */
export function optionalNumber(
  { min, max }: Omit<NumberBounds, 'fallback'>,
  about: string,
): Setting<number | undefined> {
  return optional(
    z.number().min(min).max(max).optional(),
    `a number from ${min} to ${max}`,
    undefined,
    about,
  );
}

export function choice<const T extends string>(
  options: readonly [T, ...T[]],
  fallback: T,
  about: string,
): Setting<T> {
  return optional(z.enum(options), `one of ${options.join(', ')}`, fallback, about);
}

export function requiredPath(about: string): Setting<string> {
  return { ...required(z.string().min(1), path, about), isPath: true };
}

/** A path whose default is derived from other settings; undefined here. */
export function optionalPath(about: string): Setting<string | undefined> {
  return { ...optional(z.string().min(1).optional(), path, undefined, about), isPath: true };
}

export function requiredAddress(about: string): Setting<string> {
  return required(z.ipv4(), address, about);
}

/** The address of one interface: 0.0.0.0 means all of them, including those of other networks. */
export function oneAddress(setting: Setting<string>): Setting<string> {
  const schema = setting.schema.refine((text) => text !== '0.0.0.0');
  return { ...setting, schema, allowed: 'the IPv4 address of one interface, not 0.0.0.0' };
}

export function optionalAddress(about: string): Setting<string | undefined> {
  return optional(z.ipv4().optional(), address, undefined, about);
}

export function requiredText(about: string, form: TextForm = textForms.short): Setting<string> {
  return required(form.schema, form.allowed, about);
}

export function optionalText(about: string, form: TextForm = textForms.short): Setting<string | undefined> {
  return optional(form.schema.optional(), form.allowed, undefined, about);
}

/** A text with a default. */
export function textOr(fallback: string, about: string, form: TextForm = textForms.short): Setting<string> {
  return optional(form.schema, form.allowed, fallback, about);
}

/** A list of texts. Left out, it is undefined, which is not the same as empty. In a flag, commas separate the texts. */
export function texts(
  { textsMax, form = textForms.short }: { readonly textsMax: number; readonly form?: TextForm },
  about: string,
): Setting<readonly string[] | undefined> {
  const schema = z.array(form.schema).min(1).max(textsMax).optional();
  return optional(schema, `a list of 1 to ${textsMax} texts, each ${form.allowed}`, undefined, about);
}

export function yesOrNo(fallback: boolean, about: string): Setting<boolean> {
  return optional(z.boolean(), 'true or false', fallback, about);
}

/**
 * A list of tables, allowed in the file only; `[[destinations]]` begins each. In messages its fields are
 * written as `destinations[1].host`, counted from 1.
 */
export function listOfTables<const Fields extends Settings>(
  tables: Tables & { readonly fields: Fields; readonly uniqueField: keyof Fields & string },
  about: string,
): Setting<readonly ValuesOf<Fields>[]> {
  const schema = z.custom<readonly ValuesOf<Fields>[]>(
    (value) => Array.isArray(value) && value.length <= tables.tablesMax,
  );
  const allowed = `at most ${tables.tablesMax} tables in the configuration file`;
  return { ...optional<readonly ValuesOf<Fields>[]>(schema, allowed, [], about), tables };
}

/**
 * A list of tables of several kinds: `kind` is a field like any other, and decides which further fields a table has. A field
 * of another kind is an error.
 */
export function listOfTablesByKind<
  const Fields extends Settings,
  const Field extends string,
  const Kinds extends SettingsByKind,
>(
  {
    kind,
    ...tables
  }: Omit<Tables, 'kinds'> & {
    readonly fields: Fields;
    readonly uniqueField: keyof Fields & string;
    readonly kind: {
      readonly field: Field;
      readonly fallback: keyof Kinds & string;
      readonly about: string;
      readonly settings: Kinds;
    };
  },
  about: string,
): Setting<readonly ValuesByKind<Fields, Field, Kinds>[]> {
  const kinds = Object.keys(kind.settings);
  const decides = optional(z.enum(kinds), `one of ${kinds.join(', ')}`, kind.fallback, kind.about);
  const list = listOfTables({ ...tables, fields: { ...tables.fields, [kind.field]: decides } }, about);
  return {
    ...(list as Setting<readonly ValuesByKind<Fields, Field, Kinds>[]>),
    tables: {
      ...tables,
      fields: { ...tables.fields, [kind.field]: decides },
      kinds: { field: kind.field, settings: kind.settings },
    },
  };
}

/** Every field that a table may have, of whatever kind it is: first what tells them apart. */
export function allFields({ fields, uniqueField, kinds }: Tables): Settings {
  const first = Object.fromEntries(
    Object.entries(fields).filter(([key]) => key === uniqueField || key === kinds?.field),
  );
  return { ...first, ...Object.assign({}, ...Object.values(kinds?.settings ?? {}).reverse()), ...fields };
}

const uidPattern = /^[0-9.]{1,64}$|^[0-9.]{1,62}\.\*$/;
const uidPatternsMax = 500;

/** UIDs, or prefixes such as `1.2.3.*`: a list, or one text with commas, as given by the environment and flags. */
export function uidPatterns(about: string): Setting<readonly string[]> {
  const list = z.array(z.string().regex(uidPattern)).max(uidPatternsMax);
  const written = z.string().transform((text) => text.split(',').map((uid) => uid.trim()));
  return optional(
    z.union([list, written.pipe(list)]),
    'a list of UIDs, or of UID prefixes such as "1.2.3.*"',
    [],
    about,
  );
}

/** A setting that is required only while another one, such as a switch, has a certain value. */
export function requiredWhere<T>(key: string, value: boolean, setting: Setting<T>): Setting<T | undefined> {
  return { ...setting, schema: setting.schema.optional(), requiredWhere: { key, value } };
}

/** A number that must be less than that of another key. */
export function below(other: string, setting: Setting<number>): Setting<number> {
  return { ...setting, below: other };
}

/** A path that must not be, or be inside, the folder of another key: what happens to that folder's files would happen to it. */
export function outside<T extends string | undefined>(
  folders: readonly string[],
  setting: Setting<T>,
): Setting<T> {
  return { ...setting, outside: folders };
}

/** A place that must be reached over a network other than the link's, which is that of `link.address`. */
export function awayFromLink<T extends string | undefined>(setting: Setting<T>): Setting<T> {
  return { ...setting, awayFrom: 'link.address' };
}

const path = 'a path';
const address = 'an IPv4 address';

function required<T>(schema: z.ZodType<T>, allowed: string, about: string): Setting<T> {
  return { schema, allowed, fallback: undefined, required: true, isPath: false, about };
}

function optional<T>(
  schema: z.ZodType<T>,
  allowed: string,
  fallback: T | undefined,
  about: string,
): Setting<T> {
  return { schema, allowed, fallback, required: false, isPath: false, about };
}
