/** Goal: a script and a person can tell what a command line did. Method: programs as main.ts makes them, in this process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { requiredPath, wholeNumber } from '../../../shared/config/settings.ts';
import {
  addCommonCommands,
  createProgram,
  programVersion,
  runProgram,
} from '../../../shared/console/command-line.ts';
import { DiodeError, errorCatalogue } from '../../../shared/errors.ts';

const settings = {
  keyFile: requiredPath('the key'),
  'link.port': wholeNumber({ min: 1, max: 65_535, fallback: 4747 }, 'the port'),
} as const;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'command-line-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  process.stdout.removeAllListeners('error');
  process.exitCode = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command line and takes what it prints. */
async function run(...words: string[]) {
  const printed = { out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.out += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed.err += text;
    return true;
  });
  const program = createProgram('diode-test', 'is a test', join(folder, 'test.toml'));
  program
    .command('fail <how>')
    .option('--level <number>', 'a number')
    .action((how: string) => {
      throw how === 'known' ? new DiodeError('E_DISK', 'the disk is gone') : new TypeError('no function');
    });
  addCommonCommands(program, settings);
  process.exitCode = undefined;
  await runProgram(program, ['node', 'diode-test', ...words]);
  vi.restoreAllMocks();
  return { ...printed, exitCode: process.exitCode ?? 0 };
}

function configuration(toml: string) {
  writeFileSync(join(folder, 'test.toml'), toml);
}

describe('a wrong command line', () => {
  it.each([
    ['an unknown command', ['stauts'], "unknown command 'stauts'"],
    ['an unknown option', ['fail', 'known', '--lvel', '1'], "unknown option '--lvel'"],
    ['a missing argument', ['fail'], "missing required argument 'how'"],
    [
      'an option without its value',
      ['fail', 'known', '--level'],
      "option '--level <number>' argument missing",
    ],
    ['a code that is none', ['explain', 'E_NONE'], 'there is no code E_NONE'],
  ])('with %s is said in one sentence, on standard error', async (_what, words, sentence) => {
    const { out, err, exitCode } = await run(...words);
    expect(out).toBe('');
    const [first, second, third, ...more] = err.split('\n');
    expect(first).toContain(`diode-test: ${sentence}`);
    expect([second, third, ...more]).toEqual([
      `  what to do: ${errorCatalogue.E_USAGE.action}`,
      '  code: E_USAGE',
      '',
    ]);
    expect(exitCode).toBe(1);
  });

  it('is one object for a script', async () => {
    const { err, exitCode } = await run('fail', '--json');
    expect(JSON.parse(err).error).toMatchObject({ code: 'E_USAGE' });
    expect(exitCode).toBe(1);
  });

  it('may be what somebody asks for help with', async () => {
    expect(await run('--help')).toMatchObject({ err: '', exitCode: 0 });
    expect(await run('--version')).toMatchObject({ out: `${programVersion()}\n`, err: '', exitCode: 0 });
    const { err, exitCode } = await run();
    expect(err).toMatch(/^Usage: diode-test/);
    expect(exitCode).toBe(1);
  });
});

describe('a command that fails', () => {
  it('prints its code, and ends with 1', async () => {
    const { err, exitCode } = await run('fail', 'known');
    expect(err).toContain('diode-test: the disk is gone\n');
    expect(err).toContain('code: E_DISK\n');
    expect(exitCode).toBe(1);
    expect(JSON.parse((await run('fail', 'known', '--json')).err)).toEqual({
      error: { code: 'E_DISK', message: 'the disk is gone', action: errorCatalogue.E_DISK.action },
    });
    expect((await run('fail', 'inside')).err).toContain('code: E_INTERNAL');
  });
});

describe('config', () => {
  it('check lists all that is wrong', async () => {
    configuration('[link]\nport = 0\nprot = 1\n');
    const { err, exitCode } = await run('config', 'check');
    expect(err.match(/code: E_\w+/g)).toHaveLength(3);
    expect(exitCode).toBe(1);
    const answer = JSON.parse((await run('config', 'check', '--json')).out);
    expect(answer.ok).toBe(false);
    expect(answer.errors.map((error: { code: string }) => error.code).sort()).toEqual([
      'E_CONFIG_UNKNOWN_KEY',
      'E_CONFIG_VALUE',
      'E_CONFIG_VALUE',
    ]);
    configuration('keyFile = "k"\n');
    expect(await run('config', 'check')).toMatchObject({ err: '', exitCode: 0 });
  });

  it('show says every value, and where it comes from', async () => {
    configuration('keyFile = "k"\n');
    const { out } = await run('config', 'show', '--set', 'link.port=5');
    expect(out).toMatch(/^keyFile +\S+\/k +file +the key$/m);
    expect(out).toMatch(/^link\.port +5 +flag +the port$/m);
    expect(JSON.parse((await run('config', 'show', '--json')).out)).toEqual({
      values: { keyFile: join(folder, 'k'), 'link.port': 4747 },
      origins: { keyFile: 'file', 'link.port': 'default' },
    });
  });
});
