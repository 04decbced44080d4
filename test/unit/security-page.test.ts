/**
 * Goal: SECURITY.md promises nothing that no test holds. Method: each row of its tables names tests by number, and each
 * number stands below for a file and the name of a test in it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './source-tree.ts';

const page = readFileSync(join(root, 'SECURITY.md'), 'utf8').split('\n');
const rows = page.filter((line) => line.startsWith('| **'));
/** `<a name="t12"></a>12. test/unit/x.test.ts: a name of a test, or its beginning` */
const tests = new Map(
  page.flatMap((line) => {
    const [, number, file, name] = /^(\d+)\. `(test\/[^`]+)`: (.+)$/.exec(line) ?? [];
    return number === undefined ? [] : [[number, { file: file ?? '', name: name ?? '' }] as const];
  }),
);
const numbersIn = (row: string) =>
  [...row.matchAll(/\[((?:\d+(?:, )?)+)\]/g)].flatMap(([, list = '']) => list.split(', '));

describe('the tables of SECURITY.md', () => {
  it.each(rows.map((row) => [row.slice(2, 60), row]))('%s… names the tests that hold it', (_start, row) => {
    const numbers = numbersIn(row);
    expect(numbers.length).toBeGreaterThan(0);
    for (const number of numbers) expect(tests.has(number), `test ${number} is listed`).toBe(true);
  });

  it.each([...tests])('%s: the test exists', (_number, { file, name }) => {
    const path = join(root, file);
    expect(existsSync(path), file).toBe(true);
    expect(readFileSync(path, 'utf8')).toContain(name);
  });

  it('use every test that is listed', () => {
    const used = new Set(rows.flatMap(numbersIn));
    expect([...tests.keys()].filter((number) => !used.has(number))).toEqual([]);
  });
});
