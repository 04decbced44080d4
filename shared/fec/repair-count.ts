/**
 * How many repair symbols a pass sends for a block, and which.
 *
 * Small blocks need more for the same certainty, since losses do not average out over them. The count comes from a
 * binomial model for each block size, scaled so that a block of the largest size gets the configured number.
 */
import { assert, present } from '../assert.ts';
import { limits } from '../wire/limits.ts';

export interface RepairOptions {
  /** k of the largest blocks of the link. */
  readonly maximumSourceSymbols: number;
  /** Repair symbols of a pass for a block of that k, 0 for none at all. */
  readonly repairSymbols: number;
  /** Probability that a datagram is lost, independent of the others; above 0, at most 0.5. */
  readonly designLoss?: number;
  /** Probability that a block is not recovered from one pass, 1e-12 to 0.5. */
  readonly blockFailure?: number;
}

/** Repair symbols of each pass for a block of k = `sourceSymbols` (1 to 254); k and they are at most 255. */
export function repairSymbolCount(sourceSymbols: number, options: RepairOptions): number {
  const { maximumSourceSymbols, repairSymbols, designLoss = 0.03, blockFailure = 1e-7 } = options;
  assertSourceSymbols(sourceSymbols);
  assertSourceSymbols(maximumSourceSymbols);
  assert(Number.isInteger(repairSymbols) && repairSymbols >= 0, 'a count of repair symbols');
  const needed = neededRepairSymbols(sourceSymbols, designLoss, blockFailure);
  const neededAtMaximum = neededRepairSymbols(maximumSourceSymbols, designLoss, blockFailure);
  const scaled = Math.ceil((needed * repairSymbols) / neededAtMaximum);
  return Math.min(limits.encodingSymbolsMax - sourceSymbols, scaled);
}

/**
 * The ESIs of the m repair symbols that a pass (0, 1, ..) sends. Each pass continues where the previous one stopped, and
 * starts again at k after ESI 254, so that a pass does not just repeat what the previous one lost.
 */
export function passRepairEsis(sourceSymbols: number, repairSymbols: number, passIndex: number): number[] {
  assertSourceSymbols(sourceSymbols);
  const repairEsis = limits.encodingSymbolsMax - sourceSymbols;
  assert(Number.isInteger(repairSymbols) && repairSymbols >= 0, 'a count of repair symbols');
  assert(repairSymbols <= repairEsis, 'no ESI twice in a pass');
  assert(Number.isInteger(passIndex) && passIndex >= 0, 'a count of passes');
  const first = passIndex * repairSymbols;
  assert(Number.isSafeInteger(first), 'fewer passes than that');
  return Array.from({ length: repairSymbols }, (_, i) => sourceSymbols + ((first + i) % repairEsis));
}

/** More than any sensible design needs: at k = 254 and a design loss of 0.5 it is about 390. */
const repairSymbolsSearchMax = 1024;

/** Needed counts by k, for each design in use. */
const neededByDesign = new Map<string, Map<number, number>>();
const designsMax = 16;

/** The smallest m, but at least 1, with P(more than m of k + m symbols are lost) <= blockFailure. */
export function neededRepairSymbols(sourceSymbols: number, designLoss: number, blockFailure: number): number {
  const design = `${designLoss} ${blockFailure}`;
  let needed = neededByDesign.get(design);
  if (needed === undefined) {
    assert(designLoss > 0 && designLoss <= 0.5, 'a design loss');
    assert(blockFailure >= 1e-12 && blockFailure <= 0.5, 'a block failure');
    if (neededByDesign.size === designsMax) neededByDesign.clear();
    needed = new Map();
    neededByDesign.set(design, needed);
  }
  let count = needed.get(sourceSymbols);
  if (count === undefined) {
    count = 1;
    while (blockFailureProbability(sourceSymbols, count, designLoss) > blockFailure) {
      count++;
      assert(count <= repairSymbolsSearchMax, 'the design loss can be met');
    }
    needed.set(sourceSymbols, count);
  }
  return count;
}

/**
 * P(Binomial(k + m, loss) > m): the probability that one pass does not suffice for a block. All terms are
 * positive, and each comes from its logarithm, so nothing cancels and nothing underflows early.
 */
export function blockFailureProbability(sourceSymbols: number, repairSymbols: number, loss: number): number {
  const sent = sourceSymbols + repairSymbols;
  const logLost = Math.log(loss);
  const logArrived = Math.log1p(-loss);
  let sum = 0;
  for (let lost = sent; lost > repairSymbols; lost--) {
    sum += Math.exp(logBinomial(sent, lost) + lost * logLost + (sent - lost) * logArrived);
  }
  return sum;
}

/** Logarithms of factorials, as far as they were needed. */
const logFactorials = [0];

function logBinomial(n: number, k: number): number {
  for (let i = logFactorials.length; i <= n; i++) {
    logFactorials.push(present(logFactorials[i - 1], 'a factorial') + Math.log(i));
  }
  const [all, chosen, others] = [logFactorials[n], logFactorials[k], logFactorials[n - k]];
  return present(all, 'a factorial') - present(chosen, 'a factorial') - present(others, 'a factorial');
}

function assertSourceSymbols(sourceSymbols: number): void {
  assert(Number.isInteger(sourceSymbols) && sourceSymbols >= 1, 'a block has a source symbol');
  assert(sourceSymbols < limits.encodingSymbolsMax, 'a block has room for a repair symbol');
}
