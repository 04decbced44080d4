import { describe, expect, it } from 'vitest';
import { AssertionFailure } from '../../../../shared/assert.ts';
import { createErasureCode } from '../../../../shared/fec/engine.ts';
import type { ErasureCode, SymbolArea } from '../../../../shared/fec/erasure-code.ts';
import { simdKernels } from '../../../../shared/fec/simd-engine.ts';
import { canRunKernel } from '../../../../shared/webassembly.ts';

const names = (['simd', 'simd-relaxed', 'reference'] as const).filter(
  (name) => name !== 'simd-relaxed' || canRunKernel(simdKernels[name]),
);

const area = (bytes: Uint8Array, strideBytes: number, offsetBytes = 0): SymbolArea => ({
  bytes,
  offsetBytes,
  strideBytes,
});

/** Bytes that are not all alike, the same on every machine. */
function fill(bytes: Uint8Array): Uint8Array {
  let state = 1;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

it('chooses the fastest engine that runs here', () => {
  const fastest = canRunKernel(simdKernels['simd-relaxed']) ? 'simd-relaxed' : 'simd';
  expect(createErasureCode().name).toBe(fastest);
  for (const name of names) expect(createErasureCode(name).name).toBe(name);
});

describe.each(names)('%s', (name) => {
  const encode = (code: ErasureCode, source: SymbolArea, shape: [number, number], esis: number[]) => {
    const repair = area(new Uint8Array(esis.length * shape[1]), shape[1]);
    code.encode({ sourceSymbols: shape[0], symbolBytes: shape[1] }, source, esis, repair);
    return repair;
  };

  // What is on the wire never changes: these bytes are of the package, version 0.1.0.
  it.each([
    { k: 1, esis: [1, 254], golden: 'c67e816b4bfb c67e816b4bfb' },
    { k: 5, esis: [5, 6, 200], golden: '286c03a9765e b206d0d27362 7490ca15a357' },
    { k: 200, esis: [200, 201, 254], golden: 'c78fe49af9d6 5c4ad9897c1f 6f5ab6814784' },
  ])('gives the bytes of the wire, k = $k', ({ k, esis, golden }) => {
    const source = area(fill(new Uint8Array(k * 6)), 6);
    const repair = encode(createErasureCode(name), source, [k, 6], esis);
    expect(hex(repair.bytes)).toBe(golden.replaceAll(' ', ''));
  });

  it('works in place in a buffer of its own, and nowhere else in it', () => {
    const [k, symbolBytes, strideBytes, esis] = [37, 1392, 1472, [37, 40, 254, 100, 99, 38]];
    const code = createErasureCode(name, 80 * strideBytes);
    const ring = fill(code.allocate(60 * strideBytes));
    const before = ring.slice();
    const source = area(ring, strideBytes, 80);
    const repair = area(ring, strideBytes, 80 + k * strideBytes);
    code.encode({ sourceSymbols: k, symbolBytes }, source, esis, repair);

    const outside = encode(code, area(before, strideBytes, 80), [k, symbolBytes], esis);
    const expected = before.slice();
    for (const [i] of esis.entries()) {
      const symbol = outside.bytes.subarray(i * symbolBytes, (i + 1) * symbolBytes);
      expected.set(symbol, 80 + (k + i) * strideBytes);
    }
    expect(Buffer.compare(ring, expected)).toBe(0);

    const missing = [0, 36, 7, 8, 9, 20];
    for (const esi of missing) ring.fill(0xee, 80 + esi * strideBytes, 80 + esi * strideBytes + symbolBytes);
    code.reconstruct({ sourceSymbols: k, symbolBytes }, source, missing, esis, repair);
    expect(Buffer.compare(ring, expected)).toBe(0);
  });

  it('keeps buffers apart', () => {
    const code = createErasureCode(name, 1000);
    const [first, second] = [code.allocate(100), code.allocate(100)];
    first.fill(1);
    expect(second).toEqual(new Uint8Array(100));
    expect(first).toHaveLength(100);
  });

  it('has nothing to do without repair symbols or missing symbols', () => {
    const code = createErasureCode(name);
    const source = area(fill(new Uint8Array(40)), 10);
    const before = source.bytes.slice();
    const none = area(new Uint8Array(0), 10);
    code.encode({ sourceSymbols: 4, symbolBytes: 10 }, source, [], none);
    code.reconstruct({ sourceSymbols: 4, symbolBytes: 10 }, source, [], [], none);
    expect(source.bytes).toEqual(before);
  });

  it('refuses what is no block', () => {
    const code = createErasureCode(name);
    const shape = { sourceSymbols: 4, symbolBytes: 10 };
    const four = area(new Uint8Array(40), 10);
    const refused = (act: () => void) => expect(act).toThrow(AssertionFailure);
    refused(() => code.encode({ ...shape, sourceSymbols: 0 }, four, [4], four));
    refused(() => code.encode({ ...shape, sourceSymbols: 255 }, four, [255], four));
    refused(() => code.encode({ ...shape, symbolBytes: 0 }, four, [4], four));
    refused(() => code.encode({ ...shape, symbolBytes: 8973 }, four, [4], four));
    refused(() => code.encode({ ...shape, symbolBytes: 9.5 }, four, [4], four));
    refused(() => code.encode(shape, four, [3], four));
    refused(() => code.encode(shape, four, [255], four));
    refused(() => code.encode(shape, four, [4, 4], four));
    refused(() => code.encode(shape, area(new Uint8Array(39), 10), [4], four));
    refused(() => code.encode(shape, area(new Uint8Array(40), 9), [4], four));
    refused(() => code.encode(shape, area(new Uint8Array(40), 10, 1), [4], four));
    refused(() => code.encode(shape, area(new Uint8Array(40), 10, -1), [4], four));
    refused(() => code.encode(shape, four, [4, 5], area(new Uint8Array(19), 10)));
    refused(() => code.reconstruct(shape, four, [4], [5], four));
    refused(() => code.reconstruct(shape, four, [1, 1], [5, 6], four));
    refused(() => code.reconstruct(shape, four, [0, 1], [5], four));
    refused(() => code.reconstruct(shape, four, [0], [5, 5], four));
  });
});

it('gives no more than it was made with, and takes no view of its memory but those it gave', () => {
  const code = createErasureCode('simd', 100_000);
  code.allocate(60_000);
  expect(() => code.allocate(200_000)).toThrow(AssertionFailure);
  const inside = new Uint8Array(code.memory?.buffer ?? new ArrayBuffer(0));
  const shape = { sourceSymbols: 1, symbolBytes: 1 };
  expect(() => code.encode(shape, area(inside, 1), [1], area(new Uint8Array(1), 1))).toThrow(
    AssertionFailure,
  );
});
