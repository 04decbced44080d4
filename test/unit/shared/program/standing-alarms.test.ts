/**
 * Goal: an alarm outlives its program, with the time it began and with who has seen to it, until its desk has had its say;
 * and a ledger that refuses, or says nonsense, breaks no alarm. Method: lives of a program over one ledger.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { LedgerDatabase } from '../../../../shared/ledger-database.ts';
import type { Alarm } from '../../../../shared/program/alarm.ts';
import type { AlarmDesk, DeskOptions } from '../../../../shared/program/alarm-desk.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { StandingAlarms, standingAlarmsSchema } from '../../../../shared/program/standing-alarms.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

const minuteMs = 60_000;
const databases: LedgerDatabase[] = [];

afterEach(() => {
  for (const database of databases.splice(0)) database.close();
});

/** A program that can be started again; the ledger stays. */
function program(options?: DeskOptions) {
  const time = new VirtualClock();
  const clock = time.host();
  const refusal: { code: 'E_LEDGER' | undefined } = { code: undefined };
  let writes = 0;
  const database = new LedgerDatabase(':memory:', [standingAlarmsSchema], () => {
    if (refusal.code !== undefined) throw new DiodeError(refusal.code);
    writes += 1;
  });
  databases.push(database);
  const store = new StandingAlarms(database);
  const edges: string[] = [];
  const start = (): {
    alarms: Alarms;
    desk: AlarmDesk;
    other: AlarmDesk;
    find: (subject: string) => Alarm | undefined;
  } => {
    const alarms = new Alarms(clock, (edge, { code, subject }) => edges.push(`${edge} ${code} ${subject}`));
    alarms.remember(store.load());
    const find = (subject: string) => alarms.standing().find((alarm) => alarm.subject === subject);
    return { alarms, desk: alarms.desk('one', options), other: alarms.desk('other'), find };
  };
  return { time, clock, database, store, refusal, edges, start, writes: () => writes };
}

describe('an alarm', () => {
  it('stands over a restart since when it began, and is told once', () => {
    const { time, clock, store, edges, start } = program();
    const beganMs = clock.wallMs();
    const before = start();
    before.desk.raise('E_DISK', 'a', 'first');
    before.other.raise('E_DISK', 'a');
    before.alarms.save(store);
    time.advance(minuteMs);
    const { alarms, desk } = start();
    const since = () =>
      alarms.standing().map(({ owner, detail, sinceMs }) => [owner, detail, sinceMs - beganMs]);
    const meaning = before.other.standing()[0]?.detail;
    expect(since()).toEqual([
      ['one', 'first', 0],
      ['other', meaning, 0],
    ]);
    desk.raise('E_DISK', 'a', 'second');
    expect(since()[0]).toEqual(['one', 'second', 0]);
    time.advance(3 * minuteMs);
    // The other desk did not raise its own again, in two minutes.
    expect(since()).toEqual([['one', 'second', 0]]);
    expect(edges).toEqual(['raised E_DISK a', 'raised E_DISK a', 'cleared E_DISK a']);
    alarms.save(store);
    expect(store.load().map(({ alarm }) => alarm.owner)).toEqual(['one']);
  });

  it('of an earlier life is gone when its desk clears it, and new when it is raised after that', () => {
    const { time, clock, store, start } = program();
    const before = start();
    before.desk.raise('E_DISK', 'a');
    before.alarms.save(store);
    const { alarms, desk, find } = start();
    time.advance(minuteMs);
    desk.clear('E_DISK', 'a');
    expect(alarms.standing()).toEqual([]);
    desk.raise('E_DISK', 'a');
    expect(find('a')?.sinceMs).toBe(clock.wallMs());
  });

  it('waits for its desk as long as that takes, by code', () => {
    const { time, store, start } = program({ settleMs: { E_STUDY_INCOMPLETE: 12 * minuteMs } });
    const before = start();
    before.desk.raise('E_STUDY_INCOMPLETE', 'late');
    before.desk.raise('E_DISK', 'soon');
    before.alarms.save(store);
    const { find } = start();
    time.advance(2 * minuteMs - 1);
    expect([find('late') !== undefined, find('soon') !== undefined]).toEqual([true, true]);
    time.advance(1);
    expect([find('late') !== undefined, find('soon') !== undefined]).toEqual([true, false]);
    time.advance(10 * minuteMs - 1);
    expect(find('late')).toBeDefined();
    time.advance(1);
    expect(find('late')).toBeUndefined();
  });

  it('that was raised before what stood is known keeps its first time too', () => {
    const { time, clock, store } = program();
    const beganMs = clock.wallMs();
    const before = new Alarms(clock);
    before.desk('one').raise('E_DISK', 'a');
    before.acknowledge({ code: 'E_DISK' }, { byWhom: 'ann', reason: 'ordered' }, 7);
    before.save(store);
    time.advance(minuteMs);
    const after = new Alarms(clock);
    after.desk('one').raise('E_DISK', 'a');
    after.remember(store.load());
    time.advance(minuteMs * 10);
    expect(after.standing()).toMatchObject([{ sinceMs: beganMs, acknowledged: { byWhom: 'ann' } }]);
  });

  it('is raised whatever the ledger refuses, and written when it takes it', () => {
    const { store, refusal, start } = program();
    const { alarms, desk } = start();
    refusal.code = 'E_LEDGER';
    desk.raise('E_DISK', 'a');
    alarms.save(store);
    desk.raise('E_DISK', 'b');
    desk.clear('E_DISK', 'b');
    alarms.save(store);
    expect(alarms.standing().map(({ owner, code }) => `${owner} ${code}`)).toEqual([
      'one E_DISK',
      'alarms E_LEDGER',
    ]);
    refusal.code = undefined;
    alarms.save(store);
    expect(alarms.standing().map(({ code }) => code)).toEqual(['E_DISK']);
    alarms.save(store);
    expect(store.load().map(({ alarm }) => alarm.subject)).toEqual(['a']);
  });

  it('is not written again while nothing but a count in its detail changes, but for now and then', () => {
    const { time, store, start, writes } = program();
    const { alarms, desk } = start();
    for (let count = 0; count < 200; count += 1) {
      desk.raise('E_DELIVERY_WAITING', 'pacs', `${count} instances wait`);
      alarms.save(store);
      time.advance(1000);
    }
    expect(writes()).toBeLessThanOrEqual(5);
    expect(store.load()[0]?.alarm.detail).toBe('180 instances wait');
  });
});

describe('what the ledger says', () => {
  it('is bounded in what one save writes, the urgent first', () => {
    const { time, store, edges, start } = program();
    const { alarms, desk } = start();
    for (const code of ['E_CONFLICT', 'E_DOCUMENT'] as const)
      for (let count = 0; count < 400; count += 1) desk.raise(code, `${count}`);
    desk.raise('E_DISK', 'last');
    alarms.save(store);
    const first = store.load().map(({ alarm }) => alarm.code);
    expect(first).toHaveLength(500);
    expect(first).toContain('E_DISK');
    alarms.save(store);
    expect(store.load()).toHaveLength(803);
    for (let count = 0; count < 400; count += 1) desk.clear('E_CONFLICT', `${count}`);
    for (let saves = 0; saves < 2; saves += 1) alarms.save(store);
    expect(store.load()).toHaveLength(402);
    const [told, since] = [edges.length, alarms.standing().find(({ code }) => code === 'E_ALARMS')?.sinceMs];
    time.advance(minuteMs);
    const again = start();
    expect(edges.slice(told)).toEqual([]);
    expect(again.alarms.standing().find(({ code }) => code === 'E_ALARMS')?.sinceMs).toBe(since);
    expect(again.desk.standing()).toHaveLength(401);
    expect(again.alarms.standing()).toHaveLength(102);
  });

  it('is taken only where it is an alarm, and the rest goes', () => {
    const { database, store, start } = program();
    const enter = (...values: (string | number | null)[]) =>
      database.run('INSERT INTO standing_alarms VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', ...values);
    const rest = [1, null, null, null] as const;
    enter('one', 'E_DISK', 'a', 'critical', 'sound', '', ...rest);
    enter('one', 'E_OF_TOMORROW', 'a', 'critical', 'x', '', ...rest);
    enter('one', 'E_DISK', 'b', 'loud', 'x', '', ...rest);
    enter('one', 'E_DISK', 'c', 'critical', 'x'.repeat(5000), '', ...rest);
    enter('one', 'E_DISK', 'd', 'critical', 'x', '', -5, null, null, null);
    enter('one', 'E_DISK', 'e', 'critical', 'x', '', 'never', null, null, null);
    enter('one', 'E_DISK', 'f', 'critical', 'half an acknowledgement', '', 1, 'ann', null, 3);
    const { alarms } = start();
    expect(alarms.standing().map(({ subject }) => subject)).toEqual(['a', 'f']);
    expect(alarms.standing()[1]?.acknowledged).toBeUndefined();
    expect(store.load()).toHaveLength(2);
    expect(database.all('SELECT subject FROM standing_alarms')).toHaveLength(2);
  });

  it('is part of the ledger of a side', () => {
    const clock = new VirtualClock().host();
    const ledger = new SenderLedger(':memory:');
    const alarms = new Alarms(clock);
    alarms.desk('one').raise('E_DISK', 'a');
    alarms.save(ledger.standingAlarms);
    expect(ledger.standingAlarms.load()).toHaveLength(1);
    ledger.close();
  });
});

describe('an acknowledgement', () => {
  it('is of what could be seen, and of nothing that was only counted', () => {
    const alarms = new Alarms({ monotonicMs: () => 0, wallMs: () => 0 });
    const desk = alarms.desk('test');
    for (let count = 0; count < 150; count += 1) desk.raise('E_DISK', `disk ${count}`);
    const shown = alarms.standing().filter(({ code }) => code === 'E_DISK');
    const seen = alarms.acknowledge({ code: 'E_DISK' }, { byWhom: 'ann', reason: 'seen' }, 5);
    expect(seen.map(({ subject }) => subject)).toEqual(shown.map(({ subject }) => subject));
    for (const { subject } of shown) desk.clear('E_DISK', subject);
    expect(alarms.standing().filter(({ acknowledged }) => acknowledged !== undefined)).toEqual([]);
  });

  const seen = { byWhom: 'ann', reason: 'a disk is ordered' };

  it('says who, why and when, ends nothing, and stays while the alarm does', () => {
    const { store, edges, start } = program();
    const before = start();
    before.desk.raise('E_DISK', 'a', 'first');
    before.desk.raise('E_DISK', 'b');
    before.other.raise('E_DISK', 'a');
    expect(before.alarms.acknowledge({ code: 'E_DISK', subject: 'a', owner: 'one' }, seen, 5)).toMatchObject([
      { owner: 'one', subject: 'a', acknowledged: { ...seen, atMs: 5 } },
    ]);
    before.desk.raise('E_DISK', 'a', 'second');
    const told = () => before.alarms.standing().map(({ acknowledged }) => acknowledged?.byWhom);
    expect(told()).toEqual(['ann', undefined, undefined]);
    expect(edges.at(-1)).toBe('acknowledged E_DISK a');
    before.alarms.save(store);
    const { alarms, desk } = start();
    desk.raise('E_DISK', 'a', 'third');
    expect(alarms.standing()[0]).toMatchObject({ detail: 'third', acknowledged: { ...seen, atMs: 5 } });
  });

  it('is of every subject and owner where none is named, and of none where no such alarm stands', () => {
    const { start } = program();
    const { alarms, desk, other } = start();
    desk.raise('E_DISK', 'a');
    other.raise('E_DISK', '');
    desk.raise('E_CONFLICT', '1.2');
    expect(alarms.acknowledge({ code: 'E_DISK' }, seen, 5)).toHaveLength(2);
    expect(alarms.acknowledge({ code: 'E_DISK', subject: 'c' }, seen, 5)).toEqual([]);
    expect(alarms.acknowledge({ code: 'E_MALWARE' }, seen, 5)).toEqual([]);
  });

  it('is dropped when the alarm becomes more urgent, or is raised anew', () => {
    const { start } = program();
    const { alarms, desk, find } = start();
    desk.raise('E_LOW_SIDE', 'queue', 'x', 'warning');
    desk.raise('E_DISK', 'a');
    const acknowledge = (code: 'E_LOW_SIDE' | 'E_DISK') => alarms.acknowledge({ code }, seen, 5);
    acknowledge('E_LOW_SIDE');
    acknowledge('E_DISK');
    desk.raise('E_LOW_SIDE', 'queue', 'x', 'info');
    expect(find('queue')?.acknowledged).toBeDefined();
    desk.raise('E_LOW_SIDE', 'queue', 'x', 'critical');
    expect(find('queue')?.acknowledged).toBeUndefined();
    desk.clear('E_DISK', 'a');
    desk.raise('E_DISK', 'a');
    expect(find('a')?.acknowledged).toBeUndefined();
  });

  it('is kept out of the log but for who gave it: its reason is free text', () => {
    const { start } = program();
    const { alarms, desk } = start();
    desk.raise('E_DISK', 'a');
    const [alarm] = alarms.acknowledge({ code: 'E_DISK' }, { byWhom: 'ann', reason: 'x'.repeat(10_000) }, 5);
    expect(alarm?.acknowledged?.reason).toHaveLength(500);
  });
});
