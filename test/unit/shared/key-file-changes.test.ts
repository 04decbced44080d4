/** Goal: a key file is changed whole or not at all, and stays secret. Method: real files in a temporary folder. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readKeyFile, writeKeyFile } from '../../../shared/crypto/key-file.ts';
import { addKey, revokeKey, useKey } from '../../../shared/crypto/key-file-changes.ts';
import { Random } from '../../harness/random.ts';

let folder = '';
let path = '';
const random = new Random(5);
const randomBytes = (count: number) => random.bytes(count);
const ids = () => readKeyFile(path).map(({ id }) => id);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dicom-diode-keys-'));
  path = join(folder, 'key');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a key ring', () => {
  it('gets a key behind the others, which becomes the first when it is used, and loses the one that is revoked', () => {
    const first = writeKeyFile(path, randomBytes);
    const second = addKey(path, randomBytes);
    const third = addKey(path, randomBytes);
    expect(ids()).toEqual([first, second, third]);
    const secrets = new Map(readKeyFile(path).map(({ id, secret }) => [id, secret]));
    useKey(path, third);
    expect(ids()).toEqual([third, first, second]);
    useKey(path, third);
    expect(ids()).toEqual([third, first, second]);
    revokeKey(path, first);
    expect(ids()).toEqual([third, second]);
    for (const { id, secret } of readKeyFile(path)) expect(secret).toEqual(secrets.get(id));
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(/^# dicom-diode key: keep it secret/);
    expect(text).toContain(`# revoked: key ${first}`);
    expect(text).not.toContain(Buffer.from(secrets.get(first) ?? []).toString('base64url'));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['key']);
  });

  it('never gets an id twice', () => {
    const same = (count: number) => (count === 2 ? new Uint8Array([0, 6]) : randomBytes(count));
    expect(writeKeyFile(path, same)).toBe(7);
    let asked = 0;
    const second = addKey(path, (count) =>
      count === 2 && asked++ === 0 ? new Uint8Array([0, 6]) : randomBytes(count),
    );
    expect(second).not.toBe(7);
  });

  it('is not changed when that would be wrong', () => {
    const only = writeKeyFile(path, randomBytes);
    const before = readFileSync(path);
    expect(() => revokeKey(path, only)).toThrow(expect.objectContaining({ code: 'E_KEY_LAST' }));
    expect(() => revokeKey(path, only === 1 ? 2 : 1)).toThrow(
      expect.objectContaining({ code: 'E_KEY_UNKNOWN' }),
    );
    expect(() => useKey(path, only === 1 ? 2 : 1)).toThrow(
      expect.objectContaining({ code: 'E_KEY_UNKNOWN' }),
    );
    expect(readFileSync(path)).toEqual(before);
    chmodSync(path, 0o640);
    expect(() => addKey(path, randomBytes)).toThrow(expect.objectContaining({ code: 'E_KEY_READABLE' }));
    writeFileSync(path, 'nothing\n', { mode: 0o600 });
    chmodSync(path, 0o600);
    expect(() => addKey(path, randomBytes)).toThrow(expect.objectContaining({ code: 'E_KEY_FORMAT' }));
    expect(() => addKey(join(folder, 'none'), randomBytes)).toThrow(
      expect.objectContaining({ code: 'E_KEY_MISSING' }),
    );
    expect(readdirSync(folder)).toEqual(['key']);
  });

  it('holds sixteen keys at most', () => {
    writeKeyFile(path, randomBytes);
    for (let count = 1; count < 16; count += 1) addKey(path, randomBytes);
    expect(() => addKey(path, randomBytes)).toThrow(expect.objectContaining({ code: 'E_KEY_FORMAT' }));
    expect(ids()).toHaveLength(16);
  });
});
