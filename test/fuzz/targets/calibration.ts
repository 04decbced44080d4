/**
 * Datagrams of a calibration, as a sender that has gone bad would send them: whole fields changed, cut, lengthened. They
 * passed the tag, so one receiving side takes them all, and what one leaves behind meets the next. It begins anew now and then:
 * behind a run with the highest of all counters every other one would be refused.
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

/** A plan that all sound ones are of, or most would only be of another one than those before. */
const steps = 8;
const datagramsOf = (step: number): number => 20 + step;
const inputsOfASide = 100;

let calibration = new CalibrationRun();
let inputs = 0;

function sound(random: Random): Uint8Array {
  const bytes = new Uint8Array(datagramBytes);
  // The early ones more often: behind a late one they are over.
  const step = Math.min(random.integer(steps), random.integer(steps), random.integer(steps));
  const datagrams = datagramsOf(step);
  const run = {
    datagramBytes,
    keyId: 1,
    protection: protection.sealed,
    maximumSourceSymbols: 200,
    senderId: new Uint8Array(8).fill(7),
    sessionCounter: random.chance(0.01) ? 2 : 1,
    sessionRandom: 9,
  };
  writeCalibrationStep(bytes, run, {
    step,
    steps,
    rateKilobitsPerSecond: 1000 * (1 + step),
    datagrams,
  });
  if (random.chance(0.05)) {
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
  // Seldom: another run with a high counter is followed from then on, and the one of the plan is over.
  if (random.chance(0.002)) random.fill(bytes.subarray(at.sessionCounter, at.sessionCounter + 4));
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
    if (inputs % inputsOfASide === 0) calibration = new CalibrationRun();
    inputs += 1;
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
