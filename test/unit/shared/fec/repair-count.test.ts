import { expect, it } from 'vitest';
import { AssertionFailure } from '../../../../shared/assert.ts';
import {
  blockFailureProbability,
  passRepairEsis,
  repairSymbolCount,
} from '../../../../shared/fec/repair-count.ts';

/** The same probability in exact integers: loss is `lossPercent` / 100. */
function exactBlockFailure(k: number, m: number, lossPercent: bigint): number {
  const n = BigInt(k + m);
  let binomial = 1n;
  let tail = 0n;
  for (let lost = 0n; lost <= n; lost++) {
    if (lost > BigInt(m)) tail += binomial * lossPercent ** lost * (100n - lossPercent) ** (n - lost);
    binomial = (binomial * (n - lost)) / (lost + 1n);
  }
  const precision = 10n ** 40n;
  return Number((tail * precision) / 100n ** n) / 1e40;
}

it.each([
  [1, 4],
  [2, 5],
  [5, 6],
  [10, 7],
  [20, 8],
  [58, 13],
  [100, 16],
  [150, 20],
  [188, 23],
  [200, 23],
])('k = %i needs %i repair symbols at a loss of 3 in 100', (k, m) => {
  // Scaled by one: what is configured is what the largest block needs.
  expect(repairSymbolCount(k, { maximumSourceSymbols: 200, repairSymbols: 23 })).toBe(m);
});

it.each([
  [1, 4],
  [20, 8],
  [58, 12],
  [200, 23],
  [200, 0],
  [230, 25],
])('agrees with exact integers, k = %i, m = %i', (k, m) => {
  for (const percent of [1, 3, 20, 50]) {
    const exact = exactBlockFailure(k, m, BigInt(percent));
    const relative = Math.abs(blockFailureProbability(k, m, percent / 100) - exact) / exact;
    expect(relative).toBeLessThan(1e-9);
  }
});

it('scales with what is configured, and never beyond ESI 254', () => {
  const options = { maximumSourceSymbols: 200, repairSymbols: 24 };
  expect(repairSymbolCount(200, options)).toBe(24);
  expect(repairSymbolCount(58, options)).toBe(14);
  expect(repairSymbolCount(1, options)).toBe(5);
  expect(repairSymbolCount(200, { ...options, repairSymbols: 55 })).toBe(55);
  expect(repairSymbolCount(200, { ...options, repairSymbols: 60 })).toBe(55);
  expect(repairSymbolCount(254, options)).toBe(1);
  for (let k = 1; k <= 200; k++) expect(repairSymbolCount(k, { ...options, repairSymbols: 0 })).toBe(0);
});

it('never gives a larger block fewer repair symbols, until ESIs run out', () => {
  const options = { maximumSourceSymbols: 200, repairSymbols: 24, designLoss: 0.01, blockFailure: 1e-9 };
  for (let k = 2; k <= 200; k++) {
    expect(repairSymbolCount(k, options)).toBeGreaterThanOrEqual(repairSymbolCount(k - 1, options));
  }
});

it('works at the extremes of a design', () => {
  const options = { maximumSourceSymbols: 200, repairSymbols: 24 };
  expect(repairSymbolCount(254, { ...options, designLoss: 0.5, blockFailure: 1e-12 })).toBe(1);
  expect(repairSymbolCount(1, { ...options, designLoss: 1e-6, blockFailure: 0.5 })).toBe(24);
});

it('sends other repair symbols in each pass, and begins again after the last', () => {
  expect(passRepairEsis(200, 24, 0)).toEqual(Array.from({ length: 24 }, (_, i) => 200 + i));
  expect(passRepairEsis(200, 24, 1)[0]).toBe(224);
  expect(passRepairEsis(200, 24, 2)).toEqual([
    ...Array.from({ length: 7 }, (_, i) => 248 + i),
    ...Array.from({ length: 17 }, (_, i) => 200 + i),
  ]);
  expect(passRepairEsis(254, 1, 1_000_000)).toEqual([254]);
  expect(passRepairEsis(10, 0, 3)).toEqual([]);
  for (let pass = 0; pass < 50; pass++) expect(new Set(passRepairEsis(190, 65, pass)).size).toBe(65);
});

it('refuses what no link can have', () => {
  const options = { maximumSourceSymbols: 200, repairSymbols: 24 };
  for (const wrong of [
    () => repairSymbolCount(0, options),
    () => repairSymbolCount(255, options),
    () => repairSymbolCount(1.5, options),
    () => repairSymbolCount(10, { ...options, repairSymbols: -1 }),
    () => repairSymbolCount(10, { ...options, designLoss: 0 }),
    () => repairSymbolCount(10, { ...options, designLoss: Number.NaN }),
    () => repairSymbolCount(10, { ...options, blockFailure: 0 }),
    () => passRepairEsis(200, 56, 0),
    () => passRepairEsis(200, 24, -1),
  ]) {
    expect(wrong).toThrow(AssertionFailure);
  }
});
