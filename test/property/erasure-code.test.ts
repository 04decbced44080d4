/**
 * What must be true for every block: all engines give the bytes of the reference, any k symbols of whichever passes
 * give back the source, and nothing but the symbols asked for is written.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createErasureCode } from '../../shared/fec/engine.ts';
import type { BlockShape, SymbolArea } from '../../shared/fec/erasure-code.ts';
import { passRepairEsis } from '../../shared/fec/repair-count.ts';
import { simdKernels } from '../../shared/fec/simd-engine.ts';
import { loadErasureLibrary } from '../../shared/kernel-socket.ts';
import { canRunKernel } from '../../shared/webassembly.ts';
import { Random } from '../harness/random.ts';

const bufferBytes = 2 ** 21;
const reference = createErasureCode('reference');
const isalIsHere = loadErasureLibrary() !== undefined;
const engines = (['simd', 'simd-relaxed', 'isal'] as const)
  .filter((name) => (name === 'isal' ? isalIsHere : canRunKernel(simdKernels[name])))
  .map((name) => {
    const code = createErasureCode(name, bufferBytes, loadErasureLibrary);
    return { name, code, buffer: code.allocate(bufferBytes) };
  });

// A peer that is missing skips on a laptop, and fails where everything is to be checked.
it.skipIf(!isalIsHere && process.env['CI'] === undefined)(
  'has ISA-L to compare with (apt-get install libisal2)',
  () => {
    expect(isalIsHere).toBe(true);
  },
);

const anySourceSymbols = (maximum: number) =>
  fc.oneof(
    fc.integer({ min: 1, max: Math.min(20, maximum) }),
    fc.integer({ min: 1, max: maximum }),
    fc.constantFrom(...[1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 254].filter((k) => k <= maximum)),
  );

const anySymbolBytes = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 100, max: 300 }),
  fc.constantFrom(127, 128, 129, 255, 256, 257, 1392),
);

/** An order of the numbers from `from` up to `end`, not included. */
const shuffled = (from: number, end: number) =>
  fc.shuffledSubarray(
    Array.from({ length: end - from }, (_, i) => from + i),
    { minLength: end - from },
  );

/** Where symbols lie: in memory of the engine or elsewhere, with bytes before and between them. */
const anyPlacement = fc.record({
  inEngine: fc.boolean(),
  offsetBytes: fc.integer({ min: 0, max: 70 }),
  gapBytes: fc.integer({ min: 0, max: 90 }),
});
type Placement = typeof anyPlacement extends fc.Arbitrary<infer P> ? P : never;

const anySeed = fc.integer({ min: 1, max: 2 ** 31 });

const randomBytes = (length: number, seed: number) => new Random(seed).bytes(length);

/** Takes areas for symbols out of the buffer of an engine, one behind the other, or makes buffers for them. */
function placer(buffer: Uint8Array): (shape: BlockShape, symbols: number, at: Placement) => SymbolArea {
  let used = 0;
  return ({ symbolBytes }, symbols, { inEngine, offsetBytes, gapBytes }) => {
    const strideBytes = symbolBytes + gapBytes;
    const length = offsetBytes + symbols * strideBytes;
    if (!inEngine) return { bytes: new Uint8Array(length), offsetBytes, strideBytes };
    used += length;
    return { bytes: buffer.subarray(used - length, used), offsetBytes, strideBytes };
  };
}

const start = ({ offsetBytes, strideBytes }: SymbolArea, index: number) => offsetBytes + index * strideBytes;

const symbolOf = (area: SymbolArea, index: number, { symbolBytes }: BlockShape) =>
  area.bytes.subarray(start(area, index), start(area, index) + symbolBytes);

/** A copy of the bytes of `area` with its symbols replaced by packed ones: what an engine may have made of it. */
function withSymbols(area: SymbolArea, symbols: Uint8Array, shape: BlockShape): Uint8Array {
  const bytes = area.bytes.slice();
  for (let i = 0; i * shape.symbolBytes < symbols.length; i++) {
    bytes.set(symbols.subarray(i * shape.symbolBytes, (i + 1) * shape.symbolBytes), start(area, i));
  }
  return bytes;
}

const isSame = (a: Uint8Array, b: Uint8Array) => expect(Buffer.compare(a, b)).toBe(0);

describe.each(engines)('$name', ({ code, buffer }) => {
  const encodesLikeReference = (sourceSymbolsMax: number, numRuns: number) =>
    fc.assert(
      fc.property(
        anySourceSymbols(sourceSymbolsMax).chain((k) =>
          fc.record({
            k: fc.constant(k),
            symbolBytes: anySymbolBytes,
            esis: shuffled(k, 255),
            count: fc.oneof(fc.integer({ min: 1, max: Math.min(30, 255 - k) }), fc.constant(255 - k)),
          }),
        ),
        anyPlacement,
        anyPlacement,
        anySeed,
        ({ k, symbolBytes, esis, count }, sourceAt, repairAt, seed) => {
          const shape = { sourceSymbols: k, symbolBytes };
          const wanted = esis.slice(0, count);
          const place = placer(buffer);
          const source = place(shape, k, sourceAt);
          const repair = place(shape, count, repairAt);
          source.bytes.set(randomBytes(source.bytes.length, seed));
          repair.bytes.set(randomBytes(repair.bytes.length, seed + 1));
          const sourceBefore = source.bytes.slice();

          const expected = new Uint8Array(count * symbolBytes);
          const expectedArea = { bytes: expected, offsetBytes: 0, strideBytes: symbolBytes };
          reference.encode(shape, source, wanted, expectedArea);
          const repairAfter = withSymbols(repair, expected, shape);
          code.encode(shape, source, wanted, repair);
          isSame(repair.bytes, repairAfter);
          isSame(source.bytes, sourceBefore);
        },
      ),
      { numRuns },
    );

  it('encodes the bytes of the reference, small blocks', () => encodesLikeReference(64, 600));
  it('encodes the bytes of the reference, large blocks', () => encodesLikeReference(254, 100));

  it('gives back any missing symbols from any repair symbols, and touches nothing else', () =>
    fc.assert(
      fc.property(
        anySourceSymbols(254).chain((k) =>
          fc.record({
            k: fc.constant(k),
            symbolBytes: anySymbolBytes,
            sourceEsis: shuffled(0, k),
            repairEsis: shuffled(k, 255),
            missingCount: fc.oneof(
              fc.integer({ min: 1, max: Math.min(8, k, 255 - k) }),
              fc.integer({ min: 1, max: Math.min(k, 255 - k) }),
            ),
            spare: fc.integer({ min: 0, max: 3 }),
          }),
        ),
        anyPlacement,
        anyPlacement,
        anySeed,
        ({ k, symbolBytes, sourceEsis, repairEsis, missingCount, spare }, sourceAt, repairAt, seed) => {
          const shape = { sourceSymbols: k, symbolBytes };
          const missing = sourceEsis.slice(0, missingCount);
          const present = repairEsis.slice(0, missingCount + spare);
          const place = placer(buffer);
          const source = place(shape, k, sourceAt);
          const repair = place(shape, present.length, repairAt);
          source.bytes.set(randomBytes(source.bytes.length, seed));
          const sourceBefore = source.bytes.slice();
          code.encode(shape, source, present, repair);
          const repairBefore = repair.bytes.slice();

          for (const esi of missing) symbolOf(source, esi, shape).set(randomBytes(symbolBytes, seed + 2));
          code.reconstruct(shape, source, missing, present, repair);
          isSame(source.bytes, sourceBefore);
          isSame(repair.bytes, repairBefore);
        },
      ),
      { numRuns: 1500 },
    ));

  it('gives back from the repair symbols of the reference what the reference gives back from its', () =>
    fc.assert(
      fc.property(
        anySourceSymbols(100).chain((k) => fc.tuple(fc.constant(k), shuffled(0, k), shuffled(k, 255))),
        anySymbolBytes,
        fc.integer({ min: 1, max: 12 }),
        anySeed,
        ([k, sourceEsis, repairEsis], symbolBytes, atMost, seed) => {
          const shape = { sourceSymbols: k, symbolBytes };
          const missing = sourceEsis.slice(0, atMost);
          const present = repairEsis.slice(0, missing.length);
          const packedArea = (bytes: Uint8Array) => ({ bytes, offsetBytes: 0, strideBytes: symbolBytes });
          const original = randomBytes(k * symbolBytes, seed);
          const repair = packedArea(new Uint8Array(present.length * symbolBytes));
          reference.encode(shape, packedArea(original), present, repair);
          for (const engine of [reference, code]) {
            const source = packedArea(original.slice());
            for (const esi of missing) symbolOf(source, esi, shape).fill(0);
            engine.reconstruct(shape, source, missing, present, repair);
            isSame(source.bytes, original);
          }
        },
      ),
      { numRuns: 150 },
    ));

  it('puts together what is left of several passes, each with its own count of repair symbols', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.integer({ min: 1, max: 55 }), { minLength: 1, maxLength: 4 }),
        fc.double({ min: 0, max: 0.6, noNaN: true }),
        anySeed,
        (k, counts, loss, seed) => {
          const shape = { sourceSymbols: k, symbolBytes: 130 };
          const source = { bytes: randomBytes(k * 130, seed), offsetBytes: 0, strideBytes: 130 };
          const chances = randomBytes(4 * 4 * 255, seed + 3);
          let chance = 0;
          const arrives = () => (chances[chance++] ?? 0) >= loss * 256;

          // The receiver keeps the first copy of each symbol, in the order of arrival.
          const sourceArrived = new Set<number>();
          const repairArrived = new Map<number, Uint8Array>();
          for (const [pass, count] of counts.entries()) {
            for (let esi = 0; esi < k; esi++) if (arrives()) sourceArrived.add(esi);
            const esis = passRepairEsis(k, count, pass);
            const repair = { bytes: new Uint8Array(count * 130), offsetBytes: 0, strideBytes: 130 };
            code.encode(shape, source, esis, repair);
            for (const [i, esi] of esis.entries()) {
              const symbol = symbolOf(repair, i, shape);
              const before = repairArrived.get(esi);
              if (before !== undefined) isSame(symbol, before);
              if (arrives()) repairArrived.set(esi, before ?? symbol);
            }
          }

          const missing = Array.from({ length: k }, (_, esi) => esi).filter((esi) => !sourceArrived.has(esi));
          const bytes = source.bytes.slice();
          for (const esi of missing) bytes.fill(0, esi * 130, (esi + 1) * 130);
          const repair = {
            bytes: Buffer.concat([...repairArrived.values()]),
            offsetBytes: 0,
            strideBytes: 130,
          };
          const reconstruct = () =>
            code.reconstruct(shape, { ...source, bytes }, missing, [...repairArrived.keys()], repair);
          if (missing.length > repairArrived.size) {
            expect(reconstruct).toThrow('more symbols are missing');
          } else {
            reconstruct();
            isSame(bytes, source.bytes);
          }
        },
      ),
      { numRuns: 150 },
    ));
});
