/** What `diode-receiver doctor` examines: the host, and that no route leads back over the link. */
import { existsSync } from 'node:fs';
import type { Finding } from '../../shared/doctor/finding.ts';
import { keyNameFindings } from '../../shared/doctor/key-findings.ts';
import { bindingFinding } from '../../shared/doctor/link-findings.ts';
import { lookAtHost, runningPid } from '../../shared/doctor/look-at-host.ts';
import { type Place, placeFindings } from '../../shared/doctor/place-findings.ts';
import { type HostFiles, hostFiles, interfaceOf } from '../../shared/host-network.ts';
import { receiverCounters } from '../../shared/link-counters.ts';
import type { ReceiverConfiguration } from '../configuration.ts';
import { addressOf } from '../deliver/destination-kinds.ts';
import { inboxFolderOf, partialFolderOf } from '../places.ts';
import type { ReceiverStatus } from '../status.ts';

export async function examineReceiver(
  configuration: ReceiverConfiguration,
  from: { snapshot: ReceiverStatus | undefined; countersPath: string; nowMs: number },
  files: HostFiles = hostFiles,
): Promise<Finding[]> {
  const address = configuration['link.address'];
  const actual = interfaceOf(files, address);
  const link = configuration['link.interface'] ?? actual;
  const pid = runningPid(from.snapshot?.pid, 'receiver');
  const vaultFolder = configuration['vault.folder'];
  const inboxFolder = inboxFolderOf(configuration);
  const partialFolder = partialFolderOf(configuration);
  const folders = {
    'vault.folder': vaultFolder,
    ...(inboxFolder !== undefined && { 'inbox.folder': inboxFolder }),
    // The program creates it when it first starts.
    ...(existsSync(partialFolder) && { 'inbox.partialFolder': partialFolder }),
  };
  const skews = from.snapshot?.senders.map(({ clockSkewMs }) => clockSkewMs) ?? [];
  const findings = lookAtHost(
    {
      keyFile: configuration.keyFile,
      folders,
      together: Object.keys(folders),
      diskFolder: vaultFolder,
      highWaterPercent: configuration['vault.highWaterPercent'],
      engine: configuration['code.engine'],
      limit: 'rmem_max',
      bufferBytes: configuration['link.receiveBufferBytes'],
      datagramBytes: configuration['link.datagramBytes'],
      interface: link,
      ownAddress: address,
      ownPort: configuration['link.port'],
      reachesOverLink: false,
      mustStayZero: receiverCounters,
      countersPath: from.countersPath,
      pid,
      clockSkewMs: skews.toSorted((a, b) => Math.abs(b) - Math.abs(a))[0],
      nowMs: from.nowMs,
    },
    files,
  );
  return [
    ...findings,
    ...keyNameFindings(configuration.keyFile, from.snapshot?.senders.length ?? 0),
    ...bindingFinding(
      configuration['link.interface'],
      actual,
      pid === undefined ? undefined : from.snapshot?.link,
    ),
    ...(await placeFindings(files, { address, interface: link }, placesOf(configuration))),
  ];
}

/** The hosts that the receiver talks to. */
function placesOf(configuration: ReceiverConfiguration): Place[] {
  const clamd = configuration['scan.host'];
  return [
    ...configuration.destinations.map((each) => ({ what: each.name, where: addressOf(each) })),
    ...(clamd === undefined ? [] : [{ what: 'scan.host', where: clamd }]),
  ];
}
