/** Goal: a study is transmitted when all of it has had its planned passes, once a revision, whatever can't be read. */
import { describe, expect, it } from 'vitest';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { PassCount } from '../../../../sender/schedule/pass-count.ts';
import { StudyClosing } from '../../../../sender/schedule/study-closing.ts';
import { markUnreadable } from '../../../../sender/spool/unreadable.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { closeReason } from '../../../../shared/wire/manifest.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { idOf, instanceRow } from '../rows.ts';

function scene(names: readonly string[]) {
  let refuses = false;
  const ledger = new SenderLedger(':memory:', () => {
    if (refuses) throw new DiodeError('E_DISK_FULL');
  });
  const clock = new VirtualClock().host();
  const enter = (name: string) => ledger.transaction(() => ledger.instances.enter(instanceRow(name)));
  for (const name of names) enter(name);
  let manifests = 0;
  const closing = new StudyClosing({
    ledger,
    clock,
    senderId: '00'.repeat(8),
    runningMs: () => 0,
    plan: () => {
      manifests += 1;
      return { objectId: idOf(`manifest ${manifests}`), keyId: 1, symbolBytes: 432, maximumSourceSymbols: 8 };
    },
  });
  const counting = new PassCount({ ledger, clock, passesPlanned: 2 });
  return {
    ledger,
    enter,
    close: () => closing.close('1.2', closeReason.forced),
    count: (...counted: string[]) => counting.count(counted.map(idOf), []),
    manifest: () => `manifest ${manifests}`,
    refuse: (isRefused: boolean) => {
      refuses = isRefused;
    },
    told: () => ledger.events.newest({ kind: 'transmitted' }, 99),
  };
}

describe('a study', () => {
  it('is transmitted when it is closed and all of it has had its passes', () => {
    const { close, count, manifest, told } = scene(['a', 'b']);
    count('a', 'b');
    count('a', 'b');
    expect(told()).toEqual([]);
    close();
    count(manifest());
    expect(told()).toEqual([]);
    count(manifest());
    expect(told()).toMatchObject([
      { studyUid: '1.2', studyNumber: 1, revision: 1, instances: 2, passes: 2, unreadable: 0 },
    ]);
    // The carousel goes on.
    count('a', 'b', manifest());
    count('a', 'b', manifest());
    expect(told()).toHaveLength(1);
  });

  it('is transmitted again with what came late', () => {
    const { enter, close, count, manifest, told } = scene(['a']);
    close();
    for (let pass = 0; pass < 2; pass += 1) count('a', manifest());
    enter('b');
    count('a', 'b');
    count('b');
    close();
    for (let pass = 0; pass < 2; pass += 1) count(manifest());
    expect(told()).toMatchObject([
      { revision: 1, instances: 1 },
      { revision: 2, instances: 2 },
    ]);
  });

  it('of which something can not be read is transmitted without that, and it is said', () => {
    const { ledger, close, count, manifest, told } = scene(['a', 'b']);
    close();
    for (let pass = 0; pass < 2; pass += 1) count('a', manifest());
    markUnreadable(ledger, idOf('b'), 1000);
    markUnreadable(ledger, idOf('b'), 1000);
    count('b');
    expect(told()).toMatchObject([{ instances: 2, unreadable: 1 }]);
    expect(ledger.events.newest({ kind: 'damaged' }, 9)).toMatchObject([{ studyUid: '1.2', instances: 1 }]);
  });

  it('is not transmitted where the ledger refused to count', () => {
    const { close, count, manifest, refuse, told } = scene(['a', 'b']);
    close();
    count('a', 'b', manifest());
    refuse(true);
    expect(() => count('a', 'b', manifest())).toThrow(expect.objectContaining({ code: 'E_DISK_FULL' }));
    refuse(false);
    count('a', manifest());
    expect(told()).toEqual([]);
    count('b');
    expect(told()).toHaveLength(1);
  });
});
