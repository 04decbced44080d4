/** A PACS that takes C-STORE, as a kind of destination. */
import type { SettingsOfKind } from '../destination-settings.ts';
import { storeInstances, verify } from './c-store-scu.ts';
import type { DicomDestination } from './destination.ts';
import { readTls } from './destination-files.ts';
import type { DestinationKind } from './destination-kind.ts';

export const dicomDestination: DestinationKind<SettingsOfKind<'dicom'>, DicomDestination> = {
  placeOf: ({ calledAe, host, port }) => `${calledAe}@${host}:${port}`,
  addressOf: ({ host }) => host,
  resolve: (settings) => ({
    kind: 'dicom',
    name: settings.name,
    host: settings.host,
    port: settings.port,
    calledAe: settings.calledAe,
    callingAe: settings.callingAe,
    connectMs: settings.connectSeconds * 1000,
    times: { idleMs: settings.responseSeconds * 1000 },
    ...(settings['tls.enabled'] && { tls: readTls(settings) }),
  }),
  test: async (destination) => `C-ECHO was answered by ${await verify(destination)}`,
  deliver: storeInstances,
};
