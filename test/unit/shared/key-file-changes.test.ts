/** Goal: a key file is changed whole or not at all, and stays secret. Method: real files in a temporary folder. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readKeyFile, readKeyRing, writeKeyFile } from '../../../shared/crypto/key-file.ts';
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

  it('has sixteen keys at most', () => {
    writeKeyFile(path, randomBytes);
    for (let count = 1; count < 16; count += 1) addKey(path, randomBytes);
    expect(() => addKey(path, randomBytes)).toThrow(expect.objectContaining({ code: 'E_KEY_FORMAT' }));
    expect(ids()).toHaveLength(16);
  });
});

describe('the name of a key', () => {
  const names = () => readKeyFile(path).map(({ name }) => name);

  it('is one by chance for a first key, and the same for a key that is added', () => {
    writeKeyFile(path, randomBytes);
    const [first = ''] = names();
    expect(first).toMatch(/^sender-[0-9a-f]{6}$/);
    addKey(path, randomBytes);
    const third = addKey(path, randomBytes, 'another');
    expect(names()).toEqual([first, first, 'another']);
    useKey(path, third);
    expect(names()).toEqual(['another', first, first]);
    revokeKey(path, third);
    expect(names()).toEqual([first, first]);
  });

  it('is none in an old file, and for what is added to it', () => {
    const [id, secret] = [7, Buffer.alloc(32, 1).toString('base64url')];
    writeFileSync(path, `dicom-diode-key-1 ${id} ${secret}\n`, { mode: 0o600 });
    addKey(path, randomBytes);
    expect(names()).toEqual(['', '']);
  });

  it('may be chosen, and is refused when it is none', () => {
    writeKeyFile(path, randomBytes, 'CT-2.basement');
    expect(names()).toEqual(['CT-2.basement']);
    for (const name of ['', 'a b', 'x'.repeat(33), 'a/b', 'é'])
      expect(() => addKey(path, randomBytes, name)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });

  it('of a sender id may be written down, and stays there when keys change', () => {
    writeKeyFile(path, randomBytes, 'ct');
    const line = 'dicom-diode-sender-1 0123456789abcdef ct\n';
    writeFileSync(path, `${line}${readFileSync(path, 'utf8')}`, { mode: 0o600 });
    const id = addKey(path, randomBytes);
    useKey(path, id);
    expect([...readKeyRing(path).senders]).toEqual([['0123456789abcdef', 'ct']]);
    expect(readKeyRing(path).names.get(id)).toBe('ct');
  });
});
