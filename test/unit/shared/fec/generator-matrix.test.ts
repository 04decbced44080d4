import { expect, it } from 'vitest';
import { AssertionFailure, present } from '../../../../shared/assert.ts';
import { exponential, logarithm, multiply } from '../../../../shared/fec/galois-field.ts';
import { writeCoefficients } from '../../../../shared/fec/generator-matrix.ts';

type Matrix = number[][];

const at = (matrix: Matrix, row: number, column: number): number =>
  present(matrix[row]?.[column], 'an entry of the matrix');

/** Rows r^0 .. r^(k-1), as the crate begins. */
function vandermonde(rows: number, columns: number): Matrix {
  return Array.from({ length: rows }, (_, r) => {
    const row = [1];
    while (row.length < columns) row.push(multiply(present(row.at(-1), 'a power'), r));
    return row;
  });
}

function product(a: Matrix, b: Matrix): Matrix {
  return a.map((row) =>
    row.map((_, column) => row.reduce((sum, entry, i) => sum ^ multiply(entry, at(b, i, column)), 0)),
  );
}

/** Gauss and Jordan, without choosing pivots beyond the first that is not 0. */
function inverse(matrix: Matrix): Matrix {
  const size = matrix.length;
  const work = matrix.map((row, r) => [...row, ...row.map((_, c) => (r === c ? 1 : 0))]);
  for (let i = 0; i < size; i++) {
    const pivotRow = work.findIndex((row, r) => r >= i && row[i] !== 0);
    const pivot = present(work[pivotRow], 'a regular matrix');
    work[pivotRow] = present(work[i], 'a row');
    const scale = exponential(-logarithm(present(pivot[i], 'a pivot')));
    work[i] = pivot.map((entry) => multiply(entry, scale));
    for (const [r, row] of work.entries()) {
      if (r === i) continue;
      const factor = present(row[i], 'an entry');
      work[r] = row.map((entry, c) => entry ^ multiply(factor, at(work, i, c)));
    }
  }
  return work.map((row) => row.slice(size));
}

const range = (from: number, end: number): number[] => Array.from({ length: end - from }, (_, i) => from + i);

function coefficients(
  known: Parameters<typeof writeCoefficients>[0],
  targets: number[],
  columns: number[],
): Matrix {
  const flat = new Uint8Array(targets.length * columns.length);
  writeCoefficients(known, targets, columns, flat);
  return targets.map((_, row) => [...flat.subarray(row * columns.length, (row + 1) * columns.length)]);
}

it.each([1, 2, 3, 7, 16, 29, 200, 254])('is the Vandermonde matrix made systematic, k = %i', (k) => {
  const rows = Math.min(255, k + 20);
  const matrix = vandermonde(rows, k);
  const systematic = product(matrix, inverse(matrix.slice(0, k)));
  const known = { sourceSymbols: k, missing: [], repair: [] };
  expect(coefficients(known, range(k, rows), range(0, k))).toEqual(systematic.slice(k));
});

it('inverts the system of the missing symbols', () => {
  const k = 23;
  const missing = [0, 5, 6, 22, 11];
  const repair = [254, 30, 23, 100, 99];
  const generator = coefficients({ sourceSymbols: k, missing: [], repair: [] }, repair, range(0, k));
  const square = generator.map((row) => missing.map((esi) => present(row[esi], 'a source symbol')));
  expect(coefficients({ sourceSymbols: k, missing, repair }, missing, repair)).toEqual(inverse(square));
});

it('refuses a target that is known, and counts that do not fit', () => {
  const room = new Uint8Array(16);
  const known = { sourceSymbols: 4, missing: [], repair: [] };
  expect(() => writeCoefficients(known, [1], [0, 1], room)).toThrow(AssertionFailure);
  expect(() => writeCoefficients({ ...known, missing: [1] }, [1], [0, 2], room)).toThrow(AssertionFailure);
  expect(() => writeCoefficients({ ...known, sourceSymbols: 255 }, [255], [0], room)).toThrow(
    AssertionFailure,
  );
  expect(() => writeCoefficients(known, range(4, 9), range(0, 4), room)).toThrow(AssertionFailure);
});
