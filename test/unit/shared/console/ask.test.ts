/** Goal: who asks is told what was done, or whether it will be; nothing was done behind their back. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { requiredPath } from '../../../../shared/config/settings.ts';
import { ask, isRunning, leaveRequest } from '../../../../shared/console/ask.ts';
import { type AskingSide, addAskCommand } from '../../../../shared/console/ask-command.ts';
import { auditedForm, plainForm, whoFields } from '../../../../shared/program/operations.ts';
import { openRequests, type Requests } from '../../../../shared/program/requests.ts';
import { statusVersion } from '../../../../shared/program/status-part.ts';

let folder = '';
let requests: Requests;
let timer: NodeJS.Timeout | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ask-'));
  requests = openRequests(join(folder, 'requests.sqlite'));
});
afterEach(() => {
  clearInterval(timer);
  vi.restoreAllMocks();
  requests.close();
  rmSync(folder, { recursive: true, force: true });
});

const clock = { monotonicMs: () => 0, wallMs: () => 1_000_000 } as const;
const failure = (code: string, detail: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(detail) });

function program(change: { requests?: string; answerWaitMs?: number } = {}) {
  return {
    name: 'diode-test',
    requestsPath: join(folder, change.requests ?? 'requests.sqlite'),
    snapshotPath: join(folder, 'status.json'),
    clock,
    answerWaitMs: change.answerWaitMs ?? 200,
  };
}

/** The program wrote its snapshot so long ago. */
function wrote(agoMs: number, version: unknown = statusVersion): void {
  writeFileSync(join(folder, 'status.json'), JSON.stringify({ version, atMs: clock.wallMs() - agoMs }));
}

/** The program runs: it answers each request with what was asked. */
function answering(): void {
  wrote(100);
  timer = setInterval(() => {
    for (const request of requests.take(16))
      requests.answer(
        request,
        request.verb === 'refuse'
          ? { ok: false, code: 'E_STUDY_STATE', detail: 'not now' }
          : { ok: true, detail: JSON.stringify(request.fields), count: 1 },
        0,
      );
  }, 20);
}

describe('a program that runs', () => {
  it('answers with what it did, or why not', async () => {
    answering();
    const patient = program({ answerWaitMs: 10_000 });
    expect(await ask(patient, 'close', { a: 1 })).toEqual({ ok: true, detail: '{"a":1}', count: 1 });
    await expect(ask(patient, 'refuse', {})).rejects.toThrow(failure('E_STUDY_STATE', /not now/));
  });

  it('that does not come to it in time finds it withdrawn', async () => {
    wrote(100);
    await expect(ask(program(), 'close', {})).rejects.toThrow(
      failure('E_REQUEST_TIMEOUT', /withdrawn, and nothing was done/),
    );
    expect(requests.take(9)).toEqual([]);
  });

  it('that has begun and takes long goes on, and that is said', async () => {
    wrote(100);
    timer = setInterval(() => requests.take(16), 20);
    await expect(ask(program(), 'close', {})).rejects.toThrow(
      failure('E_REQUEST_TIMEOUT', /began .* goes on with it$/),
    );
    expect(requests.take(9)).toHaveLength(1);
  });
});

describe('a program of another version', () => {
  it.each([
    ['a newer one', statusVersion + 1],
    ['one that wrote none', null],
  ])('that runs (%s) is not asked, and nobody is told that it does not run', async (_what, version) => {
    wrote(100, version);
    await expect(ask(program(), 'close', {})).rejects.toThrow(
      failure('E_STATUS_VERSION', /^The running program is of another version than this command line/),
    );
    expect(requests.take(9)).toEqual([]);
    expect(isRunning(program())).toBe(true);
  });

  it('that took over meanwhile: what was asked is withdrawn', async () => {
    wrote(100);
    setTimeout(() => wrote(100, statusVersion + 1), 50);
    await expect(ask(program(), 'close', {})).rejects.toThrow(
      failure('E_REQUEST_TIMEOUT', /nothing was done/),
    );
    expect(requests.take(9)).toEqual([]);
  });
});

describe('a program that does not run', () => {
  it.each([
    ['never ran', () => {}, 'requests.sqlite'],
    ['stopped a while ago', () => wrote(6000), 'requests.sqlite'],
    ['stopped before the clock was set back', () => wrote(-3_600_000), 'requests.sqlite'],
    ['stopped as another version', () => wrote(6000, statusVersion + 1), 'requests.sqlite'],
    ['never had requests', () => wrote(100), 'none.sqlite'],
  ])('since it %s is not asked, which is said at once', async (_what, prepare, file) => {
    prepare();
    const startedMs = performance.now();
    await expect(ask(program({ requests: file, answerWaitMs: 60_000 }), 'close', {})).rejects.toThrow(
      failure('E_NOT_RUNNING', /diode-test is not running: nothing was asked of it/),
    );
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(requests.take(9)).toEqual([]);
    expect(existsSync(join(folder, 'none.sqlite'))).toBe(false);
  });

  it('since it stops meanwhile finds nothing to do when it starts', async () => {
    wrote(100);
    setTimeout(() => wrote(6000), 50);
    await expect(ask(program(), 'close', {})).rejects.toThrow(
      failure('E_NOT_RUNNING', /stopped before it began the request: nothing was done/),
    );
    expect(requests.take(9)).toEqual([]);
  });

  it('since it stops in the middle is said to go on when it starts', async () => {
    wrote(100);
    timer = setInterval(() => {
      if (requests.take(16).length > 0) wrote(6000);
    }, 20);
    await expect(ask(program(), 'close', {})).rejects.toThrow(
      failure('E_REQUEST_TIMEOUT', /goes on with it, when it starts again/),
    );
  });

  it('finds what was left for it', () => {
    leaveRequest(program(), 'collect-again', { objectIds: [] });
    expect(requests.take(9)).toMatchObject([{ verb: 'collect-again', fields: { objectIds: [] } }]);
  });
});

describe('a command that asks', () => {
  const settings = { keyFile: requiredPath('the key') } as const;
  const side: AskingSide<typeof settings> = {
    name: 'diode-test',
    settings,
    requestsPath: () => join(folder, 'requests.sqlite'),
    snapshotPath: () => join(folder, 'status.json'),
    clock,
  };
  const audited = auditedForm('purge', z.strictObject({ ...whoFields, id: z.string().min(2) }));
  const plain = plainForm('look', z.strictObject({ id: z.string() }));
  const fields = ([id = '']: readonly string[]) => ({ id });

  async function run(...words: string[]): Promise<string> {
    let printed = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += text;
      return true;
    });
    writeFileSync(join(folder, 'test.toml'), 'keyFile = "key"\n');
    const line = new Command('diode-test')
      .option('-c, --config <file>', '', join(folder, 'test.toml'))
      .option('--set <key=value>', '', (value, before: string[]) => [...before, value], [])
      .option('--json', '', false)
      .exitOverride()
      .configureOutput({ outputError: () => {} });
    addAskCommand(line, side, { usage: 'purge <id>', description: '', form: audited, fields });
    addAskCommand(line, side, {
      usage: 'retry <id>',
      description: '',
      form: audited,
      fields,
      reason: 'again',
    });
    addAskCommand(line, side, { usage: 'look <id>', description: '', form: plain, fields });
    await line.parseAsync(['node', 'diode-test', ...words]);
    return printed;
  }

  it('says who and why where that is audited, and prints what was done', async () => {
    answering();
    const asked = JSON.parse(await run('purge', 'abc', '--reason', 'broken'));
    expect(asked).toMatchObject({ id: 'abc', reason: 'broken', byWhom: expect.stringMatching(/./) });
    expect(JSON.parse(await run('retry', 'abc'))).toMatchObject({ id: 'abc', reason: 'again' });
    expect(JSON.parse(await run('look', 'abc'))).toEqual({ id: 'abc' });
    expect(JSON.parse(await run('--json', 'look', 'abc'))).toEqual({
      ok: true,
      detail: '{"id":"abc"}',
      count: 1,
    });
  });

  it('wants a reason, and asks for nothing that is malformed', async () => {
    await expect(run('purge', 'abc')).rejects.toThrow(/--reason/);
    await expect(run('purge', 'a', '--reason', 'x')).rejects.toThrow(failure('E_USAGE', /malformed: id/));
    await expect(run('purge', 'abc', '--reason', 'x')).rejects.toThrow(failure('E_NOT_RUNNING', /./));
    expect(requests.take(9)).toEqual([]);
  });
});
