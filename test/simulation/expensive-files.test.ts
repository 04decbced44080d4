/**
 * Goal: what one sender's files cost the gate is paid by that sender alone. Method: a high side whose gate takes many
 * steps for some files, or never comes back from one; a hostile sender sends those, another sender a study.
 */
import { describe, expect, it } from 'vitest';
import type { InProcessInspector, InspectionRequest } from '../../receiver/pipeline/inspector.ts';
import type { SenderIdentity } from '../../sender/identity.ts';
import { objectType, protection } from '../../shared/wire/datagram.ts';
import { closeReason, encodeManifest, priority } from '../../shared/wire/manifest.ts';
import { deflatedItems } from '../harness/hostile-structures.ts';
import { Random } from '../harness/random.ts';
import { ctImage, encodePart10 } from '../harness/unchecked-writer.ts';
import { datagramsOf } from '../unit/receiver/assemble/datagrams.ts';
import { HighSide, inboxFolder } from './high-side.ts';
import { sha256Of } from './hostile-link.ts';
import { SlowInspector } from './slow-inspector.ts';
import { VirtualClock } from './virtual-clock.ts';

const parameters = {
  datagramBytes: 1472,
  sourceSymbols: 8,
  repairSymbols: 2,
  protection: protection.sealed,
} as const;

function sender(number: number): SenderIdentity {
  const fill = (bytes: number) => new Uint8Array(bytes).fill(number);
  return { senderId: fill(8), keyId: number, secret: fill(32), parameters };
}

const hostile = sender(1);
const honest = sender(2);
const idOf = ({ senderId }: SenderIdentity) => Buffer.from(senderId).toString('hex');

/** A file of a size that none of the study has. */
const expensive = (number: number) =>
  Buffer.concat([
    encodePart10({ dataSet: ctImage({ sopInstanceUid: `2.25.666.${number}` }) }),
    Buffer.alloc(2048),
  ]);
const isExpensive = ({ bytes }: InspectionRequest) => bytes > 2048;

class Hospital {
  readonly time = new VirtualClock();
  readonly high: HighSide;
  #sessions = 0;

  constructor(stepsFor?: (request: InspectionRequest) => number) {
    const secrets = new Map([hostile, honest].map(({ keyId, secret }) => [keyId, secret]));
    const inspector =
      stepsFor === undefined
        ? {}
        : { inspector: (inner: InProcessInspector) => new SlowInspector(inner, stepsFor) };
    const options = {
      parameters,
      secrets,
      memoryBytes: 64e6,
      deadlineMs: 600_000,
      spillBytes: 0,
      ...inspector,
    };
    this.high = new HighSide(options, this.time.host(), new Random(1));
    this.time.advance(1000);
  }

  send(from: SenderIdentity, bytes: Uint8Array, type: 1 | 2 = objectType.instance): string {
    this.#sessions += 1;
    const { objectId, datagrams } = datagramsOf(bytes, { from, type, session: this.#sessions });
    for (const datagram of datagrams) this.high.receive(datagram);
    return objectId;
  }

  sendStudy(from: SenderIdentity, instances: number): void {
    const studyUid = '2.25.1';
    const entries = Array.from({ length: instances }, (_, index) => {
      const sopInstanceUid = `2.25.1.${index + 1}`;
      const bytes = encodePart10({ dataSet: ctImage({ studyUid, sopInstanceUid }) });
      const objectId = this.send(from, bytes);
      return { sopInstanceUid, seriesUid: '2.25.2', objectId, bytes: bytes.length, sha256: sha256Of(bytes) };
    });
    const manifest = encodeManifest({
      senderId: idOf(from),
      studyNumber: 1,
      revision: 1,
      closedBecause: closeReason.quiet,
      priority: priority.routine,
      closedAtMs: 0,
      studyUid,
      entries,
    });
    this.send(from, manifest, objectType.manifest);
  }

  /** @returns the steps until a condition is met */
  stepsUntil(isMet: () => boolean, most = 5000): number {
    for (let step = 0; step < most; step += 1) {
      if (isMet()) return step;
      this.time.advance(1);
      this.high.step();
    }
    throw new Error(`it is not so after ${most} steps`);
  }

  readonly isReleased = () => [...this.high.disk.contents(inboxFolder)].length === 200;
}

describe('files that take the gate long', () => {
  it('beside a study of 200 instances of another sender: that is released as if they were not there', () => {
    const alone = new Hospital((request) => (isExpensive(request) ? 500 : 0.2));
    alone.sendStudy(honest, 200);
    const stepsAlone = alone.stepsUntil(alone.isReleased);

    const hospital = new Hospital((request) => (isExpensive(request) ? 500 : 0.2));
    for (let file = 0; file < 20; file += 1) hospital.send(hostile, expensive(file));
    hospital.high.step();
    hospital.sendStudy(honest, 200);
    // One that was begun is waited for, and no second one.
    expect(hospital.stepsUntil(hospital.isReleased)).toBeLessThan(stepsAlone + 500 + 100);
    const rows = hospital.high.ledger.instances;
    expect(hospital.high.pipeline.isKeeping).toBe(true);
    expect(hospital.stepsUntil(() => !hospital.high.pipeline.isKeeping, 60_000)).toBeGreaterThan(18 * 500);
    expect(rows.get(hospital.send(hostile, expensive(19)))).toBeDefined();
  });

  it('are no way to stop the link for another sender, and an alarm names whose they are', () => {
    const hospital = new Hospital((request) => (isExpensive(request) ? Number.POSITIVE_INFINITY : 0));
    const { high } = hospital;
    hospital.send(honest, encodePart10({ dataSet: ctImage() }));
    hospital.stepsUntil(() => !high.pipeline.isKeeping);
    for (let file = 0; file < 1100; file += 1) hospital.send(hostile, expensive(file));
    hospital.stepsUntil(() => true);
    expect(high.pipeline.backedUp).toBe(false);
    const refused = high.pipeline.assembler.counters.noRoom;
    expect(refused).toBeGreaterThan(0);
    expect(high.alarms.standing()).toMatchObject([{ code: 'E_GATE_BEHIND', subject: idOf(hostile) }]);
    // Its bytes are taken, and it is kept as soon as the gate is free.
    hospital.send(honest, encodePart10({ dataSet: ctImage({ sopInstanceUid: '2.25.12' }) }));
    expect(high.pipeline.assembler.counters.noRoom).toBe(refused);
  });

  it('stop the link where their sender is the only one, so that nothing of it is lost', () => {
    const hospital = new Hospital((request) => (isExpensive(request) ? 1 : 0));
    const { high } = hospital;
    for (let file = 0; file < 1100; file += 1) hospital.send(hostile, expensive(file));
    expect(high.pipeline.backedUp).toBe(true);
    hospital.stepsUntil(() => !high.pipeline.backedUp);
    hospital.stepsUntil(() => !high.pipeline.isKeeping);
    expect(high.pipeline.assembler.counters.noRoom).toBe(0);
    expect(high.alarms.standing()).toEqual([]);
  });
});

describe('a file of 46 KB with four million elements', () => {
  it('is held by what it counts to, beside a study that goes its way', () => {
    const hospital = new Hospital();
    const objectId = hospital.send(hostile, deflatedItems(4_000_000));
    hospital.sendStudy(honest, 200);
    hospital.stepsUntil(hospital.isReleased);
    expect(hospital.high.ledger.instances.get(objectId)?.heldBecause).toBe('E_DICOM_DEFLATE');
  });
});

describe('at a stop', () => {
  it('what waits for the gate is looked at and kept; what it has in hand comes again', () => {
    const hospital = new Hospital((request) => (isExpensive(request) ? Number.POSITIVE_INFINITY : 0));
    const stuck = hospital.send(hostile, expensive(1));
    hospital.high.step();
    const waits = hospital.send(honest, encodePart10({ dataSet: ctImage() }));
    hospital.high.restart('stop');
    expect(hospital.high.ledger.instances.get(waits)).toMatchObject({
      studyUid: '2.25.1',
      heldBecause: undefined,
    });
    expect(hospital.high.ledger.instances.get(stuck)).toBeUndefined();
    hospital.send(honest, encodePart10({ dataSet: ctImage({ sopInstanceUid: '2.25.12' }) }));
    hospital.stepsUntil(() => !hospital.high.pipeline.isKeeping);
  });
});
