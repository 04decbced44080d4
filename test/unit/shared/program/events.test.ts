/** Goal: events are entered with what makes them true, count instances and list none, and can be followed without a gap. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventKinds } from '../../../../shared/program/event-catalogue.ts';
import { EventGroups } from '../../../../shared/program/event-groups.ts';
import { root } from '../../source-tree.ts';
import { delivered, eventTable } from './event-table.ts';

const sender = 'ab'.repeat(8);
const received = (instances: number, studyUid = '1.2') =>
  ({ kind: 'received', senderId: sender, studyUid, instances, bytes: instances * 10 }) as const;

describe('an event', () => {
  it('is read back as it was entered, with its number and time', () => {
    const { events } = eventTable();
    events.enter(delivered(sender, '1.2'), 1000);
    expect(events.after(0, 10)).toEqual({
      events: [{ ...delivered(sender, '1.2'), number: 1, atMs: 1000, sinceMs: 1000 }],
      last: 1,
      isMore: false,
      first: 1,
      forgottenTo: 0,
    });
  });

  it('is not there when the transaction that makes it true is taken back', () => {
    const { database, events } = eventTable();
    const act = () =>
      database.transaction(() => {
        events.enter(delivered(sender, '1.2'), 1000);
        throw new RangeError('the power is cut');
      });
    expect(act).toThrow('the power is cut');
    expect(events.after(0, 10).events).toEqual([]);
  });

  it('that is none of the catalogue is passed over, and following goes on behind it', () => {
    const { database, events } = eventTable();
    const raw = (kind: string, fields: string) =>
      database.run(
        `INSERT INTO events (at_ms, since_ms, sender_id, study_uid, kind, fields, source) VALUES (1, 1, '', '1.2', ?, ?, '')`,
        kind,
        fields,
      );
    raw('of-a-newer-version', '{}');
    raw('held', '{"code":"E_X","instances":"many"}');
    raw('held', 'no JSON');
    expect(events.after(0, 10)).toMatchObject({ events: [], last: 3 });
  });

  it('without the fields of its kind is a fault of the program', () => {
    const { events } = eventTable();
    expect(() => events.enter({ ...delivered(sender, '1.2'), instances: -1 }, 0)).toThrow('delivered');
  });

  it('of the low side has the id of its sender', () => {
    const { events } = eventTable({ ownSenderId: () => sender });
    events.enter({ kind: 'expired', studyUid: '1.2', instances: 1, early: false }, 0);
    expect(events.newest({}, 1)).toMatchObject([{ senderId: sender }]);
  });
});

describe('instances', () => {
  it('are counted in one row a study, under a new number each time', () => {
    const { events } = eventTable();
    for (let group = 0; group < 32; group += 1) {
      events.enter(received(64), 1000 + group * 100);
      events.enter(received(1, '1.3'), 1000 + group * 100);
    }
    const { events: rows } = events.after(0, 100);
    expect(rows).toMatchObject([
      { studyUid: '1.2', instances: 2048, bytes: 20_480, sinceMs: 1000, atMs: 4100 },
      { studyUid: '1.3', instances: 32 },
    ]);
    expect(rows[0]?.number).toBe(63);
  });

  it('begin a new row after a minute, for another reason, and when the clock was set back', () => {
    const { events } = eventTable();
    events.enter(received(1), 100_000);
    events.enter(received(1), 160_000);
    events.enter(received(1), 160_001);
    events.enter(received(1), 50_000);
    expect(events.newest({}, 10).map(({ atMs, sinceMs }) => [sinceMs, atMs])).toEqual([
      [100_000, 160_000],
      [160_001, 160_001],
      [50_000, 50_000],
    ]);
    const held = (code: string) =>
      ({ kind: 'held', senderId: sender, studyUid: '1.2', code, instances: 1 }) as const;
    for (const code of ['E_PREAMBLE', 'E_CONFLICT', 'E_PREAMBLE']) events.enter(held(code), 50_000);
    expect(events.newest({ kind: 'held' }, 10)).toMatchObject([
      { code: 'E_CONFLICT', instances: 1 },
      { code: 'E_PREAMBLE', instances: 2 },
    ]);
  });

  it('of one transaction are added up before they are entered', () => {
    const { events } = eventTable();
    const groups = new EventGroups();
    for (let count = 0; count < 64; count += 1) groups.add(received(1, count % 2 === 0 ? '1.2' : '1.3'));
    groups.enterInto(events, 0);
    expect(events.lastNumber()).toBe(2);
    expect(events.newest({ studyUid: '1.2' }, 9)).toMatchObject([{ instances: 32, bytes: 320 }]);
  });
});

describe('who follows', () => {
  it('sees every row in its newest state, whatever a filter leaves out', () => {
    const { events } = eventTable();
    const seen: number[] = [];
    let behind = 0;
    for (let step = 0; step < 20; step += 1) {
      events.enter(received(1), step);
      events.enter(delivered(sender, '1.3'), step);
      const page = events.after(behind, 100);
      expect(page.first).toBeLessThanOrEqual(page.last);
      behind = page.last;
      for (const event of page.events) if (event.kind === 'received') seen.push(event.instances);
    }
    expect(seen.at(-1)).toBe(20);
    expect(events.after(0, 100, { kind: 'received' }).events).toHaveLength(1);
    expect(events.newest({ sinceMs: 15, kind: 'delivered' }, 100)).toHaveLength(5);
  });
});

describe('the page about events', () => {
  const page = readFileSync(join(root, 'docs/events.md'), 'utf8');

  it.each(Object.entries(eventKinds))('tells of %s and its fields', (kind, { schema }) => {
    const line = page.split('\n').find((each) => each.startsWith('|') && each.includes(`\`${kind}\``));
    expect(line).toBeDefined();
    for (const field of Object.keys(schema.shape)) expect(line).toContain(`\`${field}\``);
  });
});
