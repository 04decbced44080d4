import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format, inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readKeyFile, writeKeyFile } from '../../../shared/crypto/key-file.ts';

const disk = vi.hoisted(() => ({ isFull: false }));
vi.mock(import('node:fs'), async (original) => {
  const real = await original();
  const fsyncSync = (descriptor: number) => {
    if (disk.isFull) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    real.fsyncSync(descriptor);
  };
  return { ...real, fsyncSync };
});

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'key-file-'));
});
afterEach(() => {
  disk.isFull = false;
  rmSync(folder, { recursive: true, force: true });
});

const secret = (fill: number) => Buffer.alloc(32, fill).toString('base64url');
const line = (id: number | string, fill = 7) => `dicom-diode-key-1 ${id} ${secret(fill)}`;

function keyFile(text: string, mode = 0o600): string {
  const path = join(folder, 'key');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const failure = (code: string) => expect.objectContaining({ code });

describe('a new key file', () => {
  it('is for its owner alone, and is read back', () => {
    const path = join(folder, 'new');
    const id = writeKeyFile(path, randomBytes);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const [key, ...others] = readKeyFile(path);
    expect(others).toEqual([]);
    expect(key.id).toBe(id);
    expect(key.secret).toHaveLength(32);
  });

  it('has an id from 1 to 65535, whatever the random bytes are', () => {
    const ids = [0x00, 0xff].map((fill) =>
      writeKeyFile(join(folder, `new-${fill}`), (count) => new Uint8Array(count).fill(fill)),
    );
    expect(ids).toEqual([1, 1]);
    const last = writeKeyFile(join(folder, 'last'), (count) =>
      count === 2 ? Uint8Array.of(0xff, 0xfe) : randomBytes(count),
    );
    expect(last).toBe(65_535);
    expect(readKeyFile(join(folder, 'last'))[0].id).toBe(65_535);
  });

  it('never overwrites anything', () => {
    const path = keyFile('something else');
    expect(() => writeKeyFile(path, randomBytes)).toThrow(failure('E_KEY_EXISTS'));
    expect(readFileSync(path, 'utf8')).toBe('something else');
  });

  it('that the disk has no room for leaves nothing in the way of the next', () => {
    const path = join(folder, 'new');
    disk.isFull = true;
    expect(() => writeKeyFile(path, randomBytes)).toThrow(failure('E_DISK_FULL'));
    disk.isFull = false;
    expect(existsSync(path)).toBe(false);
    expect(writeKeyFile(path, randomBytes)).toBeGreaterThan(0);
  });

  it('needs a folder that is there', () => {
    const path = join(folder, 'none', 'key');
    expect(() => writeKeyFile(path, randomBytes)).toThrow(failure('E_FOLDER'));
    expect(existsSync(path)).toBe(false);
  });
});

describe('a key file', () => {
  it('may be a ring: the first key is the one to send with', () => {
    const path = keyFile(`# old and new\n\n${line(2, 9)}\r\n${line(1)}\n`);
    const keys = readKeyFile(path);
    expect(keys.map(({ id }) => id)).toEqual([2, 1]);
    expect(keys.map((key) => key.secret[0])).toEqual([9, 7]);
  });

  it.each([0o640, 0o604, 0o660, 0o610, 0o601, 0o644])('of mode %o is refused', (mode) => {
    const path = keyFile(`${line(1)}\n`, mode);
    expect(() => readKeyFile(path, undefined)).toThrow(failure('E_KEY_READABLE'));
  });

  it('in the folder that systemd made for credentials may have the mode it gives', () => {
    const path = keyFile(`${line(1)}\n`, 0o440);
    expect(readKeyFile(path, folder)[0].id).toBe(1);
    expect(readKeyFile(path, `${folder}/`)[0].id).toBe(1);
    expect(() => readKeyFile(path, join(folder, '..'))).toThrow(failure('E_KEY_READABLE'));
    expect(() => readKeyFile(path, join(folder, 'other'))).toThrow(failure('E_KEY_READABLE'));
  });

  it.each([
    ['nothing', ''],
    ['only comments', '# a\n'],
    ['another format', line(1).replace('key-1', 'key-2')],
    ['an id of 0', line(0)],
    ['an id beyond 16 bits', line(65_536)],
    ['an id with a sign', line('-1')],
    ['a secret that is too short', `dicom-diode-key-1 1 ${secret(1).slice(1)}`],
    ['a secret that is too long', `dicom-diode-key-1 1 ${secret(1)}A`],
    ['a secret in another alphabet', `dicom-diode-key-1 1 ${'+'.repeat(43)}`],
    ['more on the line', `${line(1)} name more`],
    ['one id twice', `${line(1, 1)}\n${line(1, 2)}`],
    ['more keys than a ring takes', Array.from({ length: 17 }, (_, index) => line(index + 1)).join('\n')],
    ['more than any ring', '#'.repeat(65_537)],
  ])('with %s is refused', (_what, text) => {
    expect(() => readKeyFile(keyFile(text))).toThrow(failure('E_KEY_FORMAT'));
  });

  it('that is refused is not quoted', () => {
    const path = keyFile(`${line(1)}x`);
    expect(() => readKeyFile(path)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(secret(7)) }),
    );
  });

  it('keeps its secrets out of whatever prints it', () => {
    const keys = readKeyFile(keyFile(line(5)));
    const [key] = keys;
    const hidden = { showHidden: true, getters: false, depth: 10 };
    const printed = [
      inspect(keys, hidden),
      format('%o %O %j %s', key, key, key, key),
      JSON.stringify({ keys }),
      `${key}`,
      JSON.stringify({ ...key }),
    ].join(' ');
    expect(printed).toContain('"id":5');
    const bytes = Array.from(key.secret).join(',');
    for (const form of [secret(7), Buffer.from(key.secret).toString('hex'), bytes, 'Uint8Array'])
      expect(printed).not.toContain(form);
  });

  it('that can not be read is not said to be missing', () => {
    const path = join(keyFile(line(1)), 'below');
    expect(() => readKeyFile(path)).toThrow(
      expect.objectContaining({ code: 'E_KEY_MISSING', message: expect.stringContaining('ENOTDIR') }),
    );
  });

  it('that is a device is not read', () => {
    expect(() => readKeyFile('/dev/zero')).toThrow(failure('E_KEY_MISSING'));
  });

  it('that is missing, or a folder, is said to be', () => {
    expect(() => readKeyFile(join(folder, 'none'))).toThrow(failure('E_KEY_MISSING'));
    chmodSync(folder, 0o700);
    expect(() => readKeyFile(folder)).toThrow(failure('E_KEY_MISSING'));
  });
});
