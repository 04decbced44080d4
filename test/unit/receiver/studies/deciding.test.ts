/**
 * Goal: whatever lists one sender makes up, others lose a bounded time, and their studies are released meanwhile. Method:
 * lists of many thousand entries that are all here, beside a study of one instance; calls to the ledger are counted.
 */
import { describe, expect, it } from 'vitest';
import type { InstanceRecord } from '../../../../receiver/ledger/instance-records.ts';
import { StudyReleases } from '../../../../receiver/release/study-releases.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { High, idOf, instance, manifestOf, senderId } from '../high.ts';

const loud = '00'.repeat(8);
const entries = 20_000;

function largeStudy(change: Partial<InstanceRecord> = {}): InstanceRecord[] {
  const of = { senderId: loud, studyUid: '2.1', seriesUid: '2.1.1', ...change };
  return Array.from({ length: entries }, (_, index) =>
    instance(`large ${index}`, { ...of, sopInstanceUid: `2.1.1.${index}` }),
  );
}

const listOf = (revision: number, rows: readonly InstanceRecord[]) =>
  manifestOf(revision, rows, { senderId: loud, studyUid: '2.1', closedAtMs: revision });

/** A high side without an inbox, with the rows of a large study. */
function site(rows: readonly InstanceRecord[]): High {
  const high = new High();
  high.withoutInbox(() => {});
  high.ledger.transaction(() => {
    for (const row of rows) high.ledger.instances.enter(row, 0);
  });
  return high;
}

/** The most calls to the ledger for single instances and lists that one turn makes, and what became of them. */
function turns(high: High, until: () => boolean): { most: number; count: number } {
  const releases = new StudyReleases({ studies: high.studies, releaser: high.releaser });
  let most = 0;
  let count = 0;
  const { instances, openManifests } = high.ledger;
  let asked = 0;
  const allListed = instances.allListed.bind(instances);
  const notHere = openManifests.notHere.bind(openManifests);
  const get = instances.get.bind(instances);
  const markReleased = instances.markReleased.bind(instances);
  Object.assign(instances, {
    allListed: (senderId: string, ids: readonly string[]) => {
      asked += ids.length;
      return allListed(senderId, ids);
    },
    get: (id: string) => {
      asked += 1;
      return get(id);
    },
    markReleased: (...parameters: Parameters<typeof markReleased>) => {
      asked += parameters[0].length;
      markReleased(...parameters);
    },
  });
  Object.assign(openManifests, {
    notHere: (senderId: string, ids: readonly string[]) => {
      asked += ids.length;
      return notHere(senderId, ids);
    },
  });
  for (; !until() && count < 1000; count += 1) {
    asked = 0;
    releases.step();
    most = Math.max(most, asked);
  }
  return { most, count };
}

describe('a list of many thousand entries that are all here', () => {
  it('is decided about and released in turns of a bounded size', () => {
    const high = site(largeStudy());
    high.manifest(listOf(1, largeStudy()));
    const { most, count } = turns(high, () => high.releases.length > 0);
    expect(high.releases).toMatchObject([{ senderId: loud, instances: entries }]);
    expect(high.ledger.instances.get(idOf('large 19999'))?.releasedRevision).toBe(1);
    expect(most).toBeLessThan(10_000);
    expect(count).toBeGreaterThan(10);
    expect(high.ledger.openManifests.ofStudy(loud, '2.1')).toEqual([]);
  });

  it('keeps no small study of another sender waiting', () => {
    const high = site(largeStudy());
    const row = instance('honest');
    high.manifest(listOf(1, largeStudy()));
    turns(high, () => high.studies.nextReady() !== undefined);
    const releases = new StudyReleases({ studies: high.studies, releaser: high.releaser });
    releases.step();
    high.store(row);
    high.manifest(manifestOf(1, [row]));
    releases.step();
    expect(high.releases.map((release) => release.senderId)).toEqual([senderId]);
    high.release();
    expect(high.releases).toHaveLength(2);
  });

  it('of which everything is out is done with in one turn, and not read', () => {
    const rows = largeStudy();
    const high = site(rows);
    high.ledger.instances.markReleased(
      rows.map(({ objectId }) => objectId),
      1,
    );
    high.manifest(listOf(2, rows));
    expect(high.ledger.openManifests.ofStudy(loud, '2.1')).toMatchObject([{ fresh: 0, missing: 0 }]);
    const { most, count } = turns(high, () => high.ledger.openManifests.ofStudy(loud, '2.1').length === 0);
    expect([most, count]).toEqual([0, 1]);
    expect(high.ledger.studies.get(loud, '2.1')).toMatchObject({ state: 'released', releasedRevision: 2 });
  });

  it('is decided about anew when what it counts as here is gone, or is held, in the middle', () => {
    for (const what of ['gone', 'held'] as const) {
      const rows = largeStudy();
      const high = site(rows);
      high.manifest(listOf(1, rows));
      const releases = new StudyReleases({ studies: high.studies, releaser: high.releaser });
      releases.step();
      const first = idOf('large 0');
      if (what === 'gone') {
        high.ledger.files.markLost(first);
        high.studies.instanceLost(loud, '2.1');
      } else high.ledger.instances.hold(first, 'E_INSTANCE_MISMATCH');
      releases.all();
      expect(high.releases).toEqual([]);
      if (what === 'gone') continue;
      high.time.advance(5000);
      high.studies.watchDeadlines();
      high.release();
      expect(high.releases).toMatchObject([{ instances: entries - 1 }]);
    }
  });
});

describe('a ledger that refuses to store something', () => {
  const [a, b, other, beside] = [instance('a'), instance('b'), instance('other'), instance('beside')];
  const twin = instance('twin', { uid: 'a' });
  const stored = [a, b, twin, other, { ...beside, senderId: loud, studyUid: '2.1' }];

  /** Lists that are whole; one names an instance by another series than it has. */
  function ready(): High {
    const high = new High();
    high.store(...stored);
    high.manifest(manifestOf(1, [a, b, twin, { ...other, seriesUid: '1.2.9' }]));
    high.manifest(listOf(1, [beside]));
    return high;
  }

  it.each(['once', 'from then on'])(
    'at any moment of deciding about a study and releasing it, %s, costs steps and nothing else',
    (how) => {
      let refusedAt = 1;
      for (let isOver = false; !isOver; refusedAt += 1) {
        const high = ready();
        let stores = 0;
        let refused = 0;
        high.beforeStore = () => {
          stores += 1;
          if (how === 'once' ? stores !== refusedAt : stores < refusedAt) return;
          refused += 1;
          throw new DiodeError('E_DISK_FULL');
        };
        const releases = new StudyReleases({ studies: high.studies, releaser: high.releaser });
        for (let step = 0; step < 6; step += 1) {
          try {
            releases.step();
          } catch (error) {
            // What the whole step deals with: see Pipeline.
            expect(error).toMatchObject({ code: 'E_DISK_FULL' });
            high.studies.loadAgain();
          }
        }
        isOver = refused === 0;
        high.beforeStore = () => {};
        high.time.advance(600_000);
        high.studies.watchDeadlines();
        releases.all();
        expect(Object.values(high.inbox()).sort(), `at ${refusedAt}`).toEqual(
          [a, b, beside].map(({ objectId }) => objectId).sort(),
        );
        expect(high.ledger.instances.get(other.objectId)?.heldBecause).toBe('E_INSTANCE_MISMATCH');
        expect(high.ledger.instances.get(twin.objectId)?.heldBecause).toBe('E_CONFLICT');
        expect(high.ledger.releases.unfinished()).toEqual([]);
        expect(high.standing().filter((alarm) => /E_DISK_FULL|E_RELEASE/.test(alarm))).toEqual([]);
        expect(refusedAt).toBeLessThan(200);
      }
      expect(refusedAt).toBeGreaterThan(8);
    },
  );
});

describe('a large release that a stop interrupted when half of it was marked', () => {
  it('is finished by the next start', () => {
    const rows = largeStudy();
    const high = site(rows);
    high.manifest(listOf(1, rows));
    const isMarked = (name: string) => high.ledger.instances.get(idOf(name))?.releasedRevision !== undefined;
    const releases = new StudyReleases({ studies: high.studies, releaser: high.releaser });
    while (!isMarked('large 0')) releases.step();
    expect([isMarked('large 19999'), high.ledger.releases.unfinished().length]).toEqual([false, 1]);
    high.restart();
    expect([isMarked('large 19999'), high.ledger.releases.unfinished().length]).toEqual([true, 0]);
    expect(high.releases).toHaveLength(1);
  });
});
