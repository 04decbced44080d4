/** The receiver behind its link in one process, over a real disk: for benchmarks of parts of it. */

import { defaultGatePolicy } from '../../receiver/gate/inspect.ts';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import { Admission } from '../../receiver/link/admission.ts';
import { Pipeline } from '../../receiver/pipeline/pipeline.ts';
import { Room } from '../../receiver/vault/room.ts';
import { SpillArea } from '../../receiver/vault/spill.ts';
import { Vault } from '../../receiver/vault/vault.ts';
import { Alarms } from '../../shared/alarms.ts';
import { systemClock } from '../../shared/clock.ts';
import { nodeDisk } from '../../shared/disk.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import { symbolBytesOf } from '../../shared/wire/datagram.ts';
import { studyIdentity } from './recorded-pass.ts';
import type { Scratch } from './scratch.ts';

export function startReceiverInProcess(scratch: Scratch) {
  const { parameters, keyId, secret } = studyIdentity;
  for (const name of ['vault', 'inbox', 'partial']) nodeDisk.makeFolder(scratch.path(name));
  const ledger = new ReceiverLedger(scratch.path('vault', 'ledger.sqlite'));
  const secrets = new Map([[keyId, secret]]);
  const alarms = new Alarms(systemClock.wallMs, () => {});
  const pipeline = new Pipeline({
    ledger,
    vault: new Vault(scratch.path('vault'), nodeDisk),
    disk: nodeDisk,
    spill: new SpillArea({
      disk: nodeDisk,
      path: scratch.path('vault', 'spill.area'),
      symbolBytes: symbolBytesOf(parameters.datagramBytes),
      areaBytes: 100e6,
    }),
    clock: systemClock,
    alarms,
    code: createErasureCode(),
    parameters,
    secrets,
    inboxFolder: scratch.path('inbox'),
    partialFolder: scratch.path('partial'),
    memoryBytes: 128e6,
    openObjectsMax: 4096,
    deadlineMs: 600_000,
    unclaimedMs: 900_000,
    silenceMs: 10_000,
    gate: defaultGatePolicy,
    patientKey: new Uint8Array(32).fill(5),
    room: new Room({
      measure: () => nodeDisk.freeBytes(scratch.path('vault')),
      marks: { highPercent: 98, lowPercent: 97, fullPercent: 99 },
      alarms,
    }),
    partialMs: 86_400_000,
    lowSide: { queueAgeMs: 1_800_000, spoolPercent: 85, rejectedMs: 86_400_000 },
    onReleased: () => {},
  });
  return { ledger, pipeline, admission: new Admission(parameters.datagramBytes, secrets) };
}
