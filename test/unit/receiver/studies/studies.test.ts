import { describe, expect, it } from 'vitest';
import { accountOfMissing, missingEntries } from '../../../../receiver/studies/missing.ts';
import { rollState } from '../../../../shared/wire/roll.ts';
import { High, idOf, instance, manifestOf, placeOf, senderId } from '../high.ts';

const [a, b, c] = [instance('a'), instance('b'), instance('c')];

describe('a study', () => {
  it('is released when all of its list is there, in whatever order it came', () => {
    for (const order of ['list first', 'list last', 'list between']) {
      const high = new High();
      if (order === 'list first') high.manifest(manifestOf(1, [a, b]));
      high.store(a);
      high.release();
      expect(high.inbox()).toEqual({});
      if (order === 'list between') high.manifest(manifestOf(1, [a, b]));
      high.store(b);
      if (order === 'list last') high.manifest(manifestOf(1, [a, b]));
      high.release();
      expect(high.inbox()).toEqual({ [placeOf(a)]: a.objectId, [placeOf(b)]: b.objectId });
      expect(high.state()).toBe('released');
      expect(high.releases).toMatchObject([{ kind: 'study', revision: 1, instances: 2, expected: 2 }]);
      expect(accountOfMissing(high.ledger, 100)).toEqual([]);
    }
  });

  it('sends its later instances behind it, only those that are new', () => {
    const high = new High();
    high.store(a, b);
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.manifest(manifestOf(2, [a, b, c]));
    high.release();
    expect(Object.keys(high.inbox())).toEqual([placeOf(a)]);
    high.store(c);
    high.release();
    expect(high.inbox()).toEqual({
      [placeOf(a)]: a.objectId,
      [placeOf(b, '1.2.rev2')]: b.objectId,
      [placeOf(c, '1.2.rev2')]: c.objectId,
    });
    expect(high.releases.map(({ kind, target }) => `${kind} ${target}`)).toEqual([
      'study 1.2',
      'supplement 1.2.rev2',
    ]);
  });

  it('first goes out with its newest whole list, and once', () => {
    const high = new High();
    high.manifest(manifestOf(1, [a]));
    high.manifest(manifestOf(2, [a, b]));
    high.manifest(manifestOf(2, [a, b]));
    high.store(a, b);
    high.release();
    high.release();
    expect(high.releases).toMatchObject([{ revision: 2, instances: 2 }]);
    expect(high.ledger.studies.get(senderId, '1.2')).toMatchObject({
      newestRevision: 2,
      releasedRevision: 2,
    });
  });

  it('that misses something goes out by an older list that is whole', () => {
    const high = new High();
    high.manifest(manifestOf(2, [a, b]));
    high.manifest(manifestOf(1, [a]));
    high.store(a);
    high.release();
    expect(high.releases).toMatchObject([{ revision: 1 }]);
    high.store(b);
    high.release();
    expect(high.releases).toMatchObject([{ revision: 1 }, { revision: 2, instances: 1 }]);
  });

  it('of another sender never mixes with one of the same UID', () => {
    const high = new High();
    const other = instance('x', { senderId: '08'.repeat(8) });
    high.store(a, other);
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.manifest(manifestOf(1, [other], { senderId: '08'.repeat(8) }));
    high.release();
    expect(Object.keys(high.inbox()).sort()).toEqual(
      [placeOf(a), placeOf(other, `1.2.from-${'08'.repeat(8)}`)].sort(),
    );
  });

  it('of a sender that was set back shows both lists of one revision', () => {
    const high = new High();
    high.manifest(manifestOf(1, [a]));
    high.store(a);
    high.release();
    high.manifest(manifestOf(1, [b], { closedAtMs: 5 }));
    high.store(b);
    high.release();
    expect(high.releases.map(({ target }) => target)).toEqual(['1.2', '1.2.rev2']);
  });
});

describe('a list of a sender that was set back', () => {
  it('is accounted for whatever was released since, by what it lists', () => {
    const high = new High();
    high.manifest(manifestOf(1, [a, b]));
    high.store(a, c);
    high.manifest(manifestOf(1, [a, c], { closedAtMs: 5 }));
    high.release();
    expect(high.releases).toMatchObject([{ target: '1.2', instances: 2 }]);
    for (const life of ['this', 'the next']) {
      if (life === 'the next') high.restart();
      high.release();
      expect(accountOfMissing(high.ledger, 10)).toMatchObject([
        { cause: 'instances missing', studyUid: '1.2', have: 1, expected: 2 },
      ]);
    }
    high.store(b);
    high.release();
    expect(high.releases).toHaveLength(2);
    expect(accountOfMissing(high.ledger, 10)).toEqual([]);
  });

  it('that lists under other ids what is out already misses nothing', () => {
    const high = new High();
    high.manifest(manifestOf(1, [a, b]));
    const again = [a, b].map((row) => ({ ...row, objectId: idOf(`${row.objectId} under another key`) }));
    high.store(...again);
    high.manifest(manifestOf(2, again));
    high.release();
    high.release();
    expect(high.releases).toMatchObject([{ instances: 2 }]);
    expect([accountOfMissing(high.ledger, 10), high.standing()]).toEqual([[], []]);
  });
});

describe('an instance', () => {
  it('with the UID of another one is held, and the others go on', () => {
    const high = new High();
    const twin = instance('twin', { uid: 'a' });
    high.store(a, b, twin);
    high.manifest(manifestOf(1, [a, b, twin]));
    high.release();
    expect(Object.values(high.inbox()).sort()).toEqual([a.objectId, b.objectId].sort());
    expect(high.ledger.instances.get(twin.objectId)?.heldBecause).toBe('E_CONFLICT');
    expect(high.standing()).toEqual(['E_CONFLICT 1.2']);
    expect([high.state(), high.ledger.instances.held(10).length]).toEqual(['released', 1]);
  });

  it('that its list names twice goes out once, and is no conflict with itself', () => {
    const high = new High();
    high.store(a, b);
    high.manifest(manifestOf(1, [a, b, a]));
    high.release();
    expect(high.releases).toMatchObject([{ instances: 2, conflictIds: [] }]);
    expect([high.ledger.instances.held(10), high.standing(), high.state()]).toEqual([[], [], 'released']);
  });

  it('with the UID of a released one is held too, also in another study', () => {
    const high = new High();
    high.store(a);
    high.manifest(manifestOf(1, [a]));
    high.release();
    const late = instance('late', { uid: 'a' });
    const elsewhere = instance('elsewhere', { uid: 'a', studyUid: '1.3' });
    high.store(late, elsewhere);
    high.manifest(manifestOf(2, [a, late]));
    high.manifest(manifestOf(1, [elsewhere], { studyUid: '1.3', studyNumber: 2 }));
    high.release();
    expect(Object.values(high.inbox())).toEqual([a.objectId]);
    expect(high.ledger.instances.held(10)).toHaveLength(2);
    expect([high.state('1.2'), high.state('1.3')]).toEqual(['released', 'held']);
  });

  it.each([
    ['study', { studyUid: '9.9' }],
    ['series', { seriesUid: '9.9' }],
    ['instance', { sopInstanceUid: '9.9' }],
    ['bytes', { sha256: 'ff'.repeat(32) }],
  ])('that names another %s than its list is held', (_what, change) => {
    const high = new High();
    high.manifest(manifestOf(1, [a, b]));
    high.store({ ...a, ...change }, b);
    // The gate looked at it.
    const { objectId, sopClassUid } = a;
    high.ledger.holds.enter({
      objectId,
      sopClassUid,
      reasons: [],
      preamble: 'zero',
      zeroPreamble: false,
      patient: {},
    });
    high.release();
    expect(high.inbox()).toEqual({ [placeOf(b)]: b.objectId });
    expect(high.ledger.instances.get(a.objectId)?.heldBecause).toBe('E_INSTANCE_MISMATCH');
    expect(high.standing()).toEqual(['E_INSTANCE_MISMATCH 1.2']);
  });

  it('that is held for what is in it stays held, its study goes on', () => {
    const high = new High();
    high.store({ ...a, heldBecause: 'E_PREAMBLE' }, b);
    high.manifest(manifestOf(1, [a, b]));
    high.release();
    expect(Object.values(high.inbox())).toEqual([b.objectId]);
    expect(high.ledger.instances.get(a.objectId)?.heldBecause).toBe('E_PREAMBLE');
  });
});

describe('a study of which all is held', () => {
  it('is held, and stays so over a restart, without another alarm', () => {
    const high = new High();
    high.store({ ...a, heldBecause: 'E_PREAMBLE' });
    high.manifest(manifestOf(1, [a]));
    high.release();
    expect(high.state()).toBe('held');
    high.restart();
    high.time.advance(1e7);
    high.studies.watchDeadlines();
    high.release();
    // That of what is held, and none that it is incomplete.
    expect([high.state(), high.standing()]).toEqual(['held', ['E_PREAMBLE 1.2']]);
    high.store(b);
    expect(high.state()).toBe('held');
    high.manifest(manifestOf(2, [a, b]));
    high.release();
    expect([high.state(), Object.values(high.inbox())]).toEqual(['released', [b.objectId]]);
  });
});

describe('a deadline', () => {
  it('names a study that misses something and makes no progress', () => {
    const high = new High();
    high.manifest(manifestOf(1, [a, b, c]));
    high.store(a);
    high.time.advance(59_999);
    high.studies.watchDeadlines();
    expect([high.state(), high.standing()]).toEqual(['receiving', []]);
    high.store(b);
    high.time.advance(30_000);
    // A large instance is on its way: that is progress too.
    high.touched.set(c.objectId, high.time.monotonicMs());
    high.time.advance(59_999);
    high.studies.watchDeadlines();
    expect(high.standing()).toEqual([]);
    high.time.advance(1);
    high.studies.watchDeadlines();
    high.studies.watchDeadlines();
    expect([high.state(), high.standing()]).toEqual(['incomplete', ['E_STUDY_INCOMPLETE 1.2']]);
    expect(high.alarms.standing()[0]?.detail).toBe('2 of 3 instances arrived');
    expect(high.studies.missing(senderId, '1.2').map(({ objectId }) => objectId)).toEqual([c.objectId]);
    expect(accountOfMissing(high.ledger, 10)).toMatchObject([
      { cause: 'instances missing', studyUid: '1.2', have: 2, expected: 3, state: 'incomplete' },
    ]);
    high.store(c);
    high.release();
    expect([high.state(), high.standing()]).toEqual(['released', []]);
  });

  it('begins anew with a restart, and does not care for the wall clock', () => {
    const high = new High();
    high.manifest(manifestOf(1, [a]));
    high.time.advance(59_000);
    high.clock.jumpWall(10 * 365 * 86_400_000);
    high.restart();
    high.time.advance(59_000);
    high.studies.watchDeadlines();
    expect(high.standing()).toEqual([]);
    high.time.advance(1000);
    high.studies.watchDeadlines();
    expect(high.standing()).toEqual(['E_STUDY_INCOMPLETE 1.2']);
  });

  it('names instances that no list claims', () => {
    const high = new High();
    high.store(a, b);
    high.time.advance(119_999);
    high.studies.watchDeadlines();
    expect(high.standing()).toEqual([]);
    high.time.advance(1);
    high.studies.watchDeadlines();
    expect(high.standing()).toEqual(['E_STUDY_UNCLAIMED 1.2']);
    expect(accountOfMissing(high.ledger, 10)).toMatchObject([
      { cause: 'not closed by the sender', studyUid: '1.2', have: 2 },
    ]);
    high.manifest(manifestOf(1, [a, b]));
    high.release();
    expect([high.state(), high.standing()]).toEqual(['released', []]);
  });

  it('names late instances of a study that is out', () => {
    const high = new High();
    high.store(a);
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.store(b);
    expect(accountOfMissing(high.ledger, 10)).toMatchObject([{ cause: 'not closed by the sender', have: 1 }]);
    for (const life of ['this', 'the next']) {
      if (life === 'the next') high.restart();
      high.time.advance(120_000);
      high.studies.watchDeadlines();
      expect([high.state(), high.standing()]).toEqual(['released', ['E_STUDY_UNCLAIMED 1.2']]);
    }
  });
});

describe('the account of what is missing', () => {
  it('names study numbers that never came, with what the roll says of them', () => {
    const high = new High();
    const { ledger } = high;
    ledger.senders.save({
      senderId,
      sessionCounter: 1,
      sessionRandom: 1,
      sequence: 1,
      keyId: 7,
      accountFrom: 2,
      highestStudyNumber: 5,
    });
    const entry = { revision: 1, instances: 3, state: rollState.retained, manifestId: idOf('m') };
    ledger.senderReports.saveRoll(senderId, [{ ...entry, studyNumber: 4, studyUid: '1.4' }]);
    high.store(a);
    high.manifest(manifestOf(1, [a], { studyNumber: 3 }));
    high.release();
    expect(
      accountOfMissing(ledger, 10).map(({ cause, studyNumber, studyUid }) => [cause, studyNumber, studyUid]),
    ).toEqual([
      ['study never seen', 2, undefined],
      ['study never seen', 4, '1.4'],
      ['study never seen', 5, undefined],
    ]);
    expect(accountOfMissing(ledger, 1)).toHaveLength(1);
    ledger.senderReports.saveRoll(senderId, [{ ...entry, studyNumber: 3, revision: 2, studyUid: '1.2' }]);
    expect(accountOfMissing(ledger, 10).at(-1)).toMatchObject({
      cause: 'revision never seen',
      studyUid: '1.2',
    });
  });

  it('names what a study misses, by its newest list', () => {
    const high = new High();
    high.store(a);
    high.manifest(manifestOf(1, [a, b]));
    const study = high.ledger.studies.get(senderId, '1.2');
    if (study === undefined) throw new Error('the study is there');
    expect(missingEntries(high.ledger, study).map(({ objectId }) => objectId)).toEqual([b.objectId]);
  });
});
