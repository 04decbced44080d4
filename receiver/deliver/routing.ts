/** Which destinations an instance goes to: each destination names what it wants. */

export interface RoutedInstance {
  /** AE title the scanner called on the low side, where it came over the network. */
  readonly calledAe?: string;
  /** AE title of the scanner. */
  readonly callingAe?: string;
  readonly modality?: string;
  readonly sopClassUid: string;
}

/** A condition left out is met by everything; in a list, one match is enough. All conditions have to be met. */
export interface Route {
  readonly destination: string;
  readonly calledAes?: readonly string[];
  readonly callingAes?: readonly string[];
  readonly modalities?: readonly string[];
  /** UIDs; one that ends in `.*` stands for all below it. */
  readonly sopClasses?: readonly string[];
}

/** The destinations of an instance, each once, in the order of the routes. May be none. */
export function destinationsOf(instance: RoutedInstance, routes: readonly Route[]): string[] {
  const met = routes.filter(
    (route) =>
      isIn(route.calledAes, instance.calledAe) &&
      isIn(route.callingAes, instance.callingAe) &&
      isIn(route.modalities, instance.modality) &&
      (route.sopClasses?.some((pattern) => matchesUid(pattern, instance.sopClassUid)) ?? true),
  );
  return [...new Set(met.map(({ destination }) => destination))];
}

function isIn(wanted: readonly string[] | undefined, value: string | undefined): boolean {
  if (wanted === undefined) return true;
  return value !== undefined && wanted.includes(value);
}

function matchesUid(pattern: string, uid: string): boolean {
  return pattern.endsWith('.*') ? uid.startsWith(pattern.slice(0, -1)) : uid === pattern;
}
