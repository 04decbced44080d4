// AssemblyScript, not TypeScript: compiled to WebAssembly SIMD by build.mjs, once as it is and once with relaxed
// SIMD. Used by simd-engine.ts alone, which lays out the tables below and checks every bound.
//
// Byte by byte, a block is a polynomial of degree below k: the source symbols are its values at the points
// 0 .. k-1, a repair symbol is its value at the point ESI. `extend` goes from values to values with the additive
// fast Fourier transform of Lin, Chung and Han ("Novel polynomial basis and its application to Reed-Solomon
// erasure codes", FOCS 2014), cut to any k as van der Hoeven cuts the multiplicative one ("The truncated Fourier
// transform and applications", ISSAC 2004): about k log k products instead of k times m.
//
// In their basis, a polynomial on a block of 2h points that begins at `point` (a multiple of 2h) is
// low(x) + s(x) * high(x), where s is constant on each half: t on the first, t + 1 on the second (t is `twiddle`).
// So with low, high the halves of the coefficients, first = low + t * high and second = first + high are the
// coefficients on the halves; at single points, coefficient and value are the same.

/** Where things are in memory. */
export const PRODUCTS: usize = 1024; // by factor: its products with 0..15, then with 0, 16, .. 240; 32 bytes each
export const TWIDDLES: usize = 9216; // t by level (128 each; h = 2^level) and by point / 2h
export const WANTED: usize = 10240; // for each point 0 .. 256: how many wanted points are below it
export const SOURCES: usize = 11264; // u32 addresses of the symbols that are read
export const DESTINATIONS: usize = 12288; // u32 addresses of the symbols that are written
export const ADDENDS: usize = 13312; // u32 addresses of the symbols that `extend` adds to those it writes
export const COEFFICIENTS: usize = 14336; // the matrix of `combine`, row by row
export const WORK: usize = 32768; // one strip of 256 symbols
export const COPY: usize = 65536; // one strip of 128 symbols
export const END: usize = 81920;

/** `extend` works on strips: this many bytes of every symbol, so that all of them stay in the L1 or L2 cache. */
export const STRIP: usize = 128;
/** The strips of `combine`: as much of two rows as there are registers for. */
const COMBINE_STRIP: usize = 32;

/**
 * Writes the values at the wanted points, each added to its addend, from the values at the points 0 .. k-1.
 * `bytes` is the symbol length, at least STRIP. DESTINATIONS and ADDENDS are by point.
 */
export function extend(sourceSymbols: usize, bytes: usize): void {
  let levels: usize = 0;
  while (isWanted((<usize>1) << levels, 256)) levels++;
  const known = sourceSymbols * STRIP;
  const unknown = (STRIP << levels) - known;
  for (let offset: usize = 0; offset < bytes; offset += STRIP) {
    // The last strip overlaps the one before: nothing is read that was written, so it may be done twice.
    if (offset + STRIP > bytes) offset = bytes - STRIP;
    for (let j: usize = 0; j < sourceSymbols; j++) {
      const source = <usize>load<u32>(SOURCES + (j << 2)) + offset;
      const target = WORK + j * STRIP;
      for (let i: usize = 0; i < STRIP; i += 16) v128.store(target + i, v128.load(source + i));
    }
    // The degree is below k: these coefficients are zero.
    memory.fill(WORK + known, 0, unknown);
    complete(WORK, levels, 0, sourceSymbols, offset);
  }
}

/**
 * Writes rows of symbols, each the sum of coefficient times source over the columns.
 * `bytes` is the symbol length, at least COMBINE_STRIP. DESTINATIONS is by row, SOURCES by column.
 */
export function combine(rows: usize, columns: usize, bytes: usize): void {
  for (let offset: usize = 0; offset < bytes; offset += COMBINE_STRIP) {
    if (offset + COMBINE_STRIP > bytes) offset = bytes - COMBINE_STRIP;
    let row: usize = 0;
    for (; row + 1 < rows; row += 2) combineTwoRows(row, columns, offset);
    if (row < rows) combineOneRow(row, columns, offset);
  }
}

// @ts-ignore: decorator
@inline function combineTwoRows(row: usize, columns: usize, offset: usize): void {
  let a0 = i8x16.splat(0), a1 = i8x16.splat(0), b0 = i8x16.splat(0), b1 = i8x16.splat(0);
  const coefficients = COEFFICIENTS + row * columns;
  for (let column: usize = 0; column < columns; column++) {
    const source = <usize>load<u32>(SOURCES + (column << 2)) + offset;
    const x0 = v128.load(source), x1 = v128.load(source, 16);
    const x0Low = lowNibbles(x0), x0High = highNibbles(x0);
    const x1Low = lowNibbles(x1), x1High = highNibbles(x1);
    const a = products(load<u8>(coefficients + column));
    const aLow = v128.load(a), aHigh = v128.load(a, 16);
    a0 = v128.xor(a0, v128.xor(lookUp(aLow, x0Low), lookUp(aHigh, x0High)));
    a1 = v128.xor(a1, v128.xor(lookUp(aLow, x1Low), lookUp(aHigh, x1High)));
    const b = products(load<u8>(coefficients + columns + column));
    const bLow = v128.load(b), bHigh = v128.load(b, 16);
    b0 = v128.xor(b0, v128.xor(lookUp(bLow, x0Low), lookUp(bHigh, x0High)));
    b1 = v128.xor(b1, v128.xor(lookUp(bLow, x1Low), lookUp(bHigh, x1High)));
  }
  const a = <usize>load<u32>(DESTINATIONS + (row << 2)) + offset;
  v128.store(a, a0);
  v128.store(a, a1, 16);
  const b = <usize>load<u32>(DESTINATIONS + (row << 2), 4) + offset;
  v128.store(b, b0);
  v128.store(b, b1, 16);
}

// @ts-ignore: decorator
@inline function combineOneRow(row: usize, columns: usize, offset: usize): void {
  let a0 = i8x16.splat(0), a1 = i8x16.splat(0);
  const coefficients = COEFFICIENTS + row * columns;
  for (let column: usize = 0; column < columns; column++) {
    const source = <usize>load<u32>(SOURCES + (column << 2)) + offset;
    const a = products(load<u8>(coefficients + column));
    const aLow = v128.load(a), aHigh = v128.load(a, 16);
    a0 = v128.xor(a0, times(aLow, aHigh, v128.load(source)));
    a1 = v128.xor(a1, times(aLow, aHigh, v128.load(source, 16)));
  }
  const a = <usize>load<u32>(DESTINATIONS + (row << 2)) + offset;
  v128.store(a, a0);
  v128.store(a, a1, 16);
}

/**
 * On entry the first `known` points of the block are values, the others are coefficients of the block. On the
 * way the wanted points of the block are written; on return all points are coefficients of the block, if a wanted
 * point beyond the block needs them. `base` is the block in memory, 2^levels its points.
 */
function complete(base: usize, levels: usize, point: usize, known: usize, offset: usize): void {
  if (known == 0) return;
  const points = (<usize>1) << levels;
  if (known == points) return interpolate(base, levels, point);
  const half = points >> 1;
  const bytes = half * STRIP;
  const second = base + bytes;
  const t = twiddle(levels - 1, point);
  const wantedBeyond = isWanted(point + points, 256);
  const wantedInSecond = isWanted(point + half, point + points);
  if (known >= half) {
    interpolate(base, levels - 1, point);
    const knownInSecond = known - half;
    const knownBytes = knownInSecond * STRIP;
    // second = first + high, where high is known
    add(second + knownBytes, base + knownBytes, second + knownBytes, bytes - knownBytes);
    complete(second, levels - 1, point + half, knownInSecond, offset);
    if (knownInSecond == 0 && wantedInSecond) {
      if (wantedBeyond) memory.copy(COPY, second, bytes);
      evaluate(wantedBeyond ? COPY : second, levels - 1, point + half, offset);
    }
    if (wantedBeyond) inverseButterflies(base, second, t, bytes);
  } else {
    // first = low + t * high, where both are known
    const knownBytes = known * STRIP;
    addProduct(base + knownBytes, second + knownBytes, t, bytes - knownBytes);
    complete(base, levels - 1, point, known, offset);
    if (wantedInSecond) {
      add(COPY, base, second, bytes);
      evaluate(COPY, levels - 1, point + half, offset);
    }
    if (wantedBeyond) addProduct(base, second, t, bytes);
  }
}

/** Coefficients to values, where a value is wanted. */
function evaluate(base: usize, levels: usize, point: usize, offset: usize): void {
  if (levels == 0) {
    const target = <usize>load<u32>(DESTINATIONS + (point << 2)) + offset;
    add(target, base, <usize>load<u32>(ADDENDS + (point << 2)) + offset, STRIP);
    return;
  }
  const half = (<usize>1) << (levels - 1);
  const bytes = half * STRIP;
  const second = base + bytes;
  const t = twiddle(levels - 1, point);
  const wantedInFirst = isWanted(point, point + half);
  const wantedInSecond = isWanted(point + half, point + 2 * half);
  if (wantedInFirst && wantedInSecond) butterflies(base, second, t, bytes);
  else if (wantedInFirst) addProduct(base, second, t, bytes);
  else addProductInto(second, base, second, t ^ 1, bytes);
  if (wantedInFirst) evaluate(base, levels - 1, point, offset);
  if (wantedInSecond) evaluate(second, levels - 1, point + half, offset);
}

/** Values to coefficients, for a block of which every value is known: two levels at a time. */
function interpolate(base: usize, levels: usize, point: usize): void {
  const points = (<usize>1) << levels;
  let level: usize = 0;
  for (; level + 1 < levels; level += 2) {
    const quarter = (<usize>1) << level;
    const bytes = quarter * STRIP;
    for (let at: usize = 0; at < points; at += 4 * quarter) {
      const first = point + at;
      const t = twiddle(level, first + 2 * quarter);
      if (first == 0) inverseButterfliesAtZero(base, t, bytes);
      else inverseButterfliesTwice(base + at * STRIP, twiddle(level, first), t, twiddle(level + 1, first), bytes);
    }
  }
  if (level < levels) {
    const bytes = STRIP << level;
    inverseButterflies(base, base + bytes, twiddle(level, point), bytes);
  }
}

/** high = first + second, then low = first + t * high, in place. */
function inverseButterflies(first: usize, second: usize, t: usize, bytes: usize): void {
  if (t == 0) return add(second, first, second, bytes);
  const tLow = v128.load(products(t)), tHigh = v128.load(products(t), 16);
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(first + i), y = v128.xor(x, v128.load(second + i));
    v128.store(second + i, y);
    v128.store(first + i, v128.xor(x, times(tLow, tHigh, y)));
  }
}

/** The way back: first = low + t * high, then second = first + high, in place. */
function butterflies(low: usize, high: usize, t: usize, bytes: usize): void {
  if (t == 0) return add(high, low, high, bytes);
  const tLow = v128.load(products(t)), tHigh = v128.load(products(t), 16);
  for (let i: usize = 0; i < bytes; i += 16) {
    const y = v128.load(high + i), x = v128.xor(v128.load(low + i), times(tLow, tHigh, y));
    v128.store(low + i, x);
    v128.store(high + i, v128.xor(x, y));
  }
}

/** Two levels of inverse butterflies over four quarters, one behind the other. */
function inverseButterfliesTwice(base: usize, t0: usize, t1: usize, t: usize, bytes: usize): void {
  const base1 = base + bytes, base2 = base1 + bytes, base3 = base2 + bytes;
  const t0Low = v128.load(products(t0)), t0High = v128.load(products(t0), 16);
  const t1Low = v128.load(products(t1)), t1High = v128.load(products(t1), 16);
  const tLow = v128.load(products(t)), tHigh = v128.load(products(t), 16);
  for (let i: usize = 0; i < bytes; i += 16) {
    let x0 = v128.load(base + i), x1 = v128.xor(x0, v128.load(base1 + i));
    x0 = v128.xor(x0, times(t0Low, t0High, x1));
    let x2 = v128.load(base2 + i), x3 = v128.xor(x2, v128.load(base3 + i));
    x2 = v128.xor(x2, times(t1Low, t1High, x3));
    x2 = v128.xor(x2, x0);
    x3 = v128.xor(x3, x1);
    v128.store(base2 + i, x2);
    v128.store(base3 + i, x3);
    v128.store(base + i, v128.xor(x0, times(tLow, tHigh, x2)));
    v128.store(base1 + i, v128.xor(x1, times(tLow, tHigh, x3)));
  }
}

/** The same at the point 0, where two of the three t are 0. */
function inverseButterfliesAtZero(base: usize, t1: usize, bytes: usize): void {
  const base1 = base + bytes, base2 = base1 + bytes, base3 = base2 + bytes;
  const t1Low = v128.load(products(t1)), t1High = v128.load(products(t1), 16);
  for (let i: usize = 0; i < bytes; i += 16) {
    const x0 = v128.load(base + i), x1 = v128.xor(x0, v128.load(base1 + i));
    let x2 = v128.load(base2 + i);
    const x3 = v128.xor(x2, v128.load(base3 + i));
    x2 = v128.xor(x2, times(t1Low, t1High, x3));
    v128.store(base1 + i, x1);
    v128.store(base2 + i, v128.xor(x2, x0));
    v128.store(base3 + i, v128.xor(x3, x1));
  }
}

/** target = a + b */
function add(target: usize, a: usize, b: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 32) {
    v128.store(target + i, v128.xor(v128.load(a + i), v128.load(b + i)));
    v128.store(target + i, v128.xor(v128.load(a + i, 16), v128.load(b + i, 16)), 16);
  }
}

/** target = target + factor * b */
function addProduct(target: usize, b: usize, factor: usize, bytes: usize): void {
  if (factor == 0) return;
  if (factor == 1) return add(target, target, b, bytes);
  addProductInto(target, target, b, factor, bytes);
}

/** target = a + factor * b */
function addProductInto(target: usize, a: usize, b: usize, factor: usize, bytes: usize): void {
  const low = v128.load(products(factor)), high = v128.load(products(factor), 16);
  for (let i: usize = 0; i < bytes; i += 32) {
    v128.store(target + i, v128.xor(v128.load(a + i), times(low, high, v128.load(b + i))));
    v128.store(target + i, v128.xor(v128.load(a + i, 16), times(low, high, v128.load(b + i, 16))), 16);
  }
}

/** Sixteen products with one factor: the product of a byte is the sum of those of its two nibbles. */
// @ts-ignore: decorator
@inline function times(low: v128, high: v128, x: v128): v128 {
  return v128.xor(lookUp(low, lowNibbles(x)), lookUp(high, highNibbles(x)));
}

/** Indices are 0 to 15 here, and for those the relaxed form is defined and the same; on x86 it is one instruction. */
// @ts-ignore: decorator
@inline function lookUp(table: v128, indices: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(table, indices) : i8x16.swizzle(table, indices);
}

// @ts-ignore: decorator
@inline function lowNibbles(x: v128): v128 {
  return v128.and(x, i8x16.splat(0x0f));
}

// @ts-ignore: decorator
@inline function highNibbles(x: v128): v128 {
  return v128.and(v128.shr<u16>(x, 4), i8x16.splat(0x0f));
}

// @ts-ignore: decorator
@inline function products(factor: usize): usize {
  return PRODUCTS + (factor << 5);
}

// @ts-ignore: decorator
@inline function twiddle(level: usize, point: usize): usize {
  return load<u8>(TWIDDLES + (level << 7) + (point >> (level + 1)));
}

/** Whether one of the points from `from` up to `end`, not included, is wanted. */
// @ts-ignore: decorator
@inline function isWanted(from: usize, end: usize): bool {
  return load<u8>(WANTED + from) != load<u8>(WANTED + end);
}
