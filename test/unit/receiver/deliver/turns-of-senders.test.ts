/**
 * Goal: what one sender has sent costs nobody else's instances more than their turn, at any destination. Method: the real
 * ledger, plan and queue; a courier and a clock that the test plays.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { senderId } from '../high.ts';
import { DeliverySite, minute } from './delivery-site.ts';

let site: DeliverySite;
beforeEach(() => {
  site = new DeliverySite([{ destination: 'pacs' }, { destination: 'web', modalities: ['MR'] }]);
});

describe('what one sender has sent', () => {
  const names = (of: string) => Array.from({ length: 12 }, (_, index) => `${of} ${index}`);
  const round = () => site.courier.rounds[0]?.objectIds ?? [];

  it('does not make what is urgent of another one wait, nor what is not', () => {
    site.release(names('flood'), { senderId: '09'.repeat(8) }, true);
    site.release(names('more'), { senderId: '09'.repeat(8) });
    const [routine = ''] = site.release(['routine']);
    const [urgent = ''] = site.release(names('urgent'), { senderId: 'aa'.repeat(8) }, true);
    site.pass(50);
    expect(round()).toContain(urgent);
    const seen = [...site.play(() => 'delivered', 'pacs'), ...site.play(() => 'delivered', 'pacs')];
    expect(seen).toContain(routine);
  });

  it('is tried one of each sender in turn', () => {
    const flood = new Set(site.release(names('flood'), { senderId: '09'.repeat(8) }));
    site.release(names('few'));
    site.pass(50);
    const order = round().map((objectId) => flood.has(objectId));
    expect([
      [true, false, true, false],
      [false, true, false, true],
    ]).toContainEqual(order);
  });

  it('counts once, however many sender ids it has under one key name', () => {
    site.groupOf = (of) => (of === senderId ? of : 'key hostile');
    for (let id = 10; id < 40; id += 1)
      site.release([`${id} a`, `${id} b`], { senderId: String(id).repeat(8) });
    const few = new Set(site.release(names('few')));
    for (let rounds = 0; rounds < 6; rounds += 1) {
      site.pass(50);
      expect(site.play(() => 'delivered', 'pacs').filter((objectId) => few.has(objectId))).toHaveLength(2);
    }
  });

  /**
   * Hours of a destination that does not answer some of a sender's, one a minute. As the courier does: the rest of a
   * sender is left after three of them. @returns how long those of another one waited, sent now and then
   */
  function waitsBeside(isBad: (objectId: string) => boolean, hours: number): number[] {
    const sentAtMs = new Map<string, number>();
    const waits: number[] = [];
    const endMs = site.monotonicMs + hours * 60 * minute;
    for (let dueMs = 0; site.monotonicMs < endMs; site.pass(1000)) {
      if (site.monotonicMs >= dueMs) {
        dueMs = site.monotonicMs + 7 * minute;
        const [objectId = ''] = site.release([`honest ${dueMs}`]);
        sentAtMs.set(objectId, site.monotonicMs);
      }
      let losses = 0;
      site.play((objectId) => {
        const atMs = sentAtMs.get(objectId);
        if (atMs !== undefined) waits.push(site.monotonicMs - atMs);
        if (!isBad(objectId)) return 'delivered';
        if (losses >= 3) return { outcome: 'untried', code: 'E_ASSOCIATION_TIMEOUT' };
        losses += 1;
        site.monotonicMs += minute;
        return { outcome: 'failed', code: 'E_ASSOCIATION_TIMEOUT' };
      }, 'pacs');
    }
    expect(waits.length).toBeGreaterThanOrEqual(sentAtMs.size - 1);
    return waits;
  }

  it.each([0, 2, 5])(
    'and is not answered puts its own aside, and those of others go on (of %i good ones between)',
    (good) => {
      const bad = new Set<string>();
      for (let file = 0; file < 30; file += 1) {
        const change = { senderId: '09'.repeat(8) };
        for (const objectId of site.release([`bad ${file}`], change)) bad.add(objectId);
        if (good > 0)
          site.release(
            Array.from({ length: good }, (_, index) => `good ${file} ${index}`),
            change,
          );
      }
      const waits = waitsBeside((objectId) => bad.has(objectId), 6);
      // Behind the losses that were under way when it came.
      expect(Math.max(...waits)).toBeLessThanOrEqual(3 * minute + 5000);
      expect(waits.filter((waitMs) => waitMs < 5000).length).toBeGreaterThan(waits.length / 2);
    },
  );

  it('and was lost on the way is tried one by one behind that of others, and more of it with each round without', () => {
    const bad = new Set(site.release(names('bad'), { senderId: '09'.repeat(8) }));
    site.release(names('good'));
    site.pass(50);
    let losses = 0;
    const kinds = () =>
      site
        .play((objectId) => {
          if (!bad.has(objectId) || losses > 0) return 'delivered';
          losses += 1;
          return { outcome: 'failed', code: 'E_ASSOCIATION_TIMEOUT' };
        }, 'pacs')
        .map((objectId) => (bad.has(objectId) ? 'bad' : 'good'));
    expect(kinds().sort()).toEqual(['bad', 'bad', 'good', 'good']);
    expect(kinds()).toEqual(['good', 'good', 'bad']);
    expect(kinds()).toEqual(['good', 'good', 'bad', 'bad']);
  });

  it('is put aside with that of all others where those of several fail and nothing arrives', () => {
    const others = ['09', 'aa'].map((byte) => byte.repeat(8));
    for (const of of others) site.release(names(of), { senderId: of });
    site.pass(50);
    site.play((_) => ({ outcome: 'failed', code: 'E_ASSOCIATION_TIMEOUT' }), 'pacs');
    const [later = ''] = site.release(['later']);
    site.pass(9000);
    expect(site.courier.rounds).toEqual([]);
    site.pass(2000);
    expect(round()[0]).toBe(later);
  });

  it('and failed makes nothing of another wait that failed as well', () => {
    const { deliveries } = site.ledger;
    site.release(
      Array.from({ length: 50 }, (_, index) => `bad ${index}`),
      { senderId: '09'.repeat(8) },
    );
    const [later = ''] = site.release(['later']);
    const reason = { code: 'E_ASSOCIATION_TIMEOUT', attempts: 1 };
    for (const row of deliveries.list('1.2'))
      deliveries.postponed(
        row,
        { ...reason, notBeforeMs: row.objectId === later ? 2000 : 1000 },
        { nowMs: 0, atMs: 0 },
      );
    site.release(names('fresh'), { senderId: 'aa'.repeat(8) });
    const tried = () => deliveries.due('pacs', 3000, 10).filter(({ attempts }) => attempts > 0);
    // A few of them only.
    expect(tried()).toHaveLength(2);
    expect(tried().map(({ objectId }) => objectId)).toContain(later);
  });
});
