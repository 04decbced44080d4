/** What `diode-sender doctor` examines: the host, and what a transmit-only host can only learn from its own watch on the link. */
import { type Finding, ok, wrong } from '../../shared/doctor/finding.ts';
import { bindingFinding, wayFinding } from '../../shared/doctor/link-findings.ts';
import { lookAtHost, runningPid } from '../../shared/doctor/look-at-host.ts';
import { placeFindings } from '../../shared/doctor/place-findings.ts';
import { type HostFiles, hostFiles, interfaceOf } from '../../shared/host-network.ts';
import { senderCounters } from '../../shared/link-counters.ts';
import type { SenderConfiguration } from '../configuration.ts';
import { SenderLinkWatch } from '../link/link-health.ts';
import type { SenderStatus } from '../status.ts';

export async function examineSender(
  configuration: SenderConfiguration,
  from: { snapshot: SenderStatus | undefined; countersPath: string; nowMs: number },
  files: HostFiles = hostFiles,
): Promise<Finding[]> {
  const datagramBytes = configuration['link.datagramBytes'];
  const watch = new SenderLinkWatch(files, {
    address: configuration['link.address'],
    interface: configuration['link.interface'],
    datagramBytes,
  });
  const health = watch.look();
  const pid = runningPid(from.snapshot?.pid, 'sender');
  const scannerAddress = configuration['dicom.address'];
  const sourceAddress = configuration['link.sourceAddress'];
  const watchFolder = configuration['watch.folder'];
  const spoolFolder = configuration['spool.folder'];
  const findings = lookAtHost(
    {
      keyFile: configuration.keyFile,
      folders: {
        ...(watchFolder !== undefined && { 'watch.folder': watchFolder }),
        'spool.folder': spoolFolder,
      },
      together: [],
      diskFolder: spoolFolder,
      highWaterPercent: configuration['spool.highWaterPercent'],
      engine: configuration['code.engine'],
      limit: 'wmem_max',
      bufferBytes: configuration['link.sendBufferBytes'],
      datagramBytes,
      interface: health.interface,
      ownAddress: sourceAddress ?? addressOf(files, health.interface),
      ownPort: undefined,
      reachesOverLink: true,
      mustStayZero: senderCounters,
      countersPath: from.countersPath,
      pid,
      clockSkewMs: undefined,
      nowMs: from.nowMs,
    },
    files,
  );
  const neighbour = health.problems.find(({ code }) => code === 'E_LINK_NEIGHBOUR');
  return [
    ...findings,
    ...bindingFinding(
      configuration['link.interface'],
      sourceAddress === undefined ? undefined : interfaceOf(files, sourceAddress),
      pid === undefined || health.stopped === 'all' ? undefined : from.snapshot?.link,
    ),
    ...(await placeFindings(
      files,
      { address: configuration['link.address'], interface: health.interface },
      scannerAddress === undefined ? [] : [{ what: 'dicom.address', where: scannerAddress }],
    )),
    wayFinding(health.interface, health.defaultRouteOver),
    neighbour === undefined
      ? ok('neighbour entry', 'permanent, or not needed')
      : wrong(
          'neighbour entry',
          'failure',
          neighbour.detail,
          'Without it every send succeeds, but nothing reaches the receiver.',
        ),
    ...health.problems
      .filter(({ code }) => code !== 'E_LINK_NEIGHBOUR')
      .map(({ code, detail }) => wrong('link', 'failure', detail, `Run diode-sender explain ${code}.`)),
  ];
}

function addressOf(files: HostFiles, name: string | undefined): string | undefined {
  for (const [address, found] of files.ownAddresses())
    if (found === name && address.includes('.')) return address;
  return undefined;
}
