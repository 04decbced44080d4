/** Goal: what a person decides about deliveries is done, audited, and told as it is. */
import { describe, expect, it } from 'vitest';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { deliveryOperations } from '../../../../receiver/operate/deliveries.ts';
import { asking, clock } from '../../shared/program/asking.ts';
import { idOf, senderId } from '../high.ts';

const who = { byWhom: 'olga', reason: 'it was repaired' };
const moment = { nowMs: 0, atMs: 0 };

function site(routes: readonly string[] = []) {
  const ledger = new ReceiverLedger(':memory:');
  const hurried: string[] = [];
  const deliveries = {
    plan: { routeAgain: (rows: readonly unknown[]) => Math.min(rows.length, routes.length) },
    runningTime: { nowMs: () => 0 },
    isConfigured: (name: string) => name === 'pacs',
    hurry: (name: string) => void hurried.push(name),
  };
  const queue = (name: string, destination = 'pacs') => {
    const of = { objectId: idOf(name), senderId, studyUid: '1.2', sopInstanceUid: `1.2.${name.length}` };
    ledger.deliveries.enter(of, destination, 1, moment);
    return ledger.deliveries.openAt(destination, 0, 100).find(({ objectId }) => objectId === of.objectId);
  };
  const ask = asking(ledger, deliveryOperations({ ledger, clock, deliveries }));
  return {
    ledger,
    hurried,
    queue,
    retry: (destination = 'pacs') => ask('retry-deliveries', { destination, ...who }),
    abandon: (destination = 'pacs') => ask('abandon-deliveries', { destination, ...who }),
    audited: (destination = 'pacs') => ledger.audit.of(destination).map(({ action }) => action),
  };
}

describe('a destination', () => {
  it('that is tried again tells what waits, and what had failed', () => {
    const { ledger, queue, retry, hurried, audited } = site();
    expect(retry()).toEqual({
      ok: true,
      detail: 'nothing is waiting for pacs',
      waiting: 0,
      again: 0,
      withheld: 0,
    });
    queue('a');
    expect(retry()).toMatchObject({
      detail: '1 instance queued for pacs: tried right away',
      waiting: 1,
    });
    const failed = queue('bb');
    if (failed === undefined) throw new Error('it waits');
    ledger.deliveries.failed(failed, { code: 'E_PEER_REFUSED' }, moment);
    expect(retry()).toMatchObject({
      detail: '2 instances queued for pacs (1 had failed): tried right away',
      waiting: 2,
      again: 1,
    });
    expect([hurried, audited()]).toEqual([Array(3).fill('pacs'), Array(3).fill('retry deliveries')]);
  });

  it('that is given up tells how much', () => {
    const { queue, abandon, audited } = site();
    expect(abandon()).toMatchObject({ detail: 'nothing was waiting for pacs', instances: 0 });
    queue('a');
    expect(abandon()).toMatchObject({ detail: '1 instance given up for pacs', instances: 1 });
    queue('bb');
    queue('ccc');
    expect(abandon()).toMatchObject({ detail: '2 instances given up for pacs', instances: 2 });
    expect(audited()).toEqual(Array(3).fill('abandon deliveries'));
  });

  it('that the configuration has no more lets go what finds another one', () => {
    const { queue, retry } = site(['one']);
    expect(retry('old')).toMatchObject({ ok: false, code: 'E_USAGE' });
    queue('a', 'old');
    queue('bb', 'old');
    expect(retry('old')).toMatchObject({
      detail: 'another destination found for 1 of 2 instances',
      routed: 1,
      waiting: 1,
    });
  });

  it('that there is none of is not audited', () => {
    const { abandon, audited } = site();
    expect(abandon('nobody')).toMatchObject({ ok: false, code: 'E_USAGE' });
    expect(audited('nobody')).toEqual([]);
  });
});
