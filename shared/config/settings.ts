/**
 * What a configuration consists of: a flat list of settings, each with its key, kind, bounds, default and
 * one sentence. The file, the environment and the flags are all checked against this list, and the help
 * and the documentation are printed from it.
 */
import { z } from 'zod';

export interface Setting<T = unknown> {
  readonly schema: z.ZodType<T>;
  /** Left out where the operator has to choose. */
  readonly fallback: T | undefined;
  readonly required: boolean;
  /** A path is resolved against the folder of the configuration file. */
  readonly isPath: boolean;
  readonly about: string;
}

/** Settings by their key path: `link.port`. */
export type Settings = Readonly<Record<string, Setting>>;

/** The values of a list of settings, by key path. */
export type ValuesOf<S extends Settings> = {
  readonly [Key in keyof S]: S[Key] extends Setting<infer T> ? T : never;
};

export function wholeNumber(
  bounds: { min: number; max: number; fallback: number },
  about: string,
): Setting<number> {
  const { min, max, fallback } = bounds;
  return { schema: z.number().int().min(min).max(max), fallback, required: false, isPath: false, about };
}

export function realNumber(
  bounds: { min: number; max: number; fallback: number },
  about: string,
): Setting<number> {
  const { min, max, fallback } = bounds;
  return { schema: z.number().min(min).max(max), fallback, required: false, isPath: false, about };
}

export function choice<const T extends string>(
  options: readonly [T, ...T[]],
  fallback: T,
  about: string,
): Setting<T> {
  return { schema: z.enum(options), fallback, required: false, isPath: false, about };
}

export function requiredPath(about: string): Setting<string> {
  return { schema: z.string().min(1), fallback: undefined, required: true, isPath: true, about };
}

/** A path whose default follows from other settings; undefined here. */
export function optionalPath(about: string): Setting<string | undefined> {
  return { schema: z.string().min(1).optional(), fallback: undefined, required: false, isPath: true, about };
}

export function requiredAddress(about: string): Setting<string> {
  return { schema: z.ipv4(), fallback: undefined, required: true, isPath: false, about };
}

export function optionalAddress(about: string): Setting<string | undefined> {
  return { schema: z.ipv4().optional(), fallback: undefined, required: false, isPath: false, about };
}

export function optionalText(about: string): Setting<string | undefined> {
  return {
    schema: z.string().min(1).max(64).optional(),
    fallback: undefined,
    required: false,
    isPath: false,
    about,
  };
}
