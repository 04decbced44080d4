/** A configuration without a file: the defaults, and what a test wants otherwise, whether it is within the bounds or not. */
import type { Settings, ValuesOf } from '../../shared/config/settings.ts';

export function configurationWith<S extends Settings>(
  settings: S,
  values: Partial<ValuesOf<S>>,
): ValuesOf<S> {
  const defaults = Object.entries(settings).map(([key, { fallback }]) => [key, fallback]);
  return Object.defineProperties(
    Object.fromEntries(defaults),
    // A getter stays one: a simulation changes its pace.
    Object.getOwnPropertyDescriptors(values),
  );
}
