/** Goal: events stay as long as they should and are bounded; a clock that jumps, or a hostile source, takes none of others. */
import { describe, expect, it } from 'vitest';
import { delivered, eventTable } from './event-table.ts';

const dayMs = 86_400_000;
const keepForMs = 30 * dayMs;
const honest = '01'.repeat(8);
const hostile = '02'.repeat(8);
const far = 100_000;

function counts(events: ReturnType<typeof eventTable>['events']): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { senderId = '' } of events.newest({}, far)) found[senderId] = (found[senderId] ?? 0) + 1;
  return found;
}

describe('events', () => {
  it('go when they are older than they are kept, counted while the program runs', () => {
    const { events } = eventTable();
    for (let day = 0; day < 60; day += 1) {
      events.prune(day * dayMs, keepForMs);
      events.enter(delivered(honest, `1.${day}`), day * dayMs);
    }
    for (let step = 0; step < 10; step += 1) events.prune(60 * dayMs, keepForMs);
    const left = events.newest({}, far);
    expect(left.length).toBeGreaterThanOrEqual(30);
    expect(left.length).toBeLessThanOrEqual(32);
    const { first, forgottenTo } = events.after(0, 1);
    expect(forgottenTo).toBe((first ?? 0) - 1);
  });

  it('stay when the wall clock jumps by years, either way', () => {
    const { events } = eventTable();
    const years = 20 * 365 * dayMs;
    for (const [step, atMs] of [years, 0, 5 * years, 1].entries()) {
      events.enter(delivered(honest, `1.${step}`), atMs);
      for (let count = 0; count < 5; count += 1) events.prune(step * 1000, keepForMs);
    }
    expect(events.newest({}, far)).toHaveLength(4);
  });

  it('stay when the running time of the ledger was set back', () => {
    const { database, events } = eventTable();
    events.enter(delivered(honest, '1.1'), 0);
    events.prune(100 * dayMs, keepForMs);
    events.enter(delivered(honest, '1.2'), 0);
    database.run('DELETE FROM event_ages WHERE running_ms < 0');
    for (let count = 0; count < 5; count += 1) events.prune(dayMs, keepForMs);
    expect(events.newest({}, far)).toHaveLength(2);
  });

  it('of a source without end make room among themselves, and none of others go', () => {
    const bounds = { rowsMax: 1000, sourcesMax: 8 };
    const { events } = eventTable({ bounds });
    for (let count = 0; count < 100; count += 1) events.enter(delivered(honest, `1.${count}`), 0);
    for (let count = 0; count < 5000; count += 1) {
      events.enter(delivered(hostile, `2.${count}`), 0);
      if (count % 500 === 0) events.prune(0, keepForMs);
    }
    events.prune(0, keepForMs);
    expect(counts(events)).toEqual({ [honest]: 100, [hostile]: 900 });
    // The newest of its own are there.
    expect(events.newest({ studyUid: '2.4999' }, 1)).toHaveLength(1);
    expect(events.newest({ studyUid: '2.0' }, 1)).toHaveLength(0);
  });

  it('of many sender ids under one key name are those of one source', () => {
    const { events } = eventTable({ bounds: { rowsMax: 100, sourcesMax: 8 } });
    events.useGroups((senderId) => (senderId === honest ? honest : 'key of a hostile one'));
    for (let count = 0; count < 40; count += 1) events.enter(delivered(honest, `1.${count}`), 0);
    for (let count = 0; count < 500; count += 1)
      events.enter(delivered(count.toString(16).padStart(16, '0'), `2.${count}`), 0);
    events.prune(0, keepForMs);
    expect(counts(events)[honest]).toBe(40);
    expect(events.newest({}, far)).toHaveLength(100);
  });

  it('of more sources than are told apart count as one', () => {
    const { events } = eventTable({ ownSenderId: () => honest, bounds: { rowsMax: 100, sourcesMax: 8 } });
    const taken = (scanner: string, studyUid: string) =>
      ({ kind: 'taken-in', scanner, studyUid, instances: 1, bytes: 1 }) as const;
    for (let count = 0; count < 10; count += 1) events.enter(taken('CT1', `1.${count}`), 0);
    for (let count = 0; count < 1000; count += 1) events.enter(taken(`TITLE${count}`, `2.${count}`), 0);
    events.prune(0, keepForMs);
    expect(events.newest({}, far).filter(({ studyUid }) => studyUid?.startsWith('1.'))).toHaveLength(10);
    expect(events.newest({}, far)).toHaveLength(100);
  });

  it('of a study on the low side count for the scanner that it came from', () => {
    const { database, events } = eventTable({ ownSenderId: () => honest });
    events.enter({ kind: 'taken-in', scanner: 'CT1', studyUid: '1.2', instances: 1, bytes: 1 }, 0);
    events.enter({ kind: 'expired', studyUid: '1.2', instances: 1, early: false }, 0);
    expect(database.all('SELECT source, rows FROM event_sources')).toEqual([
      { source: 'scanner CT1', rows: 2 },
    ]);
  });

  it('are forgotten a bounded step at a time', () => {
    const { events } = eventTable();
    for (let count = 0; count < 3000; count += 1) events.enter(delivered(honest, `1.${count}`), 0);
    events.prune(0, keepForMs);
    const steps = [1, 2, 3, 4, 5, 6, 7].map((step) => events.prune(40 * dayMs + step, keepForMs));
    expect(steps).toEqual([500, 500, 500, 500, 500, 500, 0]);
    expect(events.after(0, 10)).toMatchObject({ events: [], last: 0, first: undefined, forgottenTo: 3000 });
  });
});
