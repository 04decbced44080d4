import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  DiodeError,
  diskError,
  errorCatalogue,
  errorCauseCode,
  isErrorCode,
} from '../../../shared/errors.ts';
import { errorsPage } from '../../../shared/errors-page.ts';
import { root } from '../source-tree.ts';

const page = join(root, 'shared/ERRORS.md');

describe('the catalogue of errors', () => {
  it('is the page ERRORS.md (UPDATE=1 writes it anew)', () => {
    if (process.env['UPDATE'] === '1') writeFileSync(page, errorsPage());
    expect(readFileSync(page, 'utf8')).toBe(errorsPage());
  });

  it.each(Object.entries(errorCatalogue))('says in sentences what %s means and what to do', (code, entry) => {
    expect(code).toMatch(/^E_[A-Z]+(_[A-Z]+)*$/);
    expect(entry.meaning).toMatch(/^\S.*\.$/s);
    expect(entry.action).toMatch(/^\S.*\.$/s);
  });

  it('knows its codes and no other', () => {
    expect(isErrorCode('E_DISK')).toBe(true);
    expect(isErrorCode('E_NONE')).toBe(false);
    expect(isErrorCode('constructor')).toBe(false);
  });
});

describe('an error', () => {
  it('has the meaning of its code where nobody says more, and always the action', () => {
    expect(new DiodeError('E_DISK').message).toBe(errorCatalogue.E_DISK.meaning);
    expect(new DiodeError('E_DISK', 'the vault is gone')).toMatchObject({
      code: 'E_DISK',
      message: 'the vault is gone',
      action: errorCatalogue.E_DISK.action,
    });
  });

  it('of a full disk or quota has a code of its own', () => {
    const failed = (code: string) => diskError(Object.assign(new Error('x'), { code }), 'writing').code;
    expect(['ENOSPC', 'EDQUOT', 'EIO'].map(failed)).toEqual(['E_DISK_FULL', 'E_DISK_FULL', 'E_DISK']);
  });

  it('has a cause with a code only where the system gave one', () => {
    expect(errorCauseCode(Object.assign(new Error('x'), { code: 'EIO' }))).toBe('EIO');
    for (const cause of [undefined, null, 'EIO', {}, { code: 5 }])
      expect(errorCauseCode(cause)).toBeUndefined();
  });
});
