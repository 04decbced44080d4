/**
 * Goal: what is released reaches every destination or stays named, through restarts, jumping clocks, full disks and
 * destinations that are down. Method: the real ledger, plan and queue; a courier and a clock that the test plays.
 */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type DeliveryPlan, nowhere } from '../../../../receiver/deliver/delivery-plan.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { priority } from '../../../../shared/wire/manifest.ts';
import { High, instance, manifestOf, senderId } from '../high.ts';
import { DeliverySite, minute } from './delivery-site.ts';

let site: DeliverySite;
beforeEach(() => {
  site = new DeliverySite([{ destination: 'pacs' }, { destination: 'web', modalities: ['MR'] }]);
});

const departed = (nowMs = Number.MAX_SAFE_INTEGER) => site.ledger.removableObjects.due(nowMs, 100);

describe('a release', () => {
  it('is queued for each destination whose rules it meets, in order, and delivered once', () => {
    const [a = '', b = ''] = site.release(['a', 'b']);
    const [c = ''] = site.release(['c'], { modality: 'MR' });
    expect(site.states()).toEqual(['pacs waiting', 'pacs waiting', 'pacs waiting', 'web waiting']);
    site.pass(50);
    expect(site.courier.rounds).toEqual([
      { destination: 'pacs', objectIds: [a, b, c] },
      { destination: 'web', objectIds: [c] },
    ]);
    site.play(() => 'delivered', 'web');
    expect(site.delivered).toEqual([]);
    site.play(() => 'delivered', 'pacs');
    expect(site.delivered).toEqual(['1.2']);
    expect(site.states()).toEqual(['pacs sent', 'pacs sent', 'pacs sent', 'web sent']);
    site.pass(10 * minute);
    expect(site.courier.rounds).toEqual([]);
    expect(site.delivery.statuses().map(({ sent }) => sent)).toEqual([3, 1]);
  });

  it('is in the queue if and only if it is marked', () => {
    expect(() =>
      site.ledger.transaction(() => {
        site.plan.enter(
          { senderId, studyUid: '1.2', priority: priority.routine } as Parameters<DeliveryPlan['enter']>[0],
          [instance('a')],
        );
        throw new Error('the power went');
      }),
    ).toThrow('the power went');
    expect(site.states()).toEqual([]);
  });

  it('that is urgent goes first', () => {
    const routine = site.release(['a', 'b', 'c']);
    const [stat = ''] = site.release(['d'], {}, true);
    site.pass(50);
    expect(site.courier.rounds[0]?.objectIds).toEqual([stat, ...routine]);
  });

  it('that meets no rule goes to the inbox alone, or waits by name where there is none', () => {
    site = new DeliverySite([{ destination: 'web', modalities: ['MR'] }]);
    const [a] = site.release(['a']);
    expect(site.states()).toEqual([]);
    expect(departed()).toEqual([a]);

    site = new DeliverySite([{ destination: 'web', modalities: ['MR'] }], false);
    site.release(['a']);
    site.pass(50);
    expect(site.states()).toEqual([`${nowhere} waiting`]);
    expect(site.standing()).toEqual([`E_DELIVERY_NOWHERE ${nowhere}`]);
    expect(departed()).toEqual([]);
  });

  it('that waits for a destination that was taken away can be sent by new rules', () => {
    site = new DeliverySite([{ destination: 'web', modalities: ['MR'] }], false);
    site.release(['a']);
    const rows = site.ledger.deliveries.openAt(nowhere, 0, 10);
    expect(site.plan.routeAgain(rows, (id) => site.ledger.instances.get(id))).toBe(0);
    const later = new DeliverySite([{ destination: 'pacs' }], false);
    later.release(['a']);
    const [row] = later.ledger.deliveries.list('1.2');
    if (row === undefined) throw new Error('a row');
    later.plan.routeAgain([{ ...row, id: 99, destination: 'gone' }], (id) => later.ledger.instances.get(id));
    expect(later.states()).toEqual(['pacs waiting']);
  });
});

describe('an instance that can not leave', () => {
  it('waits, has no attempt more and keeps nobody waiting; the destination is not blamed', () => {
    const [a = '', b = ''] = site.release(['a', 'b']);
    site.unready.set(a, new DiodeError('E_COPY_WAITING'));
    site.pass(50);
    expect(site.play(() => 'delivered')).toEqual([b]);
    expect(site.ledger.deliveries.list('1.2')).toMatchObject([
      { state: 'waiting', attempts: 0, code: 'E_COPY_WAITING' },
      { state: 'sent' },
    ]);
    // Also when there is nothing else: what comes next goes at once.
    site.pass(10_000);
    const [c = ''] = site.release(['c']);
    site.pass(50);
    expect(site.play(() => 'delivered')).toEqual([c]);
    site.unready.clear();
    for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 1000) site.pass(1000);
    expect(site.play(() => 'delivered')).toEqual([a]);
  });

  it('since its file is damaged waits for it, however often, and it is collected again', () => {
    const [a = ''] = site.release(['a']);
    for (let round = 0; round < 10; round += 1) {
      site.pass(20_000);
      site.play(() => ({ outcome: 'failed', code: 'E_VAULT_DAMAGED' }));
    }
    expect(site.damaged).toEqual(Array.from({ length: 10 }, () => a));
    expect(site.ledger.deliveries.list('1.2')).toMatchObject([{ state: 'waiting', attempts: 0 }]);
  });

  it('since its file is damaged does not have the answers of its round entered twice where that can not be told', () => {
    const [a = ''] = site.release(['a', 'b']);
    site.pass(50);
    const tell = vi.spyOn(site.damaged, 'push').mockImplementationOnce(() => {
      throw new DiodeError('E_LEDGER');
    });
    site.play((id) => (id === a ? { outcome: 'failed', code: 'E_VAULT_DAMAGED' } : 'delivered'));
    site.pass(2000);
    expect([tell.mock.calls.length, site.delivery.statuses()[0]?.sent]).toEqual([1, 1]);
  });
});

describe('a destination', () => {
  it('whose answers the ledger refuses does not keep the others from going on', () => {
    site = new DeliverySite([{ destination: 'pacs' }, { destination: 'web' }]);
    site.release(['a']);
    site.pass(50);
    site.refuses = 'pacs';
    site.play(() => 'delivered', 'pacs');
    site.play(() => 'delivered', 'web');
    expect(site.states()).toEqual(['pacs waiting', 'web sent']);
    expect(site.standing()).toEqual(['E_LEDGER deliveries to pacs']);
    site.refuses = undefined;
    site.pass(2000);
    expect([site.states(), site.standing()]).toEqual([['pacs sent', 'web sent'], []]);
  });

  it('that is down is tried again later and later, blames no instance, and gets all of it in the end', () => {
    const all = site.release(['a', 'b']);
    let tries = 0;
    for (let waitedMs = 0; waitedMs < 24 * 60 * minute; waitedMs += 5000) {
      site.pass(5000);
      if (site.play(() => ({ outcome: 'untried', code: 'E_PEER_CONNECT' })).length > 0) tries += 1;
    }
    expect(tries).toBeGreaterThan(500);
    expect(tries).toBeLessThan(1200);
    expect(site.ledger.deliveries.list('1.2')).toMatchObject([{ attempts: 0 }, { attempts: 0 }]);
    expect(site.standing()).toEqual(['E_DELIVERY_WAITING pacs']);
    expect(site.delivery.statuses()[0]).toMatchObject({ name: 'pacs', waiting: 2, code: 'E_PEER_CONNECT' });
    site.pass(80_000);
    expect(site.play(() => 'delivered')).toEqual(all);
    site.pass(3000);
    expect(site.standing()).toEqual([]);
    expect(site.delivered).toEqual(['1.2']);
  });

  it('that is slow does not delay another', () => {
    site.release(['a'], { modality: 'MR' });
    site.pass(50);
    expect(site.play(() => 'delivered', 'web')).toHaveLength(1);
    for (const name of ['b', 'c']) {
      site.release([name], { modality: 'MR' });
      site.pass(1000);
      expect(site.play(() => 'delivered', 'web')).toHaveLength(1);
    }
    // Its first round still runs.
    expect(site.courier.rounds).toHaveLength(1);
  });

  it('that breaks on some instances gets the others, however many those are', () => {
    const bad = site.release(['1', '2', '3', '4', '5', '6', '7', '8']);
    const good = site.release(['9', '10', '11', '12']);
    const arrived: string[] = [];
    // As the sender does: after two that broke the association the rest of a round is not tried.
    for (let round = 0; round < 200 && arrived.length < good.length; round += 1) {
      let broken = 0;
      site.play((objectId) => {
        if (broken >= 3) return 'untried';
        if (bad.includes(objectId)) {
          broken += 1;
          return { outcome: 'failed', code: 'E_ASSOCIATION_ABORTED' };
        }
        arrived.push(objectId);
        return 'delivered';
      });
      site.pass(20_000);
    }
    expect(arrived.sort()).toEqual([...good].sort());
  });

  it('that refuses an instance for good: it is named, and only a person tries it again', () => {
    const [a = '', b = ''] = site.release(['a', 'b']);
    site.pass(50);
    const refusal = {
      outcome: 'refused',
      code: 'E_PEER_REFUSED',
      status: 0xc000,
      comment: 'no room for it',
    } as const;
    site.play((id) => (id === a ? refusal : 'delivered'));
    expect(site.ledger.deliveries.list('1.2')).toMatchObject([
      { state: 'failed', code: 'E_PEER_REFUSED', status: 0xc000, comment: 'no room for it', attempts: 1 },
      { state: 'sent' },
    ]);
    site.pass(60 * minute);
    expect(site.courier.rounds).toEqual([]);
    expect(site.standing()).toEqual(['E_DELIVERY_FAILED pacs']);
    expect(departed()).toEqual([b]);
    expect(site.delivered).toEqual([]);
    const moment = { nowMs: site.time.nowMs(), atMs: site.wallMs };
    expect(site.ledger.deliveries.retry('pacs', moment)).toBe(1);
    site.delivery.hurry('pacs');
    site.pass(50);
    expect(site.play(() => 'delivered')).toEqual([a]);
    site.pass(3000);
    expect(site.standing()).toEqual([]);
    expect(site.delivered).toEqual(['1.2']);
  });

  it('may be given up by a person: the vault need not keep what waited for it', () => {
    const [a = '', b = ''] = site.release(['a', 'b'], { modality: 'MR' });
    site.pass(50);
    site.play(() => 'delivered', 'web');
    expect(departed()).toEqual([]);
    const moment = { nowMs: site.time.nowMs(), atMs: site.wallMs };
    expect(site.ledger.transaction(() => site.ledger.deliveries.abandonAll('pacs', moment))).toBe(2);
    expect(departed().sort()).toEqual([a, b].sort());
    // Its round still ran: what comes of it changes nothing any more.
    site.play(() => 'delivered', 'pacs');
    expect(site.states().filter((state) => state === 'pacs abandoned')).toHaveLength(2);
  });
});

describe('a stop', () => {
  it('loses nothing: what was not entered is sent again, what was is not', () => {
    const [a = '', b = ''] = site.release(['a', 'b']);
    site.pass(50);
    site.delivery.reported('pacs', a, { outcome: 'delivered' });
    site.pass(50);
    site.delivery.reported('pacs', b, { outcome: 'delivered' });
    site.restart();
    site.pass(50);
    expect(site.courier.rounds).toEqual([{ destination: 'pacs', objectIds: [b] }]);
  });

  it('keeps when an instance is tried again, whatever the clocks do', () => {
    const [a = ''] = site.release(['a', 'b']);
    site.pass(50);
    site.play((id) => (id === a ? { outcome: 'failed', code: 'E_PEER_REFUSED' } : 'delivered'));
    site.time.save();
    site.wallMs -= 3e11;
    site.restart();
    site.pass(9000);
    expect(site.courier.rounds).toEqual([]);
    site.wallMs += 9e11;
    site.pass(2000);
    expect(site.courier.rounds).toEqual([{ destination: 'pacs', objectIds: [a] }]);
  });

  it('of a full disk is waited for: nothing is sent twice for it', () => {
    const [a] = site.release(['a']);
    site.pass(50);
    site.ledgerIsFull = true;
    site.play(() => 'delivered');
    site.pass(5000);
    expect(site.standing()).toEqual(['E_DISK_FULL deliveries to pacs']);
    expect(site.states()).toEqual(['pacs waiting']);
    expect(site.courier.rounds).toEqual([]);
    site.ledgerIsFull = false;
    site.pass(5000);
    expect(site.standing()).toEqual([]);
    expect(site.states()).toEqual(['pacs sent']);
    expect(departed()).toEqual([a]);
    expect(site.courier.rounds).toEqual([]);
  });
});

describe('a round that a full disk did not let be entered', () => {
  it('counts once: what failed in it is left alone for a while, and has one attempt more', () => {
    const [a = '', b = ''] = site.release(['a', 'b']);
    site.pass(50);
    site.ledgerIsFull = true;
    site.play((id) => (id === a ? { outcome: 'failed', code: 'E_PEER_REFUSED' } : 'delivered'));
    site.pass(5000);
    expect(site.standing()).toEqual(['E_DISK_FULL deliveries to pacs']);
    site.ledgerIsFull = false;
    site.pass(1500);
    const entered = site.ledger.deliveries.list('1.2');
    expect(entered.map(({ objectId, state, attempts }) => [objectId, state, attempts])).toEqual([
      [a, 'waiting', 1],
      [b, 'sent', 1],
    ]);
    expect(site.courier.rounds).toEqual([]);
  });
});

describe('the vault', () => {
  it('may let go of an instance some running time after all of its destinations have it', () => {
    const [a = ''] = site.release(['a'], { modality: 'MR' });
    site.pass(50);
    site.play(() => 'delivered', 'pacs');
    expect(departed()).toEqual([]);
    site.play(() => 'delivered', 'web');
    const doneMs = site.time.nowMs();
    expect(departed(doneMs - 1000)).toEqual([]);
    expect(departed(doneMs)).toEqual([a]);
    site.ledger.removableObjects.forget([a]);
    expect(departed()).toEqual([]);
    expect(site.ledger.instances.get(a)).toBeDefined();
  });
});

describe('a study that is released', () => {
  it('without an inbox is marked and handed to delivery all the same', () => {
    const high = new High();
    const marked: string[] = [];
    high.withoutInbox((study, instances) => marked.push(`${study.studyUid} ${[...instances].length}`));
    const rows = [instance('a'), instance('b')];
    high.store(...rows);
    high.manifest(manifestOf(1, rows));
    high.release();
    expect(high.state()).toBe('released');
    expect(high.inbox()).toEqual({});
    expect(marked).toEqual(['1.2 2']);
    expect(high.ledger.releases.unfinished()).toEqual([]);
    high.restart();
    expect(marked).toHaveLength(1);
  });
});
