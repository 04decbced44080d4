/**
 * Goal: what keeps a program from starting is one clear error with a stable code, what to do, no stack, exit code 1, and
 * nothing is left behind that keeps it from starting when that is mended. Method: the real command lines.
 */
import { createSocket } from 'node:dgram';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Processes } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { Transfer } from '../harness/transfer.ts';

const built = existsSync(join(repositoryRoot(), 'dist/sender/main.js'));
if (!built && process.env['CI'] !== undefined) throw new Error('the programs are not built');

type Side = 'sender' | 'receiver';
const sides: readonly Side[] = ['sender', 'receiver'];

describe.skipIf(!built)('a program that can not start', () => {
  const processes = new Processes();
  let transfer: Transfer;

  beforeAll(async () => {
    transfer = new Transfer({ processes, seed: 41 });
    await transfer.prepare();
  });
  afterAll(() => processes.cleanUp());

  /** Runs a side that must fail. @returns its error as a script reads it, the sentence as a person does */
  async function failure(side: Side): Promise<{ code: string; text: string }> {
    const { code, output } = await transfer.configured(side, 'run', '--json');
    expect(code).toBe(1);
    const lines = output.split('\n').filter((line) => line !== '');
    const errors = lines.filter((line) => line.includes('"error":{'));
    expect(errors, output).toHaveLength(1);
    const person = await transfer.configured(side, 'run');
    expect(person.code).toBe(1);
    const { error } = JSON.parse(errors[0] ?? '{}');
    expect(person.output).toContain(
      `diode-${side}: ${error.message}\n  what to do: ${error.action}\n  code: ${error.code}`,
    );
    expect(person.output).not.toMatch(/^\s+at /m);
    return { code: String(error.code), text: String(error.message) };
  }

  /** The same once what was wrong is mended. */
  async function starts(side: Side): Promise<void> {
    const program = side === 'sender' ? await transfer.startSender() : await transfer.startReceiver();
    expect(await program.stop()).toEqual({ code: 0, signal: null });
  }

  function settingsOf(side: Side) {
    return side === 'sender' ? transfer.senderSettings : transfer.receiverSettings;
  }

  it.each(sides)('for its key file is missing: the %s', async (side) => {
    const keyFile = String(settingsOf(side)['keyFile']);
    settingsOf(side)['keyFile'] = `${keyFile}-not-there`;
    expect(await failure(side)).toMatchObject({
      code: 'E_KEY_MISSING',
      text: expect.stringContaining('not-there'),
    });
    settingsOf(side)['keyFile'] = keyFile;
    await starts(side);
  });

  it.each(sides)('for others can read its key: the %s', async (side) => {
    const keyFile = String(settingsOf(side)['keyFile']);
    chmodSync(keyFile, 0o640);
    expect(await failure(side)).toMatchObject({ code: 'E_KEY_READABLE' });
    chmodSync(keyFile, 0o600);
    await starts(side);
  });

  it.each(sides)('for its key file is something else: the %s', async (side) => {
    const keyFile = String(settingsOf(side)['keyFile']);
    const path = transfer.low('no-key');
    writeFileSync(path, 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n', { mode: 0o600 });
    settingsOf(side)['keyFile'] = path;
    const { code, text } = await failure(side);
    expect(code).toBe('E_KEY_FORMAT');
    expect(text).not.toContain('MIIE');
    rmSync(path);
    settingsOf(side)['keyFile'] = keyFile;
  });

  it.each(sides)('for its configuration has a key that does not exist: the %s', async (side) => {
    settingsOf(side)['link.adress'] = '127.0.0.1';
    expect(await failure(side)).toMatchObject({
      code: 'E_CONFIG_UNKNOWN_KEY',
      text: expect.stringMatching(/link\.adress.*link\.address/),
    });
    delete settingsOf(side)['link.adress'];
  });

  it('for its port is busy: the receiver', async () => {
    const socket = createSocket('udp4');
    const port = Number(transfer.receiverSettings['link.port']);
    await new Promise<void>((bound) => socket.bind(port, '127.0.0.1', bound));
    expect(await failure('receiver')).toMatchObject({ code: 'E_LINK_PORT_BUSY' });
    await new Promise<void>((closed) => socket.close(closed));
    await starts('receiver');
  });

  it('for the address of the link is not its own: the receiver', async () => {
    transfer.receiverSettings['link.address'] = '192.0.2.1';
    expect(await failure('receiver')).toMatchObject({ code: 'E_LINK_ADDRESS' });
    transfer.receiverSettings['link.address'] = '127.0.0.1';
  });

  it.each(sides)('for another one has its folder: the %s', async (side) => {
    const first = side === 'sender' ? await transfer.startSender() : await transfer.startReceiver();
    expect(await failure(side)).toMatchObject({ code: 'E_ALREADY_RUNNING' });
    expect(first.exit).toBeUndefined();
    await first.stop();
  });
});
