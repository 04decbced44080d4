/**
 * Datagrams of a calibration (PROTOCOL.md, section 14): a test transmission in steps, each at one rate. They have the
 * header of every datagram and give their step in place of a symbol; they belong to no object.
 *
 * A measured datagram says where in its step it is. Between two steps come a few equal markers, since one may be lost:
 * they say that a step is over, and which rate the sender kept in it and in those before.
 */
import { assert } from '../assert.ts';
import type { ErrorCode } from '../errors.ts';
import {
  at,
  headerBytes,
  isProtection,
  type Protection,
  readUint16,
  readUint32,
  readUint64,
  senderIdBytes,
  writeObjectHeader,
  writeUint32,
} from './datagram.ts';
import { limits } from './limits.ts';

/** `type` in the header of a calibration's datagrams: the only type that does not stand for an object. */
export const calibrationType = 5;

export const calibrationKind = { measured: 1, marker: 2 } as const;
export type CalibrationKind = (typeof calibrationKind)[keyof typeof calibrationKind];

const format = 1;

/** A sender that stays below this share of a rate does not keep it. */
export const keptShare = 0.95;

/** Byte offsets of the fields, in wire order; what follows them is zero and means nothing. */
export const calibrationAt = {
  format: headerBytes, //                         1
  kind: headerBytes + 1, //                       1
  step: headerBytes + 2, //                       2  from 0
  steps: headerBytes + 4, //                      2  as planned
  isLast: headerBytes + 6, //                     1  1 in the markers of the last step, else 0
  kept: headerBytes + 7, //                       1  how many rates follow; 0 in what is measured
  rateKilobitsPerSecond: headerBytes + 8, //      4  of this step, on the wire, as asked for
  datagrams: headerBytes + 12, //                 4  of this step
  index: headerBytes + 16, //                     4  place among them, or among the markers
  keptKilobitsPerSecond: headerBytes + 20, //     4 each: what was kept in the steps 0, 1, …
} as const;

/** Whose calibration it is; the receiver tells runs apart by it. */
export interface CalibrationRunFields {
  readonly datagramBytes: number;
  readonly keyId: number;
  readonly protection: Protection;
  readonly maximumSourceSymbols: number;
  /** 8 bytes */
  readonly senderId: Uint8Array;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
}

export interface CalibrationStepFields {
  readonly step: number;
  readonly steps: number;
  readonly rateKilobitsPerSecond: number;
  readonly datagrams: number;
}

/** Writes a measured datagram except its index, sequence and tag. */
export function writeCalibrationStep(
  datagram: Uint8Array,
  run: CalibrationRunFields,
  fields: CalibrationStepFields,
): void {
  const { step, steps, rateKilobitsPerSecond, datagrams } = fields;
  assert(steps <= limits.calibrationStepsMax && step < steps, 'a step is one of its run');
  assert(datagrams >= 1 && datagrams <= limits.calibrationDatagramsMax, 'a step has its datagrams');
  assert(rateKilobitsPerSecond >= 1 && rateKilobitsPerSecond <= 0xffff_ffff, 'a rate');
  writeObjectHeader(datagram, {
    ...run,
    type: calibrationType,
    objectId: new Uint8Array(16),
    objectBytes: 0,
  });
  datagram.fill(0, headerBytes);
  datagram[calibrationAt.format] = format;
  datagram[calibrationAt.kind] = calibrationKind.measured;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  view.setUint16(calibrationAt.step, step);
  view.setUint16(calibrationAt.steps, steps);
  view.setUint32(calibrationAt.rateKilobitsPerSecond, rateKilobitsPerSecond);
  view.setUint32(calibrationAt.datagrams, datagrams);
}

/** The place of a datagram within its step, or of a marker among its equals. */
export function writeCalibrationIndex(datagram: Uint8Array, index: number): void {
  writeUint32(datagram, calibrationAt.index, index);
}

/** Turns a datagram that {@link writeCalibrationStep} wrote into a marker: the rates kept in all steps up to this one. */
export function writeCalibrationMarker(
  datagram: Uint8Array,
  keptKilobitsPerSecond: readonly number[],
  isLast: boolean,
): void {
  assert(keptKilobitsPerSecond.length <= limits.calibrationStepsMax, 'as many rates as steps');
  datagram[calibrationAt.kind] = calibrationKind.marker;
  datagram[calibrationAt.isLast] = isLast ? 1 : 0;
  datagram[calibrationAt.kept] = keptKilobitsPerSecond.length;
  for (const [step, rate] of keptKilobitsPerSecond.entries())
    writeUint32(datagram, calibrationAt.keptKilobitsPerSecond + 4 * step, rate);
}

/** A calibration datagram as read. One instance is reused, so that reading allocates nothing. */
export class CalibrationDatagram {
  kind: CalibrationKind = calibrationKind.measured;
  sessionCounter = 0;
  sessionRandom = 0;
  sequence = 0;
  step = 0;
  steps = 0;
  isLast = false;
  rateKilobitsPerSecond = 0;
  datagrams = 0;
  index = 0;
  /** How many rates a marker contains; {@link readKeptRate} reads them. */
  kept = 0;
}

/** Whether a datagram belongs to a calibration. */
export function isCalibration(bytes: Uint8Array, start = 0): boolean {
  return bytes[start + at.type] === calibrationType;
}

/**
 * Reads a calibration's datagram whose tag is right, and checks each field against its bounds.
 * @returns undefined if all is well
 */
export function readCalibration(
  bytes: Uint8Array,
  into: CalibrationDatagram,
  start = 0,
): ErrorCode | undefined {
  if (!isCalibration(bytes, start)) return 'E_DATAGRAM_FIELD';
  if (bytes[start + calibrationAt.format] !== format) return 'E_DATAGRAM_FIELD';
  if (!isProtection(bytes[start + at.protection] ?? 0)) return 'E_DATAGRAM_FIELD';
  const kind = bytes[start + calibrationAt.kind] ?? 0;
  if (!isCalibrationKind(kind)) return 'E_DATAGRAM_FIELD';
  const isLast = bytes[start + calibrationAt.isLast] ?? 0;
  if (isLast > (kind === calibrationKind.marker ? 1 : 0)) return 'E_DATAGRAM_FIELD';
  into.kind = kind;
  into.isLast = isLast === 1;
  into.sessionCounter = readUint32(bytes, start + at.sessionCounter);
  into.sessionRandom = readUint32(bytes, start + at.sessionRandom);
  into.sequence = readUint64(bytes, start + at.sequence);
  into.step = readUint16(bytes, start + calibrationAt.step);
  into.steps = readUint16(bytes, start + calibrationAt.steps);
  into.rateKilobitsPerSecond = readUint32(bytes, start + calibrationAt.rateKilobitsPerSecond);
  into.datagrams = readUint32(bytes, start + calibrationAt.datagrams);
  into.index = readUint32(bytes, start + calibrationAt.index);
  into.kept = bytes[start + calibrationAt.kept] ?? 0;
  const isWithin =
    into.sequence <= Number.MAX_SAFE_INTEGER &&
    into.steps <= limits.calibrationStepsMax &&
    into.step < into.steps &&
    into.rateKilobitsPerSecond >= 1 &&
    into.datagrams >= 1 &&
    into.datagrams <= limits.calibrationDatagramsMax &&
    into.index < (kind === calibrationKind.marker ? limits.calibrationMarkersMax : into.datagrams) &&
    into.kept === (kind === calibrationKind.marker ? into.step + 1 : 0);
  return isWithin ? undefined : 'E_DATAGRAM_FIELD';
}

/** The rate kept in a step, in kilobits per second, from a marker that contains it. */
export function readKeptRate(bytes: Uint8Array, step: number, start = 0): number {
  return readUint32(bytes, start + calibrationAt.keptKilobitsPerSecond + 4 * step);
}

/** The run that a datagram belongs to: sender and session, as hexadecimal. */
export function runOf(bytes: Uint8Array, start = 0): string {
  const from = start + at.senderId;
  return Buffer.from(bytes.slice(from, from + senderIdBytes + 8)).toString('hex');
}

function isCalibrationKind(value: number): value is CalibrationKind {
  return value === calibrationKind.measured || value === calibrationKind.marker;
}
