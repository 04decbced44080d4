/**
 * Goal: nothing leaves for a destination under a SOP Instance UID that has left for it, or waits, with other bytes;
 * what is the same does not leave twice. Method: the ledger's own rule, whatever the release gate let through.
 */
import { expect, it } from 'vitest';
import { nowhere } from '../../../../receiver/deliver/delivery-plan.ts';
import { instance } from '../high.ts';
import { DeliverySite } from './delivery-site.ts';

const other = { senderId: '08'.repeat(8), uid: 'a' } as const;
const sha256 = instance('a').sha256;

const codes = (site: DeliverySite) => site.ledger.deliveries.list('1.2').map(({ code }) => code);

it.each(['waits', 'was sent'])('other bytes under a UID that %s stay here, and are named', (state) => {
  const site = new DeliverySite([{ destination: 'pacs' }]);
  const [a = ''] = site.release(['a']);
  site.pass(50);
  if (state === 'was sent') site.play(() => 'delivered');
  site.release(['b'], other);
  expect(site.states()).toEqual([`pacs ${state === 'waits' ? 'waiting' : 'sent'}`, 'pacs failed']);
  expect(codes(site)).toEqual([undefined, 'E_CONFLICT']);
  site.pass(5000);
  expect(site.standing()).toContain('E_DELIVERY_FAILED pacs');
  // Neither waiting nor a person who only tries again changes that.
  site.ledger.deliveries.retry('pacs', { nowMs: 0, atMs: 0 });
  site.restart();
  site.pass(5000);
  expect(site.courier.rounds.flatMap(({ objectIds }) => objectIds)).toEqual(state === 'waits' ? [a] : []);
});

it('other bytes that a person let through go out beside', () => {
  const site = new DeliverySite([{ destination: 'pacs' }]);
  const [a] = site.release(['a']);
  const { objectId } = instance('b');
  site.ledger.holds.enter({
    objectId,
    sopClassUid: undefined,
    reasons: [],
    preamble: 'zero',
    zeroPreamble: false,
    patient: {},
  });
  site.ledger.holds.approve(objectId, ['E_CONFLICT']);
  const [b] = site.release(['b'], other);
  site.pass(50);
  expect(site.courier.rounds[0]?.objectIds).toEqual([a, b]);
});

it('the same bytes from another sender leave once, also for a destination that only one of them goes to', () => {
  const site = new DeliverySite([
    { destination: 'pacs' },
    { destination: 'ward', senders: [other.senderId] },
  ]);
  const [a] = site.release(['a']);
  const [again] = site.release(['again'], { ...other, sha256 });
  site.pass(50);
  expect(site.courier.rounds).toEqual([
    { destination: 'pacs', objectIds: [a] },
    { destination: 'ward', objectIds: [again] },
  ]);
});

it('the same bytes that every destination has need not be kept', () => {
  const site = new DeliverySite([{ destination: 'pacs' }]);
  site.release(['a']);
  const [again] = site.release(['again'], { ...other, sha256 });
  expect(site.ledger.removableObjects.due(Number.MAX_SAFE_INTEGER, 10)).toEqual([again]);
});

it('other bytes that waited for a destination that is gone do not leave by another way', () => {
  const site = new DeliverySite([{ destination: 'web', modalities: ['MR'] }], false);
  site.release(['a']);
  const later = new DeliverySite([{ destination: 'pacs' }], false);
  const [b] = later.release(['b'], other);
  later.ledger.instances.enter(instance('a'), 0);
  const [row] = site.ledger.deliveries.openAt(nowhere, 0, 10);
  if (row === undefined) throw new Error('it waits');
  later.plan.routeAgain([{ ...row, id: 99 }], (id) => later.ledger.instances.get(id));
  later.pass(50);
  expect(later.courier.rounds.flatMap(({ objectIds }) => objectIds)).toEqual([b]);
  expect(codes(later)).toContain('E_CONFLICT');
});
