/**
 * Goal: whatever a file is, it ends with its own reason code or is released as the policy says; and two patients never
 * share a study in the inbox. Method: a sender with the key sends each hostile file to a simulated high side.
 */
import { describe, expect, it } from 'vitest';
import { hostileFiles } from '../harness/hostile-files.ts';
import { ctImage, encodePart10, type InstanceToWrite } from '../harness/unchecked-writer.ts';
import { HostileLink, sha256Of } from './hostile-link.ts';

const place = '2.25.1/2.25.2/2.25.11.dcm';

describe.each(['zero', 'reject-executable'] as const)('a hostile file, preambles: %s', (preamble) => {
  // An object has one byte at least; and the stricter policy is tried where it says something else.
  const sent = hostileFiles.filter(
    ({ name, gateRejectingExecutables }) =>
      name !== 'file: empty' && (preamble === 'zero' || gateRejectingExecutables !== undefined),
  );

  it.each(sent.map((file) => [file.name, file] as const))('%s', (_name, file) => {
    const bytes = file.make();
    const link = new HostileLink({ preamble });
    const [objectId = ''] = link.sendStudy([{ bytes, sopInstanceUid: '2.25.11' }]);
    const expected = preamble === 'zero' ? file.gate : (file.gateRejectingExecutables ?? file.gate);
    const { ledger } = link.high;
    if (expected === 'pass') {
      const released = link.inbox().get(place);
      expect(released?.subarray(128)).toEqual(new Uint8Array(bytes.subarray(128)));
      const kept = preamble === 'zero' ? new Uint8Array(128) : new Uint8Array(bytes.subarray(0, 128));
      expect(released?.subarray(0, 128)).toEqual(kept);
      const isCopy = sha256Of(released ?? new Uint8Array(0)) !== sha256Of(bytes);
      expect(ledger.instances.get(objectId)).toMatchObject({
        sha256: sha256Of(bytes),
        heldBecause: undefined,
      });
      expect(ledger.holds.inspection(objectId)?.releasedSha256).toBe(
        isCopy ? sha256Of(released ?? new Uint8Array(0)) : undefined,
      );
    } else {
      expect(link.inbox()).toEqual(new Map());
      expect(link.held()).toMatchObject([{ objectId, heldBecause: expected }]);
      expect(link.standing()).toContain(`${expected} 2.25.1`);
      expect(ledger.studies.get('07'.repeat(8), '2.25.1')?.state).toBe('held');
      // It is kept as it came, for a person to look at.
      const stored = link.high.disk.contents('/high/vault').get(`objects/${objectId}`);
      expect(sha256Of(stored ?? new Uint8Array(0))).toBe(sha256Of(bytes));
    }
  });
});

const image = (number: number, change: InstanceToWrite = {}) => {
  const sopInstanceUid = `2.25.1${number}`;
  return { sopInstanceUid, bytes: encodePart10({ dataSet: ctImage({ sopInstanceUid, ...change }) }) };
};
const released = (link: HostileLink) => [...link.inbox().keys()].sort();
const doe = [image(1), image(2)] as const;
const other = image(3, { patientId: 'OTHER' });

describe('two patients', () => {
  it.each([
    ['Patient ID', { patientId: 'OTHER' }],
    ['name', { patientName: 'OTHER^PATIENT' }],
    ['birth date', { birthDate: '19700102' }],
  ])('in one study by their %s: nothing of it is released', (_what, change) => {
    const link = new HostileLink();
    link.sendStudy([...doe, image(3, change)]);
    expect(released(link)).toEqual([]);
    expect(link.held().map(({ heldBecause }) => heldBecause)).toEqual(
      new Array(3).fill('E_PATIENT_MISMATCH'),
    );
    expect(link.high.ledger.studies.get('07'.repeat(8), '2.25.1')?.state).toBe('quarantined');
    expect(link.standing()).toEqual(['E_PATIENT_MISMATCH 2.25.1']);
  });

  it('are none where values are absent or written in another way', () => {
    const link = new HostileLink();
    link.sendStudy([
      ...doe,
      image(3, { patientId: '', birthDate: '' }),
      image(4, { patientName: 'Test ^Patient^^^', birthDate: '1970.01.01', patientId: ' TEST-1 ' }),
    ]);
    expect(released(link)).toHaveLength(4);
    expect(link.standing()).toEqual([]);
  });

  it('by a later revision: that one is held, what is out stays, what comes after goes on', () => {
    const link = new HostileLink();
    link.sendStudy(doe);
    expect(released(link)).toHaveLength(2);
    link.sendStudy([...doe, other, image(4)], { revision: 2 });
    expect(released(link)).toHaveLength(2);
    expect(link.held()).toHaveLength(2);
    expect(link.high.ledger.studies.get('07'.repeat(8), '2.25.1')?.state).toBe('released');
    expect(link.standing()).toEqual(['E_PATIENT_MISMATCH 2.25.1']);
    link.sendStudy([...doe, other, image(4), image(5)], { revision: 3 });
    expect(released(link)).toContain('2.25.1.rev3/2.25.2/2.25.15.dcm');
    expect(link.held()).toHaveLength(2);
  });

  it('in quarantine: what comes later stays there too, also after a restart', () => {
    const link = new HostileLink();
    link.sendStudy([doe[0], other]);
    link.high.restart('kill');
    link.sendStudy([doe[0], other, image(4)], { revision: 2 });
    expect(released(link)).toEqual([]);
    expect(link.held()).toHaveLength(3);
    expect(link.standing()).toEqual(['E_PATIENT_MISMATCH 2.25.1']);
  });

  it('are told apart without a name, id or date in the ledger', () => {
    const link = new HostileLink();
    link.sendStudy([doe[0], other]);
    const told = JSON.stringify(link.held());
    expect(told).not.toMatch(/TEST|PATIENT\^|OTHER|1970/);
    expect(new Set(link.held().map(({ patient }) => patient.id)).size).toBe(2);
  });
});

describe('the same UID with other bytes', () => {
  it('is held, says that a may be a corrected image, and the rest goes out', () => {
    const link = new HostileLink();
    const corrected = image(1, { patientName: 'Test^Patient' });
    const [, second = ''] = link.sendStudy([doe[0], corrected, doe[1]]);
    expect(released(link)).toHaveLength(2);
    expect(link.held()).toMatchObject([{ objectId: second, heldBecause: 'E_CONFLICT' }]);
    const [alarm] = link.high.alarms.standing();
    expect(alarm).toMatchObject({ code: 'E_CONFLICT', subject: '2.25.1' });
    expect(alarm?.detail).toMatch(/may be a corrected image/);
  });
});

describe('a list that is not true', () => {
  it('holds an instance of another study, under both', () => {
    const link = new HostileLink();
    link.sendStudy([doe[0], image(2, { studyUid: '2.25.999' })]);
    expect(released(link)).toHaveLength(1);
    const [held] = link.held();
    expect(held).toMatchObject({
      heldBecause: 'E_INSTANCE_MISMATCH',
      studyUid: '2.25.999',
      claimedStudyUid: '2.25.1',
    });
    for (const id of ['2.25.1', '2.25.999', held?.objectId.slice(0, 8) ?? ''])
      expect(link.high.ledger.holds.named(id, 10)).toHaveLength(1);
  });

  it('holds an instance under the UID of its neighbour', () => {
    const link = new HostileLink();
    link.sendStudy([
      { ...doe[0], sopInstanceUid: doe[1].sopInstanceUid },
      { ...doe[1], sopInstanceUid: doe[0].sopInstanceUid },
    ]);
    expect(released(link)).toEqual([]);
    expect(link.held().map(({ heldBecause }) => heldBecause)).toEqual([
      'E_INSTANCE_MISMATCH',
      'E_INSTANCE_MISMATCH',
    ]);
  });
});
