import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyLines, lineOfKey } from '../../../shared/config/key-lines.ts';
import { checkConfiguration, loadConfiguration } from '../../../shared/config/load.ts';
import { nearestKey } from '../../../shared/config/nearest-key.ts';
import {
  choice,
  optionalPath,
  optionalText,
  realNumber,
  requiredAddress,
  requiredPath,
  wholeNumber,
} from '../../../shared/config/settings.ts';

const settings = {
  keyFile: requiredPath('the key'),
  'link.port': wholeNumber({ min: 1, max: 65_535, fallback: 4747 }, 'the port'),
  'link.rate': realNumber({ min: 0.1, max: 100, fallback: 5 }, 'the rate'),
  'link.mode': choice(['sealed', 'authenticated'], 'sealed', 'the mode'),
  'link.address': requiredAddress('the address'),
  'link.name': optionalText('a name'),
  'watch.rejectedFolder': optionalPath('a folder'),
} as const;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'configuration-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const right = 'keyFile = "key"\n[link]\naddress = "10.0.0.2"\n';

function sources(toml: string, environment: Record<string, string> = {}, overrides: string[] = []) {
  const path = join(folder, 'test.toml');
  writeFileSync(path, toml);
  return { path, environment, overrides };
}

function problems(toml: string, environment?: Record<string, string>, overrides?: string[]) {
  return checkConfiguration(settings, sources(toml, environment, overrides)).errors.map(
    ({ code, message }) => `${code} ${message}`,
  );
}

describe('a value', () => {
  it('comes from flags before the environment, before the file, before the defaults', () => {
    const environment = { DIODE_LINK_PORT: '2', DIODE_LINK_RATE: '2.5' };
    const file = `${right}port = 1\nrate = 1.5\nmode = "authenticated"\n`;
    const { values, origins } = loadConfiguration(settings, sources(file, environment, ['link.port=3']));
    expect(values).toMatchObject({ 'link.port': 3, 'link.rate': 2.5, 'link.mode': 'authenticated' });
    expect(origins).toEqual({
      keyFile: 'file',
      'link.port': 'flag',
      'link.rate': 'environment',
      'link.mode': 'file',
      'link.address': 'file',
      'link.name': 'default',
      'watch.rejectedFolder': 'default',
    });
    expect(loadConfiguration(settings, sources(right)).values['link.port']).toBe(4747);
  });

  it('that is a path stands against the folder of the file, wherever it comes from', () => {
    const environment = { DIODE_WATCH_REJECTED_FOLDER: '../elsewhere' };
    const { values } = loadConfiguration(settings, sources(right, environment));
    expect(values.keyFile).toBe(join(folder, 'key'));
    expect(values['watch.rejectedFolder']).toBe(join(folder, '..', 'elsewhere'));
    const absolute = loadConfiguration(settings, sources(right, {}, ['keyFile=/etc/dicom-diode/key']));
    expect(absolute.values.keyFile).toBe('/etc/dicom-diode/key');
  });

  it('that is a text stays one where it looks like a number, and may have an equals sign', () => {
    const { values } = loadConfiguration(settings, sources(right, { DIODE_LINK_NAME: '12' }, []));
    expect(values['link.name']).toBe('12');
    expect(loadConfiguration(settings, sources(right, {}, ['link.name=a=b'])).values['link.name']).toBe(
      'a=b',
    );
  });

  it.each([
    ['port = 0', 'link.port = 0'],
    ['port = 65536', 'link.port = 65536'],
    ['port = 1.5', 'link.port = 1.5'],
    ['port = "1"', 'link.port = "1"'],
    ['port = true', 'link.port = true'],
    ['port = [1]', 'link.port = [1]'],
    ['port = 2026-01-01', 'link.port = "2026-01-01"'],
    ['rate = nan', 'link.rate = NaN'],
    ['mode = "open"', 'link.mode = "open"'],
    ['name = ""', 'link.name = ""'],
  ])('%s is refused and named', (line, named) => {
    expect(problems(`${right}${line}\n`)).toEqual([expect.stringContaining(`E_CONFIG_VALUE ${named}: `)]);
  });

  it('is refused with what it may be, and where it stands', () => {
    expect(problems(`${right}port = 0\n`, {}, ['link.rate=200'])).toEqual([
      'E_CONFIG_VALUE link.port = 0: must be a whole number from 1 to 65535 (line 4)',
      'E_CONFIG_VALUE link.rate = 200: must be a number from 0.1 to 100 on the command line',
    ]);
    expect(problems(right, { DIODE_LINK_MODE: 'open' })).toEqual([
      'E_CONFIG_VALUE link.mode = "open": must be one of sealed, authenticated (DIODE_LINK_MODE)',
    ]);
  });

  it('is shown on one line, and not all of a long one', () => {
    const [problem = ''] = problems(`${right}mode = "a\\n${'x'.repeat(10_000)}"\n`);
    expect(problem).toContain(String.raw`link.mode = "a\nxxx`);
    expect(problem).toContain('x…: must be one of');
    expect(problem.length).toBeLessThan(200);
    expect(problems(right, {}, [`${'k'.repeat(10_000)}=1`])[0]?.length).toBeLessThan(200);
  });

  it('from the environment or a flag is checked alike', () => {
    expect(problems(right, { DIODE_LINK_PORT: 'many' })).toEqual([
      expect.stringContaining('E_CONFIG_VALUE link.port = "many"'),
    ]);
    expect(problems(right, {}, ['link.port='])).toEqual([expect.stringContaining('link.port = ""')]);
    expect(problems(right, {}, ['link.port'])).toEqual([expect.stringContaining('E_USAGE --set needs')]);
  });

  it('that is no address of IPv4 is refused', () => {
    for (const address of ['10.0.0', '10.0.0.256', 'host.example', '::1', '']) {
      expect(problems(right.replace('10.0.0.2', address))).toHaveLength(1);
    }
  });
});

describe('a key that nobody knows', () => {
  it('is named with its line and the nearest one there is', () => {
    expect(problems(`${right}prot = 5\n`)).toEqual([
      'E_CONFIG_UNKNOWN_KEY there is no setting link.prot (line 4); did you mean link.port?',
    ]);
    expect(problems(`${right}[watching]\nrejectedFolder = "x"\n`)).toEqual([
      'E_CONFIG_UNKNOWN_KEY there is no setting watching.rejectedFolder (line 5); did you mean watch.rejectedFolder?',
    ]);
    expect(problems(`${right}[watching]\n`)[0]).toContain('there is no setting watching (line 4)');
    expect(problems(`${right}port.number = 5\n`)[0]).toContain('E_CONFIG_VALUE link.port = {"number":5}');
    expect(problems(`${right}${'a.'.repeat(20_000)}a = 1\n`)).toHaveLength(1);
    expect(problems(`port = 5\n${right}`)).toEqual([
      'E_CONFIG_UNKNOWN_KEY there is no setting port (line 1); did you mean link.port?',
    ]);
  });

  it('is found in the environment and on the command line too', () => {
    expect(problems(right, { DIODE_LINK_PROT: '5', PATH: 'x', diode_x: 'y' })).toEqual([
      'E_CONFIG_UNKNOWN_KEY there is no setting DIODE_LINK_PROT in the environment; did you mean DIODE_LINK_PORT?',
    ]);
    expect(problems(right, {}, ['link.ports=5'])).toEqual([
      'E_CONFIG_UNKNOWN_KEY there is no setting link.ports on the command line; did you mean link.port?',
    ]);
  });

  it('is no table that is empty for now', () => {
    expect(problems(`[watch]\n# rejectedFolder = "x"\n`).every((line) => line.includes('is missing'))).toBe(
      true,
    );
    expect(problems('[wacht]\n')[0]).toContain('there is no setting wacht (line 1)');
  });

  it('may be quoted, and is then no path', () => {
    expect(problems(`"link.port" = 5\n${right}`)).toEqual([
      'E_CONFIG_UNKNOWN_KEY there is no setting "link.port" (line 1); did you mean link.port?',
    ]);
  });

  it('may have a name that every object has', () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      expect(problems(right, {}, [`${name}=1`])[0]).toContain(
        `E_CONFIG_UNKNOWN_KEY there is no setting ${name}`,
      );
      expect(problems(`${name} = 1\n${right}`)[0]).toContain(
        `E_CONFIG_UNKNOWN_KEY there is no setting ${name}`,
      );
    }
  });

  it('has the nearest key by its letters, or by its last part in the wrong table', () => {
    expect(nearestKey('LINK.PORT', ['link.rate', 'link.port'])).toBe('link.port');
    expect(nearestKey('network.connection.port', ['watch.folder', 'link.port'])).toBe('link.port');
    expect(nearestKey('x', [])).toBeUndefined();
    expect(nearestKey('k'.repeat(100_000), ['keyFile'])).toBe('keyFile');
  });
});

describe('a file', () => {
  it('with several errors has all of them listed', () => {
    const found = problems('[link]\nport = 0\nmode = "open"\nwhat = 1\n', { DIODE_NONE: '1' });
    expect(found.map((line) => line.split(' ')[0]).sort()).toEqual([
      'E_CONFIG_UNKNOWN_KEY',
      'E_CONFIG_UNKNOWN_KEY',
      'E_CONFIG_VALUE',
      'E_CONFIG_VALUE',
      'E_CONFIG_VALUE',
      'E_CONFIG_VALUE',
    ]);
    expect(found).toContain('E_CONFIG_VALUE keyFile is missing: the key');
  });

  it('that is not TOML is refused with its line', () => {
    expect(problems('keyFile = "key"\n[link\n')).toEqual([
      expect.stringMatching(/^E_CONFIG_SYNTAX .*test\.toml, line 2: /),
      expect.stringContaining('keyFile is missing'),
      expect.stringContaining('link.address is missing'),
    ]);
    expect(() => loadConfiguration(settings, sources('= 1'))).toThrow(
      expect.objectContaining({ code: 'E_CONFIG_SYNTAX' }),
    );
    expect(problems('a = 1\na = 2\n')[0]).toContain('line 2');
  });

  it('that is larger than any configuration is refused unread', () => {
    expect(problems(`# ${'x'.repeat(256 * 1024)}\n${right}`)[0]).toContain('larger than 256 KiB');
  });

  it('that is no file is not read', () => {
    const found = checkConfiguration(settings, { path: folder, environment: {}, overrides: [] }).errors;
    expect(found.map(({ message }) => message)).toEqual([
      `the configuration ${folder} is not a regular file`,
    ]);
    const device = checkConfiguration(settings, { path: '/dev/zero', environment: {}, overrides: [] });
    expect(device.errors.map(({ code }) => code)).toEqual(['E_CONFIG_MISSING']);
  });

  it('may begin with a byte order mark', () => {
    expect(problems(`\uFEFF${right}port = 5\n`)).toEqual([]);
    expect(problems(`\uFEFFkeyfile = "x"\n${right}`)[0]).toContain('(line 1)');
  });

  it('that is missing is one error, not one for every value it would have had', () => {
    const missing = { path: join(folder, 'none.toml'), environment: {}, overrides: [] };
    expect(checkConfiguration(settings, missing).errors.map(({ code }) => code)).toEqual([
      'E_CONFIG_MISSING',
    ]);
  });
});

describe('the line of a key', () => {
  const text = [
    '# port = 1',
    'keyFile = "x" # port = 1',
    'note = """',
    '[watch]',
    'port = 2',
    '"""',
    "one = '''a'''",
    '[ link ]',
    '  portal = 3',
    '"port" = 4',
    'list = [',
    '  "port",',
    ']',
    '[watch] # again',
    'port = 5',
    'quiet . seconds=6',
    "spool = { folder = 'x' }",
  ].join('\n');

  it('is that of its own table, and not of what only looks like it', () => {
    const lines = keyLines(text);
    const lineOf = (key: string) => lineOfKey(lines, key);
    expect(lineOf('keyFile')).toBe(2);
    expect(lineOf('one')).toBe(7);
    expect(lineOf('link')).toBe(8);
    expect(lineOf('link.portal')).toBe(9);
    expect(lineOf('link.port')).toBe(10);
    expect(lineOf('watch')).toBe(14);
    expect(lineOf('watch.port')).toBe(15);
    expect(lineOf('watch.quiet.seconds')).toBe(16);
    expect(lineOf('port')).toBeUndefined();
  });

  it('in an inline table is that of the table', () => {
    expect(lineOfKey(keyLines(text), 'watch.spool.folder')).toBe(17);
    expect(lineOfKey(keyLines('a.b = { c = 1 }'), 'a.b.c')).toBe(1);
  });
});
