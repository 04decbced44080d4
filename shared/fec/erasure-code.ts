/**
 * What every erasure-code engine does: all of them produce the same bytes.
 *
 * A source block is k source symbols of one length, with the encoding symbol ids (ESI) 0 to k-1. Repair symbols
 * have the ESIs k to 254. Any k symbols of a block, from any passes, recover the source symbols (RFC 5052).
 */
import { assert } from '../assert.ts';
import { limits } from '../wire/limits.ts';

/** Symbols of one length at a constant stride in one buffer; the first begins at `offsetBytes`. */
export interface SymbolArea {
  readonly bytes: Uint8Array;
  readonly offsetBytes: number;
  readonly strideBytes: number;
}

export interface BlockShape {
  /** k, 1 to 254. */
  readonly sourceSymbols: number;
  /** Length of every symbol of the block, 1 to the longest datagram. */
  readonly symbolBytes: number;
}

/** An engine belongs to one thread. Wrong arguments are programmer errors and fail an assertion. */
export interface ErasureCode {
  readonly name: 'simd' | 'simd-relaxed' | 'reference' | 'isal';

  /** The memory that `allocate` uses, so that other kernels can work in place, too; undefined if there is none. */
  readonly memory: WebAssembly.Memory | undefined;

  /**
   * A zeroed buffer for symbols, from the bytes the engine was created with; never freed, never moved. Symbols in it
   * are not copied. Symbols elsewhere are copied in and out, a block at a time.
   */
  allocate(byteLength: number): Uint8Array;

  /** Writes the repair symbol with the ESI `repairEsis[i]` (each once, k to 254) as symbol i of `repair`. */
  encode(shape: BlockShape, source: SymbolArea, repairEsis: readonly number[], repair: SymbolArea): void;

  /**
   * Writes the missing source symbols to their places in `source`, from the others and as many repair symbols:
   * symbol i of `repair` has the ESI `repairEsis[i]`, and those beyond the number missing are not used.
   */
  reconstruct(
    shape: BlockShape,
    source: SymbolArea,
    missingEsis: readonly number[],
    repairEsis: readonly number[],
    repair: SymbolArea,
  ): void;
}

/** Symbol `index` of an area. */
export function symbolIn(area: SymbolArea, index: number, shape: BlockShape): Uint8Array {
  const start = area.offsetBytes + index * area.strideBytes;
  return area.bytes.subarray(start, start + shape.symbolBytes);
}

/** Asserts what `encode` requires of its arguments. */
export function assertEncode(
  shape: BlockShape,
  source: SymbolArea,
  repairEsis: readonly number[],
  repair: SymbolArea,
): void {
  assertShape(shape);
  assertArea(shape, source, shape.sourceSymbols);
  assertArea(shape, repair, repairEsis.length);
  assertEsis(repairEsis, shape.sourceSymbols, limits.encodingSymbolsMax);
}

/** Asserts what `reconstruct` requires of its arguments. */
export function assertReconstruct(
  shape: BlockShape,
  source: SymbolArea,
  missingEsis: readonly number[],
  repairEsis: readonly number[],
  repair: SymbolArea,
): void {
  assertEncode(shape, source, repairEsis, repair);
  assertEsis(missingEsis, 0, shape.sourceSymbols);
  assert(missingEsis.length <= repairEsis.length, 'more symbols are missing than repair symbols are there');
}

function assertShape(shape: BlockShape): void {
  const { sourceSymbols, symbolBytes } = shape;
  assert(Number.isInteger(sourceSymbols) && sourceSymbols >= 1, 'a block has a source symbol');
  assert(sourceSymbols < limits.encodingSymbolsMax, 'a block has room for a repair symbol');
  assert(Number.isInteger(symbolBytes) && symbolBytes >= 1, 'a symbol has a byte');
  assert(symbolBytes <= limits.datagramBytesMax, 'a symbol fits a datagram');
}

function assertArea(shape: BlockShape, area: SymbolArea, symbols: number): void {
  if (symbols === 0) return;
  const { bytes, offsetBytes, strideBytes } = area;
  assert(Number.isSafeInteger(offsetBytes) && offsetBytes >= 0, 'an area begins in its buffer');
  assert(Number.isSafeInteger(strideBytes) && strideBytes >= shape.symbolBytes, 'symbols do not overlap');
  const end = offsetBytes + (symbols - 1) * strideBytes + shape.symbolBytes;
  assert(end <= bytes.length, 'an area ends in its buffer');
}

const seen = new Uint8Array(limits.encodingSymbolsMax);

function assertEsis(esis: readonly number[], from: number, end: number): void {
  seen.fill(0);
  for (const esi of esis) {
    assert(Number.isInteger(esi) && esi >= from && esi < end, 'an ESI is in its range');
    assert(seen[esi] === 0, 'an ESI is given once');
    seen[esi] = 1;
  }
}
