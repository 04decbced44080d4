/** A PACS that takes STOW-RS, as a kind of destination. */
import type { SettingsOfKind } from '../destination-settings.ts';
import type { WebDestination } from './destination.ts';
import { readCredentials, readTls } from './destination-files.ts';
import type { DestinationKind } from './destination-kind.ts';
import { storeOverWeb, verifyWeb } from './stow-rs.ts';

export const webDestination: DestinationKind<SettingsOfKind<'dicomweb'>, WebDestination> = {
  placeOf: ({ url }) => url,
  addressOf: ({ url }) => url,
  resolve: (settings) => {
    const { name, credentialsFile, instancesPerRequest } = settings;
    const url = new URL(settings.url);
    return {
      kind: 'dicomweb',
      name,
      url,
      responseMs: settings.responseSeconds * 1000,
      instancesPerRequest,
      ...(credentialsFile !== undefined && { credentials: readCredentials(credentialsFile) }),
      ...(url.protocol === 'https:' && { tls: readTls(settings) }),
    };
  },
  test: async (destination) => `the service answered ${await verifyWeb(destination)}`,
  deliver: storeOverWeb,
};
