/**
 * Goal: a PACS gets what the ledger says and nothing else: a preamble that is a program is zeroed whatever way it leaves,
 * and a file that was changed in the inbox does not reach it. Method: the real programs, and a STOW-RS service of the test.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Processes } from '../harness/processes.ts';
import { filesBelow, Transfer } from '../harness/transfer.ts';

let processes: Processes;
let transfer: Transfer;
let closing: (() => void)[] = [];

beforeEach(async () => {
  processes = new Processes();
  transfer = new Transfer({ processes, seed: 31 });
  await transfer.prepare();
});

afterEach(async () => {
  for (const close of closing) close();
  closing = [];
  await processes.cleanUp();
}, 60_000);

/** A service that keeps the one instance of each request that came whole, while it is open. */
async function service() {
  const stored: Buffer[] = [];
  const state = { isOpen: true };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (!request.complete) return;
      const body = Buffer.concat(parts);
      const end = body.lastIndexOf('\r\n--diode-');
      if (state.isOpen) stored.push(body.subarray(body.indexOf('\r\n\r\n') + 4, end));
      response.writeHead(state.isOpen ? 200 : 503).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  transfer.receiverTables = [
    '[[destinations]]',
    'name = "web"',
    'kind = "dicomweb"',
    `url = "http://127.0.0.1:${port}/"`,
    'retrySeconds = 0.3',
    'retryMinutesMax = 0.02',
  ];
  return { stored, state };
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function overwrite(path: string, bytes: string, at: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, at);
  closeSync(file);
}

async function json(...words: readonly string[]) {
  return JSON.parse((await transfer.configured('receiver', ...words, '--json')).output);
}

it('an instance that was held leaves with a preamble of zeros, also where there is no inbox', async () => {
  const { stored } = await service();
  transfer.receiverSettings['inbox.enabled'] = false;
  transfer.receiverSettings['gate.preamble'] = 'reject-executable';
  await transfer.startReceiver();
  await transfer.startSender();
  const { moveIn } = transfer.prepareStudy({ instances: 2, bytes: 20_000 });
  const program = transfer.low('prepared', 'study-1', '1.dcm');
  overwrite(program, 'MZ this is a program', 0);
  const came = readFileSync(program);
  moveIn();
  await transfer.until('the other one is there', () => stored.length === 1);
  const { held } = await json('quarantine', 'list');
  expect(held).toMatchObject([{ heldBecause: 'E_PREAMBLE' }]);
  const released = await transfer.configured(
    'receiver',
    'quarantine',
    'release',
    held[0].objectId,
    '--reason',
    'test',
  );
  expect(released).toEqual({ code: 0, output: '1 instance released, and queued for web' });
  await transfer.until('it is there', () => stored.length === 2);
  expect(stored[1]?.subarray(0, 128)).toEqual(Buffer.alloc(128));
  expect(stored[1]?.subarray(128)).toEqual(came.subarray(128));
});

it('a file that was changed in the inbox does not reach a PACS: what came is collected again, and does', async () => {
  const { stored, state } = await service();
  state.isOpen = false;
  await transfer.startReceiver();
  await transfer.startSender();
  transfer.putStudy({ instances: 3, bytes: 400_000 });
  await transfer.until('it is released', () => transfer.releasedFiles() === 3);
  const vault = transfer.high('vault', 'objects');
  const whole = readdirSync(vault).map((name) => sha256Of(readFileSync(join(vault, name))));
  const edited = transfer.high('inbox', filesBelow(transfer.high('inbox'))[0] ?? '');
  overwrite(edited, 'edited', 350_000);
  const wrong = sha256Of(readFileSync(edited));
  state.isOpen = true;
  await transfer.configured('receiver', 'destinations', 'retry', 'web');
  await transfer.until('the others are there', () => stored.length >= 2);
  await transfer.until('the damage is named', () =>
    (transfer.receiverStatus()?.alarms ?? []).some(({ code }) => code === 'E_VAULT_DAMAGED'),
  );
  await transfer.until('it has come again', () => stored.length >= 3);
  expect(stored.map(sha256Of).sort()).toEqual(whole.sort());
  expect(stored.map(sha256Of)).not.toContain(wrong);
});
