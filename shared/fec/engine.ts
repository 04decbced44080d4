/** Chooses the erasure-code engine. */
import { DiodeError } from '../errors.ts';
import { canRunKernel } from '../webassembly.ts';
import type { ErasureCode } from './erasure-code.ts';
import { type ErasureLibrary, IsalEngine } from './isal-engine.ts';
import { createReferenceEngine } from './reference-engine.ts';
import { SimdEngine, simdKernels } from './simd-engine.ts';

/** What a configuration may name. */
export const engineNames = ['auto', 'isal', 'simd', 'reference'] as const;
export type EngineName = (typeof engineNames)[number];

/**
 * A new engine for the calling thread. `auto` is the fastest that runs here: relaxed SIMD (Node 22 and newer), SIMD, or
 * the reference. At 200 source symbols a transform beats ISA-L's plain sums, which are faster for small blocks; so ISA-L is
 * used only if requested. `simd` is plain SIMD, the same everywhere.
 *
 * @param allocatableBytes the total that its `allocate` can provide; untouched memory costs nothing.
 * @param memory for an engine that works in WebAssembly memory: see {@link SimdEngine}.
 * @param loadLibrary finds ISA-L; only called for `isal`.
 * @throws DiodeError E_INSTALLATION if the kernels were not built, or ISA-L is requested but not installed.
 */
export function createErasureCode(
  name: EngineName | 'simd-relaxed' = 'auto',
  allocatableBytes = 0,
  loadLibrary: () => ErasureLibrary | undefined = () => undefined,
  memory?: WebAssembly.Memory,
): ErasureCode {
  if (name === 'reference') return createReferenceEngine();
  if (name === 'isal') {
    const library = loadLibrary();
    if (library === undefined)
      throw new DiodeError('E_INSTALLATION', 'code.engine is isal, but libisal.so.2 cannot be loaded');
    return new IsalEngine(library);
  }
  if (name !== 'auto') return new SimdEngine(name, allocatableBytes, memory);
  if (canRunKernel(simdKernels['simd-relaxed']))
    return new SimdEngine('simd-relaxed', allocatableBytes, memory);
  if (canRunKernel(simdKernels.simd)) return new SimdEngine('simd', allocatableBytes, memory);
  return createReferenceEngine();
}
