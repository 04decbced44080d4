/**
 * Both ledgers with a million instances: how long each side takes from opening its ledger to its first step. The
 * comparison with the files goes on beside the work afterwards and is no part of it.
 */
import { randomBytes } from 'node:crypto';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import { senderSettings } from '../../sender/configuration.ts';
import { SenderLedger } from '../../sender/ledger/ledger.ts';
import { senderHost } from '../../sender/program/host.ts';
import { listSender } from '../../sender/program/sender.ts';
import { nodeDisk } from '../../shared/disk.ts';
import { createLog } from '../../shared/log.ts';
import { closeReason, priority } from '../../shared/wire/manifest.ts';
import { configurationWith } from '../harness/settings.ts';
import { SimulatedDataPlane } from '../simulation/simulated-data-plane.ts';
import { linkSettingsOf, ringOf } from '../simulation/simulated-host.ts';
import type { BenchmarkOptions } from './options.ts';
import { makeReceiverInProcess } from './receiver-in-process.ts';
import { studyIdentity } from './recorded-pass.ts';
import { Scratch } from './scratch.ts';

const studyInstances = 1000;
const instances = 1_000_000;

export async function run({ folder, scale, runs }: BenchmarkOptions): Promise<object> {
  const studies = Math.max(1, Math.round((instances * scale) / studyInstances));
  const scratch = new Scratch(folder, 2e9 * scale + 1e8);
  try {
    nodeDisk.makeFolder(scratch.path('watch'));
    fillSender(scratch, studies);
    fillReceiver(scratch, studies);
    const times = Array.from({ length: runs }, () => ({
      sender: timed(() => startSender(scratch)),
      receiver: timed(() => startReceiver(scratch)),
    }));
    const median = (side: 'sender' | 'receiver') =>
      times.map((time) => time[side]).sort((a, b) => a - b)[runs >> 1] ?? Number.NaN;
    const result = {
      instances: studies * studyInstances,
      senderStartMs: Math.round(median('sender')),
      receiverStartMs: Math.round(median('receiver')),
    };
    console.log(
      `${result.instances} instances: sender starts in ${result.senderStartMs} ms, receiver in ${result.receiverStartMs} ms`,
    );
    return result;
  } finally {
    scratch.remove();
  }
}

function timed(act: () => void): number {
  const startedMs = performance.now();
  act();
  return performance.now() - startedMs;
}

const uid = (kind: number, study: number, instance = 0) => `2.25.${kind}${study}.${instance}`;

function fillSender(scratch: Scratch, studies: number): void {
  nodeDisk.makeFolder(scratch.path('spool'));
  const ledger = new SenderLedger(scratch.path('spool', 'ledger.sqlite'));
  const { parameters, keyId } = studyIdentity;
  const layout = {
    keyId,
    symbolBytes: parameters.datagramBytes - 80,
    maximumSourceSymbols: parameters.sourceSymbols,
    priority: priority.routine,
  };
  for (let study = 1; study <= studies; study += 1) {
    const objectIds: string[] = [];
    ledger.transaction(() => {
      for (let instance = 0; instance < studyInstances; instance += 1) {
        const objectId = randomBytes(16).toString('hex');
        objectIds.push(objectId);
        ledger.instances.enter({
          ...layout,
          objectId,
          sha256: randomBytes(32).toString('hex'),
          bytes: 500_000,
          studyUid: uid(1, study),
          seriesUid: uid(2, study),
          sopInstanceUid: uid(3, study, instance),
          takenAtMs: 0,
          quietSeconds: 60,
          // A key and two tags.
          pieceTags: randomBytes(64),
        });
      }
    });
    const document = new Uint8Array(100_000);
    const objectId = randomBytes(16).toString('hex');
    ledger.studies.close({
      studyUid: uid(1, study),
      studyNumber: study,
      revision: 1,
      closedBecause: closeReason.quiet,
      closedAtMs: 0,
      closedRunningMs: 0,
      instances: studyInstances,
      manifest: {
        ...layout,
        objectId,
        sha256: randomBytes(32).toString('hex'),
        bytes: document.length,
        studyUid: uid(1, study),
        document,
      },
    });
    for (let pass = 0; pass < 2; pass += 1) ledger.objects.countPasses([...objectIds, objectId]);
  }
  ledger.close();
}

function fillReceiver(scratch: Scratch, studies: number): void {
  nodeDisk.makeFolder(scratch.path('vault'));
  const ledger = new ReceiverLedger(scratch.path('vault', 'ledger.sqlite'));
  const senderId = Buffer.from(studyIdentity.senderId).toString('hex');
  for (let study = 1; study <= studies; study += 1) {
    const studyUid = uid(1, study);
    ledger.transaction(() => {
      const objectIds: string[] = [];
      for (let instance = 0; instance < studyInstances; instance += 1) {
        const objectId = randomBytes(16).toString('hex');
        objectIds.push(objectId);
        const row = {
          objectId,
          senderId,
          studyUid,
          seriesUid: uid(2, study),
          sopInstanceUid: uid(3, study, instance),
          bytes: 500_000,
          sha256: randomBytes(32).toString('hex'),
          repairedSymbols: 0,
          heldBecause: undefined,
          modality: undefined,
          sopClassUid: undefined,
        };
        ledger.instances.enter(row, 0);
      }
      ledger.instances.markReleased(objectIds, 1);
      ledger.studies.save(
        {
          senderId,
          studyUid,
          studyNumber: study,
          state: 'released',
          priority: priority.routine,
          newestRevision: 1,
          releasedRevision: 1,
          expected: studyInstances,
          inboxName: studyUid,
        },
        0,
      );
    });
  }
  ledger.close();
}

function startSender(scratch: Scratch): void {
  const configuration = configurationWith(senderSettings, {
    ...linkSettingsOf(studyIdentity.parameters),
    'watch.folder': scratch.path('watch'),
    'spool.folder': scratch.path('spool'),
  });
  const log = createLog('bench', 'error');
  const { parts, sending, spoolPart } = listSender(configuration, {
    ...senderHost(configuration, log, (error) => {
      throw error;
    }),
    readKeys: () => ringOf(new Map([[studyIdentity.keyId, studyIdentity.secret]])),
    openDataPlane: (identity, session) => new SimulatedDataPlane(identity, session, 78, nodeDisk),
  });
  sending.start();
  spoolPart.spool.leftovers();
  // The first beacon, and the first repeat of the carousel.
  sending.step();
  void parts.stop();
}

function startReceiver(scratch: Scratch): void {
  const { parts, pipeline } = makeReceiverInProcess(scratch);
  pipeline.step();
  void parts.stop();
}
