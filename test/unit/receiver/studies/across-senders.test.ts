/**
 * Goal: one UID is one instance and one Study UID one patient, whoever sends it: what comes second and differs is held
 * and named with both senders, what comes second and is the same is known. Method: two senders over one high side.
 */
import { describe, expect, it } from 'vitest';
import type { InstanceRecord } from '../../../../receiver/ledger/instance-records.ts';
import { folders, High, instance, manifestOf, placeOf, senderId } from '../high.ts';

const other = '08'.repeat(8);
const a = instance('a');
/** Same UID and other bytes, of another sender. */
const twin = instance('twin', { uid: 'a', senderId: other });
/** The very same instance, of a sender that was installed anew. */
const again = instance('again', { uid: 'a', senderId: other, sha256: a.sha256 });
const b = instance('b', { senderId: other });

function inspect(high: High, row: InstanceRecord, id: string): void {
  const { objectId } = row;
  const patient = { id };
  const preamble = 'zero' as const;
  const found = { sopClassUid: undefined, reasons: [], preamble, zeroPreamble: false };
  high.ledger.holds.enter({ objectId, patient, ...found });
}

const listOf = (rows: readonly InstanceRecord[]) => manifestOf(1, rows, { senderId: other });
const heldBecause = (high: High, row: InstanceRecord) => high.ledger.instances.get(row.objectId)?.heldBecause;
const details = (high: High) => high.alarms.standing().map(({ code, detail }) => `${code}: ${detail}`);

describe('a list of another sender', () => {
  const c = instance('c');
  /** Says that the object of the one sender is what the other one has sent. */
  const passedOff = { ...b, objectId: c.objectId };

  it('says nothing of an object, whatever content it claims for it', () => {
    const high = new High();
    high.store(b);
    high.manifest(manifestOf(1, [c]));
    high.manifest(listOf([passedOff]));
    expect(high.ledger.objectAliases.senderIds()).toEqual([other]);
    expect(high.ledger.instances.listed(senderId, c.objectId)).toBeUndefined();
    expect(high.ledger.instances.listed(other, c.objectId)).toMatchObject({ objectId: b.objectId });
    expect(high.studies.isListed(senderId, c.objectId)).toBe(true);
    expect(high.studies.missing(senderId, '1.2')).toMatchObject([{ objectId: c.objectId }]);
    high.store(c);
    high.release();
    expect(Object.values(high.inbox())).toContain(c.objectId);
  });

  it('makes no object awaited, and takes none that comes off what is awaited', () => {
    const high = new High();
    high.manifest(listOf([b, { ...c, senderId: other }]));
    expect([other, senderId].map((id) => high.studies.isListed(id, c.objectId))).toEqual([true, false]);
    high.store(b, c);
    expect([b, c].map(({ objectId }) => high.studies.isListed(other, objectId))).toEqual([false, true]);
    expect(high.studies.awaits(other, c.objectId)).toBe(true);
    expect(high.studies.awaits(senderId, c.objectId)).toBe(false);
    expect(high.ledger.openManifests.awaiting(senderId, c.objectId)).toEqual([]);
  });
});

describe('one UID from two senders', () => {
  it('with other bytes: the first that goes out stays, the other is held, and the alarm names both', () => {
    const high = new High();
    high.store(a);
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.store(twin, b);
    high.manifest(listOf([twin, b]));
    high.release();
    expect(Object.values(high.inbox()).sort()).toEqual([a.objectId, b.objectId].sort());
    expect(heldBecause(high, twin)).toBe('E_CONFLICT');
    expect(details(high)).toEqual([
      expect.stringMatching(new RegExp(`^E_CONFLICT: .*${other}.*${senderId}`)),
    ]);
  });

  it('with other bytes, whole at the same moment: one of them goes out', () => {
    const high = new High();
    high.store(a, twin);
    high.manifest(manifestOf(1, [a]));
    high.manifest(listOf([twin]));
    high.release();
    expect(Object.values(high.inbox())).toEqual([a.objectId]);
    expect(heldBecause(high, twin)).toBe('E_CONFLICT');
  });

  it('with other bytes, while the first waits for the inbox: the second does not overtake it', () => {
    const high = new High();
    high.disk.makeFolder(`${folders.inbox}/1.2`);
    high.store(a);
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.store(twin);
    high.manifest(listOf([twin]));
    high.release();
    expect([high.inbox(), heldBecause(high, twin)]).toEqual([{}, 'E_CONFLICT']);
    high.disk.removeFolder(`${folders.inbox}/1.2`);
    high.restart();
    expect(Object.values(high.inbox())).toEqual([a.objectId]);
  });

  it('with other bytes, let through by a person, goes out', () => {
    const high = new High();
    high.store(a);
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.store(twin);
    inspect(high, twin, 'one');
    high.manifest(listOf([twin]));
    high.release();
    high.ledger.holds.approve(twin.objectId, ['E_CONFLICT']);
    high.studies.reopen(other, '1.2');
    high.release();
    expect(Object.values(high.inbox()).sort()).toEqual([a.objectId, twin.objectId].sort());
  });

  it('with the same bytes is known: nothing is held, nothing comes twice, and the study counts as released', () => {
    const high = new High();
    high.store(a);
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.store(again);
    high.manifest(listOf([again]));
    high.release();
    expect(Object.values(high.inbox())).toEqual([a.objectId]);
    expect(high.standing()).toEqual([]);
    expect(high.ledger.studies.get(other, '1.2')?.state).toBe('released');
    expect(high.ledger.instances.get(again.objectId)?.releasedRevision).toBe(1);
    // What is new in it goes out.
    high.store(b);
    high.manifest({ ...listOf([again, b]), revision: 2 });
    high.release();
    expect(Object.values(high.inbox()).sort()).toEqual([a.objectId, b.objectId].sort());
  });

  it('with the same bytes that a person let through is not held again', () => {
    const high = new High();
    const document = { ...a, heldBecause: 'E_ENCAPSULATED_DOCUMENT' };
    high.store(document);
    inspect(high, a, 'one');
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.ledger.holds.approve(a.objectId, ['E_ENCAPSULATED_DOCUMENT']);
    high.studies.reopen(senderId, '1.2');
    high.release();
    high.store({ ...again, heldBecause: 'E_ENCAPSULATED_DOCUMENT' });
    high.manifest(listOf([again]));
    high.release();
    expect([heldBecause(high, again), Object.values(high.inbox())]).toEqual([undefined, [a.objectId]]);
  });

  it('in two studies is a conflict as well', () => {
    const high = new High();
    const elsewhere = { ...twin, studyUid: '1.3' };
    high.store(a, elsewhere);
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.manifest({ ...listOf([elsewhere]), studyUid: '1.3' });
    high.release();
    expect([heldBecause(high, elsewhere), Object.values(high.inbox())]).toEqual(['E_CONFLICT', [a.objectId]]);
  });
});

describe('one Study UID from two senders', () => {
  it.each(['one after the other', 'at the same moment'])(
    'that name two patients, %s: what comes second is held, and the alarm names both',
    (when) => {
      const high = new High();
      high.store(a, b);
      inspect(high, a, 'one');
      inspect(high, b, 'two');
      high.manifest(manifestOf(1, [a]));
      if (when === 'one after the other') high.release();
      high.manifest(listOf([b]));
      high.release();
      expect(Object.values(high.inbox())).toEqual([a.objectId]);
      expect(heldBecause(high, b)).toBe('E_PATIENT_MISMATCH');
      expect(high.ledger.studies.get(other, '1.2')?.state).toBe('quarantined');
      expect(details(high)).toEqual([
        expect.stringMatching(new RegExp(`^E_PATIENT_MISMATCH: .*${other}.*${senderId}`)),
      ]);
    },
  );

  it('that name one patient is released twice, in two folders', () => {
    const high = new High();
    high.store(a, b);
    inspect(high, a, 'one');
    inspect(high, b, 'one');
    high.manifest(manifestOf(1, [a]));
    high.manifest(listOf([b]));
    high.release();
    expect(Object.values(high.inbox()).sort()).toEqual([a.objectId, b.objectId].sort());
    expect(Object.keys(high.inbox())).toContain(placeOf(a));
    expect(high.standing()).toEqual([]);
  });
});
