/** What the receiver needs from its host, and the real host. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { systemClock } from '../../shared/clock.ts';
import { UsedBuffers, usedLargeBuffers } from '../../shared/collector.ts';
import { linkParameters } from '../../shared/config/link-settings.ts';
import { programVersion } from '../../shared/console/command-line.ts';
import { readKeyRing } from '../../shared/crypto/key-file.ts';
import { nodeDisk } from '../../shared/disk.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { hostFiles } from '../../shared/host-network.ts';
import { loadErasureLibrary } from '../../shared/kernel-socket.ts';
import type { Log } from '../../shared/log.ts';
import type { Host } from '../../shared/program/host.ts';
import { nodeLoop } from '../../shared/program/loop.ts';
import { openStore, type Store } from '../../shared/program/store.ts';
import { checkFolders, type Die, writeSnapshot } from '../../shared/supervision.ts';
import type { MalwareScanner } from '../clearance/clearance.ts';
import { malwareScanner } from '../clearance/malware-scanner.ts';
import type { ReceiverConfiguration } from '../configuration.ts';
import type { GatePolicy } from '../gate/inspect.ts';
import { ReceiverLedger } from '../ledger/ledger.ts';
import { type ReceivingEnd, startReceivingEnd } from '../link/receiving-end.ts';
import type { Inspector } from '../pipeline/inspector.ts';
import { gateThread, ThreadInspector } from '../pipeline/thread-inspector.ts';
import {
  inboxFolderOf,
  ledgerPath,
  partialFolderOf,
  requestsPath,
  snapshotPath,
  vaultFolderOf,
} from '../places.ts';
import { patientKey } from '../vault/patient-key.ts';
import type { Vault } from '../vault/vault.ts';

export interface ReceiverHost extends Host {
  /** Counts buffers that are no longer used; see collector.ts. */
  readonly usedBuffers: Readonly<Record<'small' | 'large', { add(bytes: number): void }>>;
  /** @throws DiodeError E_FOLDER, E_CONFIG_DEVICE, E_ALREADY_RUNNING, E_LEDGER, E_DISK */
  openStore(): Store<ReceiverLedger>;
  /** The key of the hashes of patients in this vault, 32 bytes. @throws DiodeError E_DISK */
  patientKey(): Uint8Array;
  createErasureCode(engine: ReceiverConfiguration['code.engine']): ErasureCode;
  /** Begins to receive. */
  openLink(secrets: ReadonlyMap<number, Uint8Array>): ReceivingEnd;
  /** Checks instances; if undefined, the thread that assembles does it. */
  inspector(gate: GateLook): Inspector | undefined;
  scanner(): MalwareScanner | undefined;
}

/** What an inspector needs. */
export interface GateLook {
  readonly policy: GatePolicy;
  readonly patientKey: Uint8Array;
  readonly vault: Vault;
}

/** The host that this process runs on. */
export function receiverHost(configuration: ReceiverConfiguration, log: Log, die: Die): ReceiverHost {
  const { datagramBytes } = linkParameters(configuration);
  return {
    version: programVersion(),
    clock: systemClock,
    loop: nodeLoop,
    disk: nodeDisk,
    files: hostFiles,
    log,
    die,
    usedBuffers: { small: new UsedBuffers(), large: usedLargeBuffers() },
    randomBytes,
    readKeys: () => readKeyRing(configuration.keyFile),
    writeStatus: (status) => writeSnapshot(snapshotPath(configuration), status),
    openStore: () => openReceiverStore(configuration),
    patientKey: () => patientKey(vaultFolderOf(configuration)),
    createErasureCode: (engine) => createErasureCode(engine, 0, loadErasureLibrary),
    openLink: (secrets) =>
      startReceivingEnd(
        {
          link: {
            address: configuration['link.address'],
            port: configuration['link.port'],
            interface: configuration['link.interface'],
            receiveBufferBytes: configuration['link.receiveBufferBytes'],
          },
          datagramBytes,
          ringBytes: configuration['link.ringMegabytes'] * 1e6,
          secrets,
        },
        die,
      ),
    inspector: ({ policy, patientKey: key, vault }) =>
      new ThreadInspector({
        start: gateThread(policy, key, die),
        clock: systemClock,
        pathOf: (claim) => vault.incoming.pathOf(claim),
      }),
    scanner: () => malwareScanner(configuration),
  };
}

function openReceiverStore(configuration: ReceiverConfiguration): Store<ReceiverLedger> {
  const vaultFolder = vaultFolderOf(configuration);
  const inboxFolder = inboxFolderOf(configuration);
  const partialFolder = partialFolderOf(configuration);
  mkdirSync(vaultFolder, { recursive: true, mode: 0o750 });
  mkdirSync(partialFolder, { recursive: true, mode: 0o750 });
  const folders = {
    'vault.folder': vaultFolder,
    ...(inboxFolder !== undefined && { 'inbox.folder': inboxFolder }),
    'inbox.partialFolder': partialFolder,
  };
  checkFolders(folders, Object.keys(folders));
  const openLedger = () => new ReceiverLedger(ledgerPath(configuration));
  return openStore(vaultFolder, openLedger, requestsPath(configuration));
}
