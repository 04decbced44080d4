/** What `diode-receiver doctor` looks at: the host, and that no way leads back over the link. */
import { existsSync } from 'node:fs';
import type { Finding } from '../../shared/doctor/finding.ts';
import { keyNameFindings } from '../../shared/doctor/key-findings.ts';
import { lookAtHost, runningPid } from '../../shared/doctor/look-at-host.ts';
import { type HostFiles, hostFiles } from '../../shared/host-network.ts';
import type { ReceiverConfiguration } from '../configuration.ts';
import { inboxFolderOf, partialFolderOf } from '../places.ts';
import type { ReceiverSnapshot } from '../snapshot.ts';

/** Counters of nftables/receiver.nft. */
export const receiverCounters = ['sent_to_link', 'stray_from_link', 'forwarded'] as const;

export function examineReceiver(
  configuration: ReceiverConfiguration,
  from: { snapshot: ReceiverSnapshot | undefined; countersPath: string; nowMs: number },
  files: HostFiles = hostFiles,
): Finding[] {
  const address = configuration['link.address'];
  const vaultFolder = configuration['vault.folder'];
  const inboxFolder = inboxFolderOf(configuration);
  const partialFolder = partialFolderOf(configuration);
  const folders = {
    'vault.folder': vaultFolder,
    ...(inboxFolder !== undefined && { 'inbox.folder': inboxFolder }),
    // The program makes it at its first start.
    ...(existsSync(partialFolder) && { 'inbox.partialFolder': partialFolder }),
  };
  const skews = from.snapshot?.senders.map(({ clockSkewMs }) => clockSkewMs) ?? [];
  const host = lookAtHost(
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
      interface: configuration['link.interface'] ?? files.ownAddresses().get(address),
      ownAddress: address,
      ownPort: configuration['link.port'],
      reachesOverLink: false,
      mustStayZero: receiverCounters,
      countersPath: from.countersPath,
      pid: runningPid(from.snapshot?.pid, 'receiver'),
      clockSkewMs: skews.toSorted((a, b) => Math.abs(b) - Math.abs(a))[0],
      nowMs: from.nowMs,
    },
    files,
  );
  return [...host, ...keyNameFindings(configuration.keyFile, from.snapshot?.senders.length ?? 0)];
}
