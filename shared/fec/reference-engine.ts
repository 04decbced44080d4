/**
 * The erasure code of the package `reed-solomon-erasure` (the Rust crate of that name as WebAssembly). It defines the
 * code: the other engines are compared with it, and it runs where they cannot. It is slow at large k, because it builds
 * its matrix again in each call.
 *
 * The package exports its memory and two functions on addresses, but no allocator. So this file grows the memory once
 * and owns the added part: the package never writes there, and this file never writes below. The package grows the
 * memory, too, which detaches all views of it; they are created again after each call.
 */
import { createRequire } from 'node:module';
import { assert } from '../assert.ts';
import { webAssemblyPageBytes } from '../webassembly.ts';
import { limits } from '../wire/limits.ts';
import {
  assertEncode,
  assertReconstruct,
  type BlockShape,
  type ErasureCode,
  symbolIn,
} from './erasure-code.ts';

/** What the package exports. Shards are consecutive, source first; 0 is success. */
interface Package {
  readonly memory: WebAssembly.Memory & { grow(pages: number): number };
  encode(shards: number, shardBytes: number, sourceShards: number, parityShards: number): number;
  reconstruct(
    shards: number,
    shardBytes: number,
    sourceShards: number,
    parityShards: number,
    /** Address of one byte per shard: 1 if it is present. */
    available: number,
  ): number;
}

interface Region {
  readonly package: Package;
  readonly shards: number;
  readonly available: number;
}

/** One per thread, like the package. */
let ownRegion: Region | undefined;

function region(): Region {
  if (ownRegion === undefined) {
    const require = createRequire(import.meta.url);
    const loaded: Package = require('reed-solomon-erasure/reed_solomon_erasure_bg');
    const shardBytes = limits.encodingSymbolsMax * limits.datagramBytesMax;
    const pages = Math.ceil((shardBytes + limits.encodingSymbolsMax) / webAssemblyPageBytes);
    const shards = loaded.memory.grow(pages) * webAssemblyPageBytes;
    ownRegion = { package: loaded, shards, available: shards + shardBytes };
  }
  return ownRegion;
}

export function createReferenceEngine(): ErasureCode {
  const { package: code, shards, available } = region();
  const view = (symbol: number, { symbolBytes }: BlockShape): Uint8Array =>
    new Uint8Array(code.memory.buffer, shards + symbol * symbolBytes, symbolBytes);

  return {
    name: 'reference',
    memory: undefined,

    allocate: (byteLength) => new Uint8Array(byteLength),

    encode(shape, source, repairEsis, repair) {
      assertEncode(shape, source, repairEsis, repair);
      if (repairEsis.length === 0) return;
      const { sourceSymbols, symbolBytes } = shape;
      for (let esi = 0; esi < sourceSymbols; esi++) view(esi, shape).set(symbolIn(source, esi, shape));
      // The package makes all rows up to the highest one.
      const paritySymbols = Math.max(...repairEsis) + 1 - sourceSymbols;
      const status = code.encode(shards, symbolBytes, sourceSymbols, paritySymbols);
      assert(status === 0, `the reference engine encodes (${status})`);
      for (const [i, esi] of repairEsis.entries()) symbolIn(repair, i, shape).set(view(esi, shape));
    },

    reconstruct(shape, source, missingEsis, repairEsis, repair) {
      assertReconstruct(shape, source, missingEsis, repairEsis, repair);
      if (missingEsis.length === 0) return;
      const { sourceSymbols, symbolBytes } = shape;
      const used = repairEsis.slice(0, missingEsis.length);
      const highest = Math.max(...used);
      const flags = new Uint8Array(code.memory.buffer, available, highest + 1);
      flags.fill(1, 0, sourceSymbols).fill(0, sourceSymbols);
      for (const esi of missingEsis) flags[esi] = 0;
      for (let esi = 0; esi < sourceSymbols; esi++) view(esi, shape).set(symbolIn(source, esi, shape));
      for (const [i, esi] of used.entries()) {
        flags[esi] = 1;
        view(esi, shape).set(symbolIn(repair, i, shape));
      }
      const paritySymbols = highest + 1 - sourceSymbols;
      const status = code.reconstruct(shards, symbolBytes, sourceSymbols, paritySymbols, available);
      assert(status === 0, `the reference engine reconstructs (${status})`);
      for (const esi of missingEsis) symbolIn(source, esi, shape).set(view(esi, shape));
    },
  };
}
