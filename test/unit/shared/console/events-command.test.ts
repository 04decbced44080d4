/** Goal: what happened is told in plain lines of 80 columns, of the study that is meant, and can be followed. */
import { Command } from 'commander';
import { afterEach, describe, expect, it } from 'vitest';
import { eventLine } from '../../../../shared/console/event-lines.ts';
import { addEventsCommand, type EventReading, studyOf } from '../../../../shared/console/events-command.ts';
import { sinceOption } from '../../../../shared/console/since-option.ts';
import { textWidth } from '../../../../shared/console/text-width.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { type Event, type EventKind, eventKinds } from '../../../../shared/program/event-catalogue.ts';
import type { Events } from '../../../../shared/program/events.ts';
import { delivered, eventTable } from '../program/event-table.ts';

const sender = '0123456789abcdef';
const longUid = `1.2.840.113619.2.55.3.${'1234567890'.repeat(4)}.1`;
const nowMs = Date.UTC(2026, 10, 30, 14, 2, 11);

afterEach(() => {
  process.exitCode = 0;
});

/** Of each kind one with the longest that its fields can be. */
const longest: { readonly [K in EventKind]: Record<string, unknown> } = {
  'taken-in': { scanner: 'SIXTEENCHARSLONG', instances: 200_000, bytes: 9e15 },
  rejected: { code: 'E_ENCAPSULATED_DOCUMENT', files: 1_000_000 },
  closed: { studyNumber: 1e9, revision: 4e9, instances: 200_000, because: 'mpps' },
  transmitted: { studyNumber: 1e9, revision: 4e9, instances: 200_000, passes: 16, unreadable: 200_000 },
  expired: { instances: 200_000, early: true },
  'ticket-redeemed': { ticketId: 'ab', studyNumber: 1e9, objects: 200_001 },
  announced: { studyNumber: 1e9, revision: 4e9, instances: 200_000 },
  received: { instances: 200_000, bytes: 1 },
  complete: { studyNumber: 1e9, revision: 4e9, instances: 200_000 },
  incomplete: { studyNumber: 1e9, revision: 4e9, instances: 100_000, expected: 200_000 },
  released: {
    ...{ release: 1, revision: 4e9, as: 'partial', to: 'partial folder', target: 'x' },
    ...{ instances: 100_000, expected: 200_000 },
  },
  held: { code: 'E_ENCAPSULATED_DOCUMENT', instances: 200_000 },
  'let-through': { byWhom: 'w'.repeat(200), instances: 200_000 },
  purged: { byWhom: 'w'.repeat(200), again: true, instances: 200_000 },
  delivered: { destination: 'd'.repeat(200), instances: 200_000 },
  'delivery-failed': { destination: 'd'.repeat(200), code: 'E_PEER_REFUSED', instances: 200_000 },
  'ticket-made': { ticketId: 'ab', studyNumber: 1e9, of: 'series', byWhom: 'w'.repeat(200) },
  'sender-heard': { keyName: 'k'.repeat(64) },
  'sender-set-back': { session: 4e9, behind: 4e9 },
  'sender-retired': { byWhom: 'w'.repeat(200) },
  damaged: { instances: 200_000 },
  'alarm-raised': {
    code: 'E_STUDY_INCOMPLETE',
    severity: 'warning',
    subject: longUid,
    detail: 'd'.repeat(200),
  },
  'alarm-changed': {
    code: 'E_STUDY_INCOMPLETE',
    severity: 'warning',
    subject: '患'.repeat(99),
    detail: '患'.repeat(99),
  },
  'alarm-cleared': { code: 'E_STUDY_INCOMPLETE', subject: 's'.repeat(200) },
  acknowledged: { code: 'E_STUDY_INCOMPLETE', subject: 's', byWhom: 'w' },
  'operation-done': { verb: 'v'.repeat(99), subject: longUid, byWhom: 'w' },
  'keys-read': { keys: 99 },
  configuration: { fingerprint: '0123456789abcdef' },
  started: { version: '1.0.0' },
  stopped: { ranMs: 1e12 },
};

describe('a line', () => {
  it.each(Object.keys(eventKinds))(
    'about %s has 80 columns at most, and its sentence begins at one place',
    (kind) => {
      const fields = longest[kind as EventKind];
      expect(eventKinds[kind as EventKind].schema.safeParse(fields).success).toBe(true);
      const event = {
        number: 1,
        atMs: nowMs,
        sinceMs: 0,
        kind,
        senderId: sender,
        studyUid: longUid,
        ...fields,
      };
      const line = eventLine(event as Event);
      expect(textWidth(line)).toBeLessThanOrEqual(80);
      expect(line.slice(0, 38)).toBe(`2026-11-30 14:02:11  ${kind.replaceAll('-', ' ').padEnd(15)}  `);
      expect(line[38]).toMatch(/\S/);
    },
  );

  it('is a plain sentence', () => {
    const at = { number: 1, atMs: nowMs, sinceMs: nowMs, senderId: sender, studyUid: '1.2.840.99' };
    const lines = [
      { ...at, kind: 'taken-in', scanner: 'CT1', instances: 1, bytes: 1 },
      { ...at, kind: 'complete', studyNumber: 17, revision: 1, instances: 812 },
      {
        ...at,
        kind: 'released',
        ...longest.released,
        to: 'inbox',
        as: 'study',
        instances: 810,
        expected: 812,
      },
      { ...at, kind: 'closed', studyNumber: 17, revision: 1, instances: 812, because: 'quiet' },
    ].map((event) => eventLine(event as Event).slice(21));
    expect(lines).toEqual([
      'taken in         1 image of 1.2.840.99 from CT1',
      'complete         812 images of 1.2.840.99, study 17',
      'released         810 of 812 images of 1.2.840.99 to inbox',
      'closed           study 17 1.2.840.99, 812 images, quiet',
    ]);
  });
});

describe('--since', () => {
  it.each([
    ['2h', '2026-11-30T12:02:11Z'],
    ['30m', '2026-11-30T13:32:11Z'],
    ['3d', '2026-11-27T14:02:11Z'],
    ['2026-11-30', '2026-11-30T00:00:00Z'],
    ['2026-11-30 14:00', '2026-11-30T14:00:00Z'],
    ['2026-11-30T14:00:05Z', '2026-11-30T14:00:05Z'],
    ['14:00', '2026-11-30T14:00:00Z'],
    ['15:00', '2026-11-29T15:00:00Z'],
  ])('%s is %s', (text, moment) => {
    expect(new Date(sinceOption(text, nowMs)).toISOString()).toBe(new Date(moment).toISOString());
  });

  it.each(['', '2', 'yesterday', '2026-02-30', '25:00', '-2h', '2h '])('%j is refused', (text) => {
    expect(() => sinceOption(text, nowMs)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });
});

function reading(events: Events, numbers: Record<number, string[]> = {}): EventReading {
  return { events, studiesNumbered: (studyNumber) => numbers[studyNumber] ?? [], close: () => {} };
}

/** Runs the command. @param waits what happens between two looks of one who follows */
async function run(of: EventReading, argv: readonly string[], waits: (() => void)[] = []): Promise<string[]> {
  const lines: string[] = [];
  const program = new Command('diode').exitOverride().option('--json', '', false);
  addEventsCommand(program, {
    open: () => of,
    clock: { monotonicMs: () => 0, wallMs: () => nowMs },
    print: (line) => lines.push(line),
    wait: async () => {
      const next = waits.shift();
      next?.();
      return next !== undefined;
    },
  });
  await program.parseAsync(['node', 'diode', ...argv]);
  return lines;
}

describe('a study', () => {
  const { events } = eventTable();
  for (const studyUid of ['1.2.17', '1.3.17', '1.2.99']) events.enter(delivered(sender, studyUid), nowMs);

  it('is named by its UID, by its number, or by the end of its UID', () => {
    const of = reading(events, { 4: ['1.2.99'] });
    expect(['1.2.17', '4', '99', '2.17', '5'].map((text) => studyOf(of, text))).toEqual([
      '1.2.17',
      '1.2.99',
      '1.2.99',
      '1.2.17',
      undefined,
    ]);
  });

  it('that is one of several is refused, and it is said how many', () => {
    const asked = (text: string) => () => studyOf(reading(events, { 4: ['1.2.99', '1.3.17'] }), text);
    expect(asked('17')).toThrow('2 studies have a UID that ends like this');
    expect(asked('4')).toThrow('2 studies have this number');
    expect(asked('CT1')).toThrow(DiodeError);
  });

  it('that is known ends with 0, and one that is not with 1', async () => {
    expect(await run(reading(events), ['events', '1.2.17'])).toHaveLength(1);
    expect(process.exitCode).toBe(0);
    expect(await run(reading(events), ['events', '7.7'])).toEqual(['nothing is known about a study 7.7']);
    expect(process.exitCode).toBe(1);
  });
});

describe('the list', () => {
  it('has the newest, oldest first, and says when there are more', async () => {
    const { events } = eventTable();
    for (let count = 1; count <= 5; count += 1)
      events.enter(delivered(sender, `1.${count}`), nowMs + count * 1000);
    const lines = await run(reading(events), ['events', '--limit', '2']);
    expect(lines.map((line) => line.slice(11, 19))).toEqual(['nts are ', '14:02:15', '14:02:16']);
    expect(await run(reading(events), ['events', '--kind', 'held'])).toEqual(['no events']);
    await expect(run(reading(events), ['events', '--kind', 'helt'])).rejects.toThrow('there is no kind helt');
    await expect(run(reading(events), ['events', '--limit', '0'])).rejects.toThrow('--limit');
  });

  it('for scripts is an object a line', async () => {
    const { events } = eventTable();
    events.enter(delivered(sender, '1.2'), nowMs);
    const lines = await run(reading(events), ['--json', 'events']);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        ...{ number: 1, at: '2026-11-30T14:02:11.000Z', since: '2026-11-30T14:02:11.000Z' },
        ...delivered(sender, '1.2'),
      },
    ]);
  });

  it('goes on with what comes, and says when something was forgotten before it was shown', async () => {
    const { events } = eventTable();
    events.enter(delivered(sender, '1.1'), nowMs);
    const lines = await run(
      reading(events),
      ['events', '--follow', '--kind', 'delivered'],
      [
        () => events.enter(delivered(sender, '1.2'), nowMs),
        () => {},
        () => {
          events.enter(delivered(sender, '1.3'), nowMs);
          events.prune(0, 1000);
          events.prune(5000, 1000);
          events.enter(delivered(sender, '1.4'), nowMs);
        },
      ],
    );
    expect(lines.map((line) => line.slice(38))).toEqual(
      [
        '1 image of 1.1 at PACS',
        '1 image of 1.2 at PACS',
        'deleted before they could be shown'.slice(0),
        '1 image of 1.4 at PACS',
      ].map((text) => (text.startsWith('deleted') ? expect.any(String) : text)),
    );
    expect(lines[2]).toContain('deleted');
  });

  it('leaves out none behind one that it does not know', async () => {
    const { database, events } = eventTable();
    const come = () => {
      for (let count = 0; count < 2000; count += 1) events.enter(delivered(sender, `1.${count}`), nowMs);
      database.run("UPDATE events SET kind = 'of a newer version' WHERE number = 1");
    };
    const lines = await run(
      reading(events),
      ['events', '--follow'],
      [come, () => {}, () => {}, () => {}, () => {}],
    );
    expect(lines).toHaveLength(1999);
  });
});
