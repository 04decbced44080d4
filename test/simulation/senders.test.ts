/**
 * Goal: a sender speaks for itself alone, and goes on by itself whatever its clock, its counter or its disk image says.
 * Method: real senders and a real receiver in virtual time; a hostile one has a key of its own and knows everything of
 * the others but their keys.
 */
import { describe, expect, it } from 'vitest';
import { encodeBeacon } from '../../shared/wire/beacon.ts';
import { type ObjectType, objectType, protection } from '../../shared/wire/datagram.ts';
import { fingerprintOf } from '../../shared/wire/link-parameters.ts';
import { closeReason, encodeManifest, priority } from '../../shared/wire/manifest.ts';
import { encodeRollPage, rollState } from '../../shared/wire/roll.ts';
import { Random } from '../harness/random.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { datagramsOf } from '../unit/receiver/assemble/datagrams.ts';
import { inboxFolder } from './high-side.ts';
import { World } from './world.ts';

const parameters = {
  datagramBytes: 512,
  sourceSymbols: 20,
  repairSymbols: 8,
  protection: protection.sealed,
};
const counterMax = 2 ** 32 - 1;
const yearMs = 365.25 * 86_400_000;

function hospital(seed: number, senders = 1) {
  const random = new Random(seed, '/senders');
  const names = ['ct', 'mr', 'us'].map((name, index) => [index + 1, name] as const);
  const world = new World({
    seed,
    parameters,
    openBlocks: 8,
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
    senders,
    keyNames: { names: new Map(names), senders: new Map() },
  });
  const putStudy = (low = world.low) => {
    const studyUid = uidFrom(random);
    for (let number = 0; number < 4; number += 1) {
      const names = { studyUid, seriesUid: uidFrom(random), sopInstanceUid: uidFrom(random) };
      const patient = { patientId: 'P', patientName: 'SYNTHETIC' };
      const bytes = smallInstance({ ...names, ...patient, approximateBytes: 6000, random });
      world.take({ bytes, ...names }, priority.routine, low);
    }
    return studyUid;
  };
  const runFor = (ms: number) => world.run(world.clock.monotonicMs() + ms);
  const settle = () => {
    const end = world.clock.monotonicMs() + 120_000;
    expect(world.run(end, () => world.lows.every((low) => low.done) && world.allReleased)).toBe(true);
  };
  const alarms = () => world.high.alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  const beaconAge = (senderId: string) =>
    world.high.pipeline.senders.statuses().find((status) => status.senderId === senderId)?.beaconAgeMs;
  /** What who has the second key sends in the name of another sender. */
  const speakAs = (senderId: string, type: ObjectType, document: Uint8Array, keyId = 2) => {
    const secret = new Random(seed)
      .fork('secret')
      .fork(keyId - 1)
      .bytes(32);
    const from = { senderId: Buffer.from(senderId, 'hex'), keyId, secret, parameters };
    for (const datagram of datagramsOf(document, { type, from, session: counterMax }).datagrams)
      world.high.receive(datagram);
    world.high.step();
  };
  return { world, random, putStudy, runFor, settle, alarms, beaconAge, speakAs };
}

function beaconOf(senderId: string, highestStudyNumber: number): Uint8Array {
  const numbers = { queuedObjects: 0, queuedBytes: 0, oldestQueuedMs: 0, spoolBytes: 0, spoolFreeBytes: 1e9 };
  return encodeBeacon({
    senderId,
    sessionCounter: counterMax,
    sessionRandom: 5,
    beaconNumber: 1,
    fingerprint: fingerprintOf(parameters),
    parameters,
    clockMs: 0,
    upMs: 0,
    highestStudyNumber,
    lowestRetainedStudyNumber: 1,
    ...numbers,
    rejected: [],
    alarms: [],
  });
}

describe('who has another key', () => {
  it('can neither silence a sender nor send, revise or name a study of it', () => {
    const { world, putStudy, runFor, settle, alarms, beaconAge, speakAs } = hospital(1, 2);
    const studyUid = putStudy();
    settle();
    const honest = world.low.senderId;
    const before = world.high.ledger.senders.get(honest);
    const study = world.high.ledger.studies.get(honest, studyUid);
    const [newest] = world.high.ledger.manifests.above(honest, studyUid, 0);
    speakAs(honest, objectType.beacon, beaconOf(honest, 2 ** 50));
    const manifest = { closedBecause: closeReason.forced, priority: priority.routine, closedAtMs: 0 };
    const entries = newest?.entries.slice(0, 1) ?? [];
    const listed = { ...manifest, senderId: honest, studyUid, entries };
    speakAs(honest, objectType.manifest, encodeManifest({ ...listed, studyNumber: 1, revision: 2 }));
    const page = { sessionCounter: counterMax, sessionRandom: 5, rollNumber: 1, page: 0, pages: 1 };
    const row = { studyNumber: 9, revision: 1, instances: 1, state: rollState.retained, studyUid: '1.9' };
    const told = { ...page, senderId: honest, entries: [{ ...row, manifestId: '00'.repeat(16) }] };
    speakAs(honest, objectType.roll, encodeRollPage(told));
    speakAs(honest, objectType.instance, new Uint8Array(900).fill(1));
    runFor(3000);
    expect(world.high.ledger.studies.get(honest, studyUid)).toEqual(study);
    expect(world.high.ledger.senders.get(honest)).toMatchObject({
      sessionCounter: before?.sessionCounter,
      highestStudyNumber: before?.highestStudyNumber,
      keyId: 1,
    });
    expect(beaconAge(honest)).toBeLessThan(2000);
    expect(alarms()).toEqual([`E_SENDER_KEY ${honest}`]);
    expect(world.high.pipeline.assembler.openObjects).toBe(0);
    // What the honest one sends ends as ever, after a restart too.
    world.restartHigh('power cut');
    putStudy();
    settle();
    world.checkNothingSilent(true);
  });

  it('that was first to use the id of another is named to a person, who mends it', () => {
    const { world, putStudy, runFor, settle, alarms, beaconAge, speakAs } = hospital(2, 2);
    const honest = world.low.senderId;
    speakAs(honest, objectType.beacon, beaconOf(honest, 5), 2);
    putStudy();
    runFor(30_000);
    expect(world.high.disk.contents(inboxFolder).size).toBe(0);
    expect(alarms()).toContain(`E_SENDER_KEY ${honest}`);
    const { ledger, pipeline } = world.high;
    ledger.bindings.bind(honest, 'ct');
    pipeline.senders.corrected(honest);
    settle();
    runFor(15_000);
    expect(beaconAge(honest)).toBeLessThan(2000);
    expect(alarms()).toContain(`E_SENDER_SET_BACK ${honest}`);
    expect(alarms()).not.toContain(`E_SENDER_KEY ${honest}`);
  });

  it('with ids by chance takes no place of a new sender with its own key', () => {
    const { random, putStudy, settle, speakAs, alarms } = hospital(3, 2);
    for (let count = 0; count < 100; count += 1) {
      const senderId = Buffer.from(random.bytes(8)).toString('hex');
      speakAs(senderId, objectType.beacon, beaconOf(senderId, 2 ** 50), 2);
    }
    putStudy();
    settle();
    expect(alarms()).toContain('E_SENDER_PLACES mr');
    expect(alarms().length).toBeLessThan(120);
  });
});

describe('a sender', () => {
  it('is heard after its clock was wrong by more than a century, and set right again', () => {
    const { world, putStudy, runFor, settle, alarms, beaconAge } = hospital(4);
    putStudy();
    settle();
    for (const years of [143, -143, -20]) {
      world.low.clock.jumpWall(years * yearMs);
      world.restartLow(false);
      putStudy();
      settle();
      runFor(3000);
      expect(beaconAge(world.low.senderId)).toBeLessThan(2000);
      expect(alarms()).toEqual([]);
    }
  });

  it('whose session counter can not grow goes on under another id, with all that it keeps', () => {
    const { world, putStudy, runFor, settle, alarms, beaconAge } = hospital(5);
    putStudy();
    settle();
    const before = world.low.senderId;
    world.changeChannel({ lossProbability: 1 });
    const waiting = putStudy();
    runFor(5000);
    world.low.ledger.facts.set('sessionCounter', String(counterMax));
    world.restartLow(true);
    const now = world.low.senderId;
    expect(now).not.toBe(before);
    // To the receiver all of it is of another sender.
    world.expected.push(...world.expected.map((file) => ({ ...file, senderId: now })));
    world.changeChannel({ lossProbability: 0.02, latencyMs: 1 });
    runFor(60_000);
    expect(world.high.ledger.studies.get(now, waiting)?.state).toBe('released');
    expect(beaconAge(now)).toBeLessThan(2000);
    expect(alarms()).toEqual([`E_LOW_SIDE ${now} E_SENDER_RENEWED`, `E_NO_BEACON ${before}`]);
  });

  it('that was set back to an older image is believed after a silence, and a recording of it is not', () => {
    const { world, putStudy, runFor, settle, alarms, beaconAge } = hospital(6);
    for (let life = 0; life < 3; life += 1) {
      putStudy();
      settle();
      world.restartLow(false);
    }
    runFor(3000);
    const { senderId, ledger } = world.low;
    const counter = world.high.ledger.senders.get(senderId)?.sessionCounter ?? 0;
    ledger.facts.set('sessionCounter', '0');
    world.restartLow(true);
    runFor(8000);
    expect(world.high.ledger.senders.get(senderId)?.sessionCounter).toBe(counter);
    runFor(4000);
    expect(world.high.ledger.senders.get(senderId)).toMatchObject({
      sessionCounter: 1,
      setBackFrom: counter,
    });
    expect(beaconAge(senderId)).toBeLessThan(2000);
    expect(alarms()).toContain(`E_SENDER_SET_BACK ${senderId}`);
    // Everything that was recorded before was heard before.
    world.changeChannel({ lossProbability: 1 });
    runFor(20_000);
    world.replay(Number.POSITIVE_INFINITY);
    expect(beaconAge(senderId)).toBeGreaterThan(15_000);
    expect(world.high.ledger.senders.get(senderId)?.sessionCounter).toBe(1);
  });
});
