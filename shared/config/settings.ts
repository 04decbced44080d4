/**
 * What a configuration consists of: a flat list of settings, each with its key, kind, bounds, default and
 * one sentence. The file, the environment and the flags are all checked against this list, and the help
 * and the documentation are printed from it.
 */
import { z } from 'zod';

export interface Setting<T = unknown> {
  readonly schema: z.ZodType<T>;
  /** What the schema takes, to end the sentence "must be …". */
  readonly allowed: string;
  /** Left out where the operator has to choose. */
  readonly fallback: T | undefined;
  readonly required: boolean;
  /** A path is resolved against the folder of the configuration file. */
  readonly isPath: boolean;
  readonly about: string;
  /** The key of a number that this one must be less than. */
  readonly below?: string;
  /** Keys of folders that this path may neither be nor lie in. */
  readonly outside?: readonly string[];
}

/** Settings by their key path: `link.port`. */
export type Settings = Readonly<Record<string, Setting>>;

/** The values of a list of settings, by key path. */
export type ValuesOf<S extends Settings> = {
  readonly [Key in keyof S]: S[Key] extends Setting<infer T> ? T : never;
};

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

/** A path whose default follows from other settings; undefined here. */
export function optionalPath(about: string): Setting<string | undefined> {
  return { ...optional(z.string().min(1).optional(), path, undefined, about), isPath: true };
}

export function requiredAddress(about: string): Setting<string> {
  return required(z.ipv4(), address, about);
}

export function optionalAddress(about: string): Setting<string | undefined> {
  return optional(z.ipv4().optional(), address, undefined, about);
}

export function optionalText(about: string): Setting<string | undefined> {
  return optional(z.string().min(1).max(64).optional(), 'a text of 1 to 64 characters', undefined, about);
}

/** A number that must be less than that of another key. */
export function below(other: string, setting: Setting<number>): Setting<number> {
  return { ...setting, below: other };
}

/** A path that may neither be nor lie in the folder of another key: what happens to that folder's files would happen to it. */
export function outside<T extends string | undefined>(
  folders: readonly string[],
  setting: Setting<T>,
): Setting<T> {
  return { ...setting, outside: folders };
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
