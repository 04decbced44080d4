/** The high side from the ledger on, over a simulated disk, for tests of studies and releases. */
import { createHash } from 'node:crypto';
import type { InstanceRecord } from '../../../receiver/ledger/instance-records.ts';
import { ReceiverLedger } from '../../../receiver/ledger/ledger.ts';
import type { ReleaseRecord } from '../../../receiver/ledger/release-records.ts';
import { Releaser, type ReleaserOptions } from '../../../receiver/release/release.ts';
import { StudyReleases } from '../../../receiver/release/study-releases.ts';
import { Studies } from '../../../receiver/studies/studies.ts';
import { Outgoing } from '../../../receiver/vault/outgoing.ts';
import { Vault } from '../../../receiver/vault/vault.ts';
import { VaultAlarms } from '../../../receiver/vault/vault-alarms.ts';
import { HoldAlarms } from '../../../receiver/watch/hold-alarms.ts';
import { Alarms } from '../../../shared/program/alarms.ts';
import { closeReason, encodeManifest, type Manifest, priority } from '../../../shared/wire/manifest.ts';
import { SimulatedDisk } from '../../simulation/simulated-disk.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

export const senderId = '07'.repeat(8);
export const folders = { vault: '/high/vault', inbox: '/high/inbox', partial: '/high/partial' } as const;

export const idOf = (name: string) => createHash('sha256').update(name).digest('hex').slice(0, 32);
export const sha256Of = (name: string | Uint8Array) => createHash('sha256').update(name).digest('hex');

/** An instance named so; its UID is that of `uid` where another one has the same. */
export function instance(
  name: string,
  change: Partial<InstanceRecord> & { uid?: string } = {},
): InstanceRecord {
  const { uid = name, ...others } = change;
  return {
    objectId: idOf(name),
    senderId,
    studyUid: '1.2',
    seriesUid: '1.2.1',
    sopInstanceUid: `1.2.1.${Number.parseInt(idOf(uid).slice(0, 6), 16)}`,
    // The files of these tests have their object ids as content.
    bytes: 32,
    sha256: sha256Of(name),
    repairedSymbols: 0,
    sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    modality: 'CT',
    heldBecause: undefined,
    releasedRevision: undefined,
    ...others,
  };
}

export function manifestOf(
  revision: number,
  rows: readonly InstanceRecord[],
  change: Partial<Manifest> = {},
): Manifest {
  return {
    senderId,
    studyNumber: 1,
    revision,
    closedBecause: closeReason.quiet,
    priority: priority.routine,
    closedAtMs: 0,
    studyUid: '1.2',
    entries: rows.map(({ sopInstanceUid, seriesUid, objectId, bytes, sha256, aeTitles }) => ({
      sopInstanceUid,
      seriesUid,
      objectId,
      bytes,
      sha256,
      ...(aeTitles !== undefined && { aeTitles }),
    })),
    ...change,
  };
}

/** A high side whose programs can be started again; ledger and disk stay. */
export class High {
  readonly disk: SimulatedDisk;
  /** What it throws, the ledger throws in place of storing something. */
  beforeStore: () => void = () => {};
  readonly ledger = new ReceiverLedger(':memory:', () => this.beforeStore());
  readonly time = new VirtualClock();
  readonly clock = this.time.host();
  readonly touched = new Map<string, number>();
  releases: ReleaseRecord[] = [];
  alarms: Alarms;
  vaultAlarms: VaultAlarms;
  holdAlarms: HoldAlarms;
  vault: Vault;
  outgoing: Outgoing;
  /** Instances whose file was found to be damaged. */
  damaged: string[] = [];
  studies: Studies;
  releaser: Releaser;

  constructor(disk = new SimulatedDisk()) {
    this.disk = disk;
    this.disk.makeFolder(folders.inbox);
    this.disk.makeFolder(folders.partial);
    const made = this.#make();
    [this.alarms, this.vaultAlarms, this.vault, this.outgoing, this.studies, this.releaser] = made;
    this.holdAlarms = new HoldAlarms(this.ledger, this.alarms);
  }

  /** Releases go to destinations alone from now on. */
  withoutInbox(onMarked: NonNullable<ReleaserOptions['onMarked']>): void {
    const { ledger, vault, outgoing, clock } = this;
    this.releaser = new Releaser({
      ledger,
      vault,
      outgoing,
      clock,
      inboxFolder: undefined,
      partialFolder: folders.partial,
      onReleased: (release) => this.releases.push(release),
      onMarked,
    });
  }

  /** What is being collected, all of the one sender. */
  collecting(): (readonly [senderId: string, objectId: string, touchedAtMs: number])[] {
    return [...this.touched].map(([objectId, touchedAtMs]) => [senderId, objectId, touchedAtMs]);
  }

  restart(): void {
    const made = this.#make();
    [this.alarms, this.vaultAlarms, this.vault, this.outgoing, this.studies, this.releaser] = made;
    this.holdAlarms = new HoldAlarms(this.ledger, this.alarms);
    this.release();
  }

  /** Instances are in the vault and the ledger. */
  store(...rows: readonly InstanceRecord[]): void {
    for (const row of rows) {
      const content = new TextEncoder().encode(row.objectId);
      if (!this.vault.hasObject(row.objectId)) {
        const file = this.disk.open(this.vault.objects.pathOf(row.objectId), 'create');
        file.writeAt(content, 0);
        file.sync();
        this.disk.syncFolder(`${folders.vault}/objects`);
      }
      if (!this.studies.isListed(row.senderId, row.objectId))
        this.ledger.studies.begin(row.senderId, row.studyUid, this.clock.wallMs());
      this.ledger.instances.enter(row, this.clock.wallMs());
    }
    this.studies.instancesStored(rows);
  }

  manifest(manifest: Manifest): void {
    const document = encodeManifest(manifest);
    const id = createHash('sha256').update(document).digest('hex').slice(0, 32);
    const revision = this.ledger.manifests.enter(manifest, id, document, this.clock.wallMs());
    if (revision !== undefined) this.studies.manifestStored({ ...manifest, revision });
    while (this.studies.enterSome());
  }

  /** What the pipeline does with studies that are whole. */
  release(): void {
    this.studies.enterAsked();
    while (this.studies.enterSome());
    new StudyReleases({ studies: this.studies, releaser: this.releaser }).all();
    this.holdAlarms.watch();
  }

  state(studyUid = '1.2'): string | undefined {
    return this.ledger.studies.get(senderId, studyUid)?.state;
  }

  /** Files in the inbox by name, as the object id each was made of. */
  inbox(folder: string = folders.inbox): Record<string, string> {
    return Object.fromEntries(
      [...this.disk.contents(folder)].map(([path, bytes]) => [path, new TextDecoder().decode(bytes)]),
    );
  }

  standing(): string[] {
    return this.alarms
      .standing()
      .map(({ code, subject }) => `${code} ${subject}`)
      .sort();
  }

  #make(): [Alarms, VaultAlarms, Vault, Outgoing, Studies, Releaser] {
    const { ledger, clock } = this;
    const alarms = new Alarms(clock);
    alarms.remember(ledger.standingAlarms.load());
    const vault = new Vault(folders.vault, this.disk);
    const onDamaged = ({ objectId }: { objectId: string }) => void this.damaged.push(objectId);
    const vaultAlarms = new VaultAlarms({ alarms, clock });
    const onCopyDamaged = vaultAlarms.damaged.bind(vaultAlarms);
    const outgoing = new Outgoing({ ledger, vault, clock, alarms, onDamaged, onCopyDamaged });
    const studies = new Studies({
      ledger,
      clock,
      alarms,
      deadlineMs: 60_000,
      unclaimedMs: 120_000,
      collecting: () => this.collecting(),
    });
    const releaser = new Releaser({
      ledger,
      vault,
      outgoing,
      clock,
      inboxFolder: folders.inbox,
      partialFolder: folders.partial,
      onReleased: (release) => this.releases.push(release),
    });
    return [alarms, vaultAlarms, vault, outgoing, studies, releaser];
  }
}

/** Where a released instance stands. */
export function placeOf(row: InstanceRecord, folder = '1.2'): string {
  return `${folder}/${row.seriesUid}/${row.sopInstanceUid}.dcm`;
}
