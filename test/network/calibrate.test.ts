/**
 * Goal: the two commands find each other over a real link, the high side tells what came, and says what is in the way when
 * nothing can. Method: the real programs on loopback at low rates; what is compared is counted, never timed.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Processes } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { Transfer } from '../harness/transfer.ts';

const built = existsSync(join(repositoryRoot(), 'dist/sender/main.js'));
if (!built && process.env['CI'] !== undefined) throw new Error('the programs are not built');

const short = ['--from', '2', '--to', '3', '--repeat', '2', '--seconds', '0.1'];

describe.skipIf(!built)('a calibration', () => {
  const processes = new Processes();
  let transfer: Transfer;

  beforeAll(async () => {
    transfer = new Transfer({ processes, seed: 61 });
    await transfer.prepare();
  });
  afterAll(() => processes.cleanUp());

  it('tells every rate that was sent, and proposes lines for both sides', async () => {
    // Writes the configuration that the program started by hand reads.
    expect((await transfer.configured('receiver', 'config', 'check')).code).toBe(0);
    const receiver = processes.startScript('dist/receiver/main.js', {
      arguments: ['calibrate', '--json', '--config', transfer.high('receiver.toml')],
    });
    await receiver.waitForLine(/listening on port/);
    const { code, output: sent } = await transfer.configured('sender', 'calibrate', '--json', ...short);
    expect(code, sent).toBe(0);
    await receiver.waitForExit(60_000);
    const output = receiver.text('stdout');
    const report = jsonIn(output);
    const rates = jsonIn(sent).steps.map(
      ({ rateKilobitsPerSecond: rate }: { rateKilobitsPerSecond: number }) => rate,
    );
    expect(rates[0]).toBe(2000);
    expect(report.endSeen).toBe(true);
    const told = report.rungs.map((rung: { askedKilobitsPerSecond: number }) => rung.askedKilobitsPerSecond);
    expect(told).toEqual([...new Set(rates)]);
    for (const { rounds, askedKilobitsPerSecond, sent: datagrams, received, lost } of report.rungs) {
      expect(rounds).toBe(rates.filter((rate: number) => rate === askedKilobitsPerSecond).length);
      expect(received).toBeGreaterThan(0);
      expect(received + lost).toBe(datagrams);
    }
    expect(report.lines.sender.join()).toMatch(
      /^\[link\],rateMegabitsPerSecond = [0-9.]+,\[code\],sourceSymbols/,
    );
    expect(report.lines.receiver.join()).toMatch(/receiveBufferBytes = \d+.*memoryMegabytes = \d+$/);
  });

  it('says what came instead, and what to check', async () => {
    const { code, output } = await transfer.configured('receiver', 'calibrate', '--wait', '1');
    expect(code).toBe(1);
    expect(output).toMatch(/no test arrived within 1 s, nor did anything else/);
    expect(output).toMatch(/code: E_CALIBRATION_SILENT/);
  });

  it('wants the programs stopped; the running receiver counts what comes, and nothing else happens', async () => {
    await transfer.startReceiver();
    const busy = await transfer.configured('receiver', 'calibrate', '--wait', '1');
    expect(busy.code).toBe(1);
    expect(busy.output).toMatch(/stop the receiver before you calibrate[\s\S]*E_LINK_PORT_BUSY/);
    await transfer.configured('sender', 'calibrate', ...short);
    await transfer.until('it is counted', () => (transfer.receiverStatus()?.assemble.ofCalibration ?? 0) > 0);
    const status = transfer.receiverStatus();
    expect([status?.assemble.refused, status?.link.lost]).toEqual([{}, 0]);
    expect(status?.alarms.filter(({ code }) => code.startsWith('E_DATAGRAM'))).toEqual([]);
    await transfer.startSender();
    const refused = await transfer.configured('sender', 'calibrate', ...short);
    expect(refused.code).toBe(1);
    expect(refused.output).toMatch(/stop it before you calibrate[\s\S]*E_ALREADY_RUNNING/);
  });
});

/** The one object of the output; the lines of the progress stand around it. */
function jsonIn(output: string) {
  return JSON.parse(/\{.*\}/.exec(output)?.[0] ?? '{}');
}
