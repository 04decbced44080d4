/**
 * The running receiver: wires link thread, ring, pipeline, vault, ledger and inbox, and keeps them going.
 * The receiving thread only receives; everything that may wait for a disk runs here.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { alarmLog } from '../shared/alarm-log.ts';
import { Alarms } from '../shared/alarms.ts';
import { systemClock } from '../shared/clock.ts';
import { UsedBuffers, usedLargeBuffers } from '../shared/collector.ts';
import { linkParameters } from '../shared/config/link-settings.ts';
import { readKeyRing, secretsOf } from '../shared/crypto/key-file.ts';
import { nodeDisk } from '../shared/disk.ts';
import { DiodeError, storageCodes } from '../shared/errors.ts';
import { createErasureCode } from '../shared/fec/engine.ts';
import { hostFiles, kernelLimit } from '../shared/host-network.ts';
import { loadErasureLibrary } from '../shared/kernel-socket.ts';
import { takeOwnership } from '../shared/ledger-database.ts';
import { receiverCounters } from '../shared/link-counters.ts';
import { LinkGuard } from '../shared/link-guard.ts';
import type { Log } from '../shared/log.ts';
import { createRing, RingReader } from '../shared/ring.ts';
import {
  checkFolders,
  type Die,
  deferred,
  startThread,
  stopThread,
  writeSnapshot,
} from '../shared/supervision.ts';
import { timedDisk } from '../shared/timed-disk.ts';
import { symbolBytesOf } from '../shared/wire/datagram.ts';
import { malwareScanner } from './clearance/malware-scanner.ts';
import { answerRequest } from './commands/answer.ts';
import type { ReceiverConfiguration } from './configuration.ts';
import { answerDeliveryRequest } from './deliver/delivery-requests.ts';
import { DeliveryService } from './deliver/delivery-service.ts';
import type { GatePolicy } from './gate/inspect.ts';
import { ReceiverLedger } from './ledger/ledger.ts';
import { ReceiverLinkWatch, receiverLinkCodes } from './link/link-health.ts';
import type {
  LinkThreadCounters,
  LinkThreadData,
  LinkThreadMessage,
  LinkThreadOrder,
} from './link/link-thread.ts';
import { RefusalWatch } from './link/refusal-watch.ts';
import { Pipeline } from './pipeline/pipeline.ts';
import { gateThread, ThreadInspector } from './pipeline/thread-inspector.ts';
import { inboxFolderOf, ledgerPath, partialFolderOf, snapshotPath } from './places.ts';
import { receiverSnapshot } from './snapshot.ts';
import { patientKey } from './vault/patient-key.ts';
import { Room } from './vault/room.ts';
import { defaultAreaBytes, SpillArea } from './vault/spill.ts';
import { Vault } from './vault/vault.ts';

/** Datagrams taken from the ring between two looks at everything else. */
const drainBatch = 512;
/** Fewer datagrams than this are not worth a turn of their own: more come in a millisecond. */
const worthDraining = 128;
const moreMs = 1;
/** Without a datagram for so long the thread that receives has to wake this one. */
const restlessMs = 20;
const idleMs = 10;
/** At a stop the gate gets so long for what it has in hand. */
const lastAnswerMs = 2000;
const chores = { snapshotMs: 500, requestsMs: 200, linkMs: 1000 } as const;

export interface RunningReceiver {
  readonly port: number;
  /** Takes the key file as it is now. One that can't be read changes nothing. */
  readKeysAgain(): void;
  stop(): Promise<void>;
}

/** Starts a receiver. @throws DiodeError what keeps it from starting */
export async function startReceiver(
  configuration: ReceiverConfiguration,
  log: Log,
  die: Die,
): Promise<RunningReceiver> {
  const keyRing = readKeyRing(configuration.keyFile);
  const secrets = secretsOf(keyRing.keys);
  const parameters = linkParameters(configuration);
  const inboxFolder = inboxFolderOf(configuration);
  if (inboxFolder === undefined && configuration.destinations.length === 0)
    throw new DiodeError('E_CONFIG_VALUE', 'without an inbox there has to be a [[destinations]]');
  const partialFolder = partialFolderOf(configuration);
  const vaultFolder = configuration['vault.folder'];
  mkdirSync(vaultFolder, { recursive: true, mode: 0o750 });
  mkdirSync(partialFolder, { recursive: true, mode: 0o750 });
  const folders = {
    'vault.folder': vaultFolder,
    ...(inboxFolder !== undefined && { 'inbox.folder': inboxFolder }),
    'inbox.partialFolder': partialFolder,
  };
  checkFolders(folders, Object.keys(folders));
  const giveUp = takeOwnership(join(vaultFolder, 'owner.lock'));
  const ledger = new ReceiverLedger(ledgerPath(configuration));
  const alarms = new Alarms(systemClock.wallMs, alarmLog(log));
  const code = createErasureCode(configuration['code.engine'], 0, loadErasureLibrary);
  const disk = timedDisk(nodeDisk, systemClock);
  const vault = new Vault(vaultFolder, disk);
  const spillMegabytes = configuration['assemble.spillMegabytes'];
  const room = new Room({
    measure: () => vault.freeBytes(),
    marks: {
      highPercent: configuration['vault.highWaterPercent'],
      lowPercent: configuration['vault.lowWaterPercent'],
      fullPercent: configuration['vault.fullPercent'],
    },
    alarms,
  });
  const spill = new SpillArea({
    disk,
    path: join(vaultFolder, 'spill.area'),
    symbolBytes: symbolBytesOf(parameters.datagramBytes),
    areaBytes:
      spillMegabytes === undefined ? defaultAreaBytes(vault.freeBytes().total) : spillMegabytes * 1e6,
    mayGrow: () => !room.isFull,
  });
  const delivery = new DeliveryService({
    configuration,
    ledger,
    vault,
    outgoing: () => pipeline.outgoing,
    groupOf: (senderId) => pipeline.senders.admission.groupOf(senderId),
    clock: systemClock,
    alarms,
    log,
    die,
  });
  const gate: GatePolicy = {
    preamble: configuration['gate.preamble'],
    encapsulatedDocuments: configuration['gate.encapsulatedDocuments'],
    allowSopClasses: configuration['gate.allowSopClasses'],
    denySopClasses: configuration['gate.denySopClasses'],
  };
  const secretOfPatients = patientKey(vaultFolder);
  const inspector = new ThreadInspector({
    start: gateThread(gate, secretOfPatients, die),
    clock: systemClock,
    pathOf: (claim) => vault.incoming.pathOf(claim),
  });
  // The link is open before what an earlier life left is looked at: what comes meanwhile waits in the ring.
  const slots = Math.ceil((configuration['link.ringMegabytes'] * 1e6) / parameters.datagramBytes);
  const ring = createRing(parameters.datagramBytes, slots);
  let counters: LinkThreadCounters = { admitted: 0, refused: {}, ringDrops: 0, binding: 'gone' };
  let wake = () => {};
  const opened = deferred<{ port: number; receiveBufferBytes: number }>();
  const thread = startThread<LinkThreadMessage>({
    file: new URL('./link/link-thread.js', import.meta.url),
    workerData: {
      ring,
      secrets,
      link: {
        address: configuration['link.address'],
        port: configuration['link.port'],
        interface: configuration['link.interface'],
        receiveBufferBytes: configuration['link.receiveBufferBytes'],
      },
    } satisfies LinkThreadData,
    onMessage: (message) => {
      if (message.kind === 'wake') wake();
      else if (message.kind === 'counters') counters = message.counters;
      else if (message.kind === 'open') opened.resolve(message);
      else opened.reject(new DiodeError(message.code, message.detail));
    },
    die,
  });
  const usedDocuments = usedLargeBuffers();
  const pipeline = new Pipeline({
    ledger,
    vault,
    disk,
    spill,
    clock: systemClock,
    alarms,
    code,
    parameters,
    secrets,
    keyNames: keyRing,
    inboxFolder,
    partialFolder,
    memoryBytes: configuration['assemble.memoryMegabytes'] * 1e6,
    openObjectsMax: configuration['assemble.openObjects'],
    deadlineMs: configuration['studies.deadlineMinutes'] * 60_000,
    unclaimedMs: configuration['studies.unclaimedMinutes'] * 60_000,
    silenceMs: configuration['beacon.silenceSeconds'] * 1000,
    gate,
    patientKey: secretOfPatients,
    inspector,
    scanner: malwareScanner(configuration),
    mayCopy: () => !room.isFull,
    inboxFiles: configuration['inbox.files'],
    onMarked: (study, instances) => delivery.plan.enter(study, instances),
    room,
    partialMs: configuration['assemble.partialHours'] * 3_600_000,
    lowSide: {
      queueAgeMs: configuration['lowSide.queueMinutes'] * 60_000,
      spoolPercent: configuration['lowSide.spoolPercent'],
      rejectedMs: configuration['lowSide.rejectedHours'] * 3_600_000,
    },
    onDocumentDropped: (bytes) => usedDocuments.add(bytes),
    onReconciled: ({ adopted, orphans, lost }) =>
      log.info('vault compared with its ledger', { adopted, orphans, unreadable: lost }),
    onReleased: ({ studyUid, senderId, revision, kind, instances, expected, conflictIds }) =>
      log.info('study released', {
        studyUid,
        senderId,
        revision,
        kind,
        instances,
        expected,
        conflicts: conflictIds.length,
      }),
  });

  const { port, receiveBufferBytes } = await opened.promise;
  opened.promise.catch(die);
  const wanted = configuration['link.receiveBufferBytes'];
  alarms.set(
    receiveBufferBytes < wanted,
    'E_LINK_BUFFER',
    'link',
    `asked for ${wanted} bytes, got ${receiveBufferBytes}; net.core.rmem_max is ${kernelLimit(hostFiles, 'net/core/rmem_max') ?? 'unknown'}`,
  );
  const linkWatch = new ReceiverLinkWatch(hostFiles, {
    address: configuration['link.address'],
    port,
    interface: configuration['link.interface'],
    datagramBytes: parameters.datagramBytes,
  });
  const lookAtLink = () =>
    linkWatch.look({
      atMs: systemClock.monotonicMs(),
      admitted: counters.admitted,
      lost: pipeline.assembler.datagramsLost,
      ringDrops: counters.ringDrops,
      diskMs: disk.spentMs(),
    });
  let linkHealth = lookAtLink();

  const reader = new RingReader(ring, () => {});
  const usedBuffers = new UsedBuffers();
  const startedMs = systemClock.monotonicMs();
  let stopped = false;
  let pending: NodeJS.Timeout | NodeJS.Immediate | undefined;
  let awake = true;
  let drainedAtMs = startedMs;

  const drain = () => {
    if (stopped) return;
    awake = true;
    try {
      // What waits for its sync is bounded: while there is too much, the ring fills, and says so.
      const count = pipeline.backedUp ? 0 : Math.min(reader.available, drainBatch);
      const now = systemClock.monotonicMs();
      if (count > 0) drainedAtMs = now;
      receiveFromRing(reader, count, pipeline, now);
      usedBuffers.add(count * reader.datagramBytes);
      const busy = pipeline.step();
      if (count >= worthDraining || busy) {
        pending = setImmediate(drain);
      } else if (now - drainedAtMs < restlessMs || pipeline.isKeeping || !reader.sleep()) {
        pending = setTimeout(drain, moreMs);
      } else {
        awake = false;
        pending = setTimeout(drain, idleMs);
      }
    } catch (error) {
      die(error);
    }
  };
  wake = () => {
    if (awake || stopped) return;
    clearTimeout(pending as NodeJS.Timeout);
    drain();
  };

  const snapshot = () =>
    alarms.during('status', storageCodes, () =>
      writeSnapshot(
        snapshotPath(configuration),
        receiverSnapshot({
          pipeline,
          ledger,
          alarms,
          counters,
          linkHealth,
          destinations: delivery.statuses(),
          ring: { slots: ring.slots, filled: reader.available },
          startedMs,
        }),
      ),
    );
  const refusals = new RefusalWatch(alarms);
  const guard = new LinkGuard({ files: hostFiles, alarms, counters: receiverCounters });
  // At once: until it is there, the command line takes this program for stopped.
  snapshot();
  const timers = [
    setInterval(snapshot, chores.snapshotMs),
    setInterval(() => {
      alarms.during('requests', storageCodes, () => {
        for (const request of ledger.mailbox.open(16)) {
          const parts = { service: delivery, ledger, clock: systemClock };
          const answer = answerDeliveryRequest(parts, request) ?? answerRequest(pipeline, ledger, request);
          ledger.mailbox.answer(request.id, answer);
        }
      });
    }, chores.requestsMs),
    setInterval(() => {
      refusals.look(counters.refused, systemClock.monotonicMs());
      guard.look(counters.binding, systemClock.monotonicMs());
      linkHealth = lookAtLink();
      for (const code of receiverLinkCodes) {
        const problem = linkHealth.problems.find((found) => found.code === code);
        alarms.set(problem !== undefined, code, 'link', problem?.detail);
      }
    }, chores.linkMs),
  ];
  delivery.start();
  drain();
  log.info('receiver started', { port, engine: code.name });

  return {
    port,
    readKeysAgain: () => {
      try {
        const ring = readKeyRing(configuration.keyFile);
        const again = secretsOf(ring.keys);
        thread.postMessage({ secrets: again } satisfies LinkThreadOrder);
        pipeline.useSecrets(again, ring);
        log.info('keys read again', { keys: again.size });
      } catch (error) {
        if (!(error instanceof DiodeError)) throw error;
        log.error('keys not read again', { code: error.code, detail: error.message });
      }
    },
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      await stopThread(thread);
      stopped = true;
      for (let count = reader.available; count > 0; count = reader.available) {
        const some = Math.min(count, drainBatch);
        receiveFromRing(reader, some, pipeline, systemClock.monotonicMs());
      }
      await inspector.close(lastAnswerMs);
      pipeline.flush();
      await delivery.stop();
      spill.close();
      snapshot();
      ledger.close();
      giveUp();
      log.info('receiver stopped');
    },
  };
}

function receiveFromRing(reader: RingReader, count: number, pipeline: Pipeline, nowMs: number): void {
  reader.take(count, (datagrams) => {
    for (let start = 0; start < datagrams.length; start += reader.datagramBytes)
      pipeline.receive(datagrams, nowMs, start);
  });
}
