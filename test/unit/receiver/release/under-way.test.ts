/** Goal: what is on its way out keeps its UIDs, whatever is decided about its study meanwhile. */
import { expect, it } from 'vitest';
import type { InstanceRecord } from '../../../../receiver/ledger/instance-records.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { High, idOf, instance, manifestOf, sha256Of } from '../high.ts';

const other = '08'.repeat(8);

function inspect(high: High, { objectId }: InstanceRecord, id: string, zeroPreamble: boolean): void {
  const found = { sopClassUid: undefined, reasons: [], preamble: 'executable' as const };
  high.ledger.holds.enter({ objectId, patient: { id }, zeroPreamble, ...found });
}

it('a UID that went out is taken, also where another patient came to the study while it was made ready', () => {
  const high = new High();
  const a = instance('a', { sha256: sha256Of(idOf('a')) });
  const second = instance('second');
  const twin = instance('twin', { uid: 'a', senderId: other, studyUid: '1.3' });
  const open = high.disk.open.bind(high.disk);
  let isFull = true;
  high.disk.open = (path, mode) => {
    if (isFull && path.includes('/copying/') && mode === 'create') throw new DiodeError('E_DISK_FULL');
    return open(path, mode);
  };
  const goOn = () => {
    high.time.advance(400_000);
    high.studies.watchDeadlines();
    high.release();
    for (let steps = 0; steps < 20; steps += 1) high.outgoing.step();
    high.release();
  };
  high.store(a);
  inspect(high, a, 'P1', true);
  high.manifest(manifestOf(1, [a]));
  goOn();
  expect(high.ledger.releases.unfinished()).toHaveLength(1);
  high.store(second);
  inspect(high, second, 'P2', false);
  high.manifest(manifestOf(2, [a, second]));
  goOn();
  isFull = false;
  goOn();
  goOn();
  expect(Object.keys(high.inbox())).toHaveLength(1);
  expect(high.ledger.instances.get(second.objectId)?.heldBecause).toBe('E_PATIENT_MISMATCH');
  high.store(twin);
  inspect(high, twin, 'P1', false);
  high.manifest(manifestOf(1, [twin], { senderId: other, studyUid: '1.3' }));
  goOn();
  expect(high.ledger.instances.ownerOfUid(a.sopInstanceUid)?.objectId).toBe(a.objectId);
  expect(high.ledger.instances.get(twin.objectId)?.heldBecause).toBe('E_CONFLICT');
  expect(Object.keys(high.inbox())).toHaveLength(1);
});
