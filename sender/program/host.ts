/** What the sender has of its host, and the real one. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { systemClock } from '../../shared/clock.ts';
import { programVersion } from '../../shared/console/command-line.ts';
import { readKeyRing } from '../../shared/crypto/key-file.ts';
import { nodeDisk } from '../../shared/disk.ts';
import { hostFiles } from '../../shared/host-network.ts';
import type { Log } from '../../shared/log.ts';
import type { Host } from '../../shared/program/host.ts';
import { nodeLoop } from '../../shared/program/loop.ts';
import { openStore, type Store } from '../../shared/program/store.ts';
import { checkFolders, type Die, writeSnapshot } from '../../shared/supervision.ts';
import type { SenderConfiguration } from '../configuration.ts';
import { startDataPlane } from '../data-plane.ts';
import type { SenderIdentity, Session } from '../identity.ts';
import { localDisk, type WatchDisk } from '../intake/watch-disk.ts';
import { SenderLedger } from '../ledger/ledger.ts';
import { ledgerPath, requestsPath, snapshotPath, spoolFolderOf } from '../places.ts';

/** What encodes and sends: orders go in, ends of passes come out. */
export type DataPlane = Omit<Awaited<ReturnType<typeof startDataPlane>>, 'stop'> & {
  stop(): void | Promise<void>;
};

export interface SenderHost extends Host {
  /** The folder that the scanner writes to may be on another disk. */
  readonly watchDisk: WatchDisk;
  /** @throws DiodeError E_FOLDER, E_ALREADY_RUNNING, E_LEDGER */
  openStore(): Store<SenderLedger>;
  /** @throws DiodeError what keeps the link from ever opening */
  openDataPlane(identity: SenderIdentity, session: Session): DataPlane | Promise<DataPlane>;
}

/** The host that this process runs on. */
export function senderHost(configuration: SenderConfiguration, log: Log, die: Die): SenderHost {
  return {
    version: programVersion(),
    clock: systemClock,
    loop: nodeLoop,
    disk: nodeDisk,
    files: hostFiles,
    log,
    die,
    randomBytes,
    readKeys: () => readKeyRing(configuration.keyFile),
    writeStatus: (status) => writeSnapshot(snapshotPath(configuration), status),
    watchDisk: localDisk,
    openStore: () => openSenderStore(configuration),
    openDataPlane: (identity, session) => startDataPlane(configuration, identity, session, log, die),
  };
}

function openSenderStore(configuration: SenderConfiguration): Store<SenderLedger> {
  const spoolFolder = spoolFolderOf(configuration);
  const watchFolder = configuration['watch.folder'];
  mkdirSync(spoolFolder, { recursive: true, mode: 0o750 });
  checkFolders(
    { ...(watchFolder !== undefined && { 'watch.folder': watchFolder }), 'spool.folder': spoolFolder },
    [],
  );
  const openLedger = () => new SenderLedger(ledgerPath(configuration));
  return openStore(spoolFolder, openLedger, requestsPath(configuration));
}
