/** Chooses the erasure-code engine. */
import { canRunKernel } from '../webassembly.ts';
import type { ErasureCode } from './erasure-code.ts';
import { createReferenceEngine } from './reference-engine.ts';
import { SimdEngine, simdKernels } from './simd-engine.ts';

/**
 * A new engine for the calling thread. `auto` is the fastest that runs here: relaxed SIMD (Node 22 and newer),
 * SIMD, the reference. `simd` is plain SIMD, everywhere the same.
 *
 * @param allocatableBytes what its `allocate` can give in all; memory not touched costs nothing.
 * @throws DiodeError E_INSTALLATION when the kernels were not built.
 */
export function createErasureCode(
  name: 'auto' | 'simd' | 'simd-relaxed' | 'reference' = 'auto',
  allocatableBytes = 0,
): ErasureCode {
  if (name === 'reference') return createReferenceEngine();
  if (name !== 'auto') return new SimdEngine(name, allocatableBytes);
  if (canRunKernel(simdKernels['simd-relaxed'])) return new SimdEngine('simd-relaxed', allocatableBytes);
  if (canRunKernel(simdKernels.simd)) return new SimdEngine('simd', allocatableBytes);
  return createReferenceEngine();
}
