/**
 * Goal: what goes wrong with the release of one study concerns that study alone. Method: a releaser that throws for one
 * study whatever a program can throw, a list that can't be read, rows that no release can be made of.
 */
import { describe, expect, it } from 'vitest';
import { Releaser } from '../../../../receiver/release/release.ts';
import { StudyReleases } from '../../../../receiver/release/study-releases.ts';
import type { ReleaseDecision } from '../../../../receiver/studies/deciding.ts';
import { missingAccount } from '../../../../receiver/studies/missing.ts';
import { AssertionFailure } from '../../../../shared/assert.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { folders, High, idOf, instance, manifestOf, placeOf, senderId } from '../high.ts';

const bad = instance('bad', { studyUid: '1.1' });
const good = instance('good', { studyUid: '1.3' });

/** Fails for one study, as long as it is told to. */
class FailingReleaser extends Releaser {
  failure: Error | undefined;
  tries = 0;

  override release(decision: ReleaseDecision) {
    if (decision.study.studyUid !== '1.1' || this.failure === undefined) return super.release(decision);
    this.tries += 1;
    throw this.failure;
  }
}

function failing(high: High, failure: Error): FailingReleaser {
  const { ledger, vault, outgoing, clock } = high;
  const places = { inboxFolder: folders.inbox, partialFolder: folders.partial };
  const onReleased = (release: (typeof high.releases)[number]) => high.releases.push(release);
  const releaser = new FailingReleaser({ ledger, vault, outgoing, clock, ...places, onReleased });
  releaser.failure = failure;
  high.releaser = releaser;
  return releaser;
}

function bothComplete(high: High): void {
  high.store(bad, good);
  high.manifest(manifestOf(1, [bad], { studyUid: '1.1', studyNumber: 1 }));
  high.manifest(manifestOf(1, [good], { studyUid: '1.3', studyNumber: 2 }));
}

const minuteMs = 60_000;

describe('a release that throws', () => {
  it.each([
    ['E_LEDGER', new DiodeError('E_LEDGER')],
    ['E_DOCUMENT', new DiodeError('E_DOCUMENT')],
    ['E_INTERNAL', new AssertionFailure('a released instance has its row')],
    ['E_INTERNAL', new RangeError('Invalid array length')],
    ['E_INTERNAL', new SyntaxError('Unexpected end of JSON input')],
  ])('%s stops its study alone, which is named with the reason until it is out', (code, failure) => {
    const high = new High();
    const releaser = failing(high, failure);
    bothComplete(high);
    high.release();
    expect(Object.keys(high.inbox())).toEqual([placeOf(good, '1.3')]);
    expect(high.standing()).toEqual(['E_RELEASE 1.1']);
    expect(high.ledger.account.withProblem()).toBe(1);
    const later = high.clock.wallMs() + minuteMs;
    expect(missingAccount(high.ledger, 10, {}, later).rows).toMatchObject([
      { cause: 'complete, not released', studyUid: '1.1', have: 1, expected: 1, problem: code },
    ]);
    releaser.failure = undefined;
    high.time.advance(5000);
    high.studies.watchDeadlines();
    high.release();
    expect([Object.keys(high.inbox()).length, high.standing()]).toEqual([2, []]);
    expect([high.ledger.account.withProblem(), missingAccount(high.ledger, 10).rows]).toEqual([0, []]);
  });

  it('is tried again after growing waits, and at once after a restart', () => {
    const high = new High();
    const releaser = failing(high, new DiodeError('E_LEDGER'));
    bothComplete(high);
    high.release();
    for (let second = 0; second < 3600; second += 1) {
      high.time.advance(1000);
      high.studies.watchDeadlines();
      high.release();
    }
    expect(releaser.tries).toBeGreaterThan(10);
    expect(releaser.tries).toBeLessThan(25);
    high.restart();
    expect(high.inbox()).toHaveProperty([placeOf(bad, '1.1')]);
  });

  it('of a ledger that refuses everything stays one of the whole step', () => {
    const high = new High();
    failing(high, new DiodeError('E_LEDGER'));
    bothComplete(high);
    high.ledger.transaction = () => {
      throw new DiodeError('E_LEDGER');
    };
    expect(() => high.release()).toThrow(expect.objectContaining({ code: 'E_LEDGER' }));
    expect(high.standing()).toEqual([]);
  });
});

it('a list that can not be read stops its study alone, also at the start', () => {
  const high = new High();
  const unreadable = manifestOf(1, [bad], { studyUid: '1.1' });
  high.ledger.studies.begin(senderId, '1.1', 0);
  high.ledger.manifests.enter(unreadable, idOf('unreadable'), new Uint8Array(3), 0);
  for (const life of ['this', 'the next']) {
    if (life === 'the next') high.restart();
    high.studies.loadAgain();
    high.store(good);
    high.manifest(manifestOf(1, [good], { studyUid: '1.3', studyNumber: 2 }));
    high.release();
    expect(high.state('1.3')).toBe('released');
    expect(high.standing()).toEqual(['E_RELEASE 1.1']);
    expect(missingAccount(high.ledger, 10).rows).toMatchObject([{ studyUid: '1.1', problem: 'E_DOCUMENT' }]);
  }
});

it('a release that a stop interrupted and that can not be finished keeps no other one from being finished', () => {
  const high = new High();
  bothComplete(high);
  for (const [row, studyUid] of [
    [bad, '1.1'],
    [good, '1.3'],
  ] as const) {
    const of = { senderId, studyUid, revision: 1, kind: 'study', target: studyUid } as const;
    const objects = { objectIds: [row.objectId], conflictIds: [] };
    high.ledger.releases.begin({ ...of, instances: 1, expected: 1, ...objects }, 0);
  }
  high.disk.removeFolder(`${folders.inbox}/1.1`);
  high.disk.makeFolder(`${folders.inbox}/1.1`);
  high.restart();
  expect(Object.keys(high.inbox())).toEqual([placeOf(good, '1.3')]);
  expect(high.standing()).toEqual(['E_INBOX_TAKEN 1.1']);
  high.disk.removeFolder(`${folders.inbox}/1.1`);
  high.time.advance(5000);
  high.studies.watchDeadlines();
  high.release();
  expect([Object.keys(high.inbox()).length, high.standing()]).toEqual([2, []]);
});

/** A study with more files than one step prepares, each a file of its own. */
function large(high: High, studyUid: string, of: { readonly senderId?: string } = {}): void {
  high.disk.clones = true;
  const rows = Array.from({ length: 60 }, (_, place) =>
    instance(`${studyUid} ${place} ${of.senderId}`, {
      studyUid,
      sopInstanceUid: `${studyUid}.${place}`,
      ...of,
    }),
  );
  high.store(...rows);
  high.manifest(manifestOf(1, rows, { studyUid, ...of }));
}

it.each([
  ['E_INTERNAL', new AssertionFailure('UIDs were checked')],
  ['E_FILE_READ', new DiodeError('E_FILE_READ')],
])('%s in any step of a preparation is the trouble of that study alone', (code, failure) => {
  const high = new High();
  const releases = new StudyReleases({ studies: high.studies, releaser: high.releaser });
  large(high, '1.1');
  const clone = high.disk.clone.bind(high.disk);
  let clones = 0;
  high.disk.clone = (from, to) => {
    clones += 1;
    if (clones === 50) throw failure;
    return clone(from, to);
  };
  releases.all();
  expect([clones, high.standing()]).toEqual([50, ['E_RELEASE 1.1']]);
  high.store(good);
  high.manifest(manifestOf(1, [good], { studyUid: '1.3', studyNumber: 2 }));
  releases.all();
  expect(Object.keys(high.inbox())).toEqual([placeOf(good, '1.3')]);
  const later = high.clock.wallMs() + minuteMs;
  expect(missingAccount(high.ledger, 10, {}, later).rows).toMatchObject([{ studyUid: '1.1', problem: code }]);
  high.time.advance(5000);
  high.studies.watchDeadlines();
  releases.all();
  expect([Object.keys(high.inbox()).length, high.standing()]).toEqual([61, []]);
});

it('what one sender prepares ends no alarm about a study of the same UID of another', () => {
  const high = new High();
  high.disk.clones = true;
  high.store(good);
  high.manifest(manifestOf(1, [good], { studyUid: '1.3' }));
  high.disk.makeFolder(`${folders.inbox}/1.3`);
  high.release();
  large(high, '1.3', { senderId: '66'.repeat(8) });
  const releases = new StudyReleases({ studies: high.studies, releaser: high.releaser });
  do expect(high.standing()).toEqual(['E_INBOX_TAKEN 1.3']);
  while (releases.step());
  expect(Object.keys(high.inbox())).toHaveLength(60);
});
