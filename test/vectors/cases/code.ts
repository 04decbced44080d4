/** Vectors of how an object is cut, and of repair symbols: how many, which, and their bytes. */
import { createErasureCode } from '../../../shared/fec/engine.ts';
import { passRepairEsis, repairSymbolCount } from '../../../shared/fec/repair-count.ts';
import { ObjectLayout } from '../../../shared/wire/object-layout.ts';
import { hex, type Named } from '../vector-file.ts';
import { content } from './parties.ts';

export interface LayoutVector extends Named {
  readonly objectBytes: number;
  readonly symbolBytes: number;
  readonly maximumSourceSymbols: number;
  readonly blockCount: number;
  readonly symbolCount: number;
  /** Some blocks: number, k, where its payload begins in the object, bytes of its payload. */
  readonly blocks: readonly {
    readonly blockNumber: number;
    readonly sourceSymbols: number;
    readonly payloadOffset: number;
    readonly payloadBytes: number;
  }[];
}

export const layoutAbout =
  'How an object is cut: near-equal source blocks (RFC 5052 section 9.1), 16 bytes of each for its seal.';

export function layoutVectors(): LayoutVector[] {
  const cut = (name: string, objectBytes: number, symbolBytes: number, maximumSourceSymbols: number) => {
    const layout = new ObjectLayout(objectBytes, symbolBytes, maximumSourceSymbols);
    const last = layout.blockCount - 1;
    const large = layout.symbolCount % layout.blockCount;
    const numbers = [...new Set([0, 1, large - 1, large, last - 1, last])].filter((n) => n >= 0 && n <= last);
    return {
      name,
      objectBytes,
      symbolBytes,
      maximumSourceSymbols,
      blockCount: layout.blockCount,
      symbolCount: layout.symbolCount,
      blocks: numbers
        .sort((a, b) => a - b)
        .map((blockNumber) => ({
          blockNumber,
          sourceSymbols: layout.sourceSymbols(blockNumber),
          payloadOffset: layout.payloadOffset(blockNumber),
          payloadBytes: layout.payloadBytes(blockNumber),
        })),
    };
  };
  return [
    cut('one byte', 1, 1392, 200),
    cut('one symbol, full to the last byte', 1376, 1392, 200),
    cut('one byte more: two symbols', 1377, 1392, 200),
    cut('one block, full', 200 * 1392 - 16, 1392, 200),
    cut('one byte more: two blocks of near-equal size', 200 * 1392 - 15, 1392, 200),
    cut('an MR slice', 132_000, 1392, 200),
    cut('a CT slice', 527_000, 1392, 200),
    cut('an uneven cut: the first blocks are one symbol larger', 1_000_000, 432, 60),
    cut('blocks of one symbol', 5000, 432, 1),
    cut('blocks of two symbols, the last one of one', 2 * 432 - 15, 432, 2),
    cut('an enhanced multi-frame of 3 GB', 3_000_000_000, 1392, 200),
    cut('64 GiB in jumbo datagrams', 64 * 2 ** 30, 8892, 200),
  ];
}

export interface RepairCountVector extends Named {
  readonly maximumSourceSymbols: number;
  readonly repairSymbols: number;
  /** k, and how many repair symbols a pass sends for a block of that k. */
  readonly counts: readonly (readonly [number, number])[];
}

export const repairCountAbout =
  'How many repair symbols a pass of our sender sends, by k of the block. A receiver does not depend on it.';

export function repairCountVectors(): RepairCountVector[] {
  const counted = (name: string, maximumSourceSymbols: number, repairSymbols: number) => ({
    name,
    maximumSourceSymbols,
    repairSymbols,
    counts: [1, 2, 3, 5, 8, 16, 32, 58, 64, 100, 150, 199, 200]
      .filter((k) => k <= maximumSourceSymbols)
      .map((k) => [k, repairSymbolCount(k, { maximumSourceSymbols, repairSymbols })] as const),
  });
  return [
    counted('the default, 200 + 24', 200, 24),
    counted('64 + 16', 64, 16),
    counted('much repair, 200 + 55: all ESIs there are', 200, 55),
    counted('none', 200, 0),
  ];
}

export interface RepairEsisVector extends Named {
  readonly sourceSymbols: number;
  readonly repairSymbols: number;
  readonly passIndex: number;
  readonly encodingSymbolIds: readonly number[];
}

export const repairEsisAbout =
  'Which repair symbols a pass sends: the next ones after those of the pass before.';

export function repairEsisVectors(): RepairEsisVector[] {
  const sent = (name: string, sourceSymbols: number, repairSymbols: number, passIndex: number) => ({
    name,
    sourceSymbols,
    repairSymbols,
    passIndex,
    encodingSymbolIds: passRepairEsis(sourceSymbols, repairSymbols, passIndex),
  });
  return [
    sent('first pass of a full block', 200, 24, 0),
    sent('second pass of it', 200, 24, 1),
    sent('third pass of it: after ESI 254 comes k', 200, 24, 2),
    sent('pass 1000 of it', 200, 24, 1000),
    sent('a small block', 2, 5, 3),
    sent('no repair symbols', 200, 0, 4),
    sent('all repair symbols', 200, 55, 1),
  ];
}

export interface ErasureCodeVector extends Named {
  readonly source: readonly string[];
  readonly repair: readonly { readonly encodingSymbolId: number; readonly symbol: string }[];
}

export const erasureCodeAbout =
  'Repair symbols of a source block: Reed-Solomon over GF(2^8), 0x11D, the value at the point ESI of the polynomial through the source symbols.';

export function erasureCodeVectors(): ErasureCodeVector[] {
  const code = createErasureCode('reference');
  const encoded = (name: string, sourceSymbols: number, symbolBytes: number, esis: readonly number[]) => {
    const shape = { sourceSymbols, symbolBytes };
    const bytes = content(sourceSymbols * symbolBytes, 29);
    const area = { offsetBytes: 0, strideBytes: symbolBytes };
    const repair = new Uint8Array(esis.length * symbolBytes);
    code.encode(shape, { ...area, bytes }, esis, { ...area, bytes: repair });
    const symbol = (from: Uint8Array, index: number) =>
      hex(from.subarray(index * symbolBytes, (index + 1) * symbolBytes));
    return {
      name,
      source: Array.from({ length: sourceSymbols }, (_, index) => symbol(bytes, index)),
      repair: esis.map((encodingSymbolId, index) => ({ encodingSymbolId, symbol: symbol(repair, index) })),
    };
  };
  return [
    encoded('k = 1: every repair symbol is the source symbol', 1, 16, [1, 2, 254]),
    encoded('k = 2', 2, 16, [2, 3, 4, 253, 254]),
    encoded('k = 10', 10, 8, [10, 11, 12, 128, 254]),
    encoded('k = 64', 64, 4, [64, 65, 100, 254]),
    encoded('k = 200', 200, 2, [200, 201, 223, 224, 254]),
  ];
}
