/**
 * The erasure code with Intel's ISA-L, if Debian's `libisal2` is installed: the same bytes as the reference engine.
 * The library only multiplies; the coefficients define the code, so its own matrices are never used.
 *
 * It works on symbols in place. Addresses are made for one call, whose arguments keep the buffers alive.
 */
import { assert } from '../assert.ts';
import { limits } from '../wire/limits.ts';
import {
  assertEncode,
  assertReconstruct,
  type BlockShape,
  type ErasureCode,
  type SymbolArea,
  symbolIn,
} from './erasure-code.ts';
import { writeCoefficients } from './generator-matrix.ts';

/** The two functions of the library (isa-l, erasure_code.h), and where a buffer is. */
export interface ErasureLibrary {
  /** Writes 32 bytes of tables for each of `rows` x `columns` coefficients. */
  initTables(columns: number, rows: number, coefficients: Uint8Array, tables: Uint8Array): void;
  /** Each target is the sum of coefficient times source; the addresses are 64 bits each. */
  encodeData(
    bytes: number,
    columns: number,
    rows: number,
    tables: Uint8Array,
    sources: Uint8Array,
    targets: Uint8Array,
  ): void;
  addressOf(bytes: Uint8Array): bigint;
}

const tableBytes = 32;
/** Shorter symbols, which no link has, crash some versions of the library: they are made longer. */
const shortestBytes = 64;
/** Passes with one k differ in their repair ESIs; an object has few passes, and studies have few values of k. */
const cachedMax = 24;

export class IsalEngine implements ErasureCode {
  readonly name = 'isal';
  readonly memory = undefined;
  readonly #library: ErasureLibrary;
  /** Tables of `encode` by k and ESIs, the newest last. */
  readonly #cached = new Map<string, Uint8Array>();
  readonly #sources = new BigUint64Array(limits.encodingSymbolsMax);
  readonly #targets = new BigUint64Array(limits.encodingSymbolsMax);
  readonly #sourceBytes = new Uint8Array(this.#sources.buffer);
  readonly #targetBytes = new Uint8Array(this.#targets.buffer);
  /** 127 missing symbols of 254, each from all 254. */
  readonly #coefficients = new Uint8Array(127 * limits.encodingSymbolsMax);
  #tables = new Uint8Array(0);

  constructor(library: ErasureLibrary) {
    this.#library = library;
  }

  allocate(byteLength: number): Uint8Array {
    return new Uint8Array(byteLength);
  }

  encode(shape: BlockShape, source: SymbolArea, repairEsis: readonly number[], repair: SymbolArea): void {
    assertEncode(shape, source, repairEsis, repair);
    if (repairEsis.length === 0) return;
    const { sourceSymbols, symbolBytes } = shape;
    if (symbolBytes < shortestBytes) {
      const longRepair = longer(shape, repair, repairEsis.length);
      const longSource = longer(shape, source, sourceSymbols);
      this.encode({ sourceSymbols, symbolBytes: shortestBytes }, longSource, repairEsis, longRepair);
      for (const index of repairEsis.keys())
        symbolIn(repair, index, shape).set(symbolIn(longRepair, index, shape));
      return;
    }
    const tables = this.#encodingTables(sourceSymbols, repairEsis);
    const from = this.#addressOf(source);
    for (let esi = 0; esi < sourceSymbols; esi += 1) this.#sources[esi] = from(esi);
    const to = this.#addressOf(repair);
    for (let index = 0; index < repairEsis.length; index += 1) this.#targets[index] = to(index);
    this.#combine(symbolBytes, sourceSymbols, repairEsis.length, tables);
  }

  reconstruct(
    shape: BlockShape,
    source: SymbolArea,
    missingEsis: readonly number[],
    repairEsis: readonly number[],
    repair: SymbolArea,
  ): void {
    assertReconstruct(shape, source, missingEsis, repairEsis, repair);
    if (missingEsis.length === 0) return;
    if (shape.symbolBytes < shortestBytes) {
      const longSource = longer(shape, source, shape.sourceSymbols);
      const longRepair = longer(shape, repair, repairEsis.length);
      const longShape = { ...shape, symbolBytes: shortestBytes };
      this.reconstruct(longShape, longSource, missingEsis, repairEsis, longRepair);
      for (const esi of missingEsis) symbolIn(source, esi, shape).set(symbolIn(longSource, esi, shape));
      return;
    }
    const used = repairEsis.slice(0, missingEsis.length);
    const isMissing = new Set(missingEsis);
    const columns: number[] = [];
    const from = this.#addressOf(source);
    for (let esi = 0; esi < shape.sourceSymbols; esi += 1) {
      if (isMissing.has(esi)) continue;
      this.#sources[columns.length] = from(esi);
      columns.push(esi);
    }
    const beside = this.#addressOf(repair);
    for (const [index, esi] of used.entries()) {
      this.#sources[columns.length] = beside(index);
      columns.push(esi);
    }
    for (const [index, esi] of missingEsis.entries()) this.#targets[index] = from(esi);
    const known = { sourceSymbols: shape.sourceSymbols, missing: missingEsis, repair: used };
    writeCoefficients(known, missingEsis, columns, this.#coefficients);
    const tables = this.#scratchTables(columns.length * missingEsis.length * tableBytes);
    this.#library.initTables(columns.length, missingEsis.length, this.#coefficients, tables);
    this.#combine(shape.symbolBytes, columns.length, missingEsis.length, tables);
  }

  #combine(bytes: number, columns: number, rows: number, tables: Uint8Array): void {
    assert(columns <= limits.encodingSymbolsMax && rows <= limits.encodingSymbolsMax, 'addresses for all');
    this.#library.encodeData(bytes, columns, rows, tables, this.#sourceBytes, this.#targetBytes);
  }

  #addressOf({ bytes, offsetBytes, strideBytes }: SymbolArea): (index: number) => bigint {
    const start = this.#library.addressOf(bytes) + BigInt(offsetBytes);
    return (index) => start + BigInt(index * strideBytes);
  }

  #encodingTables(sourceSymbols: number, repairEsis: readonly number[]): Uint8Array {
    const key = `${sourceSymbols}: ${repairEsis.join(' ')}`;
    const found = this.#cached.get(key);
    if (found !== undefined) return found;
    const sources = Array.from({ length: sourceSymbols }, (_, esi) => esi);
    const coefficients = new Uint8Array(repairEsis.length * sourceSymbols);
    writeCoefficients({ sourceSymbols, missing: [], repair: [] }, repairEsis, sources, coefficients);
    const tables = new Uint8Array(coefficients.length * tableBytes);
    this.#library.initTables(sourceSymbols, repairEsis.length, coefficients, tables);
    const [oldest] = this.#cached.keys();
    if (this.#cached.size >= cachedMax && oldest !== undefined) this.#cached.delete(oldest);
    this.#cached.set(key, tables);
    return tables;
  }

  #scratchTables(bytes: number): Uint8Array {
    if (this.#tables.length < bytes) this.#tables = new Uint8Array(bytes);
    return this.#tables;
  }
}

/** The same symbols with zeros behind them. */
function longer(shape: BlockShape, area: SymbolArea, symbols: number): SymbolArea {
  const bytes = new Uint8Array(symbols * shortestBytes);
  for (let index = 0; index < symbols; index += 1)
    bytes.set(symbolIn(area, index, shape), index * shortestBytes);
  return { bytes, offsetBytes: 0, strideBytes: shortestBytes };
}
