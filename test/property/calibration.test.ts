/**
 * Goal: what a calibration says of a step rests on that step's datagrams alone, whatever was lost, and whatever comes late
 * or a second time. Else a link or a replay could make a rate look better than it is.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CalibrationRun } from '../../receiver/calibrate/calibration-run.ts';
import {
  writeCalibrationIndex,
  writeCalibrationMarker,
  writeCalibrationStep,
} from '../../shared/wire/calibration.ts';
import { protection } from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';

const run = {
  datagramBytes: limits.datagramBytesMin,
  keyId: 1,
  protection: protection.sealed,
  maximumSourceSymbols: 200,
  senderId: new Uint8Array(8).fill(7),
  sessionCounter: 5,
  sessionRandom: 9,
};
const [steps, datagrams, markers] = [5, 12, 2] as const;

interface Sent {
  readonly step: number;
  /** Undefined for a marker. */
  readonly index: number | undefined;
}

const all: readonly Sent[] = Array.from({ length: steps }, (_, step) => [
  ...Array.from({ length: datagrams }, (_, index): Sent => ({ step, index })),
  ...Array.from({ length: markers }, (): Sent => ({ step, index: undefined })),
]).flat();

function bytesOf({ step, index }: Sent): Uint8Array {
  const bytes = new Uint8Array(run.datagramBytes);
  writeCalibrationStep(bytes, run, { step, steps, rateKilobitsPerSecond: 1000 * (step + 1), datagrams });
  if (index === undefined) {
    const kept = Array.from({ length: step + 1 }, (_, each) => 1000 * (each + 1));
    writeCalibrationMarker(bytes, kept, step === steps - 1);
  } else writeCalibrationIndex(bytes, index);
  return bytes;
}

/** Each datagram is lost or comes, and some come again, or only, much later. Now and then a whole step is lost. */
const arrivals = fc
  .record({
    lost: fc.array(fc.boolean(), { minLength: all.length, maxLength: all.length }),
    lostSteps: fc.uniqueArray(fc.nat(steps - 1), { maxLength: 3 }),
    late: fc.array(fc.record({ which: fc.nat(all.length - 1), behind: fc.nat(all.length) }), {
      maxLength: 20,
    }),
  })
  .map(({ lost, lostSteps, late }) =>
    all.flatMap((sent, position) => [
      ...(lost[position] === true || lostSteps.includes(sent.step) ? [] : [sent]),
      ...late
        .filter(({ which, behind }) => which + behind === position)
        .flatMap(({ which }) => all[which] ?? []),
    ]),
  );

it('says of each step what came of that step, and no more', () => {
  fc.assert(
    fc.property(arrivals, (came) => {
      const calibration = new CalibrationRun();
      for (const sent of came) calibration.receive(bytesOf(sent));
      for (const { step, received, bursts, rateKilobitsPerSecond } of calibration.results()) {
        const indexes = came.filter((sent) => sent.step === step && sent.index !== undefined);
        expect(received).toBeLessThanOrEqual(new Set(indexes.map(({ index }) => index)).size);
        if (rateKilobitsPerSecond === undefined) continue;
        const missing = [...bursts].reduce((sum, [length, times]) => sum + length * times, 0);
        expect([rateKilobitsPerSecond, missing]).toEqual([1000 * (step + 1), datagrams - received]);
      }
    }),
    { numRuns: 1000, seed: 1 },
  );
});

it('goes on with a step when something of an earlier one comes late', () => {
  const calibration = new CalibrationRun();
  const first = (step: number): Sent => ({ step, index: 0 });
  // Step 1 was lost, all of it.
  for (const sent of [first(0), first(2), first(1), { step: 1, index: undefined }])
    calibration.receive(bytesOf(sent));
  for (let index = 1; index < datagrams; index += 1) calibration.receive(bytesOf({ step: 2, index }));
  expect(calibration.results().map(({ received }) => received)).toEqual([1, 0, datagrams]);
});
