/**
 * Datagrams of a calibration, as a sender that has gone bad would send them: whole fields changed, cut, lengthened. They
 * passed the tag, so one run takes them all, and what one leaves behind meets the next.
 */
import { CalibrationRun, type StepResult } from '../../../receiver/calibrate/calibration-run.ts';
import { assert } from '../../../shared/assert.ts';
import {
  calibrationAt,
  writeCalibrationIndex,
  writeCalibrationMarker,
  writeCalibrationStep,
} from '../../../shared/wire/calibration.ts';
import { at, protection } from '../../../shared/wire/datagram.ts';
import { limits } from '../../../shared/wire/limits.ts';
import type { Random } from '../../harness/random.ts';
import type { FuzzTarget } from '../fuzz-target.ts';
import { changeFields, mutate } from '../mutate.ts';

const datagramBytes = limits.datagramBytesMin;
const fields = [
  [at.protection, 1],
  [at.senderId, 8],
  [at.sessionCounter, 4],
  [at.sequence, 8],
  [calibrationAt.format, 1],
  [calibrationAt.kind, 1],
  [calibrationAt.step, 2],
  [calibrationAt.steps, 2],
  [calibrationAt.isLast, 1],
  [calibrationAt.kept, 1],
  [calibrationAt.rateKilobitsPerSecond, 4],
  [calibrationAt.datagrams, 4],
  [calibrationAt.index, 4],
  [calibrationAt.keptKilobitsPerSecond, 4],
] as const;

const calibration = new CalibrationRun();

function sound(random: Random): Uint8Array {
  const bytes = new Uint8Array(datagramBytes);
  const steps = random.between(1, limits.calibrationStepsMax);
  const step = random.integer(steps);
  const datagrams = random.between(1, 100);
  const run = {
    datagramBytes,
    keyId: 1,
    protection: protection.sealed,
    maximumSourceSymbols: 200,
    senderId: new Uint8Array(8).fill(7),
    sessionCounter: 1 + random.integer(3),
    sessionRandom: 9,
  };
  writeCalibrationStep(bytes, run, {
    step,
    steps,
    rateKilobitsPerSecond: 1 + random.integer(1e6),
    datagrams,
  });
  if (random.chance(0.3)) {
    const kept = Array.from({ length: step + 1 }, () => random.integer(1e6));
    writeCalibrationMarker(bytes, kept, step === steps - 1);
  } else writeCalibrationIndex(bytes, random.integer(datagrams));
  return bytes;
}

function changed(random: Random): Uint8Array {
  const bytes = sound(random);
  if (random.chance(0.3)) {
    // What is admitted has the length that the link has.
    const other = mutate(bytes, random, sound(random)).subarray(0, datagramBytes);
    bytes.fill(0).set(other);
    return bytes;
  }
  changeFields(bytes, fields, random);
  return bytes;
}

function check({ datagrams, received, reordered, bursts }: StepResult): void {
  const missing = [...bursts].reduce((sum, [length, times]) => sum + length * times, 0);
  assert(missing + received === (datagrams ?? 0), 'each datagram of a step came or is in a burst');
  assert(reordered <= received, 'what overtook others came');
}

export const calibrationTarget: FuzzTarget = {
  name: 'calibration',
  input: (random) => (random.integer(4) === 0 ? sound(random) : changed(random)),
  run: (input, random) => {
    const { refused } = calibration;
    const ended = calibration.receive(input);
    if (random.chance(0.1)) {
      const results = calibration.results();
      assert(results.length <= limits.calibrationStepsMax, 'no more steps than planned');
      for (const result of results) check(result);
    }
    if (calibration.refused > refused) return 'refused';
    return ended === undefined ? 'taken' : 'a step ended';
  },
};
