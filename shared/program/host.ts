/** What a program needs from its host. A simulation provides another one, and runs the same program. */
import type { Clock } from '../clock.ts';
import type { KeyRing } from '../crypto/key-file.ts';
import type { Disk } from '../disk.ts';
import type { HostFiles } from '../host-network.ts';
import type { Log } from '../log.ts';
import type { Die } from '../supervision.ts';
import type { Loop } from './loop.ts';

export interface Host {
  /** Of the program. */
  readonly version: string;
  readonly clock: Clock;
  readonly loop: Loop;
  readonly disk: Disk;
  /** What the kernel says about the network. */
  readonly files: HostFiles;
  readonly log: Log;
  /** Ends the program because of an error. */
  readonly die: Die;
  randomBytes(count: number): Uint8Array;
  /** The key file as it is now. @throws DiodeError E_KEY_MISSING, E_KEY_READABLE, E_KEY_FORMAT */
  readKeys(): KeyRing;
  /** What the command line reads while the program runs. @throws DiodeError E_DISK, E_DISK_FULL */
  writeStatus(status: unknown): void;
}
