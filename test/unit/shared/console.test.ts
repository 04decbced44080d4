import type { WriteStream } from 'node:tty';
import { describe, expect, it } from 'vitest';
import { alarmLines, alarmTable } from '../../../shared/console/alarm-lines.ts';
import { failureText } from '../../../shared/console/failure.ts';
import { bar, Progress } from '../../../shared/console/progress.ts';
import { bytesText, countText, durationText, rateText } from '../../../shared/console/quantities.ts';
import { table } from '../../../shared/console/table.ts';
import { DiodeError, type ErrorCode, errorCatalogue } from '../../../shared/errors.ts';
import { severityOf } from '../../../shared/program/alarm-severity.ts';

describe('standing alarms', () => {
  it('are shown with the urgent ones first, among equals the oldest', () => {
    const alarm = (code: ErrorCode, subject: string, sinceMs: number) =>
      ({ code, severity: severityOf(code), owner: 'one', subject, detail: 'why', sinceMs }) as const;
    const standing = [
      alarm('E_FILE_CHANGED', 'intake', 1),
      alarm('E_CONFLICT', '1.2', 2),
      alarm('E_DISK_FULL', 'vault', 4),
      alarm('E_NO_BEACON', 'one', 3),
    ];
    expect(alarmLines(standing)).toEqual([
      'ALARM    critical E_NO_BEACON one why',
      'ALARM    critical E_DISK_FULL vault why',
      'ALARM    warning E_CONFLICT 1.2 why',
      'ALARM    info E_FILE_CHANGED intake why',
    ]);
  });

  it('say who has seen to them, and are listed with their owner and since when', () => {
    const acknowledged = { byWhom: 'ann', reason: 'ordered\x1b', atMs: 60_000 };
    const alarm = {
      code: 'E_DISK',
      severity: 'critical',
      owner: 'vault',
      subject: 'vault',
      sinceMs: 1000,
    } as const;
    const standing = [
      { ...alarm, detail: 'why', acknowledged },
      { ...alarm, owner: 'copies', sinceMs: 2000, detail: 'why not' },
    ];
    expect(alarmLines(standing)).toEqual([
      'ALARM    critical E_DISK vault why (acknowledged by ann at 1970-01-01T00:01:00.000Z: ordered\ufffd)',
      'ALARM    critical E_DISK vault why not',
    ]);
    expect(
      alarmTable(standing)
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['severity', 'code', 'subject', 'owner', 'since', 'detail', 'acknowledged'],
      [
        ...['critical', 'E_DISK', 'vault', 'vault', '1970-01-01T00:00:01.000Z', 'why'],
        'acknowledged by ann at 1970-01-01T00:01:00.000Z: ordered\ufffd',
      ],
      ['critical', 'E_DISK', 'vault', 'copies', '1970-01-01T00:00:02.000Z', 'why not'],
    ]);
  });
});

describe('a table', () => {
  it('aligns its columns: texts to the left, quantities to the right', () => {
    const rows = [
      ['1.2.3', 5, '1.5 GB', 'whole'],
      ['2.25.17', 1000, '9 kB', undefined],
    ];
    expect(table(['study', 'instances', 'size', 'state'], rows)).toBe(
      [
        'study    instances    size  state',
        '1.2.3            5  1.5 GB  whole',
        '2.25.17       1000    9 kB  -',
      ].join('\n'),
    );
  });

  it('is aligned for the eye, whatever the letters', () => {
    expect(
      table(
        ['a', 'b'],
        [
          ['画像', 'x'],
          ['e\u0301', 'y'],
          ['abcde', 'z'],
        ],
      ),
    ).toBe(['a      b', '画像   x', 'e\u0301      y', 'abcde  z'].join('\n'));
  });

  it('has nothing in it that a terminal would obey', () => {
    expect(table(['a'], [['\x1b[2Jx\r\n\u202e\x9by']])).toBe('a\n\ufffd[2Jx\ufffd\ufffd\ufffd\ufffdy');
  });

  it('has as many rows as there are', () => {
    const rows = Array.from({ length: 200_000 }, (_, index) => [index]);
    expect(table(['number'], rows).split('\n')).toHaveLength(200_001);
  });

  it('without rows is its headings, and a short row is no failure', () => {
    expect(table(['a', 'b'], [])).toBe('a  b');
    expect(table(['a', 'b'], [['x']])).toBe('a  b\nx');
  });
});

describe('a quantity', () => {
  it('of things is singular for one only', () => {
    expect([0, 1, 2].map((count) => countText(count, 'instance'))).toEqual([
      '0 instances',
      '1 instance',
      '2 instances',
    ]);
    expect([1, 1000].map((count) => countText(count, 'study', 'studies'))).toEqual([
      '1 study',
      '1000 studies',
    ]);
  });

  it('of bytes', () => {
    expect([0, 999, 1000, 1500, 99_949, 123_456, 1.5e9, 2e18].map(bytesText)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '1.5 kB',
      '99.9 kB',
      '123 kB',
      '1.5 GB',
      '2000 PB',
    ]);
  });

  it('is rounded before its unit is chosen', () => {
    expect([999.6, 99_960, 999_499, 999_500, 999_999_999].map(bytesText)).toEqual([
      '1.0 kB',
      '100 kB',
      '999 kB',
      '1.0 MB',
      '1.0 GB',
    ]);
    expect([999.4, 999.6, 9_949, 9_950, 119_600, 7_199_000, 172_799_000].map(durationText)).toEqual([
      '999 ms',
      '1.0 s',
      '9.9 s',
      '10 s',
      '2 min',
      '2 h',
      '2 d',
    ]);
    expect(rateText(999_999_999)).toBe('1.0 Gb/s');
  });

  it('that is none is a dash', () => {
    for (const none of [Number.NaN, Number.POSITIVE_INFINITY, -1])
      expect([bytesText(none), durationText(none), rateText(none)]).toEqual(['-', '-', '-']);
  });

  it('of time', () => {
    expect(
      [0, 999, 1000, 9_500, 12_000, 119_000, 300_000, 10_800_000, 172_800_000].map(durationText),
    ).toEqual(['0 ms', '999 ms', '1.0 s', '9.5 s', '12 s', '119 s', '5 min', '3 h', '2 d']);
  });

  it('of bits a second', () => {
    expect([0, 1500, 812e6, 2.5e9].map(rateText)).toEqual(['0.0 b/s', '1.5 kb/s', '812 Mb/s', '2.5 Gb/s']);
  });
});

/** A stream that remembers what was written. */
function stream(isTTY: boolean, columns = 40, rows = 10) {
  const written: string[] = [];
  const fake = { isTTY, columns, rows, write: (text: string) => written.push(text) };
  return { written, stream: fake as unknown as WriteStream };
}

describe('progress', () => {
  it('is redrawn in place on a terminal', () => {
    const { written, stream: terminal } = stream(true);
    const progress = new Progress(terminal, () => 0);
    progress.show({ lines: ['one', 'two'], summary: 'never' });
    progress.show({ lines: ['three'], summary: 'never' });
    progress.clear();
    progress.clear();
    expect(written).toEqual(['one\ntwo\n', '\x1b[2A\x1b[Jthree\n', '\x1b[1A\x1b[J']);
  });

  it('never takes more than the terminal has', () => {
    const { written, stream: terminal } = stream(true, 10, 4);
    const lines = ['a line that is too long', 'b', 'c', 'd', 'e'];
    new Progress(terminal, () => 0).show({ lines, summary: '' });
    expect(written).toEqual(['a line th\nb\n… and 3 m\n']);
  });

  it('is a plain line now and then where there is no terminal', () => {
    const { written, stream: pipe } = stream(false);
    let now = 0;
    const progress = new Progress(pipe, () => now);
    for (now = 0; now <= 10_000; now += 1000) progress.show({ lines: ['never'], summary: `at ${now}` });
    progress.clear();
    expect(written).toEqual(['at 0\n', 'at 5000\n', 'at 10000\n']);
  });

  it('has bars of one width', () => {
    expect(bar(0, 10, 4)).toBe('░░░░');
    expect(bar(5, 10, 4)).toBe('██░░');
    expect(bar(20, 10, 4)).toBe('████');
    expect(bar(0, 0, 4)).toBe('░░░░');
  });
});

describe('a failure', () => {
  it('is a sentence, what to do, and the code', () => {
    expect(failureText('diode-sender', false, new DiodeError('E_DISK_FULL', 'the spool is full'))).toBe(
      `diode-sender: the spool is full\n  what to do: ${errorCatalogue.E_DISK_FULL.action}\n  code: E_DISK_FULL`,
    );
  });

  it('is one object for a script', () => {
    expect(JSON.parse(failureText('diode-sender', true, new DiodeError('E_USAGE')))).toEqual({
      error: {
        code: 'E_USAGE',
        message: errorCatalogue.E_USAGE.meaning,
        action: errorCatalogue.E_USAGE.action,
      },
    });
  });

  it('of the program itself says so, with its stack for a report', () => {
    const text = failureText('diode-sender', false, new TypeError('x is not a function'));
    expect(text).toContain('code: E_INTERNAL');
    expect(text).toContain('TypeError: x is not a function');
    expect(JSON.parse(failureText('diode-sender', true, 'thrown text')).error.code).toBe('E_INTERNAL');
  });
});
