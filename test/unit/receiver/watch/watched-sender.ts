/** A receiver that watches one sender, in virtual time, for tests of what it takes for new and what it raises. */
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { SenderWatch } from '../../../../receiver/watch/sender-watch.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import type { Beacon } from '../../../../shared/wire/beacon.ts';
import { protection } from '../../../../shared/wire/datagram.ts';
import { fingerprintOf, type LinkParameters } from '../../../../shared/wire/link-parameters.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { senderId } from '../high.ts';

export const parameters: LinkParameters = {
  datagramBytes: 1472,
  sourceSymbols: 200,
  repairSymbols: 24,
  protection: protection.sealed,
};

let beacons = 0;

/** Each is a later one of its session. */
export function beacon(change: Partial<Beacon> = {}): Beacon {
  beacons += 1;
  return {
    senderId,
    sessionCounter: 1,
    sessionRandom: 9,
    beaconNumber: beacons,
    fingerprint: fingerprintOf(change.parameters ?? parameters),
    parameters,
    clockMs: 0,
    upMs: 0,
    highestStudyNumber: 0,
    lowestRetainedStudyNumber: 0,
    queuedObjects: 0,
    queuedBytes: 0,
    oldestQueuedMs: 0,
    spoolBytes: 0,
    spoolFreeBytes: 0,
    rejected: [],
    alarms: [],
    ...change,
  };
}

export const arrival = (sequence: number, sessionCounter = 1, sessionRandom = 9) => ({
  senderId,
  keyId: 7,
  sessionCounter,
  sessionRandom,
  sequence,
});

export function high(ledger = new ReceiverLedger(':memory:')) {
  const time = new VirtualClock();
  const clock = time.host();
  const alarms = new Alarms(clock);
  const lowSide = { queueAgeMs: 1_800_000, spoolPercent: 85, rejectedMs: 3_600_000 };
  const times = { silenceMs: 10_000, deadlineMs: 60_000 };
  const watch = new SenderWatch({ ledger, clock, alarms, parameters, ...times, lowSide });
  const standing = () => alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  return { ledger, time, clock, alarms, watch, standing };
}
