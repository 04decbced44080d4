/**
 * Goal: docs/architecture.md leads a newcomer to what is there. Method: each path that the page names exists, each name
 * beside a path is declared in that file, and the picture has every part and every thread of both programs.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isErrorCode } from '../../shared/errors.ts';
import { declaredIn, isPath, quoted } from './named-files.ts';
import { filesBelow, isTest, readSource, root, sourceFolders } from './source-tree.ts';

const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
const picture = /```\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
const steps = page.split('\n').filter((line) => /^\d+\. /.test(line));
/** What the steps quote that is no name in the source, and what it is. */
const noName: Readonly<Record<string, string>> = {
  'requests.sqlite': 'a file that the programs make',
  'rejected/': 'a folder that the sender makes',
  'objects/': 'a folder that the receiver makes',
};

describe('the ways of docs/architecture.md', () => {
  it('are five, with steps that count up and begin with a file', () => {
    const ways = page.split('\n## ').slice(1);
    expect(ways.map((way) => way.split('\n', 1)[0])).toEqual([
      'Of one DICOM file',
      'Of a beacon',
      'Of a ticket',
      'Of an alarm',
      'Of a request',
    ]);
    expect(steps.length).toBeGreaterThan(70);
    expect(steps.filter((step) => !/^\d+\. `[^`]+\/[^`]+\.ts`: /.test(step))).toEqual([]);
    const numbers = steps.map((step) => Number.parseInt(step, 10));
    const isNext = (number: number, index: number) =>
      number === 1 || number === (numbers[index - 1] ?? 0) + 1;
    expect(numbers.filter((number, index) => !isNext(number, index))).toEqual([]);
  });

  it('name files and folders that exist', () => {
    const paths = quoted(page).filter((text) => isPath(text) && noName[text] === undefined);
    expect(paths.length).toBeGreaterThan(80);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(paths.filter((path) => statSync(join(root, path)).isDirectory() !== path.endsWith('/'))).toEqual(
      [],
    );
  });

  it.each(steps)('%s', (step) => {
    let file = '';
    const strange: string[] = [];
    for (const text of quoted(step)) {
      if (isPath(text)) file = noName[text] === undefined ? text : file;
      else if (noName[text] === undefined && !isThere(text, file)) strange.push(`${file}: ${text}`);
    }
    expect(strange).toEqual([]);
  });

  it('quote something of what is no name', () => {
    expect(Object.keys(noName).filter((text) => !page.includes(`\`${text}\``))).toEqual([]);
  });
});

describe('the picture of docs/architecture.md', () => {
  it.each(['sender', 'receiver'])('has the parts of the %s, in the order of its list', (side) => {
    const list = readFileSync(join(root, side, 'program', `${side}.ts`), 'utf8');
    const parts = [...list.matchAll(/parts\.use\(\s*(?:new (\w+)|\{ name: '(\w+)')/g)].map(
      ([, made, name]) => made ?? name ?? '',
    );
    expect(parts).toHaveLength(list.split('parts.use(').length - 1);
    const column = picture.split('\n').flatMap((line) => {
      const boxes = [...line.matchAll(/(?:^| {2})\| (\w+) {2,}\w/g)].map(([, name]) => name ?? '');
      return side === 'sender'
        ? boxes.slice(0, line.startsWith('|') ? 1 : 0)
        : boxes.slice(line.startsWith('|') ? 1 : 0);
    });
    expect(column).toEqual(parts);
  });

  it('has every thread', () => {
    const threads = sourceFolders
      .flatMap(filesBelow)
      .filter(
        (path) =>
          !isTest(path) && /import \{[^}]*\bparentPort\b/.test(readFileSync(join(root, path), 'utf8')),
      );
    expect(threads.length).toBeGreaterThan(4);
    const drawn = picture.replaceAll(/[\s|]+/g, '');
    const stems = threads.map((path) => path.split('/').at(-1)?.replace('-thread.ts', '') ?? '');
    expect(stems.filter((stem) => !drawn.includes(`${stem}-`))).toEqual([]);
  });

  it('fits into 80 columns', () => {
    expect(picture.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(picture).toMatch(/^[\x20-\x7e\n]+$/);
  });
});

/** A name is declared in its file, a code at least used. */
function isThere(text: string, file: string): boolean {
  return isErrorCode(text) ? readSource(file).text.includes(text) : declaredIn(file).has(text);
}
