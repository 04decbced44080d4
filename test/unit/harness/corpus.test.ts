import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { corpusFiles, corpusFolder } from '../../harness/corpus.ts';
import { repositoryRoot } from '../../harness/repository-root.ts';

describe('the repository root', () => {
  it('has this file', () => {
    expect(existsSync(join(repositoryRoot(), 'test/unit/harness/corpus.test.ts'))).toBe(true);
  });
});

describe('the corpus', () => {
  it('lists files of any folder, and says which are DICOM', () => {
    const files = corpusFiles(join(repositoryRoot(), 'shared/config'));
    expect(files.map((file) => file.name)).toContain('load.ts');
    expect(files.some((file) => file.part10)).toBe(false);
  });

  it.skipIf(corpusFolder() === undefined)('lists DICOM files in a stable order, and no notes', () => {
    const files = corpusFiles();
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((file) => file.part10).length).toBeGreaterThan(100);
    expect(files.some((file) => /readme|license/i.test(file.name))).toBe(false);
    expect(files.map((file) => file.name)).toEqual(corpusFiles().map((file) => file.name));
    expect(files.every((file) => existsSync(file.path))).toBe(true);
  });
});
