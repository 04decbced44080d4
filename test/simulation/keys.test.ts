/**
 * Goal: keys change while studies cross, and nothing is lost, doubled or wrong; a key that left the ring opens
 * nothing; a recording of the link changes nothing. Method: real sender and receiver in virtual time, compared by
 * what stands in the inbox and in the receiver's ledger.
 */
import { describe, expect, it } from 'vitest';
import { protection } from '../../shared/wire/datagram.ts';
import { Random } from '../harness/random.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { inboxFolder } from './high-side.ts';
import { PowerCut } from './power-switch.ts';
import { World } from './world.ts';

const dayMs = 86_400_000;
const newKey = { keyId: 2, secret: new Uint8Array(32).fill(2) };
const newSecrets = new Map([[newKey.keyId, newKey.secret]]);
const instancesPerStudy = 6;

function hospital(seed: number) {
  const random = new Random(seed, '/keys');
  const shape = { datagramBytes: 512, sourceSymbols: 20, repairSymbols: 8, openBlocks: 8 };
  const world = new World({
    seed,
    parameters: { ...shape, protection: protection.sealed },
    openBlocks: shape.openBlocks,
    passCount: 2,
    passGapMs: 200,
    carouselShare: 0.25,
    carouselGapMs: 5000,
    quietSeconds: 1,
    rateMegabitsPerSecond: 5,
    channel: { lossProbability: 0.02, latencyMs: 1 },
    memoryBytes: 8_000_000,
    spillBytes: 1_000_000,
    deadlineMs: 60_000,
  });
  const oldSecrets = new Map([[1, new Random(seed).fork('secret').fork(0).bytes(32)]]);
  const putStudy = () => {
    const studyUid = uidFrom(random);
    for (let number = 0; number < instancesPerStudy; number += 1) {
      const sopInstanceUid = uidFrom(random);
      const seriesUid = uidFrom(random);
      const names = { studyUid, seriesUid, sopInstanceUid, patientId: 'P', patientName: 'SYNTHETIC' };
      const bytes = smallInstance({ ...names, approximateBytes: 12_000, random });
      world.take({ bytes, studyUid, sopInstanceUid });
    }
    return studyUid;
  };
  const rows = () =>
    world.high.ledger.studies
      .newest(100)
      .flatMap(({ senderId, studyUid }) => world.high.ledger.instances.ofStudy(senderId, studyUid));
  /** What a person and a program can see of the high side. */
  const state = () => ({
    inbox: [...world.high.disk.contents(inboxFolder).keys()].sort(),
    rows: rows().map(({ objectId, releasedRevision, heldBecause }) => [
      objectId,
      releasedRevision,
      heldBecause,
    ]),
    studies: world.high.ledger.studies
      .newest(100)
      .map((study) => JSON.stringify(study))
      .sort(),
    senders: world.high.ledger.senders.all(),
    releases: world.high.releases.length,
  });
  const runUntilReleased = () => {
    const end = world.clock.monotonicMs() + 600_000;
    const settled = () => world.low.done && world.allReleased;
    expect(world.run(end, settled)).toBe(true);
    world.run(world.clock.monotonicMs() + 3000);
  };
  const codes = () => world.high.alarms.standing().map(({ code }) => code);
  return { world, oldSecrets, putStudy, rows, state, runUntilReleased, codes };
}

/** Runs until part of the last study is there: between its first and its last instance. */
function runHalfWay({ world, rows }: ReturnType<typeof hospital>, from: number): void {
  const there = () => rows().length > from && rows().length < from + instancesPerStudy;
  expect(world.run(world.clock.monotonicMs() + 60_000, there)).toBe(true);
}

describe('a key is changed', () => {
  it.each([1, 2, 3])('with both keys on both sides, in the middle of a study (seed %i)', (seed) => {
    const parts = hospital(seed);
    const { world, oldSecrets, putStudy, runUntilReleased, rows, codes } = parts;
    putStudy();
    runHalfWay(parts, 0);
    world.high.useSecrets(new Map([...oldSecrets, ...newSecrets]));
    world.low.useKeys({ ...newKey, otherSecrets: oldSecrets });
    putStudy();
    runUntilReleased();
    expect(rows()).toHaveLength(2 * instancesPerStudy);
    // What was planned before goes on under its key: no pass of it was in vain.
    const keys = world.low.ledger.objects.withPasses(2, 100).map(({ keyId }) => keyId);
    expect(new Set(keys)).toEqual(new Set([1, 2]));
    expect(world.high.admission.refused.E_DATAGRAM_KEY).toBe(0);
    expect(codes()).toEqual([]);
  });

  it.each([4, 5, 6])(
    'and the old one is revoked on both sides, in the middle of a study (seed %i)',
    (seed) => {
      const parts = hospital(seed);
      const { world, putStudy, runUntilReleased, rows, codes } = parts;
      const first = putStudy();
      runUntilReleased();
      const before = rows();
      putStudy();
      runHalfWay(parts, instancesPerStudy);
      world.high.useSecrets(newSecrets);
      world.low.useKeys(newKey);
      runUntilReleased();
      // The carousel brings everything that is kept, the first study under new ids as well.
      world.run(world.clock.monotonicMs() + 60_000);
      expect(rows().filter(({ studyUid }) => studyUid === first)).toEqual(before);
      expect(rows()).toHaveLength(2 * instancesPerStudy);
      expect(world.high.ledger.studies.get(before[0]?.senderId ?? '', first)?.newestRevision).toBe(2);
      expect(codes()).toEqual([]);
      world.checkNothingSilent(true);
      // After a restart the new ids are still known to be nothing new.
      world.restartHigh('power cut');
      world.run(world.clock.monotonicMs() + 60_000);
      expect(rows()).toHaveLength(2 * instancesPerStudy);
      expect(codes()).toEqual([]);
    },
  );

  it('and a power cut at any step of the change loses nothing', () => {
    for (let steps = 0; steps < 24; steps += 3) {
      const { world, putStudy, runUntilReleased, rows, codes } = hospital(7);
      putStudy();
      world.run(world.clock.monotonicMs() + 100);
      world.high.useSecrets(newSecrets);
      world.low.power.cutAfter(steps);
      try {
        world.low.useKeys(newKey);
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        world.restartLow(true);
      }
      world.restartHigh('power cut');
      runUntilReleased();
      expect(rows()).toHaveLength(instancesPerStudy);
      // What was on its way under the old key is refused, and somebody is told.
      expect(codes().filter((code) => code !== 'E_DATAGRAM_KEY')).toEqual([]);
    }
  });

  it('on the low side only: nothing is taken under a key the receiver does not have, until it has it', () => {
    const { world, putStudy, runUntilReleased, rows } = hospital(8);
    world.low.useKeys(newKey);
    putStudy();
    world.run(30_000);
    expect(rows()).toEqual([]);
    expect(world.high.admission.admitted).toBe(0);
    expect(world.high.admission.refused.E_DATAGRAM_KEY).toBeGreaterThan(100);
    world.high.useSecrets(newSecrets);
    runUntilReleased();
  });
});

describe('a recorded session is played again', () => {
  it('at once, next day and after restarts, and changes nothing', () => {
    const { world, putStudy, runUntilReleased, state, codes } = hospital(9);
    putStudy();
    runUntilReleased();
    const before = state();
    expect(before.inbox).toHaveLength(instancesPerStudy);
    for (const restart of [undefined, 'stop', 'power cut'] as const) {
      if (restart !== undefined) world.restartHigh(restart);
      world.replay(Number.POSITIVE_INFINITY);
      world.run(world.clock.monotonicMs() + 2000, () => false);
      expect({ ...state(), senders: before.senders }).toEqual(before);
      world.high.clock.jumpWall(dayMs);
    }
    expect(codes()).not.toContain('E_CONFLICT');
  });

  it('under a revoked key, and none of it is admitted', () => {
    const { world, putStudy, runUntilReleased, state } = hospital(10);
    putStudy();
    runUntilReleased();
    world.high.useSecrets(newSecrets);
    const before = { ...state(), admitted: world.high.admission.admitted };
    world.replay(1000);
    expect({ ...state(), admitted: world.high.admission.admitted }).toEqual(before);
    expect(world.high.admission.refused.E_DATAGRAM_KEY).toBeGreaterThan(0);
  });
});
