/**
 * Makes the stages of the high side behind its link, and ties them: assemble → gate → vault → clearance → studies → inbox.
 * Each takes what it needs by name, and its own keys of the configuration.
 */

import type { Clock } from '../../shared/clock.ts';
import { linkParameters } from '../../shared/config/link-settings.ts';
import { type KeyRing, secretsOf } from '../../shared/crypto/key-file.ts';
import type { Disk } from '../../shared/disk.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import { type AssembledObject, Assembler } from '../assemble/assembler.ts';
import { Clearance, type MalwareScanner } from '../clearance/clearance.ts';
import type { ReceiverConfiguration } from '../configuration.ts';
import { gatePolicyOf } from '../gate/inspect.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { ReleaseRecord } from '../ledger/release-records.ts';
import { inboxFolderOf, partialFolderOf } from '../places.ts';
import { Releaser, type ReleaserOptions } from '../release/release.ts';
import { Studies } from '../studies/studies.ts';
import { Outgoing } from '../vault/outgoing.ts';
import type { VaultReconciliation } from '../vault/reconcile.ts';
import type { Room } from '../vault/room.ts';
import type { SpillArea } from '../vault/spill.ts';
import type { Vault } from '../vault/vault.ts';
import { VaultAlarms } from '../vault/vault-alarms.ts';
import { SenderWatch } from '../watch/sender-watch.ts';
import { ControlDocuments } from './control-documents.ts';
import { loadFinished, resumeCollecting } from './earlier-life.ts';
import type { Inspector } from './inspector.ts';
import { InstanceKeeping } from './instance-keeping.ts';
import { VaultWatch } from './vault-watch.ts';

/** What the stages stand on. */
export interface Foundation {
  readonly configuration: ReceiverConfiguration;
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  /** The disk of the vault. */
  readonly disk: Disk;
  readonly spill: SpillArea;
  /** Of the vault's disk. */
  readonly room: Room;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly code: ErasureCode;
  readonly keys: KeyRing;
  /** 32 bytes: of patients only hashes under this key leave the files. */
  readonly patientKey: Uint8Array;
  readonly scanner: MalwareScanner | undefined;
  /** Who looks at instances for the gate; left out, it is done in the thread that assembles. */
  readonly inspector?: Inspector | undefined;
}

/** What the stages say. */
export interface StageListeners {
  /** So many bytes of documents are not needed any more. */
  readonly onDocumentDropped: (bytes: number) => void;
  readonly onReconciled: (found: VaultReconciliation) => void;
  readonly onReleased: (release: ReleaseRecord) => void;
  /** As of the releaser. */
  readonly onMarked: ReleaserOptions['onMarked'];
}

/** What the stages ask of the pipeline they are in. */
export interface PipelineTies {
  readonly secrets: () => ReadonlyMap<number, Uint8Array>;
  /** Whether something of a sender may be begun. */
  readonly mayBegin: (senderId: string) => boolean;
  /** Whether a study waits for an object. */
  readonly isAwaited: (senderId: string, objectId: string) => boolean;
  /** An object is whole. */
  readonly take: (object: AssembledObject) => void;
  /** Instances are durable. */
  readonly onKept: (rows: readonly InstanceRecord[]) => void;
  /** The ledger or the disk refused something in the middle. */
  readonly onRefused: () => void;
}

export interface Stages {
  readonly senders: SenderWatch;
  readonly assembler: Assembler;
  readonly outgoing: Outgoing;
  readonly clearance: Clearance;
  readonly studies: Studies;
  readonly releaser: Releaser;
  readonly keeping: InstanceKeeping;
  readonly documents: ControlDocuments;
  readonly vaultWatch: VaultWatch;
  readonly vaultAlarms: VaultAlarms;
}

/** Makes them in the order of an object's way. What an earlier life had collected is gone on with. */
export function makeStages(foundation: Foundation, listeners: StageListeners, ties: PipelineTies): Stages {
  const { ledger, vault, clock, alarms, room, configuration } = foundation;
  const parameters = linkParameters(configuration);
  const vaultAlarms = new VaultAlarms({ alarms, clock });
  const senders = makeSenderWatch(foundation, parameters);
  const groupOf = (senderId: string) => senders.admission.groupOf(senderId);
  ledger.events.useGroups(groupOf);
  const assembler = makeAssembler(foundation, senders, vaultAlarms, ties);
  serveRoom(foundation, senders, assembler, ties);
  loadFinished(ledger, assembler);
  resumeCollecting({ assembler, vault, clock, spill: foundation.spill });
  const vaultWatch = new VaultWatch({
    ...{ ledger, vault, clock, alarms, vaultAlarms, assembler, parameters },
    disk: foundation.disk,
    secrets: ties.secrets,
    studies: () => studies,
    take: ties.take,
    onReconciled: listeners.onReconciled,
  });
  const outgoing = new Outgoing({
    ...{ ledger, vault, clock, alarms },
    mayCopy: () => !room.isFull,
    onDamaged: (instance) => vaultWatch.lost(instance),
    onCopyDamaged: (instance) => vaultAlarms.damaged(instance),
  });
  // Before the studies read the ledger: see there.
  const clearance = new Clearance({ ledger, vault, outgoing, clock, alarms, scanner: foundation.scanner });
  const studies = makeStudies(foundation, assembler, groupOf);
  const keeping = new InstanceKeeping({
    ...{ ledger, vault, clock, alarms, vaultAlarms, assembler, studies, groupOf },
    gate: gatePolicyOf(configuration),
    patientKey: foundation.patientKey,
    inspector: foundation.inspector,
    initialHold: clearance.initialHold,
    onKept: ties.onKept,
    onRefused: () => {
      ties.onRefused();
      vaultWatch.compareAgain();
    },
  });
  const documents = new ControlDocuments({
    ...{ ledger, clock, alarms, assembler, studies, senders, groupOf },
    onRefused: ties.onRefused,
    onDropped: listeners.onDocumentDropped,
  });
  const releaser = new Releaser({
    ...{ ledger, vault, clock, outgoing },
    inboxFolder: inboxFolderOf(configuration),
    partialFolder: partialFolderOf(configuration),
    inboxFiles: configuration['inbox.files'],
    onMarked: listeners.onMarked,
    onReleased: listeners.onReleased,
  });
  return {
    ...{ senders, assembler, outgoing, clearance, studies, releaser, keeping, documents, vaultWatch },
    vaultAlarms,
  };
}

function makeSenderWatch(
  { configuration, ledger, clock, alarms, keys }: Foundation,
  parameters: LinkParameters,
): SenderWatch {
  return new SenderWatch({
    ...{ ledger, clock, alarms, parameters },
    keyNames: keys,
    silenceMs: configuration['beacon.silenceSeconds'] * 1000,
    deadlineMs: deadlineMsOf(configuration),
    lowSide: {
      queueAgeMs: configuration['lowSide.queueMinutes'] * 60_000,
      spoolPercent: configuration['lowSide.spoolPercent'],
      rejectedMs: configuration['lowSide.rejectedHours'] * 3_600_000,
    },
  });
}

function makeAssembler(
  { configuration, vault, spill, room, code, keys }: Foundation,
  senders: SenderWatch,
  vaultAlarms: VaultAlarms,
  { mayBegin, take }: PipelineTies,
): Assembler {
  const { datagramBytes, protection } = linkParameters(configuration);
  return new Assembler({
    ...{ datagramBytes, protection, code, spill },
    secrets: secretsOf(keys.keys),
    memoryBytes: configuration['assemble.memoryMegabytes'] * 1e6,
    openObjectsMax: configuration['assemble.openObjects'],
    partialMs: configuration['assemble.partialHours'] * 3_600_000,
    mayOpen: (opening) => senders.admission.mayOpen(opening),
    sinkFor: (facts, hereBytes) =>
      mayBegin(facts.senderId)
        ? room.reserve(facts, hereBytes, () => vault.incoming.sink(facts, hereBytes > 0))
        : undefined,
    onObject: take,
    onProblem: (error) => vaultAlarms.refused(error),
  });
}

/** Where room is short, the room of the vault asks these who gives way. */
function serveRoom(
  { ledger, room }: Foundation,
  senders: SenderWatch,
  assembler: Assembler,
  { isAwaited }: PipelineTies,
): void {
  room.serve({
    giveUp: (claim) => assembler.giveUp(claim),
    isAwaited,
    isOverShare: (senderId) => assembler.shortages.count(senderId, 'vault'),
    whole: {
      ofSenders: () => ledger.vaultBytes.ofSenders(),
      senderIds: () => senders.inUse(),
      groupOf: (senderId) => senders.admission.groupOf(senderId),
    },
  });
}

function makeStudies(
  { configuration, ledger, clock, alarms }: Foundation,
  assembler: Assembler,
  groupOf: (senderId: string) => string,
): Studies {
  return new Studies({
    ...{ ledger, clock, alarms, groupOf },
    deadlineMs: deadlineMsOf(configuration),
    unclaimedMs: configuration['studies.unclaimedMinutes'] * 60_000,
    collecting: () => assembler.collecting(),
    onKnown: (senderId, objectIds) => {
      for (const objectId of objectIds) assembler.dismiss(senderId, objectId);
    },
  });
}

function deadlineMsOf(configuration: ReceiverConfiguration): number {
  return configuration['studies.deadlineMinutes'] * 60_000;
}
