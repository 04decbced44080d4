/**
 * Goal: both programs, as they are started in earnest, tell of themselves what is so, and their alarms stay true over
 * changes, floods and restarts. Method: the real lists of parts in one process, on a simulated disk, clock and link.
 */
import { describe, expect, it } from 'vitest';
import { statusVersion } from '../../shared/program/status-part.ts';
import { encodeBeacon } from '../../shared/wire/beacon.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { priority } from '../../shared/wire/manifest.ts';
import { Random } from '../harness/random.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { beacon } from '../unit/receiver/watch/watched-sender.ts';
import { HostileLink, parameters } from './hostile-link.ts';
import { Operating } from './operating.ts';
import { runFor, smallWorld } from './small-world.ts';
import type { World } from './world.ts';

const world = () => smallWorld({ seed: 3, carouselShare: 0, channel: { lossProbability: 0, latencyMs: 1 } });

function takeStudy(hospital: World, random: Random): string {
  const study = { studyUid: uidFrom(random), seriesUid: uidFrom(random) };
  const sopInstanceUid = uidFrom(random);
  const bytes = smallInstance({
    ...study,
    sopInstanceUid,
    patientId: 'P',
    patientName: 'SYNTHETIC^PROGRAM',
    approximateBytes: 3000,
    random,
  });
  hospital.take({ bytes, studyUid: study.studyUid, sopInstanceUid });
  return study.studyUid;
}

describe('both programs', () => {
  it('tell of a study that crossed in their status, with its version, and in numbers', () => {
    const hospital = world();
    const studyUid = takeStudy(hospital, new Random(1));
    runFor(hospital, 10_000);
    const { low, high } = hospital;
    expect(low.status).toMatchObject({
      version: statusVersion,
      senderId: low.senderId,
      queue: { objects: 0 },
      highestStudyNumber: 1,
      link: { interface: 'lo', boundTo: 'lo', stopped: 'none' },
      associations: [],
      counters: {},
      alarms: [],
    });
    expect(high.status).toMatchObject({
      version: statusVersion,
      link: { lost: 0, ringDrops: 0, interface: 'lo' },
      senders: [{ senderId: low.senderId }],
      destinations: [],
      alarms: [],
    });
    expect(high.status?.link.admitted).toBeGreaterThan(10);
    expect(low.status?.datagrams).toBe(high.status?.link.admitted);
    expect(high.ledger.studies.get(low.senderId, studyUid)?.state).toBe('released');
    for (const [side, status] of [
      ['sender', low.status],
      ['receiver', high.status],
    ] as const) {
      const measures = status?.measures ?? [];
      expect(measures.length).toBeGreaterThan(4);
      for (const measure of measures) {
        expect(measure.name).toMatch(new RegExp(`^diode_${side}_[a-z_]+$`));
        expect(measure.value).toBeGreaterThanOrEqual(0);
        expect(Object.values(measure.labels ?? {}).join()).not.toMatch(/[0-9]\.[0-9]/);
      }
    }
  });

  it('change what an alarm says with what it is about', () => {
    const hospital = world();
    const told = () =>
      hospital.high.alarms.standing().flatMap(({ code, detail }) => (code === 'E_LOW_SIDE' ? detail : []));
    const reject = (count: number) => {
      for (let number = 0; number < count; number += 1)
        hospital.low.put(new Uint8Array(500).fill(number + 1), priority.routine);
      runFor(hospital, 5000);
    };
    reject(3);
    expect(told()).toEqual([expect.stringMatching(/^low side: 3 rejected/)]);
    reject(8);
    expect(told()).toEqual([expect.stringMatching(/^low side: 11 rejected/)]);
  });
});

describe('a thousand missing studies', () => {
  it('hide no disk that is full, and are counted', () => {
    const link = new HostileLink();
    const told = { ...beacon({ parameters }), highestStudyNumber: 1100, lowestRetainedStudyNumber: 1 };
    link.sendTold(objectType.beacon, (of) => encodeBeacon({ ...told, ...of }));
    for (let second = 0; second < 70; second += 1) link.pass(1000);
    link.high.disk.freeBytes = () => ({ free: 1e6, total: 1e9 });
    for (let second = 0; second < 3; second += 1) link.pass(1000);
    const standing = link.high.status?.alarms ?? [];
    expect(standing.filter(({ code }) => code === 'E_STUDY_MISSING').length).toBeLessThanOrEqual(100);
    expect(standing.map(({ detail }) => detail).join('\n')).toMatch(
      /\band \d+ more: see diode-receiver missing/,
    );
    expect(standing.map(({ code }) => code)).toContain('E_DISK_FULL');
  });
});

describe('an alarm', () => {
  it('stands over restarts with its first time, and with who has seen to it', () => {
    const hospital = world();
    const { low, high } = hospital;
    low.put(new Uint8Array(500).fill(1), priority.routine);
    runFor(hospital, 5000);
    const alarm = () => high.alarms.standing().find(({ code }) => code === 'E_LOW_SIDE');
    const sinceMs = alarm()?.sinceMs ?? Number.NaN;
    const acknowledged = new Operating(high).ask('acknowledge-alarm', {
      code: 'E_LOW_SIDE',
      byWhom: 'olga',
      reason: 'the export is being mended',
    });
    expect(acknowledged).toMatchObject({ ok: true });
    const seen = { byWhom: 'olga', reason: 'the export is being mended' };
    for (const end of ['stop', 'kill', 'power cut'] as const) {
      // What is known of alarms is written each second.
      runFor(hospital, 2000);
      hospital.restartHigh(end);
      expect(alarm()).toMatchObject({ sinceMs, acknowledged: seen });
      runFor(hospital, 30_000);
      expect(alarm()).toMatchObject({ sinceMs, acknowledged: seen });
    }
    // It is told once.
    const edges = [...high.alarmEdges].filter(([key]) => key.startsWith('E_LOW_SIDE'));
    expect(edges).toHaveLength(1);
  });
});
