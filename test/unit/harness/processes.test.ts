import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Processes, type RunningProgram } from '../../harness/processes.ts';

const processes = new Processes();
afterEach(() => processes.cleanUp());

function run(script: string, name = 'script'): RunningProgram {
  return processes.start(name, process.execPath, { arguments: ['-e', script] });
}

const forever = 'setInterval(() => {}, 1000);';

describe('a running program', () => {
  it('gives its lines as they come, and how it ends', async () => {
    const program = run(
      "console.log('one'); console.error('two'); process.stdout.write('three'); process.exitCode = 3;",
    );
    expect((await program.waitForLine(/one/)).stream).toBe('stdout');
    expect((await program.waitForLine((line) => line.stream === 'stderr')).text).toBe('two');
    expect(await program.waitForExit()).toEqual({ code: 3, signal: null });
    // A last line without its end counts too.
    expect(program.text('stdout')).toBe('one\nthree');
    expect((await program.waitForLine(/three/)).text).toBe('three');
  });

  it('finds a line that comes later, and only from where it is told to look', async () => {
    const program = run(
      `console.log('tick'); process.on('SIGUSR2', () => console.log('tick')); console.log('ready'); ${forever}`,
    );
    await program.waitForLine(/ready/);
    const fromLine = program.lineCount;
    expect(fromLine).toBe(2);
    const second = program.waitForLine(/tick/, { fromLine });
    const third = program.waitForLine(/tick/, { fromLine: fromLine + 1 });
    program.signal('SIGUSR2');
    expect((await second).number).toBe(2);
    program.signal('SIGUSR2');
    expect((await third).number).toBe(3);
    expect((await program.waitForLine(/tick/)).number).toBe(0);
  });

  it('fails a wait with the last output when the line does not come', async () => {
    const program = run(`console.log('something else'); ${forever}`, 'silent');
    await program.waitForLine(/else/);
    const late = program.waitForLine(/never/, { timeoutMs: 20 });
    await expect(late).rejects.toThrow(
      /silent did not print the line in time \/never\/[\s\S]*something else/,
    );
    const ended = program.waitForLine(/never/);
    program.signal('SIGKILL');
    await expect(ended).rejects.toThrow(/ended without the line/);
    await expect(program.waitForLine(/never/)).rejects.toThrow(/signal SIGKILL/);
  });

  it('fails a wait for the end of one that goes on', async () => {
    await expect(run(forever).waitForExit(20)).rejects.toThrow(/did not end in time/);
  });

  it('keeps the last lines only, and cuts long ones', async () => {
    const program = run(
      "process.stdout.write('x'.repeat(200_000)); for (let i = 0; i < 30_000; i++) console.log(i);",
    );
    await program.waitForExit();
    expect(program.lines.length).toBeLessThanOrEqual(10_000);
    expect(program.lines.at(-1)?.text).toBe('29999');
    expect(program.lineCount).toBeGreaterThan(30_000);
    expect(program.lineCount).toBeLessThan(30_010);
  });

  it('stops on SIGTERM, in its own way', async () => {
    const program = run(`process.on('SIGTERM', () => process.exit(7)); console.log('ready'); ${forever}`);
    await program.waitForLine(/ready/);
    expect(await program.stop()).toEqual({ code: 7, signal: null });
    expect(await program.stop()).toEqual({ code: 7, signal: null });
  });

  it('tells of a program that can not be started', async () => {
    const program = processes.start('nothing', '/nowhere/nothing');
    expect(await program.waitForExit()).toEqual({ code: null, signal: null });
    expect(program.text('stderr')).toMatch(/ENOENT/);
  });
});

describe('cleaning up', () => {
  it('ends what runs and removes the folders', async () => {
    const folder = processes.temporaryFolder();
    writeFileSync(join(folder, 'file'), 'content');
    const programs = [run(forever), run(forever)];
    await processes.cleanUp();
    expect(programs.map((program) => program.exit?.signal)).toEqual(['SIGTERM', 'SIGTERM']);
    expect(existsSync(folder)).toBe(false);
  });
});
