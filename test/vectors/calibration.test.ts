/**
 * Goal: a calibration's datagrams say what the vectors say, to this program and to a second reading of the page; bad
 * ones are refused; a receiver that does not calibrate counts them all and lets none of them have an effect.
 */
import { describe, expect, it } from 'vitest';
import { Assembler } from '../../receiver/assemble/assembler.ts';
import { Admission } from '../../receiver/link/admission.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import { CalibrationDatagram, readCalibration, readKeptRate, runOf } from '../../shared/wire/calibration.ts';
import { protection } from '../../shared/wire/datagram.ts';
import type { CalibrationVector } from './cases/calibration.ts';
import { identity, keyId, secret } from './cases/parties.ts';
import { readCalibration as readAgain } from './second-calibration-reading.ts';
import { fromHex, readVectors } from './vector-file.ts';

const vectors = readVectors<CalibrationVector>('calibration');

describe('calibration', () => {
  it.each(vectors)('$name', (vector) => {
    const datagram = fromHex(vector.datagram);
    const read = new CalibrationDatagram();
    const code = readCalibration(datagram, read);
    const again = readAgain(datagram, secret);
    if ('error' in vector) {
      expect([code, again]).toEqual([vector.error, undefined]);
      return;
    }
    expect(code).toBeUndefined();
    const { sessionCounter, sessionRandom, kept, ...fields } = read;
    const keptKilobitsPerSecond = Array.from({ length: kept }, (_, step) => readKeptRate(datagram, step));
    expect({ ...fields, keptKilobitsPerSecond }).toEqual(vector.calibration);
    expect([sessionCounter, sessionRandom]).toEqual([1_800_000_000, 0x0badcafe]);
    expect(runOf(datagram)).toBe('0102030405060708' + '6b49d200' + '0badcafe');
    expect(again).toEqual(vector.calibration);
  });

  it('is counted by a receiver, and has no effect there', () => {
    const secrets = new Map([[keyId, secret]]);
    const admission = new Admission(identity.parameters.datagramBytes, secrets);
    const assembler = new Assembler({
      datagramBytes: identity.parameters.datagramBytes,
      protection: protection.sealed,
      secrets,
      code: createErasureCode('reference'),
      memoryBytes: 1e6,
      openObjectsMax: 16,
      sinkFor: () => undefined,
      spill: { store: () => false, take: () => undefined, drop: () => {} },
      onObject: () => expect.unreachable(),
      onProblem: () => expect.unreachable(),
    });
    // All but the one of another type.
    const datagrams = vectors
      .filter(({ name }) => name !== 'type 6')
      .map(({ datagram }) => fromHex(datagram));
    for (const datagram of datagrams) {
      expect(admission.admit(datagram)).toBe(true);
      assembler.receive(datagram, 0);
    }
    expect(assembler.counters.ofCalibration).toBe(datagrams.length);
    expect(assembler.counters.refused.size).toBe(0);
    // Sequences jump by 2^40 in these; what a calibration loses is no loss of the link's traffic.
    expect([assembler.datagramsLost, assembler.openObjects]).toEqual([0, 0]);
  });
});
