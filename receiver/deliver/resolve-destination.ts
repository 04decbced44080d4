/** From what the configuration says of a destination to what delivery needs, whatever kind it is of. */
import type { DestinationSettings } from '../destination-settings.ts';
import type { DeliveryPolicy } from './delivery-queue.ts';
import { deliveryPolicyDefault } from './delivery-queue.ts';
import {
  type DestinationOf,
  destinationKinds,
  type KindOfDestination,
  type SettingsOf,
} from './destination-kinds.ts';
import type { Route } from './routing.ts';

/**
 * Done again for each round, so that credentials and certificates can be replaced while the receiver runs.
 * @throws DiodeError E_CREDENTIALS
 */
export function resolveDestination<Some extends KindOfDestination>(
  settings: SettingsOf<Some>,
): DestinationOf<Some> {
  return destinationKinds[settings.kind].resolve(settings);
}

export function routeOf(settings: DestinationSettings): Route {
  const { name, senders, modalities, sopClasses, callingAeTitles, calledAeTitles } = settings;
  return { destination: name, senders, modalities, sopClasses, callingAeTitles, calledAeTitles };
}

export function policyOf(settings: DestinationSettings): DeliveryPolicy {
  return {
    ...deliveryPolicyDefault,
    retryMsMin: settings.retrySeconds * 1000,
    retryMsMax: Math.max(settings.retrySeconds * 1000, settings.retryMinutesMax * 60_000),
    attemptsMax: settings.attempts,
    alarmAfterMs: settings.alarmMinutes * 60_000,
  };
}
