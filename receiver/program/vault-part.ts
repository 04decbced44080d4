/** The vault, its room on the disk, and its spill area. */
import { join } from 'node:path';
import { linkParameters } from '../../shared/config/link-settings.ts';
import type { Disk } from '../../shared/disk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Part } from '../../shared/program/part.ts';
import { symbolBytesOf } from '../../shared/wire/datagram.ts';
import type { ReceiverConfiguration } from '../configuration.ts';
import { vaultFolderOf } from '../places.ts';
import { Room } from '../vault/room.ts';
import { defaultAreaBytes, SpillArea } from '../vault/spill.ts';
import { Vault } from '../vault/vault.ts';

export class VaultPart implements Part {
  readonly name = 'vault';
  readonly vault: Vault;
  readonly room: Room;
  readonly spill: SpillArea;

  constructor(configuration: ReceiverConfiguration, disk: Disk, alarms: Alarms) {
    const folder = vaultFolderOf(configuration);
    const spillMegabytes = configuration['assemble.spillMegabytes'];
    this.vault = new Vault(folder, disk);
    this.room = new Room({
      measure: () => this.vault.freeBytes(),
      marks: {
        highPercent: configuration['vault.highWaterPercent'],
        lowPercent: configuration['vault.lowWaterPercent'],
        fullPercent: configuration['vault.fullPercent'],
      },
      alarms,
    });
    this.spill = new SpillArea({
      disk,
      path: join(folder, 'spill.area'),
      symbolBytes: symbolBytesOf(linkParameters(configuration).datagramBytes),
      areaBytes:
        spillMegabytes === undefined ? defaultAreaBytes(this.vault.freeBytes().total) : spillMegabytes * 1e6,
      mayGrow: () => !this.room.isFull,
    });
  }

  stop(): void {
    this.spill.close();
  }
}
