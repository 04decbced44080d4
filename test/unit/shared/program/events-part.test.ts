/** Goal: the events of a program say when it ran, and nothing that was not so. */
import { expect, it } from 'vitest';
import { Key } from '../../../../shared/crypto/key-file.ts';
import { AlarmEvents } from '../../../../shared/program/alarm-events.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { EventsPart } from '../../../../shared/program/events-part.ts';
import { eventTable } from './event-table.ts';

function program() {
  const { database, events } = eventTable();
  const ledger = { events, transaction: <T>(act: () => T) => database.transaction(act) };
  const clock = { monotonicMs: () => 0, wallMs: () => 5000 };
  const alarmEvents = new AlarmEvents(clock);
  const alarms = new Alarms(clock, alarmEvents.listener);
  const part = new EventsPart({
    ...{ ledger, alarmEvents, alarms, clock, version: '1.0.0' },
    runningMs: () => 0,
    configuration: { 'events.keepForDays': 1 },
    keys: { keys: [new Key(1, new Uint8Array(32), '')], names: new Map(), senders: new Map() },
  });
  const kinds = () => events.after(0, 5000).events.map(({ kind }) => kind);
  return { part, alarms, kinds };
}

it('a start and its stop are events', () => {
  const { part, kinds } = program();
  part.started();
  part.stop();
  expect(kinds()).toEqual(['configuration', 'keys-read', 'started', 'stopped']);
});

it('a program that could not start did not stop, but its alarms are told', () => {
  const { part, alarms, kinds } = program();
  alarms.desk('test').raise('E_LINK_DOWN');
  part.stop();
  expect(kinds()).toEqual(['alarm-raised']);
});

it('every edge that still waits at a stop is told before it', () => {
  const { part, alarms, kinds } = program();
  part.started();
  const desk = alarms.desk('test');
  for (const code of ['E_LINK_DOWN', 'E_NO_BEACON', 'E_LINK_MTU'] as const)
    for (let count = 0; count < 60; count += 1) desk.raise(code, `subject ${count}`);
  part.stop();
  const told = kinds();
  expect(told.filter((kind) => kind === 'alarm-raised').length).toBeGreaterThan(100);
  expect(told.at(-1)).toBe('stopped');
});
