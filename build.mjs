// Builds everything: the WebAssembly kernels beside their AssemblyScript source, then dist/ with tsc.
// npm runs no pre or post scripts here (.npmrc), so each script that needs a build calls this file.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const bin = (name) => join(root, 'node_modules', '.bin', name);
const run = (command, args) => execFileSync(command, args, { cwd: root, stdio: 'inherit' });

// source, target, extra compiler flags; each kernel for a memory of its own thread, and for one that threads share
const imported = ['--importMemory', '--noExportMemory'];
const shared = ['--sharedMemory', '--maximumMemory', '65536'];
const erasureCode = 'shared/fec/reed-solomon.assembly.ts';
const datagramTag = 'shared/crypto/siphash.assembly.ts';
const kernels = [
  [erasureCode, 'shared/fec/reed-solomon.wasm', ['--enable', 'simd']],
  [erasureCode, 'shared/fec/reed-solomon-shared.wasm', [...shared, '--enable', 'simd,threads']],
  [erasureCode, 'shared/fec/reed-solomon-relaxed.wasm', ['--enable', 'simd,relaxed-simd']],
  [
    erasureCode,
    'shared/fec/reed-solomon-relaxed-shared.wasm',
    [...shared, '--enable', 'simd,relaxed-simd,threads'],
  ],
  [datagramTag, 'shared/crypto/siphash.wasm', []],
  [datagramTag, 'shared/crypto/siphash-shared.wasm', [...shared, '--enable', 'threads']],
];

rmSync(join(root, 'dist'), { recursive: true, force: true });
for (const [source, target, flags] of kernels) {
  const made = existsSync(join(root, target)) ? statSync(join(root, target)).mtimeMs : 0;
  // This file is an input too: it holds the flags.
  const fresh = [source, 'build.mjs'].every((input) => made >= statSync(join(root, input)).mtimeMs);
  if (!fresh)
    run(bin('asc'), [
      source,
      '--outFile',
      target,
      '-O3',
      '--noAssert',
      '--runtime',
      'stub',
      ...imported,
      ...flags,
    ]);
}
for (const [, target] of kernels) {
  mkdirSync(dirname(join(root, 'dist', target)), { recursive: true });
  copyFileSync(join(root, target), join(root, 'dist', target));
}
run(bin('tsc'), ['--project', 'tsconfig.json']);
for (const program of ['sender', 'receiver']) {
  const main = join(root, 'dist', program, 'main.js');
  if (existsSync(main)) chmodSync(main, 0o755);
}
