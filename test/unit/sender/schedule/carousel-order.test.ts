import { expect, it } from 'vitest';
import { objectPlanner } from '../../../../sender/identity.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { StudyClosing } from '../../../../sender/schedule/study-closing.ts';
import { objectType, protection } from '../../../../shared/wire/datagram.ts';
import { closeReason } from '../../../../shared/wire/manifest.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { instanceRow } from '../rows.ts';

it('repeats what had the fewest passes; among equals manifests, then the newest', () => {
  const clock = new VirtualClock().host();
  const ledger = new SenderLedger(':memory:');
  const parameters = {
    datagramBytes: 512,
    sourceSymbols: 8,
    repairSymbols: 4,
    protection: protection.sealed,
  };
  const identity = { senderId: new Uint8Array(8), keyId: 1, secret: new Uint8Array(32), parameters };
  const closing = new StudyClosing({
    ledger,
    clock,
    senderId: '00'.repeat(8),
    runningMs: () => clock.monotonicMs(),
    plan: objectPlanner(identity),
  });
  for (const name of ['first', 'second']) ledger.instances.enter(instanceRow(name));
  closing.close('1.2', closeReason.forced);
  const newest = instanceRow('newest', { studyUid: '1.3' });
  ledger.instances.enter(newest);
  const all = ledger.objects.withPasses(0, 10);
  for (let pass = 0; pass < 2; pass += 1) ledger.objects.countPasses(all.map(({ objectId }) => objectId));
  ledger.objects.countPasses([instanceRow('first').objectId]);

  const order = ledger.objects.forCarousel(2, 10);
  for (let size = 1; size <= order.length; size += 1) {
    const pages = [ledger.objects.forCarousel(2, size)];
    for (let last = pages[0]?.at(-1); last !== undefined; last = pages.at(-1)?.at(-1))
      pages.push(ledger.objects.forCarousel(2, size, last));
    expect(pages.flat()).toEqual(order);
  }
  expect(order.map(({ type }) => type === objectType.manifest)).toEqual([true, false, false, false]);
  expect(order.slice(1).map(({ objectId }) => objectId)).toEqual(
    [newest, instanceRow('second'), instanceRow('first')].map(({ objectId }) => objectId),
  );
});
