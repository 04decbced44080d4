/** Goal: cut, repair counts, repair ESIs and repair symbols are those of the vectors, by every engine. */
import { describe, expect, it } from 'vitest';
import { createErasureCode } from '../../shared/fec/engine.ts';
import { passRepairEsis, repairSymbolCount } from '../../shared/fec/repair-count.ts';
import { simdKernels } from '../../shared/fec/simd-engine.ts';
import { canRunKernel } from '../../shared/webassembly.ts';
import { ObjectLayout } from '../../shared/wire/object-layout.ts';
import type { ErasureCodeVector, LayoutVector, RepairCountVector, RepairEsisVector } from './cases/code.ts';
import { cutOf, symbolAt } from './second-reading.ts';
import { fromHex, hex, readVectors } from './vector-file.ts';

describe('layout', () => {
  it.each(readVectors<LayoutVector>('layout'))('$name', (vector) => {
    const { objectBytes, symbolBytes, maximumSourceSymbols, blockCount, symbolCount } = vector;
    const layout = new ObjectLayout(objectBytes, symbolBytes, maximumSourceSymbols);
    const cut = cutOf(objectBytes, symbolBytes, maximumSourceSymbols);
    expect([layout.blockCount, layout.symbolCount]).toEqual([blockCount, symbolCount]);
    expect([cut.blockCount, cut.symbolCount]).toEqual([blockCount, symbolCount]);
    for (const { blockNumber, ...block } of vector.blocks) {
      expect(cut.block(blockNumber)).toEqual(block);
      expect({
        sourceSymbols: layout.sourceSymbols(blockNumber),
        payloadOffset: layout.payloadOffset(blockNumber),
        payloadBytes: layout.payloadBytes(blockNumber),
      }).toEqual(block);
    }
  });
});

describe('repair count', () => {
  it.each(readVectors<RepairCountVector>('repair-count'))('$name', (vector) => {
    for (const [sourceSymbols, count] of vector.counts)
      expect([sourceSymbols, repairSymbolCount(sourceSymbols, vector)]).toEqual([sourceSymbols, count]);
  });
});

describe('repair ESIs', () => {
  it.each(readVectors<RepairEsisVector>('repair-esis'))('$name', (vector) => {
    const { sourceSymbols, repairSymbols, passIndex, encodingSymbolIds } = vector;
    expect(passRepairEsis(sourceSymbols, repairSymbols, passIndex)).toEqual(encodingSymbolIds);
  });
});

const engines = (['reference', 'simd', 'simd-relaxed'] as const).filter(
  (name) => name === 'reference' || canRunKernel(simdKernels[name]),
);

describe.each(engines)('erasure code, %s', (engine) => {
  const code = createErasureCode(engine);

  it.each(readVectors<ErasureCodeVector>('erasure-code'))('$name', ({ source, repair }) => {
    const bytes = fromHex(source.join(''));
    const symbolBytes = bytes.length / source.length;
    const shape = { sourceSymbols: source.length, symbolBytes };
    const area = { offsetBytes: 0, strideBytes: symbolBytes };
    const esis = repair.map(({ encodingSymbolId }) => encodingSymbolId);
    const encoded = { ...area, bytes: new Uint8Array(esis.length * symbolBytes) };
    code.encode(shape, { ...area, bytes }, esis, encoded);
    expect(hex(encoded.bytes)).toBe(repair.map(({ symbol }) => symbol).join(''));

    // The first source symbols are lost, and the vector's repair symbols stand in for them.
    const missing = Array.from({ length: Math.min(source.length, repair.length) }, (_, esi) => esi);
    const holed = { ...area, bytes: bytes.slice().fill(0, 0, missing.length * symbolBytes) };
    code.reconstruct(shape, holed, missing, esis, encoded);
    expect(hex(holed.bytes)).toBe(source.join(''));
  });
});

describe('erasure code, read from PROTOCOL.md', () => {
  it.each(readVectors<ErasureCodeVector>('erasure-code'))('$name', ({ source, repair }) => {
    const known = new Map(source.map((symbol, esi) => [esi, fromHex(symbol)]));
    for (const { encodingSymbolId, symbol } of repair)
      expect(hex(symbolAt(encodingSymbolId, known))).toBe(symbol);
  });
});
