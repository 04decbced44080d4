/**
 * The running sender: wires watch folder, scanner port, spool, dispatch, encoding thread and link thread, and keeps them
 * going. Here are intake and ledger; encoding and pacing have threads of their own.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { alarmLog } from '../shared/alarm-log.ts';
import { Alarms } from '../shared/alarms.ts';
import { systemClock } from '../shared/clock.ts';
import { linkParameters } from '../shared/config/link-settings.ts';
import { readKeyFile, secretsOf } from '../shared/crypto/key-file.ts';
import { nodeDisk } from '../shared/disk.ts';
import { DiodeError, storageCodes } from '../shared/errors.ts';
import { hostFiles } from '../shared/host-network.ts';
import { takeOwnership } from '../shared/ledger-database.ts';
import { senderCounters } from '../shared/link-counters.ts';
import { LinkGuard } from '../shared/link-guard.ts';
import type { Log } from '../shared/log.ts';
import { RunningTime } from '../shared/running-time.ts';
import { checkFolders, type Die, writeSnapshot } from '../shared/supervision.ts';
import { WaterMarks } from '../shared/water-marks.ts';
import { answerRequest } from './commands/answer.ts';
import type { SenderConfiguration } from './configuration.ts';
import { startDataPlane } from './data-plane.ts';
import { Dispatch } from './dispatch/dispatch.ts';
import { LinkSupervision } from './dispatch/link-supervision.ts';
import type { TransmitOrder } from './encode/transmitter.ts';
import { objectPlanner, type SenderIdentity } from './identity.ts';
import { Watch } from './intake/watch.ts';
import type { InstanceRow } from './ledger/instance-records.ts';
import { SenderLedger } from './ledger/ledger.ts';
import { beginSession } from './ledger/session.ts';
import { SenderLinkWatch } from './link/link-health.ts';
import { ledgerPath, snapshotPath } from './places.ts';
import { openScannerPort } from './scanner-port.ts';
import { senderSnapshot } from './snapshot.ts';
import { replanStale } from './spool/replanning.ts';
import { Spool } from './spool/spool.ts';
import { Upkeep } from './spool/upkeep.ts';

const dayMs = 86_400_000;
const chores = { stepMs: 20, snapshotMs: 500, requestsMs: 200, linkMs: 200 } as const;

export interface RunningSender {
  stop(): Promise<void>;
}

/** Starts a sender. @throws DiodeError what keeps it from starting */
export async function startSender(
  configuration: SenderConfiguration,
  log: Log,
  die: Die,
): Promise<RunningSender> {
  const [key, ...otherKeys] = readKeyFile(configuration.keyFile);
  const spoolFolder = configuration['spool.folder'];
  mkdirSync(spoolFolder, { recursive: true, mode: 0o750 });
  const watchFolder = configuration['watch.folder'];
  if (watchFolder === undefined && configuration['dicom.address'] === undefined)
    throw new DiodeError('E_CONFIG_VALUE', 'set watch.folder, dicom.address or both: nothing could come in');
  checkFolders(
    { ...(watchFolder !== undefined && { 'watch.folder': watchFolder }), 'spool.folder': spoolFolder },
    [],
  );
  const giveUp = takeOwnership(join(spoolFolder, 'owner.lock'));
  const ledger = new SenderLedger(ledgerPath(configuration));
  const session = beginSession(ledger, randomBytes);
  const identity: SenderIdentity = {
    senderId: Buffer.from(session.senderId, 'hex'),
    keyId: key.id,
    secret: key.secret,
    otherSecrets: secretsOf(otherKeys),
    parameters: linkParameters(configuration),
  };
  const alarms = new Alarms(systemClock.wallMs, alarmLog(log));
  if (session.renewedFrom !== undefined) {
    const detail = `the session counter of ${session.renewedFrom} could not grow; this is sender ${session.senderId} now`;
    alarms.raise('E_SENDER_RENEWED', session.senderId, detail);
  }
  const rejectedFolder = configuration['watch.rejectedFolder'];
  const runningTime = new RunningTime(ledger.savedTime, systemClock);
  const runningMs = () => runningTime.nowMs();
  const spool = new Spool({
    folder: spoolFolder,
    disk: nodeDisk,
    ledger,
    runningMs,
    ...(rejectedFolder === undefined ? {} : { rejectedFolder }),
  });

  const replanned = replanStale({
    ledger,
    disk: nodeDisk,
    objectsFolder: spool.objects.path,
    identity,
    passesPlanned: configuration['passes.count'],
  });
  if (replanned > 0) log.info('objects planned again', { files: replanned, keyId: key.id });
  const link = await startDataPlane(configuration, identity, session, log, die);
  const orders: TransmitOrder[] = [];
  const dispatch = new Dispatch({
    ledger,
    spool,
    clock: systemClock,
    runningMs,
    alarms,
    identity,
    session,
    schedule: {
      passCount: configuration['passes.count'],
      passGapMs: configuration['passes.gapMs'],
      carouselShare: configuration['passes.carouselPercent'] / 100,
      carouselGapMs: configuration['passes.carouselGapSeconds'] * 1000,
      linkBytesPerMs: configuration['link.rateMegabitsPerSecond'] * 125,
    },
    beaconIntervalMs: configuration['beacon.intervalMs'],
    rollIntervalMs: configuration['beacon.rollSeconds'] * 1000,
    waitingBlocksMax: configuration['code.openBlocks'] * 2,
    transmit: (order) => orders.push(order),
    onClosed: ({ studyUid, studyNumber, revision, instances }) =>
      log.info('study closed', { studyUid, studyNumber, revision, instances }),
  });
  dispatch.reissueManifests();
  const marks = new WaterMarks({
    highPercent: configuration['spool.highWaterPercent'],
    lowPercent: configuration['spool.lowWaterPercent'],
  });
  const upkeep = new Upkeep({
    ledger,
    spool,
    disk: nodeDisk,
    clock: systemClock,
    alarms,
    runningTime,
    passCount: configuration['passes.count'],
    retainForMs: configuration['spool.retainForDays'] * dayMs,
    tombstoneMs: configuration['spool.tombstoneDays'] * dayMs,
    waterMarks: marks,
    onExpired: ({ studyUid, early }) =>
      log.info('study expired', { studyUid, kind: early ? 'early' : 'in time' }),
    onReconciled: (found) => {
      log.info('spool compared with its ledger', { adopted: found.adopted, unreadable: found.unreadable });
      if (found.adopted > 0) watch.takeUp();
    },
  });
  const step = () => {
    try {
      dispatch.step();
      if (orders.length > 0) link.send(orders.splice(0));
    } catch (error) {
      die(error);
    }
  };
  const supervision = new LinkSupervision({
    watch: new SenderLinkWatch(hostFiles, {
      address: configuration['link.address'],
      interface: configuration['link.interface'],
      datagramBytes: identity.parameters.datagramBytes,
    }),
    alarms,
    clock: systemClock,
    dispatch,
    order: link.order,
  });
  const guard = new LinkGuard({ files: hostFiles, alarms, counters: senderCounters });
  link.onRefused((code, detail) => supervision.refused(code, detail));
  link.onEnded((ends) => {
    supervision.checkCarrier();
    dispatch.passesEnded(ends);
    step();
  });
  const room = () => !marks.update(spool.freeBytes());
  const intake = { disk: nodeDisk, spool, clock: systemClock, plan: objectPlanner(identity) };
  const taken = (entered: readonly InstanceRow[], duplicates: number) => {
    if (duplicates > 0)
      alarms.during('counts', storageCodes, () => ledger.counters.add('duplicate', duplicates));
    dispatch.instancesEntered(entered);
    scannerPort?.instancesEntered(entered);
  };
  const scannerPort = await openScannerPort({
    configuration,
    intake,
    ledger,
    dispatch,
    alarms,
    log,
    clock: systemClock,
    hasRoom: room,
    onTaken: taken,
  }).catch(async (error: unknown) => {
    await link.stop();
    throw error;
  });
  const watch = new Watch({
    folder: watchFolder,
    settleScans: configuration['watch.settleScans'],
    scanIntervalMs: configuration['watch.scanIntervalMs'],
    quietSeconds: configuration['watch.quietSeconds'],
    statQuietSeconds: configuration['watch.statQuietSeconds'],
    intake,
    spool,
    alarms,
    log,
    hasRoom: room,
    onTaken: (outcome) => {
      taken(outcome.entered, outcome.duplicates);
      step();
    },
  });
  const startedMs = systemClock.monotonicMs();
  const writeStatus = () => {
    scannerPort?.saveCounts();
    writeSnapshot(
      snapshotPath(configuration),
      senderSnapshot({
        ledger,
        spool,
        alarms,
        identity,
        session,
        datagrams: link.datagrams(),
        link: supervision.health,
        binding: link.binding(),
        associations: scannerPort?.associations() ?? [],
        passCount: configuration['passes.count'],
        startedMs,
        runningMs: runningMs(),
      }),
    );
  };
  const snapshot = () => alarms.during('status', storageCodes, writeStatus);
  // At once: until it is there, the command line takes this program for stopped.
  snapshot();
  const timers = [
    setInterval(step, chores.stepMs),
    setInterval(() => upkeep.step(), chores.stepMs),
    setInterval(snapshot, chores.snapshotMs),
    setInterval(() => {
      supervision.look();
      guard.look(link.binding(), systemClock.monotonicMs());
    }, chores.linkMs),
    setInterval(() => {
      alarms.during('requests', storageCodes, () => {
        for (const request of ledger.mailbox.open(16))
          ledger.mailbox.answer(request.id, answerRequest(dispatch, request));
      });
      step();
    }, chores.requestsMs),
  ];
  watch.start();
  log.info('sender started', {
    senderId: Buffer.from(identity.senderId).toString('hex'),
    keyId: key.id,
    engine: link.engine,
    interface: supervision.health.interface,
  });
  if (supervision.health.defaultRouteOver !== undefined)
    log.warn('only the default route leads to the receiver', {
      interface: supervision.health.defaultRouteOver,
      detail: 'what is meant for the link could leave over another network: run diode-sender doctor',
    });

  return {
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      await scannerPort?.stop();
      await watch.stop();
      await link.stop();
      snapshot();
      ledger.close();
      giveUp();
      log.info('sender stopped');
    },
  };
}
