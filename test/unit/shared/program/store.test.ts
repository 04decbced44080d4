/** Goal: a folder that could not be opened whole is free again. Method: what is opened fails at each place in turn. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DiodeError } from '../../../../shared/errors.ts';
import { openStore, StorePart } from '../../../../shared/program/store.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const requestsPath = () => join(folder, 'requests.sqlite');

/** A ledger that is closed once. */
function ledger() {
  const closed: string[] = [];
  return { closed, open: () => ({ close: () => void closed.push('ledger') }) };
}

it('is owned by one at a time, until its part stops', () => {
  const { closed, open } = ledger();
  const part = new StorePart(openStore(folder, open, requestsPath()));
  const again = () => openStore(folder, open, requestsPath());
  expect(again).toThrow(expect.objectContaining({ code: 'E_ALREADY_RUNNING' }));
  part.stop();
  expect(closed).toEqual(['ledger']);
  again().close();
});

it('is free again where its ledger can not be opened', () => {
  const { open } = ledger();
  const fails = () => {
    throw new DiodeError('E_LEDGER');
  };
  expect(() => openStore(folder, fails, requestsPath())).toThrow(
    expect.objectContaining({ code: 'E_LEDGER' }),
  );
  openStore(folder, open, requestsPath()).close();
});

it('is free again, and its ledger closed, where its requests can not be opened', () => {
  const { closed, open } = ledger();
  // Nothing can be removed there, and nothing made.
  mkdirSync(requestsPath());
  writeFileSync(join(requestsPath(), 'file'), '');
  expect(() => openStore(folder, open, requestsPath())).toThrow();
  expect(closed).toEqual(['ledger']);
  openStore(folder, open, join(folder, 'others.sqlite')).close();
});
