import { describe, expect, expectTypeOf, it } from 'vitest';
import { DiodeError } from '../../../shared/errors.ts';
import { journalStream, prioritized } from '../../../shared/journal.ts';
import { createLog, type LogFields, type LogLevel } from '../../../shared/log.ts';
import { alarmLog } from '../../../shared/program/alarm-log.ts';
import { Alarms } from '../../../shared/program/alarms.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

function logged(level: LogLevel, act: (log: ReturnType<typeof createLog>) => void) {
  const lines: string[] = [];
  act(createLog('diode-sender', level, { stream: { write: (line) => lines.push(line) } }));
  return lines.map((line) => JSON.parse(line));
}

describe('the log', () => {
  it('is one JSON object an event, with its time in UTC', () => {
    const [line] = logged('info', (log) => log.info('study closed', { studyUid: '1.2', revision: 1 }));
    expect(line).toMatchObject({
      level: 30,
      program: 'diode-sender',
      message: 'study closed',
      data: { studyUid: '1.2', revision: 1 },
    });
    expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('drops fields that are not in its list, and values that are no text and no number', () => {
    const hidden = {
      studyUid: '1.2',
      patientName: 'DOE^JOHN',
      path: '/watch/DOE^JOHN.dcm',
      secret: new Uint8Array(32),
      detail: { patientId: '4711' },
      __proto__: { subject: 'inherited' },
    };
    const [line] = logged('debug', (log) => log.error('x', hidden as unknown as LogFields));
    expect(line.data).toEqual({ studyUid: '1.2' });
    expect(JSON.stringify(line)).not.toMatch(/DOE|4711|inherited/);
  });

  it('takes only messages that are written out', () => {
    const log = createLog('diode-sender', 'error', { stream: { write: () => {} } });
    expectTypeOf(log.info<'study closed'>)
      .parameter(0)
      .toEqualTypeOf<'study closed'>();
    // What is computed could carry a name: the compiler takes none, and no field for one either.
    expectTypeOf(log.info<string>)
      .parameter(0)
      .toBeNever();
    expectTypeOf(log.info<`study of ${string}`>)
      .parameter(0)
      .toBeNever();
    expectTypeOf<Extract<keyof LogFields, 'patientName' | 'patientId' | 'path'>>().toBeNever();
  });

  it('cuts texts of any length to one that a log takes', () => {
    const [line] = logged('info', (log) => log.info('x', { detail: 'd'.repeat(100_000), bytes: 1e15 }));
    expect(line.data).toEqual({ detail: 'd'.repeat(1024), bytes: 1e15 });
  });

  it('leaves out what is below its level', () => {
    const all = (log: ReturnType<typeof createLog>) => {
      for (const level of ['error', 'warn', 'info', 'debug'] as const) log[level](level);
    };
    expect(logged('warn', all).map((line) => line.message)).toEqual(['error', 'warn']);
    expect(logged('debug', all)).toHaveLength(4);
  });
});

describe('the journal', () => {
  it('gets the priority of each line before it, and the line as it is', () => {
    const lines: string[] = [];
    const stream = prioritized({ write: (line) => lines.push(line) });
    const log = createLog('diode-sender', 'debug', { stream });
    for (const level of ['error', 'warn', 'info', 'debug'] as const) log[level](level);
    expect(lines.map((line) => line.slice(0, 3))).toEqual(['<3>', '<4>', '<6>', '<7>']);
    expect(lines.map((line) => JSON.parse(line.slice(3)).message)).toEqual([
      'error',
      'warn',
      'info',
      'debug',
    ]);
  });

  it('is where systemd says that standard output goes, and nothing else is', () => {
    const output = { dev: 9, ino: 12_345 };
    expect(journalStream('9:12345', output)).toBeDefined();
    // A shell of a service has the variable as well; its output may be a file.
    for (const other of ['9:12346', '12345:9', '', undefined])
      expect(journalStream(other, output)).toBeUndefined();
  });
});

describe('alarms', () => {
  function alarms() {
    const time = new VirtualClock();
    const clock = time.host();
    const startedMs = clock.wallMs();
    const edges: string[] = [];
    const standing = new Alarms(clock, (edge, { code, subject }) =>
      edges.push(`${edge} ${code} ${subject}`.trim()),
    );
    return { time, startedMs, edges, alarms: standing, desk: standing.desk('one') };
  }

  it('are told once when something begins and once when it ends', () => {
    const { edges, alarms: a, time, startedMs, desk } = alarms();
    desk.raise('E_NO_BEACON', 'one');
    time.advance(500);
    desk.raise('E_NO_BEACON', 'one', 'again');
    desk.raise('E_NO_BEACON', 'two');
    expect(a.standing().map(({ subject, sinceMs }) => [subject, sinceMs - startedMs])).toEqual([
      ['one', 0],
      ['two', 500],
    ]);
    desk.clear('E_NO_BEACON', 'one');
    desk.clear('E_NO_BEACON', 'one');
    desk.clear('E_DISK');
    expect(edges).toEqual(['raised E_NO_BEACON one', 'raised E_NO_BEACON two', 'cleared E_NO_BEACON one']);
  });

  it('are lines of the log as urgent as they are', () => {
    const lines = logged('debug', (log) => {
      const standing = new Alarms(new VirtualClock().host(), alarmLog(log)).desk('one');
      standing.raise('E_NO_BEACON', 'one');
      standing.raise('E_CONFLICT', '1.2');
      standing.raise('E_FILE_CHANGED', 'intake');
      standing.raise('E_LOW_SIDE', 'one', 'low side: The disk is full.', 'critical');
      standing.clear('E_NO_BEACON', 'one');
    });
    expect(lines.map(({ level, message, data }) => [level, message, data.severity, data.code])).toEqual([
      [50, 'alarm raised', 'critical', 'E_NO_BEACON'],
      [40, 'alarm raised', 'warning', 'E_CONFLICT'],
      [30, 'alarm raised', 'info', 'E_FILE_CHANGED'],
      [50, 'alarm raised', 'critical', 'E_LOW_SIDE'],
      [30, 'alarm cleared', 'critical', 'E_NO_BEACON'],
    ]);
  });

  it('follow a condition', () => {
    const { edges, desk } = alarms();
    for (const isWrong of [false, true, true, false, true]) desk.set(isWrong, 'E_DISK_FULL', 'spool');
    expect(edges.map((edge) => edge.split(' ')[0])).toEqual(['raised', 'cleared', 'raised']);
  });

  it('stand while a step fails for a reason of the host', () => {
    const { edges, alarms: a, desk } = alarms();
    const step = (code?: 'E_DISK' | 'E_DISK_FULL' | 'E_USAGE') => () => {
      if (code !== undefined) throw new DiodeError(code);
      return 'done';
    };
    const codes = ['E_DISK', 'E_DISK_FULL'] as const;
    expect(desk.during('vault', codes, step('E_DISK'))).toBeUndefined();
    expect(desk.during('vault', codes, step('E_DISK_FULL'))).toBeUndefined();
    expect(a.standing()).toHaveLength(2);
    expect(desk.during('vault', codes, step())).toBe('done');
    expect(a.standing()).toEqual([]);
    expect(edges).toHaveLength(4);
    // What is not of the host is not for an alarm.
    expect(() => desk.during('vault', codes, step('E_USAGE'))).toThrow(
      expect.objectContaining({ code: 'E_USAGE' }),
    );
    expect(() =>
      desk.during('vault', codes, () => {
        throw new TypeError('x');
      }),
    ).toThrow(TypeError);
  });

  it('of one code leave room for every other code, and what is over the bound is one alarm with the count', () => {
    const { alarms: a, edges, desk } = alarms();
    for (let study = 0; study < 350; study += 1) desk.raise('E_STUDY_MISSING', String(study));
    desk.raise('E_DISK_FULL');
    expect(a.standing().filter(({ code }) => code === 'E_STUDY_MISSING')).toHaveLength(100);
    expect(a.standing().find(({ code }) => code === 'E_ALARMS')).toMatchObject({
      subject: 'E_STUDY_MISSING',
      severity: 'critical',
      detail: '250 more alarms with E_STUDY_MISSING',
    });
    expect(a.standing().at(-1)?.code).toBe('E_DISK_FULL');
    // One goes, and one that waited stands in its place.
    desk.clear('E_STUDY_MISSING', '0');
    desk.clear('E_STUDY_MISSING', '349');
    const subjects = a.standing().flatMap(({ code, subject }) => (code === 'E_STUDY_MISSING' ? subject : []));
    expect(subjects).toHaveLength(100);
    expect(subjects).toContain('100');
    expect(a.standing().find(({ code }) => code === 'E_ALARMS')?.detail).toContain('248 more');
    for (let study = 0; study < 350; study += 1) desk.clear('E_STUDY_MISSING', String(study));
    expect(a.standing().map(({ code }) => code)).toEqual(['E_DISK_FULL']);
    expect(edges.filter((edge) => edge.includes('E_ALARMS'))).toEqual([
      'raised E_ALARMS E_STUDY_MISSING',
      'cleared E_ALARMS E_STUDY_MISSING',
    ]);
    // However many there are, memory and status stay bounded.
    for (let study = 0; study < 20_000; study += 1) desk.raise('E_STUDY_MISSING', String(study));
    expect(a.standing()).toHaveLength(102);
    expect(a.standing().find(({ code }) => code === 'E_ALARMS')?.detail).toContain('at least 300 more');
  });

  it('of one source make room for those of another of the same code', () => {
    const { alarms: a, edges, desk } = alarms();
    const hostile = '66'.repeat(8);
    const honest = '07'.repeat(8);
    for (let study = 0; study < 5000; study += 1) desk.raise('E_STUDY_MISSING', `${hostile} ${study}`);
    for (let study = 0; study < 30; study += 1) desk.raise('E_STUDY_MISSING', `${honest} ${study}`);
    desk.raise('E_STUDY_MISSING', '1.2.3', undefined, undefined, 'a third source');
    const shown = a.standing().map(({ subject }) => subject);
    expect(shown.filter((subject) => subject.startsWith(honest))).toHaveLength(30);
    expect(shown).toContain('1.2.3');
    expect(shown.filter((subject) => subject.startsWith(hostile))).toHaveLength(69);
    expect(edges.filter((edge) => edge.includes(honest))).toHaveLength(30);
  });

  it('that come and go write a bounded number of lines, and the last line about each is true', () => {
    const { alarms: a, edges, time, desk } = alarms();
    for (let turn = 0; turn < 1001; turn += 1) {
      desk.set(turn % 2 === 0, 'E_DOCUMENT', 'beacon of one');
      desk.raise('E_DOCUMENT', `another each time ${turn}`);
      desk.clear('E_DOCUMENT', `another each time ${turn}`);
      time.advance(10);
    }
    expect(edges.length).toBeLessThanOrEqual(106);
    const of = (subject: string) => edges.filter((edge) => edge.endsWith(subject));
    expect(of(' beacon of one').length).toBeLessThanOrEqual(6);
    // It stands, and the log says so when there is room for a line again.
    expect(a.standing().map(({ subject }) => subject)).toContain('beacon of one');
    time.advance(600_000);
    a.standing();
    expect(of(' beacon of one').at(-1)).toBe('raised E_DOCUMENT beacon of one');
  });

  it('of all codes and sources together write a bounded number of lines, and the only one of another source has its line', () => {
    const { alarms: a, edges, time, desk } = alarms();
    const codes = ['E_DOCUMENT', 'E_STUDY_MISSING', 'E_CONFLICT', 'E_SENDER_KEY', 'E_NO_ROOM'] as const;
    const sources = ['aa', 'bb', 'cc'].map((id) => id.repeat(8));
    // In ten minutes; what stands, what comes and goes, and what changes.
    for (let turn = 0; turn < 500; turn += 1) {
      for (const code of codes) {
        for (const source of sources) {
          desk.raise(code, `${source} ${turn}`, `detail ${turn}`);
          desk.raise(code, source, `detail ${turn}`);
          if (turn % 10 !== 0) desk.clear(code, `${source} ${turn}`);
          if (turn % 3 === 0) desk.clear(code, source);
        }
      }
      time.advance(1000);
      a.standing();
    }
    desk.raise('E_DOCUMENT', `beacon of ${'07'.repeat(8)}`);
    expect(edges.at(-1)).toBe(`raised E_DOCUMENT beacon of ${'07'.repeat(8)}`);
    const ofBounds = edges.filter((edge) => edge.includes(' E_ALARMS ')).length;
    expect(ofBounds).toBeLessThanOrEqual(6 * codes.length);
    expect(edges.length - ofBounds - 1).toBeLessThanOrEqual(100 * codes.length * sources.length);
  });

  it('show a detail that changes at once, and log it now and then', () => {
    const { alarms: a, edges, time, desk } = alarms();
    for (let count = 1; count <= 500; count += 1) {
      desk.raise('E_DELIVERY_WAITING', 'pacs', `${count} instances wait`);
      time.advance(5000);
    }
    expect(a.standing()[0]?.detail).toBe('500 instances wait');
    expect(edges).toEqual([
      'raised E_DELIVERY_WAITING pacs',
      ...Array.from({ length: 4 }, () => 'changed E_DELIVERY_WAITING pacs'),
    ]);
  });
});
