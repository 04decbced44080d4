/**
 * Goal: what goes wrong for a long time, or in the stores themselves, is made good without an operator; several
 * senders and receivers keep apart. Method: named situations in the simulated world, each from a seed.
 */
import { describe, expect, it } from 'vitest';
import { accountOfMissing } from '../../receiver/studies/missing.ts';
import { priority } from '../../shared/wire/manifest.ts';
import { Random } from '../harness/random.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { inboxFolder } from './high-side.ts';
import type { LowSide } from './low-side.ts';
import { runFor, smallWorld } from './small-world.ts';
import type { World } from './world.ts';

const hourMs = 3_600_000;

/** Gives a study to a sender. @returns its UID */
function take(
  world: World,
  random: Random,
  instances: number,
  options: { studyUid?: string; low?: LowSide; urgency?: 1 | 2; bytes?: number } = {},
): string {
  const study = { studyUid: options.studyUid ?? uidFrom(random), seriesUid: uidFrom(random) };
  for (let count = 0; count < instances; count += 1) {
    const sopInstanceUid = uidFrom(random);
    const bytes = smallInstance({
      ...study,
      sopInstanceUid,
      patientId: 'RECOVERY',
      patientName: 'SYNTHETIC^RECOVERY',
      approximateBytes: options.bytes ?? 5000,
      random,
    });
    world.take(
      { bytes, studyUid: study.studyUid, sopInstanceUid },
      options.urgency ?? priority.routine,
      options.low,
    );
  }
  return study.studyUid;
}

const runUntil = (world: World, ms: number, until: () => boolean) =>
  world.run(world.clock.monotonicMs() + ms, until);
const folders = (world: World, high = world.high) =>
  new Set([...high.disk.contents(inboxFolder).keys()].map((path) => path.split('/')[0]));

describe('a receiver that was away', () => {
  it('for a weekend catches up by itself, the newest study first among equals', () => {
    const world = smallWorld();
    const random = new Random(2);
    const before = take(world, random, 3);
    runFor(world, 10_000);
    expect(folders(world)).toEqual(new Set([before]));
    world.changeChannel({ lossProbability: 1 });
    const missed = Array.from({ length: 10 }, () => {
      const studyUid = take(world, random, 2);
      runFor(world, 5000);
      return studyUid;
    });
    world.darkness(64 * hourMs, { lossProbability: 0.03, latencyMs: 1 });
    expect(folders(world).size).toBe(1);
    expect(runUntil(world, 12 * hourMs, () => world.allReleased)).toBe(true);
    expect(folders(world)).toEqual(new Set([before, ...missed]));
    world.checkNothingSilent(true);
  });

  it('for longer than studies are kept names every one of them', () => {
    const world = smallWorld({ retainForMs: 24 * hourMs });
    const random = new Random(3);
    take(world, random, 1);
    runFor(world, 10_000);
    world.changeChannel({ lossProbability: 1 });
    const lost = [take(world, random, 3), take(world, random, 2)];
    runFor(world, 10_000);
    world.darkness(30 * hourMs, {});
    runFor(world, 60_000);
    expect(world.low.expired).toEqual(expect.arrayContaining(lost));
    expect(
      accountOfMissing(world.high.ledger, 100)
        .map(({ cause, studyNumber, studyUid, expected, expired }) => [
          cause,
          studyNumber,
          studyUid,
          expected,
          expired,
        ])
        .sort(),
    ).toEqual([
      ['study never seen', 2, lost[0], undefined, true],
      ['study never seen', 3, lost[1], undefined, true],
    ]);
  });
});

describe('a ledger that refuses to store', () => {
  it.each([1, 2, 3])('now and then, on either side, in the middle of anything (seed %i)', (seed) => {
    const world = smallWorld({ carouselGapMs: 5000, channel: { lossProbability: 0.1 } });
    const random = new Random(seed);
    const refusals = random.fork('refusals');
    let refused = 0;
    const refuses = () => {
      const isRefused = refusals.chance(0.3);
      if (isRefused) refused += 1;
      return isRefused;
    };
    world.low.ledgerRefuses = refuses;
    world.high.ledgerRefuses = refuses;
    const studies = Array.from({ length: 6 }, () => take(world, random, 4));
    runFor(world, 20_000);
    expect(refused).toBeGreaterThan(50);
    world.low.ledgerRefuses = () => false;
    world.high.ledgerRefuses = () => false;
    const isThere = (studyUid: string) => folders(world).has(studyUid);
    expect(runUntil(world, 600_000, () => studies.every(isThere))).toBe(true);
    const stands = () => [...world.low.alarms.standing(), ...world.high.alarms.standing()];
    const isRefusal = ({ code }: { code: string }) => code === 'E_DISK_FULL' || code === 'E_LEDGER';
    runUntil(world, 60_000, () => !stands().some(isRefusal));
    expect(stands().filter(isRefusal)).toEqual([]);
  });
});

describe('the carousel', () => {
  it('delays neither STAT nor first passes', () => {
    const waits = [0, 0.25].map((carouselShare) => {
      const world = smallWorld({ carouselShare, carouselGapMs: 1000, channel: { latencyMs: 1 } });
      const random = new Random(4);
      // Large objects, so that the carousel is in the middle of one most of the time.
      for (let study = 0; study < 2; study += 1) take(world, random, 1, { bytes: 4_000_000 });
      runFor(world, 30_000);
      const waited: number[] = [];
      for (let count = 0; count < 12; count += 1) {
        const urgency = count % 2 === 0 ? priority.stat : priority.routine;
        runFor(world, 533);
        const startedMs = world.clock.monotonicMs();
        const studyUid = take(world, random, 1, { urgency });
        runUntil(world, 60_000, () => folders(world).has(studyUid));
        waited.push(world.clock.monotonicMs() - startedMs);
      }
      return waited;
    });
    const [without = [], beside = []] = waits;
    expect(without).toHaveLength(12);
    // What is in the encoder's open blocks goes out first: some milliseconds, never a whole object.
    for (const [index, waited] of beside.entries()) expect(waited - (without[index] ?? 0)).toBeLessThan(250);
  });
});

describe('a vault and a spool that lost something', () => {
  it('collect it again, adopt what has no row, and keep the rest aside', () => {
    const world = smallWorld();
    const random = new Random(5);
    const { disk, ledger } = world.high;
    const whole = take(world, random, 3);
    runFor(world, 10_000);
    // A study of which some came, and no list yet.
    const partly = take(world, random, 4);
    runFor(world, 600);
    world.changeChannel({ lossProbability: 1 });
    take(world, random, 2, { studyUid: partly });
    runFor(world, 5000);
    const waiting = ledger.instances
      .ofStudy(world.low.senderId, partly)
      .filter((row) => row.releasedRevision === undefined);
    const [gone, cut] = waiting;
    const [released] = ledger.instances.ofStudy(world.low.senderId, whole);
    if (gone === undefined || cut === undefined || released === undefined)
      throw new Error('the scene is not set');
    const objects = '/high/vault/objects';
    disk.remove(`${objects}/${gone.objectId}`);
    disk.remove(`${objects}/${released.objectId}`);
    disk.remove(`${objects}/${cut.objectId}`);
    disk.open(`${objects}/${cut.objectId}`, 'create').writeAt(new Uint8Array(10), 0);
    disk.open(`${objects}/${'ab'.repeat(16)}`, 'create').writeAt(new Uint8Array(99), 0);
    world.restartHigh('kill', world.high, new Set([gone, cut, released].map(({ objectId }) => objectId)));
    runFor(world, 5000);
    expect(world.high.alarms.standing().map(({ code }) => code)).toContain('E_VAULT_DAMAGED');
    expect(disk.list('/high/vault/damaged')).toEqual([cut.objectId]);
    expect(disk.list('/high/vault/orphans')).toEqual(['ab'.repeat(16)]);
    expect(ledger.instances.get(gone.objectId)).toBeUndefined();
    expect(ledger.instances.get(released.objectId)?.releasedRevision).toBe(1);
    world.changeChannel({});
    expect(runUntil(world, hourMs, () => world.allReleased)).toBe(true);
    expect(runUntil(world, hourMs, () => disk.facts(`${objects}/${released.objectId}`) !== undefined)).toBe(
      true,
    );
    expect(ledger.files.lost('', 10)).toEqual([]);
    world.checkNothingSilent(true);
  });
});

describe('a full vault', () => {
  it('finishes what is there in part, begins nothing new, and recovers by itself', () => {
    const world = smallWorld({ carouselGapMs: 5000, channel: { lossProbability: 0.5 } });
    const random = new Random(6);
    const { disk, ledger } = world.high;
    const begun = take(world, random, 8);
    runUntil(world, 60_000, () => ledger.studies.get(world.low.senderId, begun)?.expected !== undefined);
    disk.capacityBytes = 2_000_000;
    // Far above high water, and room for what is begun.
    disk.open('/high/other', 'create').writeAt(new Uint8Array(disk.freeBytes().free - 80_000), 0);
    // The disk is measured every second.
    runFor(world, 1500);
    world.changeChannel({});
    const fresh = take(world, random, 1);
    runUntil(world, 600_000, () => folders(world).has(begun));
    runFor(world, 20_000);
    expect([folders(world).has(begun), folders(world).has(fresh)]).toEqual([true, false]);
    expect(world.high.pipeline.assembler.counters.noRoom).toBeGreaterThan(0);
    disk.remove('/high/other');
    expect(runUntil(world, hourMs, () => world.allReleased)).toBe(true);
  });
});

describe('several sides', () => {
  it('two senders with one Study UID never mix', () => {
    const world = smallWorld({ senders: 2 });
    const random = new Random(7);
    const [first, second] = world.lows;
    if (first === undefined || second === undefined) throw new Error('two senders');
    const studyUid = take(world, random, 3, { low: first });
    take(world, random, 2, { low: second, studyUid });
    expect(runUntil(world, 60_000, () => world.allReleased)).toBe(true);
    const names = [...folders(world)].sort();
    expect(names).toHaveLength(2);
    expect(names[0]).toBe(studyUid);
    expect([`${studyUid}.from-${first.senderId}`, `${studyUid}.from-${second.senderId}`]).toContain(names[1]);
  });

  it('two receivers on one fibre keep their own accounts', () => {
    const world = smallWorld({ receivers: 2, carouselShare: 0 });
    const random = new Random(8);
    const [, other] = world.highs;
    if (other === undefined) throw new Error('two receivers');
    other.disk.capacityBytes = 0;
    const studyUid = take(world, random, 3);
    runFor(world, 60_000);
    expect([folders(world), folders(world, other)]).toEqual([new Set([studyUid]), new Set()]);
    expect(accountOfMissing(world.high.ledger, 10)).toEqual([]);
    expect(accountOfMissing(other.ledger, 10)).toMatchObject([
      { cause: 'instances missing', studyUid, have: 0 },
    ]);
  });
});
