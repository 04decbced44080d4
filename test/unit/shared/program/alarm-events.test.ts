/** Goal: alarms, starts and another configuration are events as well, and none of them gets in the way of anything. */
import { describe, expect, it } from 'vitest';
import { DiodeError } from '../../../../shared/errors.ts';
import { AlarmEvents } from '../../../../shared/program/alarm-events.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { enterKeys, enterStart } from '../../../../shared/program/program-events.ts';
import { eventTable } from './event-table.ts';

const clock = { monotonicMs: () => 0, wallMs: () => 5000 };

function scene() {
  const { database, events } = eventTable();
  const ledger = { events, transaction: <T>(act: () => T) => database.transaction(act) };
  return { events, ledger };
}

describe('alarms', () => {
  it('are events when they are raised and cleared, and of the study that they name', () => {
    const { events, ledger } = scene();
    const alarmEvents = new AlarmEvents(clock);
    const told: string[] = [];
    const alarms = new Alarms(clock, (edge) => told.push(edge), alarmEvents.listener);
    const desk = alarms.desk('test');
    desk.raise('E_STUDY_INCOMPLETE', '1.2.3', 'one\nis missing');
    desk.clear('E_STUDY_INCOMPLETE', '1.2.3');
    desk.raise('E_NO_BEACON', 'ab'.repeat(8));
    expect(events.lastNumber()).toBe(0);
    alarmEvents.enterSome(ledger);
    alarmEvents.enterSome(ledger);
    expect(told).toEqual(['raised', 'cleared', 'raised']);
    expect(events.newest({ studyUid: '1.2.3' }, 9)).toMatchObject([
      { kind: 'alarm-raised', code: 'E_STUDY_INCOMPLETE', detail: 'one is missing', atMs: 5000 },
      { kind: 'alarm-cleared', subject: '1.2.3' },
    ]);
    expect(events.lastNumber()).toBe(3);
  });

  it('wait while the ledger refuses, and are bounded', () => {
    const { events, ledger } = scene();
    const alarmEvents = new AlarmEvents(clock);
    const alarm = {
      code: 'E_NO_BEACON',
      severity: 'critical',
      detail: '',
      sinceMs: 0,
      owner: 'test',
    } as const;
    for (let count = 0; count < 5000; count += 1)
      alarmEvents.listener('raised', { ...alarm, subject: `${count}` });
    const refusing = {
      events,
      transaction: () => {
        throw new DiodeError('E_DISK_FULL');
      },
    };
    expect(() => alarmEvents.enterSome(refusing)).toThrow(expect.objectContaining({ code: 'E_DISK_FULL' }));
    for (let count = 0; count < 100; count += 1) alarmEvents.enterSome(ledger);
    expect(events.lastNumber()).toBe(1000);
  });
});

describe('a start', () => {
  it('tells of configuration and keys when they are others than at the start before', () => {
    const { events, ledger } = scene();
    const start = (configuration: object, keyIds: readonly number[]) =>
      enterStart(ledger, { version: '1.0.0', configuration, keyIds }, 0);
    start({ a: 1, b: { c: [1], d: 2 } }, [1]);
    start({ b: { d: 2, c: [1] }, a: 1 }, [1]);
    start({ a: 2, b: { c: [1], d: 2 } }, [1]);
    enterKeys(ledger, [1, 2], 0);
    enterKeys(ledger, [1, 2], 0);
    const kinds = events.newest({}, 99).map(({ kind }) => kind);
    expect(kinds).toEqual([
      ...['configuration', 'keys-read', 'started'],
      'started',
      ...['configuration', 'started'],
      'keys-read',
    ]);
  });
});
