/**
 * The erasure code by the WebAssembly SIMD kernel of `reed-solomon.assembly.ts`: the same bytes as the reference
 * engine, a thousand times as fast at 200 source symbols.
 *
 * Encoding extends the polynomial from the source symbols to the repair ESIs. Reconstructing assumes the missing
 * symbols are zero, extends, and compares with the repair symbols that came: the difference is due to the missing
 * symbols only, and a small known matrix turns it into them. A few missing symbols are quicker as plain sums over all
 * known ones.
 *
 * The memory has its final size from the start, so that no view of it is ever detached; the operating system
 * backs only the pages that are used.
 */
import { assert, present } from '../assert.ts';
import { instantiateKernel, webAssemblyPageBytes } from '../webassembly.ts';
import { limits } from '../wire/limits.ts';
import {
  assertEncode,
  assertReconstruct,
  type BlockShape,
  type ErasureCode,
  type SymbolArea,
  symbolIn,
} from './erasure-code.ts';
import { productTables, twiddleTable } from './galois-field.ts';
import { writeCoefficients } from './generator-matrix.ts';

/** Where each build of the kernel is. */
export const simdKernels = {
  simd: new URL('./reed-solomon.wasm', import.meta.url),
  'simd-relaxed': new URL('./reed-solomon-relaxed.wasm', import.meta.url),
} as const;

/** The same for a memory that threads share. */
const sharedKernels = {
  simd: new URL('./reed-solomon-shared.wasm', import.meta.url),
  'simd-relaxed': new URL('./reed-solomon-relaxed-shared.wasm', import.meta.url),
} as const;

/** The exports of the kernel; its source says what is in each place. */
interface Kernel {
  extend(sourceSymbols: number, symbolBytes: number): void;
  combine(rows: number, columns: number, symbolBytes: number): void;
  readonly PRODUCTS: WebAssembly.Global;
  readonly TWIDDLES: WebAssembly.Global;
  readonly WANTED: WebAssembly.Global;
  readonly SOURCES: WebAssembly.Global;
  readonly DESTINATIONS: WebAssembly.Global;
  readonly ADDENDS: WebAssembly.Global;
  readonly COEFFICIENTS: WebAssembly.Global;
  readonly STRIP: WebAssembly.Global;
  readonly END: WebAssembly.Global;
}

/** Up to this many missing symbols, plain sums are quicker (measured for k = 20 to 200). */
const plainSumsMax = 4;

/** Slots for the symbols of a block, and for one difference per missing symbol: at most half of 255 can be missing. */
const slotsMax = limits.encodingSymbolsMax + (limits.encodingSymbolsMax >> 1);
const slotBytesMax = roundUp(limits.datagramBytesMax, 64);

/** Memory, from its start: the kernel's tables, a symbol of zeros, the slots, and what `allocate` provides. */
const zeros = 2 * webAssemblyPageBytes;
const slots = zeros + slotBytesMax;
const buffers = slots + slotsMax * slotBytesMax;

/** How much of a memory, from its start, an engine takes for a given allocation. */
export function simdEngineBytes(allocatableBytes: number): number {
  return buffers + allocatableBytes;
}

export class SimdEngine implements ErasureCode {
  readonly name: keyof typeof simdKernels;
  readonly memory: WebAssembly.Memory;
  readonly #kernel: Kernel;
  readonly #bytes: Uint8Array;
  readonly #wanted: Uint8Array;
  readonly #sources: Uint32Array;
  readonly #destinations: Uint32Array;
  readonly #addends: Uint32Array;
  readonly #coefficients: Uint8Array;
  readonly #stripBytes: number;
  readonly #isMissing = new Uint8Array(limits.encodingSymbolsMax);
  #slotsUsed = 0;
  #allocatedEnd = buffers;

  /**
   * @param allocatableBytes the total that `allocate` can provide.
   * @param memory to work in, whose start belongs to the engine (see {@link simdEngineBytes}); if left out, it
   * creates one.
   * @throws DiodeError E_INSTALLATION if the kernel was not built or does not run here.
   */
  constructor(name: keyof typeof simdKernels, allocatableBytes: number, memory?: WebAssembly.Memory) {
    this.name = name;
    const ownBytes = simdEngineBytes(allocatableBytes);
    const pages = Math.ceil(ownBytes / webAssemblyPageBytes);
    this.memory = memory ?? new WebAssembly.Memory({ initial: pages, maximum: pages });
    assert(ownBytes <= this.memory.buffer.byteLength, 'the memory has room for the engine');
    const kernels = this.memory.buffer instanceof SharedArrayBuffer ? sharedKernels : simdKernels;
    const kernel = instantiateKernel<Kernel>(kernels[name], this.memory);
    this.#kernel = kernel;
    assert(kernel.END.value <= zeros, 'the tables of the kernel have room');
    this.#stripBytes = kernel.STRIP.value;

    const { buffer } = this.memory;
    this.#bytes = new Uint8Array(buffer, 0, ownBytes);
    this.#wanted = new Uint8Array(buffer, kernel.WANTED.value, 257);
    this.#sources = new Uint32Array(buffer, kernel.SOURCES.value, limits.encodingSymbolsMax);
    this.#destinations = new Uint32Array(buffer, kernel.DESTINATIONS.value, limits.encodingSymbolsMax);
    this.#addends = new Uint32Array(buffer, kernel.ADDENDS.value, limits.encodingSymbolsMax);
    // 127 missing symbols of 254, each from 127 repair symbols.
    this.#coefficients = new Uint8Array(buffer, kernel.COEFFICIENTS.value, 127 * 127);
    this.#bytes.set(productTables(), kernel.PRODUCTS.value);
    this.#bytes.set(twiddleTable(), kernel.TWIDDLES.value);
  }

  allocate(byteLength: number): Uint8Array {
    const start = this.#allocatedEnd;
    assert(start + byteLength <= this.#bytes.length, 'the engine was made with room for this buffer');
    this.#allocatedEnd = roundUp(start + byteLength, 64);
    return this.#bytes.subarray(start, start + byteLength);
  }

  encode(shape: BlockShape, source: SymbolArea, repairEsis: readonly number[], repair: SymbolArea): void {
    assertEncode(shape, source, repairEsis, repair);
    if (repairEsis.length === 0) return;
    this.#slotsUsed = 0;
    const sourceAddress = this.#addressOf(shape, source);
    for (let esi = 0; esi < shape.sourceSymbols; esi++) {
      this.#sources[esi] = this.#read(shape, source, sourceAddress, esi);
    }
    const repairAddress = this.#addressOf(shape, repair);
    for (const [i, esi] of repairEsis.entries()) {
      this.#destinations[esi] = this.#place(repair, repairAddress, i);
      this.#addends[esi] = zeros;
    }
    this.#extend(shape, repairEsis);
    if (repairAddress !== 0) return;
    for (const [i, esi] of repairEsis.entries()) {
      this.#copyOut(shape, repair, i, present(this.#destinations[esi], 'an ESI'));
    }
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
    this.#slotsUsed = 0;
    this.#isMissing.fill(0);
    for (const esi of missingEsis) this.#isMissing[esi] = 1;
    const used = repairEsis.slice(0, missingEsis.length);
    const columns =
      missingEsis.length <= plainSumsMax
        ? this.#allKnown(shape, source, used, repair)
        : this.#differences(shape, source, used, repair);

    const known = { sourceSymbols: shape.sourceSymbols, missing: missingEsis, repair: used };
    writeCoefficients(known, missingEsis, columns, this.#coefficients);
    const sourceAddress = this.#addressOf(shape, source);
    for (const [row, esi] of missingEsis.entries()) {
      this.#destinations[row] = this.#place(source, sourceAddress, esi);
    }
    this.#kernel.combine(missingEsis.length, columns.length, this.#kernelBytes(shape));
    if (sourceAddress !== 0) return;
    for (const [row, esi] of missingEsis.entries()) {
      this.#copyOut(shape, source, esi, present(this.#destinations[row], 'a row'));
    }
  }

  /** Makes all known symbols the columns to combine; returns their ESIs. */
  #allKnown(shape: BlockShape, source: SymbolArea, used: number[], repair: SymbolArea): number[] {
    const columns: number[] = [];
    const sourceAddress = this.#addressOf(shape, source);
    for (let esi = 0; esi < shape.sourceSymbols; esi++) {
      if (this.#isMissing[esi] === 1) continue;
      this.#sources[columns.length] = this.#read(shape, source, sourceAddress, esi);
      columns.push(esi);
    }
    const repairAddress = this.#addressOf(shape, repair);
    for (const [i, esi] of used.entries()) {
      this.#sources[columns.length] = this.#read(shape, repair, repairAddress, i);
      columns.push(esi);
    }
    return columns;
  }

  /** Makes the missing symbols' contribution to each repair symbol the columns to combine; returns the repair ESIs. */
  #differences(shape: BlockShape, source: SymbolArea, used: number[], repair: SymbolArea): number[] {
    const sourceAddress = this.#addressOf(shape, source);
    for (let esi = 0; esi < shape.sourceSymbols; esi++) {
      const isMissing = this.#isMissing[esi] === 1;
      this.#sources[esi] = isMissing ? zeros : this.#read(shape, source, sourceAddress, esi);
    }
    const repairAddress = this.#addressOf(shape, repair);
    for (const [i, esi] of used.entries()) {
      this.#destinations[esi] = this.#slot();
      this.#addends[esi] = this.#read(shape, repair, repairAddress, i);
    }
    this.#extend(shape, used);
    for (const [i, esi] of used.entries()) this.#sources[i] = present(this.#destinations[esi], 'an ESI');
    return used;
  }

  #extend(shape: BlockShape, esis: readonly number[]): void {
    this.#wanted.fill(0);
    for (const esi of esis) this.#wanted[esi + 1] = 1;
    for (let point = 1; point < this.#wanted.length; point++) {
      this.#wanted[point] = (this.#wanted[point] ?? 0) + (this.#wanted[point - 1] ?? 0);
    }
    this.#kernel.extend(shape.sourceSymbols, this.#kernelBytes(shape));
  }

  /** The kernel needs a whole strip: what it does to the bytes after a shorter symbol in a slot does not matter. */
  #kernelBytes(shape: BlockShape): number {
    return Math.max(shape.symbolBytes, this.#stripBytes);
  }

  /** The address of an area, or 0 if the kernel cannot work on its symbols in place. */
  #addressOf(shape: BlockShape, area: SymbolArea): number {
    if (area.bytes.buffer !== this.#bytes.buffer) return 0;
    assert(area.bytes.byteOffset >= buffers, 'a buffer of this engine comes from allocate');
    return shape.symbolBytes < this.#stripBytes ? 0 : area.bytes.byteOffset + area.offsetBytes;
  }

  /** The address where a symbol will be written: its own or, if its area has none, a slot. */
  #place(area: SymbolArea, areaAddress: number, index: number): number {
    return areaAddress === 0 ? this.#slot() : areaAddress + index * area.strideBytes;
  }

  /** The address where a symbol can be read. */
  #read(shape: BlockShape, area: SymbolArea, areaAddress: number, index: number): number {
    const address = this.#place(area, areaAddress, index);
    if (areaAddress === 0) this.#bytes.set(symbolIn(area, index, shape), address);
    return address;
  }

  /** Brings a symbol from the slot where it was written to its area. */
  #copyOut(shape: BlockShape, area: SymbolArea, index: number, slot: number): void {
    symbolIn(area, index, shape).set(this.#bytes.subarray(slot, slot + shape.symbolBytes));
  }

  #slot(): number {
    assert(this.#slotsUsed < slotsMax, 'slots for all symbols of a block');
    return slots + slotBytesMax * this.#slotsUsed++;
  }
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
