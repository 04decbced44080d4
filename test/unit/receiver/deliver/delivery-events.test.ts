/** Goal: what was delivered, and what was refused for good, is an event of its study and destination, with the answer. */
import { beforeEach, describe, expect, it } from 'vitest';
import { senderId } from '../high.ts';
import { DeliverySite, minute } from './delivery-site.ts';

let site: DeliverySite;
beforeEach(() => {
  site = new DeliverySite([{ destination: 'pacs' }, { destination: 'web', modalities: ['MR'] }]);
});

const told = () => site.ledger.events.newest({}, 100).map(({ number, atMs, sinceMs, ...event }) => event);
const of = (destination: string) => ({ senderId, studyUid: '1.2', destination });

describe('a study', () => {
  it('is delivered to each destination once, when nothing of it waits there any more', () => {
    site.release(['a', 'b', 'c', 'd', 'e', 'f']);
    site.release(['g'], { modality: 'MR' });
    site.pass(50);
    site.play(() => 'delivered', 'pacs');
    expect(told()).toEqual([]);
    site.play(() => 'delivered', 'web');
    expect(told()).toEqual([{ kind: 'delivered', ...of('web'), instances: 1 }]);
    while (site.play(() => 'delivered', 'pacs').length > 0);
    expect(told().slice(1)).toEqual([{ kind: 'delivered', ...of('pacs'), instances: 7 }]);
    expect(site.states().every((state) => state.endsWith('sent'))).toBe(true);
  });

  it('of which something is refused for good is not delivered, and the refusals are counted', () => {
    site.release(['a', 'b', 'c']);
    site.pass(50);
    const [first] = site.courier.rounds[0]?.objectIds ?? [];
    site.play((objectId) =>
      objectId === first ? 'delivered' : { outcome: 'refused', code: 'E_PEER_CONTEXT' },
    );
    expect(told()).toEqual([
      { kind: 'delivery-failed', ...of('pacs'), code: 'E_PEER_CONTEXT', instances: 2 },
    ]);
    site.pass(10 * minute);
    expect(told()).toHaveLength(1);
  });

  it('is told of once, also where the ledger refused the answer at first', () => {
    site.release(['a', 'b']);
    site.pass(50);
    site.ledgerIsFull = true;
    site.play((_) => ({ outcome: 'refused', code: 'E_PEER_CONTEXT' }));
    expect(told()).toEqual([]);
    site.ledgerIsFull = false;
    site.pass(2000);
    expect(told()).toMatchObject([{ kind: 'delivery-failed', instances: 2 }]);
  });

  it('that may not leave under a UID that has left is told of as failed', () => {
    site.release(['a'], { sopInstanceUid: '1.2.9' });
    site.release(['b'], { sopInstanceUid: '1.2.9' });
    expect(told()).toEqual([{ kind: 'delivery-failed', ...of('pacs'), code: 'E_CONFLICT', instances: 1 }]);
  });
});
