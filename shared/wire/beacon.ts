/**
 * The beacon: the sender's heartbeat, one datagram every second. It says how the link is configured,
 * which study numbers exist, and what is wrong on the low side. It contains no PHI.
 */
import { DocumentReader, DocumentWriter } from './binary.ts';
import { protection, senderIdBytes } from './datagram.ts';
import { limits } from './limits.ts';
import type { LinkParameters } from './link-parameters.ts';

const beaconFormat = 1;
const fingerprintBytes = 8;

export interface Beacon {
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  /** Counts the beacons of a session, from 1. */
  readonly beaconNumber: number;
  /** 8 bytes as hexadecimal */
  readonly fingerprint: string;
  readonly parameters: LinkParameters;
  /** The sender's wall clock, to show its skew. */
  readonly clockMs: number;
  readonly upMs: number;
  /** Highest study number that was closed; 0 before the first. */
  readonly highestStudyNumber: number;
  /** Lowest study number that the sender still keeps. */
  readonly lowestRetainedStudyNumber: number;
  readonly queuedObjects: number;
  readonly queuedBytes: number;
  readonly oldestQueuedMs: number;
  readonly spoolBytes: number;
  readonly spoolFreeBytes: number;
  /** Files and instances that were rejected or refused since the ledger began, by code. */
  readonly rejected: readonly { readonly code: string; readonly count: number }[];
  /** Codes of the current alarms on the low side. */
  readonly alarms: readonly string[];
}

export function encodeBeacon(beacon: Beacon): Uint8Array {
  const { parameters } = beacon;
  const writer = new DocumentWriter()
    .uint8(beaconFormat)
    .hex(beacon.senderId, senderIdBytes)
    .uint32(beacon.sessionCounter)
    .uint32(beacon.sessionRandom)
    .uint64(beacon.beaconNumber)
    .hex(beacon.fingerprint, fingerprintBytes)
    .uint16(parameters.datagramBytes)
    .uint8(parameters.sourceSymbols)
    .uint8(parameters.repairSymbols)
    .uint8(parameters.protection)
    .uint64(beacon.clockMs)
    .uint64(beacon.upMs)
    .uint64(beacon.highestStudyNumber)
    .uint64(beacon.lowestRetainedStudyNumber)
    .uint64(beacon.queuedObjects)
    .uint64(beacon.queuedBytes)
    .uint64(beacon.oldestQueuedMs)
    .uint64(beacon.spoolBytes)
    .uint64(beacon.spoolFreeBytes);
  const rejected = beacon.rejected.slice(0, limits.beaconCountersMax);
  writer.uint32(rejected.length);
  for (const { code, count } of rejected) writer.code(code).uint64(count);
  const alarms = beacon.alarms.slice(0, limits.beaconAlarmsMax);
  writer.uint32(alarms.length);
  for (const code of alarms) writer.code(code);
  return writer.finish();
}

/** @throws DiodeError E_DOCUMENT if the bytes are not a beacon. */
export function decodeBeacon(bytes: Uint8Array): Beacon {
  const reader = new DocumentReader(bytes);
  reader.oneOf([beaconFormat]);
  const beacon = {
    senderId: reader.hex(senderIdBytes),
    sessionCounter: reader.uint32(),
    sessionRandom: reader.uint32(),
    beaconNumber: reader.uint64(),
    fingerprint: reader.hex(fingerprintBytes),
    parameters: {
      datagramBytes: reader.uint16(),
      sourceSymbols: reader.uint8(),
      repairSymbols: reader.uint8(),
      protection: reader.oneOf(Object.values(protection)),
    },
    clockMs: reader.uint64(),
    upMs: reader.uint64(),
    highestStudyNumber: reader.uint64(),
    lowestRetainedStudyNumber: reader.uint64(),
    queuedObjects: reader.uint64(),
    queuedBytes: reader.uint64(),
    oldestQueuedMs: reader.uint64(),
    spoolBytes: reader.uint64(),
    spoolFreeBytes: reader.uint64(),
  };
  const rejected: { code: string; count: number }[] = [];
  for (let left = reader.count(limits.beaconCountersMax, 11); left > 0; left -= 1) {
    rejected.push({ code: reader.code(), count: reader.uint64() });
  }
  const alarms: string[] = [];
  for (let left = reader.count(limits.beaconAlarmsMax, 3); left > 0; left -= 1) alarms.push(reader.code());
  reader.end();
  return { ...beacon, rejected, alarms };
}
