/**
 * Goal: SECURITY.md promises nothing that no test shows. Method: each row of its tables names tests by number, and each
 * number stands below for a file and the whole title of a test in it, as its source has it: what runs is what is named.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { readSource, root, walk } from './source-tree.ts';

const page = readFileSync(join(root, 'SECURITY.md'), 'utf8').split('\n');
const listing = page.indexOf('## The tests that show it');
/** Every row of every table that has a column for what stands, but for the heads. */
const rows = page.filter(
  (line, index) => line.startsWith('| ') && !/^\|[-|]+\|$/.test(page[index + 1] ?? '') && index < listing,
);
/** `12. test/unit/x.test.ts: the title of a test, or of a group of tests` */
const listed = page
  .slice(listing)
  .map((line) => /^(\d+)\. `(test\/[^`]+\.test\.ts)`: (.+)$/.exec(line))
  .flatMap((match) => (match === null ? [] : [match.slice(1) as [string, string, string]]));
const numbersIn = (row: string) =>
  [...row.matchAll(/\[((?:\d+(?:, )?)+)\]/g)].flatMap(([, list = '']) => list.split(', '));

/** The titles of what a file runs, with those that a table of cases gives as `what`. */
function titlesIn(path: string): string[] {
  const titles: string[] = [];
  walk(readSource(path).tree, (node) => {
    if (ts.isCallExpression(node) && isRun(node.expression)) {
      const [title] = node.arguments;
      if (title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text);
    }
    if (!ts.isPropertyAssignment(node) || node.name.getText() !== 'what') return;
    if (ts.isStringLiteralLike(node.initializer)) titles.push(node.initializer.text);
  });
  return titles;
}

/** `it`, `it.each(…)`, `describe.skipIf(…)`, and never `it.skip` or `it.todo`. */
function isRun(called: ts.Expression): boolean {
  if (ts.isIdentifier(called)) return /^(it|test|describe)$/.test(called.text);
  if (ts.isPropertyAccessExpression(called))
    return /^(each|for|skipIf|runIf)$/.test(called.name.text) && isRun(called.expression);
  return ts.isCallExpression(called) && isRun(called.expression);
}

describe('the tables of SECURITY.md', () => {
  it('are two, of which every row is read', () => {
    expect(rows.length).toBe(page.filter((line) => line.startsWith('| **')).length);
    expect(rows.length).toBeGreaterThan(20);
  });

  it.each(rows.map((row) => [row.slice(2, 60), row]))('%s… names the tests that show it', (_start, row) => {
    const numbers = numbersIn(row);
    expect(numbers.length).toBeGreaterThan(0);
    expect(new Set(numbers).size).toBe(numbers.length);
    const known = listed.map(([number]) => number);
    expect(numbers.filter((number) => !known.includes(number))).toEqual([]);
  });

  it.each(listed)('%s: the test exists', (_number, file, title) => {
    expect(existsSync(join(root, file)), file).toBe(true);
    expect(titlesIn(file).filter((found) => found === title)).toHaveLength(1);
  });

  it('use every test that is listed, and it is listed once', () => {
    const entries = page.slice(listing).filter((line) => /^\d/.test(line));
    expect(listed.map(([number]) => number)).toEqual(entries.map((_, index) => String(index + 1)));
    expect(new Set(listed.map(([, file, title]) => `${file} ${title}`)).size).toBe(listed.length);
    const used = new Set(rows.flatMap(numbersIn));
    expect(listed.filter(([number]) => !used.has(number))).toEqual([]);
  });
});
