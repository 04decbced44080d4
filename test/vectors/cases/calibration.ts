/** Vectors of a calibration's datagrams: what each says, or that it is refused. */
import { deriveTagKey } from '../../../shared/crypto/keys.ts';
import { DatagramTag } from '../../../shared/crypto/siphash.ts';
import {
  type CalibrationStepFields,
  calibrationAt,
  writeCalibrationIndex,
  writeCalibrationMarker,
  writeCalibrationStep,
} from '../../../shared/wire/calibration.ts';
import { at, writeSequence } from '../../../shared/wire/datagram.ts';
import { limits } from '../../../shared/wire/limits.ts';
import { hex, type Named, type Refused } from '../vector-file.ts';
import { identity, secret, session } from './parties.ts';

export interface CalibrationFields {
  readonly kind: number;
  readonly sequence: number;
  readonly step: number;
  readonly steps: number;
  readonly isLast: boolean;
  readonly rateKilobitsPerSecond: number;
  readonly datagrams: number;
  readonly index: number;
  readonly keptKilobitsPerSecond: readonly number[];
}

export type CalibrationVector = Named & { readonly datagram: string } & (
    | { readonly calibration: CalibrationFields }
    | Refused
  );

export const calibrationAbout =
  'Datagrams of a calibration, 512 bytes, key 4660 with the secret 000102..1f: what each says, or that a receiver that calibrates refuses it. One that receives counts each of them and does nothing else.';

const tag = new DatagramTag(deriveTagKey(secret));

export function calibrationVectors(): CalibrationVector[] {
  const first: CalibrationStepFields = { step: 0, steps: 3, rateKilobitsPerSecond: 100_000, datagrams: 8000 };
  const largest: CalibrationStepFields = {
    step: limits.calibrationStepsMax - 1,
    steps: limits.calibrationStepsMax,
    rateKilobitsPerSecond: 0xffff_ffff,
    datagrams: limits.calibrationDatagramsMax,
  };
  const all = Array.from({ length: limits.calibrationStepsMax }, (_, step) => 0xffff_ffff - step);
  const measured = written(first, 17, 42);
  const marker = written(first, 4, 43, [99_873]);
  const refused = (name: string, from: Uint8Array, offset: number, bytes: readonly number[]) => {
    const copy = from.slice();
    copy.set(bytes, offset);
    tag.write(copy);
    return { name, datagram: hex(copy), error: 'E_DATAGRAM_FIELD' } as const;
  };
  return [
    described('measured', measured, []),
    described('the last one of the largest step', written(largest, largest.datagrams - 1, 2 ** 40), []),
    described('a marker', marker, [99_873]),
    described('a marker that tells a rate of zero', written(first, 0, 44, [0]), [0]),
    described('the last marker of the longest run', written(largest, 15, 2 ** 41, all, true), all),
    refused('type 6', measured, at.type, [6]),
    refused('protection 0', measured, at.protection, [0]),
    refused('a sequence number of 2^53', measured, at.sequence, [0, 0x20, 0, 0, 0, 0, 0, 0]),
    refused('format 2', measured, calibrationAt.format, [2]),
    refused('kind 0', measured, calibrationAt.kind, [0]),
    refused('kind 3', measured, calibrationAt.kind, [3]),
    refused('a step behind the last', measured, calibrationAt.step, [0, 3]),
    refused('more steps than the limit', measured, calibrationAt.steps, [0, limits.calibrationStepsMax + 1]),
    refused('no steps', measured, calibrationAt.steps, [0, 0]),
    refused('measured, and the last marker', measured, calibrationAt.isLast, [1]),
    refused('neither last nor not', marker, calibrationAt.isLast, [2]),
    refused('measured, and tells rates', measured, calibrationAt.kept, [1]),
    refused('a marker that tells no rate', marker, calibrationAt.kept, [0]),
    refused('a marker that tells more rates than steps so far', marker, calibrationAt.kept, [2]),
    refused('a rate of zero', measured, calibrationAt.rateKilobitsPerSecond, [0, 0, 0, 0]),
    refused('a step of no datagrams', measured, calibrationAt.datagrams, [0, 0, 0, 0]),
    refused('a step of 2^24 + 1 datagrams', measured, calibrationAt.datagrams, [1, 0, 0, 1]),
    refused('a place behind the step', measured, calibrationAt.index, [0, 0, 0x1f, 0x40]),
    refused('marker 16', marker, calibrationAt.index, [0, 0, 0, 16]),
  ];
}

function written(
  step: CalibrationStepFields,
  index: number,
  sequence: number,
  kept?: readonly number[],
  isLast = false,
): Uint8Array {
  const { senderId, keyId, parameters } = identity;
  const datagram = new Uint8Array(parameters.datagramBytes);
  const run = {
    datagramBytes: parameters.datagramBytes,
    keyId,
    protection: parameters.protection,
    maximumSourceSymbols: parameters.sourceSymbols,
    senderId,
    sessionCounter: session.counter,
    sessionRandom: session.random,
  };
  writeCalibrationStep(datagram, run, step);
  if (kept !== undefined) writeCalibrationMarker(datagram, kept, isLast);
  writeCalibrationIndex(datagram, index);
  writeSequence(datagram, sequence);
  tag.write(datagram);
  return datagram;
}

/** What a datagram says, read field by field here and not by the code that the vectors check. */
function described(
  name: string,
  datagram: Uint8Array,
  keptKilobitsPerSecond: readonly number[],
): CalibrationVector {
  const bytes = Buffer.from(datagram);
  return {
    name,
    datagram: hex(datagram),
    calibration: {
      kind: bytes.readUInt8(73),
      sequence: Number(bytes.readBigUInt64BE(28)),
      step: bytes.readUInt16BE(74),
      steps: bytes.readUInt16BE(76),
      isLast: bytes.readUInt8(78) === 1,
      rateKilobitsPerSecond: bytes.readUInt32BE(80),
      datagrams: bytes.readUInt32BE(84),
      index: bytes.readUInt32BE(88),
      keptKilobitsPerSecond,
    },
  };
}
