/**
 * Goal: what happened to a study can be read on both sides, each fact once and in order, also over restarts and power
 * cuts. Method: single studies in the simulated world, followed from the scanner to the inbox.
 */
import { describe, expect, it } from 'vitest';
import type { Event } from '../../shared/program/event-catalogue.ts';
import type { Events } from '../../shared/program/events.ts';
import { priority } from '../../shared/wire/manifest.ts';
import { Random } from '../harness/random.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { checkReceiverEvents, checkSenderEvents } from './event-invariants.ts';
import { runFor, smallWorld } from './small-world.ts';
import type { World } from './world.ts';

const hourMs = 3_600_000;
/** Steps of one side before which its power is cut, in turn: what a study of one instance takes. */
const cutsMax = 120;

function take(
  world: World,
  random: Random,
  instances: number,
  patientIds = ['EVENTS'],
  studyUid = uidFrom(random),
) {
  const seriesUid = uidFrom(random);
  for (let count = 0; count < instances; count += 1) {
    const sopInstanceUid = uidFrom(random);
    const patientId = patientIds[count % patientIds.length] ?? '';
    const names = { patientId, patientName: `SYNTHETIC^${patientId}` };
    const uids = { studyUid, seriesUid, sopInstanceUid };
    const bytes = smallInstance({ ...uids, ...names, approximateBytes: 5000, random });
    world.take({ bytes, studyUid, sopInstanceUid }, priority.routine);
  }
  return studyUid;
}

/** What became of a study. Alarms about it come a moment later. */
const story = (events: Events, studyUid: string) =>
  events.newest({ studyUid }, 1000).filter(({ kind }) => !kind.startsWith('alarm-'));
const kinds = (events: readonly Event[]) => events.map(({ kind }) => kind);

describe('a study', () => {
  it('has its story on both sides, each fact once and in order', () => {
    const world = smallWorld({ retainForMs: 24 * hourMs });
    const studyUid = take(world, new Random(2), 5);
    runFor(world, 20_000);
    const { low, high } = world;
    const senderId = low.senderId;
    const of = { senderId, studyUid };
    expect(story(low.ledger.events, studyUid)).toMatchObject([
      { ...of, kind: 'taken-in', instances: 5 },
      { ...of, kind: 'closed', studyNumber: 1, revision: 1, instances: 5, because: 'quiet' },
      { ...of, kind: 'transmitted', studyNumber: 1, revision: 1, instances: 5, passes: 2, unreadable: 0 },
    ]);
    const there = story(high.ledger.events, studyUid);
    // Instances may come before or behind the list that names them, and in groups.
    expect([...new Set(kinds(there))].sort()).toEqual(['announced', 'complete', 'received', 'released']);
    expect(kinds(there).slice(-2)).toEqual(['complete', 'released']);
    expect(there).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ ...of, kind: 'received', instances: 5 }),
        expect.objectContaining({ ...of, kind: 'announced', studyNumber: 1, revision: 1, instances: 5 }),
        expect.objectContaining({ ...of, kind: 'complete', studyNumber: 1, revision: 1, instances: 5 }),
        expect.objectContaining({
          ...of,
          ...{ kind: 'released', revision: 1, as: 'study', to: 'inbox', target: studyUid },
          ...{ instances: 5, expected: 5 },
        }),
      ]),
    );
    expect(there).toHaveLength(4);
    expect(high.ledger.events.newest({ kind: 'sender-heard' }, 9)).toMatchObject([{ senderId }]);
    // The carousel repeats it, and tells nothing new.
    runFor(world, 300_000);
    expect(story(low.ledger.events, studyUid)).toHaveLength(3);
    world.darkness(25 * hourMs, {});
    expect(kinds(story(low.ledger.events, studyUid)).slice(3)).toEqual(['expired']);
    expect(story(high.ledger.events, studyUid)).toEqual(there);
  });

  it('with a late instance has a second revision in its story', () => {
    const world = smallWorld();
    const random = new Random(3);
    const studyUid = take(world, random, 3);
    runFor(world, 20_000);
    take(world, random, 1, ['EVENTS'], studyUid);
    runFor(world, 20_000);
    expect(story(world.high.ledger.events, studyUid).at(-1)).toMatchObject({
      ...{ kind: 'released', revision: 2, as: 'supplement', instances: 1, expected: 4 },
    });
    const transmitted = world.low.ledger.events.newest({ kind: 'transmitted' }, 9);
    expect(transmitted).toMatchObject([{ revision: 1 }, { revision: 2, instances: 4 }]);
    checkReceiverEvents(world.high.ledger);
    checkSenderEvents(world.low.ledger);
  });

  it('that misses something is incomplete once, and complete when the rest came', () => {
    const world = smallWorld({ carouselGapMs: 300_000 });
    const random = new Random(4);
    world.changeChannel({ lossProbability: 1 });
    const studyUid = take(world, random, 3);
    runFor(world, 900);
    world.changeChannel({});
    take(world, random, 1, ['EVENTS'], studyUid);
    runFor(world, 200_000);
    const { events } = world.high.ledger;
    expect(story(events, studyUid).at(-1)).toMatchObject({ kind: 'incomplete', instances: 1, expected: 4 });
    expect(kinds(story(events, studyUid))).not.toContain('complete');
    runFor(world, 300_000);
    const there = kinds(story(events, studyUid));
    expect(there.filter((kind) => kind === 'incomplete')).toHaveLength(1);
    expect(there.slice(-2)).toEqual(['complete', 'released']);
  });

  it('of two patients is held, and told of as complete and not as released', () => {
    const world = smallWorld();
    const studyUid = take(world, new Random(5), 4, ['ONE', 'TWO']);
    runFor(world, 20_000);
    const there = story(world.high.ledger.events, studyUid);
    expect(there.at(-1)).toMatchObject({ kind: 'held', code: 'E_PATIENT_MISMATCH', instances: 4 });
    expect(kinds(there)).toContain('complete');
    expect(kinds(there)).not.toContain('released');
  });
});

describe('an event', () => {
  it.each([11, 12, 13, 14, 15, 16])(
    'is there if and only if what it says is, over power cuts and restarts (seed %i)',
    (seed) => {
      const world = smallWorld({ seed });
      const random = new Random(seed);
      const studies: string[] = [];
      for (let round = 0; round < 8; round += 1) {
        studies.push(take(world, random, 1 + random.integer(4)));
        world.low.power.cutAfter(random.integer(60));
        world.high.power.cutAfter(random.integer(120));
        runFor(world, 1000 + random.integer(4000));
        checkReceiverEvents(world.high.ledger);
        checkSenderEvents(world.low.ledger);
      }
      expect(world.powerCuts).toBeGreaterThan(1);
      for (const side of [world.low, world.high]) side.power.cutAfter(Number.POSITIVE_INFINITY);
      expect(world.run(world.clock.monotonicMs() + hourMs, () => world.allReleased && world.low.done)).toBe(
        true,
      );
      for (const studyUid of studies) {
        expect(kinds(story(world.high.ledger.events, studyUid))).toContain('released');
        expect(kinds(story(world.low.ledger.events, studyUid))).toContain('transmitted');
      }
      checkReceiverEvents(world.high.ledger);
      checkSenderEvents(world.low.ledger);
    },
  );

  it.each(['low', 'high'] as const)(
    'is there if and only if what it says is, wherever the power of the %s side is cut',
    (side) => {
      let cuts = 0;
      for (let steps = 1; steps <= cutsMax; steps += 1) {
        const world = smallWorld({ channel: {}, carouselShare: 0.5, carouselGapMs: 1000 });
        world[side].power.cutAfter(steps);
        const studyUid = take(world, new Random(6), 1);
        // Looked at while what the cut left is there as it was left.
        world.run(world.clock.monotonicMs() + 20_000, () => world.powerCuts > 0);
        checkReceiverEvents(world.high.ledger);
        checkSenderEvents(world.low.ledger);
        if (world.powerCuts === 0) break;
        cuts += 1;
        world[side].power.cutAfter(Number.POSITIVE_INFINITY);
        const isTold = () => {
          const there = kinds(story(world.high.ledger.events, studyUid));
          return (
            there.includes('released') &&
            kinds(story(world.low.ledger.events, studyUid)).includes('transmitted')
          );
        };
        expect(world.run(world.clock.monotonicMs() + 60_000, isTold)).toBe(true);
        checkReceiverEvents(world.high.ledger);
        checkSenderEvents(world.low.ledger);
      }
      expect(cuts).toBeGreaterThan(30);
    },
  );
});
