/**
 * The code itself: which combination of known symbols gives an unknown one.
 *
 * The `reed-solomon-erasure` crate multiplies a Vandermonde matrix (row r is r^0 .. r^(k-1)) by the inverse
 * of its own top square, so that the first k rows become the identity. Read as polynomials: byte by byte, the k
 * source symbols are the values at the points 0 .. k-1 of one polynomial of degree below k, and the encoding
 * symbol with ESI r is its value at the point r. Any k symbols determine the polynomial, and each coefficient
 * is a Lagrange basis polynomial; no matrix is ever inverted.
 */
import { assert, present } from '../assert.ts';
import { exponential, groupOrder, logarithm } from './galois-field.ts';

/** The symbols of a block that are known: all source symbols but `missing`, and as many of `repair`. */
export interface KnownSymbols {
  /** k, 1 to 254. */
  readonly sourceSymbols: number;
  readonly missing: readonly number[];
  readonly repair: readonly number[];
}

/**
 * Writes, row by row, the coefficient of each known symbol of `columns` in each unknown symbol of `targets`
 * (both are ESIs). With all known symbols as columns, a target is the sum of coefficient times symbol; columns
 * left out are those known to be zero.
 */
export function writeCoefficients(
  known: KnownSymbols,
  targets: readonly number[],
  columns: readonly number[],
  coefficients: Uint8Array,
): void {
  assert(known.missing.length === known.repair.length, 'as many repair symbols as missing ones');
  assert(coefficients.length >= targets.length * columns.length, 'room for the coefficients');
  // L_p(x) = product over known q but p of (x - q) / (p - q), with logarithms for products.
  const columnLogarithms = columns.map((point) => vanishingLogarithm(known, point));
  let next = 0;
  for (const target of targets) {
    const targetLogarithm = vanishingLogarithm(known, target);
    for (let column = 0; column < columns.length; column++) {
      const point = present(columns[column], 'a column');
      assert(point !== target, 'a target is not known');
      const columnLogarithm = present(columnLogarithms[column], 'a column');
      coefficients[next++] = exponential(targetLogarithm - logarithm(target ^ point) - columnLogarithm);
    }
  }
}

/** The logarithm of the product of (point - q) over the known points q, `point` itself left out. */
function vanishingLogarithm(known: KnownSymbols, point: number): number {
  let sum = present(sourceVanishingLogarithms(known.sourceSymbols)[point], 'a point below 255');
  for (const missing of known.missing) if (missing !== point) sum -= logarithm(missing ^ point);
  for (const repair of known.repair) if (repair !== point) sum += logarithm(repair ^ point);
  return sum;
}

/** One entry for each k, made at its first use: 64 KiB when all are. */
const sourceVanishing: (Uint8Array | undefined)[] = new Array(groupOrder).fill(undefined);

/** For each point, the logarithm of the product of (point - q) over q < k, the point itself left out. */
function sourceVanishingLogarithms(sourceSymbols: number): Uint8Array {
  assert(sourceSymbols >= 1 && sourceSymbols < groupOrder, 'k is 1 to 254');
  const cached = sourceVanishing[sourceSymbols];
  if (cached !== undefined) return cached;
  const sums = new Uint8Array(groupOrder);
  for (let point = 0; point < groupOrder; point++) {
    let sum = 0;
    for (let q = 0; q < sourceSymbols; q++) if (q !== point) sum += logarithm(q ^ point);
    sums[point] = sum % groupOrder;
  }
  sourceVanishing[sourceSymbols] = sums;
  return sums;
}
