/** What both programs have of a simulated host. */
import { Key, type KeyNames, type KeyRing } from '../../shared/crypto/key-file.ts';
import type { Disk } from '../../shared/disk.ts';
import type { Log } from '../../shared/log.ts';
import type { Host } from '../../shared/program/host.ts';
import { protection } from '../../shared/wire/datagram.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { TableOfFiles } from '../harness/host-files.ts';
import type { Random } from '../harness/random.ts';
import type { SimulatedLoop } from './simulated-loop.ts';
import type { HostClock } from './virtual-clock.ts';

export interface SimulatedHostOptions {
  readonly clock: HostClock;
  readonly loop: SimulatedLoop;
  readonly disk: Disk;
  readonly log: Log;
  readonly random: Random;
  readonly readKeys: () => KeyRing;
  readonly writeStatus: (status: unknown) => void;
}

/** The settings that must be alike on both sides, and the address of the link. */
export function linkSettingsOf({
  datagramBytes,
  sourceSymbols,
  repairSymbols,
  protection: way,
}: LinkParameters) {
  return {
    'link.address': '127.0.0.1',
    'link.datagramBytes': datagramBytes,
    'link.protection': way === protection.sealed ? ('sealed' as const) : ('authenticated' as const),
    'code.sourceSymbols': sourceSymbols,
    'code.repairSymbols': repairSymbols,
  };
}

export function simulatedHost(options: SimulatedHostOptions): Host {
  const { clock, loop, disk, log, random, readKeys, writeStatus } = options;
  return {
    version: '0.0.0',
    ...{ clock, loop, disk, log, readKeys, writeStatus },
    // The link leads over the loopback interface, which is always there.
    files: new TableOfFiles({ name: 'eth0', ownAddress: '10.0.0.1', networkRoute: '' }),
    // Whatever ends the program, ends the turn of the simulation.
    die: (error) => {
      throw error;
    },
    randomBytes: (count) => random.bytes(count),
  };
}

/** A key ring without a file. */
export function ringOf(secrets: ReadonlyMap<number, Uint8Array>, keyNames?: KeyNames): KeyRing {
  const keys = [...secrets].map(([id, secret]) => new Key(id, secret, keyNames?.names.get(id)));
  return {
    keys: keys as unknown as KeyRing['keys'],
    names: keyNames?.names ?? new Map(),
    senders: keyNames?.senders ?? new Map(),
  };
}
