/** Which destinations an instance goes to: each destination names what it wants. */
import type { AeTitles } from '../../shared/wire/manifest.ts';

/** What rules look at; nothing about the patient. Undefined means it could not be read, and matches no condition. */
export interface RoutedInstance {
  /** The appliance beside the scanner. */
  readonly senderId: string;
  readonly modality: string | undefined;
  readonly sopClassUid: string | undefined;
  /** Left out for instances that came to the sender as files. */
  readonly aeTitles?: AeTitles | undefined;
}

/** Everything matches a condition that is left out; in a list, one match is enough. All conditions must match. */
export interface Route {
  readonly destination: string;
  readonly senders?: readonly string[] | undefined;
  readonly modalities?: readonly string[] | undefined;
  /** UIDs; one that ends in `.*` stands for all that begin with it. */
  readonly sopClasses?: readonly string[] | undefined;
  /** AE titles of scanners, and those of the sender that scanners called. */
  readonly callingAeTitles?: readonly string[] | undefined;
  readonly calledAeTitles?: readonly string[] | undefined;
}

/** The destinations of an instance, each once, in the order of the routes. May be none. */
export function destinationsOf(instance: RoutedInstance, routes: readonly Route[]): string[] {
  const met = routes.filter(
    (route) =>
      isIn(route.senders, instance.senderId) &&
      isIn(route.modalities, instance.modality) &&
      isIn(route.callingAeTitles, instance.aeTitles?.calling) &&
      isIn(route.calledAeTitles, instance.aeTitles?.called) &&
      (route.sopClasses?.some((pattern) => matchesUid(pattern, instance.sopClassUid)) ?? true),
  );
  return [...new Set(met.map(({ destination }) => destination))];
}

function isIn(wanted: readonly string[] | undefined, value: string | undefined): boolean {
  if (wanted === undefined) return true;
  return value !== undefined && wanted.includes(value);
}

function matchesUid(pattern: string, uid: string | undefined): boolean {
  if (uid === undefined) return false;
  return pattern.endsWith('.*') ? uid.startsWith(pattern.slice(0, -1)) : uid === pattern;
}
