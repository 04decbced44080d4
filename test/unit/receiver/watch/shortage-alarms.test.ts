import { expect, it } from 'vitest';
import { Shortages } from '../../../../receiver/assemble/shortages.ts';
import { ShortageAlarms } from '../../../../receiver/watch/shortage-alarms.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { limits } from '../../../../shared/wire/limits.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

it('a sender without room is named while that goes on, and a minute longer', () => {
  const alarms = new Alarms(new VirtualClock().host());
  const shortages = new Shortages();
  const watch = new ShortageAlarms(alarms, () => shortages.rows());
  const standing = () => alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  watch.watch(0);
  expect(standing()).toEqual([]);
  shortages.count('bb', 'documents');
  shortages.count('bb', 'vault');
  shortages.count('cc', 'open objects');
  watch.watch(1000);
  expect(standing()).toEqual(['E_NO_ROOM bb', 'E_NO_ROOM cc']);
  expect(alarms.standing()[0]?.detail).toBe('refused or given up so far: documents 1, vault 1');
  shortages.count('bb', 'vault');
  watch.watch(50_000);
  watch.watch(61_000);
  expect(standing()).toEqual(['E_NO_ROOM bb']);
  watch.watch(110_000);
  expect(standing()).toEqual([]);
  shortages.count('cc', 'vault');
  watch.watch(200_000);
  expect(standing()).toEqual(['E_NO_ROOM cc']);
});

it('senders are counted up to as many as are told apart, those of late', () => {
  const shortages = new Shortages();
  for (let id = 0; id < 1000; id += 1) {
    shortages.count(`${id}`, 'vault');
    shortages.count('always', 'documents');
  }
  const rows = shortages.rows();
  expect(rows).toHaveLength(limits.sendersMax);
  expect(rows.at(-1)).toEqual({ senderId: 'always', what: 'documents', count: 1000 });
  expect(rows[0]?.senderId).toBe(`${1000 - limits.sendersMax + 1}`);
});
