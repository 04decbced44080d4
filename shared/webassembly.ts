/**
 * Loads the WebAssembly kernels that `npm run build` compiles from the `*.assembly.ts` files, each into the
 * memory its user gives it. A module is compiled once per thread.
 */
import { readFileSync } from 'node:fs';
import { DiodeError } from './errors.ts';

declare global {
  /** The part of the WebAssembly JavaScript interface used here: neither es2023 nor @types/node declares it. */
  namespace WebAssembly {
    class Memory {
      constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
      readonly buffer: ArrayBufferLike;
    }
    class Module {
      constructor(bytes: Uint8Array);
    }
    class Instance {
      constructor(module: Module, imports: { env: { memory: Memory } });
      readonly exports: unknown;
    }
    class Global {
      readonly value: number;
    }
    function validate(bytes: Uint8Array): boolean;
  }
}

/** Memory is counted in pages of this size. */
export const webAssemblyPageBytes = 65536;

const compiled = new Map<string, WebAssembly.Module>();

/** Whether this version of Node, on this processor, can run the kernel. */
export function canRunKernel(location: URL): boolean {
  return compiled.has(location.href) || WebAssembly.validate(readKernel(location));
}

/**
 * A new instance of the kernel that works on `memory`. The caller names the type of its exports, which its
 * AssemblyScript source defines.
 *
 * @throws DiodeError E_INSTALLATION if the kernel was not built or does not run here.
 */
export function instantiateKernel<Exports>(location: URL, memory: WebAssembly.Memory): Exports {
  let module = compiled.get(location.href);
  if (module === undefined) {
    const bytes = readKernel(location);
    try {
      module = new WebAssembly.Module(bytes);
    } catch (cause) {
      throw new DiodeError('E_INSTALLATION', `${location.pathname} does not run on this machine`, { cause });
    }
    compiled.set(location.href, module);
  }
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
}

function readKernel(location: URL): Uint8Array {
  try {
    return readFileSync(location);
  } catch (cause) {
    throw new DiodeError('E_INSTALLATION', `${location.pathname} is missing: run npm run build`, { cause });
  }
}
