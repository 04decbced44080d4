/** Goal: a person and a script see what stands, and that it stands is no failure of the command. */
import { afterEach, expect, it, vi } from 'vitest';
import { addAlarmsCommand, type ToldAlarms } from '../../../../shared/console/alarms-command.ts';
import { createProgram, runProgram } from '../../../../shared/console/command-line.ts';

const alarm = { code: 'E_DISK', severity: 'critical', owner: 'copies', subject: 'vault' } as const;
const stands = { ...alarm, detail: 'why', sinceMs: 1000 };

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function run(told: ToldAlarms, ...words: string[]) {
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  const program = createProgram('diode-test', 'is a test', '/nowhere.toml');
  addAlarmsCommand(program, () => told);
  process.exitCode = undefined;
  await runProgram(program, ['node', 'diode-test', ...words]);
  vi.restoreAllMocks();
  return { out, exitCode: process.exitCode ?? 0 };
}

it.each([[['alarms']], [['alarms', 'list']]])('%j lists what stands, with its owner', async (words) => {
  const { out, exitCode } = await run({ running: true, alarms: [stands] }, ...words);
  expect(out).toMatch(/^severity +code +subject +owner +since/);
  expect(out).toMatch(/critical +E_DISK +vault +copies +1970-01-01T00:00:01.000Z +why/);
  expect(exitCode).toBe(0);
});

it('says when nothing stands, and when nobody tells any more', async () => {
  expect((await run({ running: true, alarms: [] }, 'alarms')).out).toBe('no alarms\n');
  const { out } = await run({ running: false, alarms: [stands] }, 'alarms');
  expect(out).toMatch(/^diode-test is not running: this is its last known state\nseverity/);
});

it('is one JSON object for a script', async () => {
  const told = { running: true, alarms: [stands] };
  expect(JSON.parse((await run(told, '--json', 'alarms')).out)).toEqual(told);
});
