/** Goal: an alarm is acknowledged by name and with a reason, and none that does not stand. */
import { expect, it } from 'vitest';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { type AcknowledgedAlarms, alarmOperations } from '../../../../shared/program/acknowledge-alarm.ts';
import { asking, clock } from './asking.ts';

const who = { byWhom: 'olga', reason: 'the fibre is being repaired' };
const standing = [
  { code: 'E_LINK_DOWN', subject: 'link', owner: 'link health' },
  { code: 'E_DISK', subject: 'spool', owner: 'spool' },
  { code: 'E_DISK', subject: 'ledger', owner: 'ledger' },
] as const;

function site() {
  const told: unknown[] = [];
  const alarms: AcknowledgedAlarms = {
    standing: () => standing,
    acknowledge: (of, by, atMs) => {
      told.push([of, by, atMs]);
      return standing.filter(({ code, subject }) => code === of.code && (of.subject ?? subject) === subject);
    },
  };
  return { told, ask: asking(new SenderLedger(':memory:'), alarmOperations(alarms, clock)) };
}

it('says which, by whom and when', () => {
  const { told, ask } = site();
  expect(ask('acknowledge-alarm', { ...who, code: 'E_LINK_DOWN' })).toEqual({
    ok: true,
    detail: '1 alarm acknowledged (E_LINK_DOWN), and shown until the cause is fixed',
    alarms: 1,
  });
  expect(ask('acknowledge-alarm', { ...who, code: 'E_DISK' })).toMatchObject({ alarms: 2 });
  expect(ask('acknowledge-alarm', { ...who, code: 'E_DISK', subject: 'spool' })).toMatchObject({ alarms: 1 });
  expect(told).toEqual([
    [{ code: 'E_LINK_DOWN' }, who, 1000],
    [{ code: 'E_DISK' }, who, 1000],
    [{ code: 'E_DISK', subject: 'spool' }, who, 1000],
  ]);
});

it.each([
  { code: 'E_LEDGER' },
  { code: 'E_DISK', subject: 'vault' },
  { code: 'E_DISK', owner: 'link health' },
])('of %o, which does not stand, is refused', (of) => {
  const { told, ask } = site();
  expect(ask('acknowledge-alarm', { ...who, ...of })).toMatchObject({ ok: false, code: 'E_USAGE' });
  expect(told).toEqual([]);
});
