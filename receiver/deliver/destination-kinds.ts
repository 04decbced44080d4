/**
 * The kinds of destination there are. A new one is a file that says what it does, a line here, and its settings in
 * `destination-settings.ts`: the compiler asks for whichever of them is missing.
 */
import type { DestinationSettings, SettingsOfKind } from '../destination-settings.ts';
import type { Destination } from './destination.ts';
import type { DestinationKind } from './destination-kind.ts';
import { dicomDestination } from './dicom-destination.ts';
import { webDestination } from './web-destination.ts';

export type KindOfDestination = DestinationSettings['kind'];
/** Written as tables are, so that the settings of a kind go with its record and no other's. */
export type SettingsOf<Some extends KindOfDestination> = {
  readonly [Each in Some]: SettingsOfKind<Each>;
}[Some];
export type DestinationOf<Some extends KindOfDestination> = {
  readonly [Each in Some]: Extract<Destination, { readonly kind: Each }>;
}[Some];

export const destinationKinds: {
  readonly [Each in KindOfDestination]: DestinationKind<SettingsOf<Each>, DestinationOf<Each>>;
} = {
  dicom: dicomDestination,
  dicomweb: webDestination,
};

/** As of {@link DestinationKind.placeOf}. */
export function placeOf<Some extends KindOfDestination>(settings: SettingsOf<Some>): string {
  return destinationKinds[settings.kind].placeOf(settings);
}

/** As of {@link DestinationKind.addressOf}. */
export function addressOf<Some extends KindOfDestination>(settings: SettingsOf<Some>): string {
  return destinationKinds[settings.kind].addressOf(settings);
}
