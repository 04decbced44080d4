/**
 * How fast each erasure-code engine encodes and reconstructs, in MB of source symbols per second (10^6 bytes) on
 * one core. Blocks lie as datagrams of 1472 bytes, where the engine has them in place if it can; each run takes
 * another block, and each reconstruction another random pattern of losses.
 */
import { createErasureCode } from '../../shared/fec/engine.ts';
import type { BlockShape, ErasureCode, SymbolArea } from '../../shared/fec/erasure-code.ts';
import { simdKernels } from '../../shared/fec/simd-engine.ts';
import { loadErasureLibrary } from '../../shared/kernel-socket.ts';
import { canRunKernel } from '../../shared/webassembly.ts';
import { Random } from '../harness/random.ts';
import { medianNanoseconds } from './measure.ts';

const codes = [
  [20, 4],
  [64, 8],
  [64, 16],
  [100, 10],
  [200, 20],
  [200, 24],
] as const;

const symbolBytes = 1392;
const datagramBytes = 1472;
/** More than a core's own caches take, as the open blocks of a pipeline are. */
const blocks = 16;
const patterns = 64;

export interface ErasureCodeRow {
  readonly k: number;
  readonly m: number;
  readonly symbolBytes: number;
  readonly engine: ErasureCode['name'];
  readonly encodeMBps: number;
  /** With m source symbols missing, in random patterns. */
  readonly decodeMBps: number;
  readonly decodeOneMBps: number;
  /** What `reconstruct` takes when nothing is missing. */
  readonly decodeNothingNs: number;
}

export async function run(): Promise<{ rows: ErasureCodeRow[] }> {
  const names = (['reference', 'simd', 'simd-relaxed', 'isal'] as const).filter((name) =>
    name === 'isal'
      ? loadErasureLibrary() !== undefined
      : name !== 'simd-relaxed' || canRunKernel(simdKernels[name]),
  );
  const rows = codes.flatMap(([k, m]) => names.map((name) => measure(name, k, m)));
  printTable(rows);
  return { rows };
}

function measure(name: 'reference' | 'simd' | 'simd-relaxed' | 'isal', k: number, m: number): ErasureCodeRow {
  const blockBytes = (k + m) * datagramBytes;
  const code = createErasureCode(name, blocks * blockBytes, loadErasureLibrary);
  const ring = code.allocate(blocks * blockBytes);
  const random = new Random(1).fork(`${k},${m}`);
  random.fill(ring);

  const shape: BlockShape = { sourceSymbols: k, symbolBytes };
  const esis = Array.from({ length: m }, (_, i) => k + i);
  const areaFrom = (block: number, symbol: number): SymbolArea => ({
    bytes: ring,
    offsetBytes: block * blockBytes + symbol * datagramBytes + datagramBytes - symbolBytes,
    strideBytes: datagramBytes,
  });
  const sources = Array.from({ length: blocks }, (_, block) => areaFrom(block, 0));
  const repairs = Array.from({ length: blocks }, (_, block) => areaFrom(block, k));
  const at = <T>(items: readonly T[], run: number): T => items[run % items.length] as T;

  const encodeNs = medianNanoseconds((run) => code.encode(shape, at(sources, run), esis, at(repairs, run)));
  const decodeNs = (losses: number): number => {
    const missing = Array.from({ length: patterns }, () =>
      random.shuffle(Array.from({ length: k }, (_, esi) => esi)).slice(0, losses),
    );
    return medianNanoseconds((run) =>
      code.reconstruct(shape, at(sources, run), at(missing, run), esis, at(repairs, run)),
    );
  };
  const rate = (nanoseconds: number): number => (k * symbolBytes * 1000) / nanoseconds;
  return {
    k,
    m,
    symbolBytes,
    engine: code.name,
    encodeMBps: rate(encodeNs),
    decodeMBps: rate(decodeNs(m)),
    decodeOneMBps: rate(decodeNs(1)),
    decodeNothingNs: decodeNs(0),
  };
}

function printTable(rows: readonly ErasureCodeRow[]): void {
  console.table(
    rows.map((row) => {
      const reference = rows.find(({ k, m, engine }) => k === row.k && m === row.m && engine === 'reference');
      return {
        'k, m': `${row.k}, ${row.m}`,
        engine: row.engine,
        'encode MB/s': round(row.encodeMBps),
        'x reference': round(row.encodeMBps / (reference?.encodeMBps ?? Number.NaN)),
        'decode 1, MB/s': round(row.decodeOneMBps),
        'decode m, MB/s': round(row.decodeMBps),
        'x reference ': round(row.decodeMBps / (reference?.decodeMBps ?? Number.NaN)),
        'decode 0, us': Number((row.decodeNothingNs / 1000).toFixed(2)),
      };
    }),
  );
}

/** Three digits are more than the noise leaves. */
const round = (value: number): number => Number(value.toPrecision(3));
