import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { canRunKernel, instantiateKernel } from '../../../shared/webassembly.ts';
import { repositoryRoot } from '../../harness/repository-root.ts';

const folder = mkdtempSync(join(tmpdir(), 'dicom-diode-'));
afterAll(() => rmSync(folder, { recursive: true }));

const memory = new WebAssembly.Memory({ initial: 1 });

it('says what to do when a kernel was not built', () => {
  const missing = pathToFileURL(join(folder, 'missing.wasm'));
  const asked = expect.objectContaining({
    code: 'E_INSTALLATION',
    message: expect.stringContaining('npm run build'),
  });
  expect(() => instantiateKernel(missing, memory)).toThrow(asked);
  expect(() => canRunKernel(missing)).toThrow(asked);
});

it('says that a kernel does not run here', () => {
  const path = join(folder, 'other.wasm');
  writeFileSync(path, 'not WebAssembly');
  const other = pathToFileURL(path);
  expect(canRunKernel(other)).toBe(false);
  expect(() => instantiateKernel(other, memory)).toThrow(expect.objectContaining({ code: 'E_INSTALLATION' }));
});

/** SIMD can be taken from V8 on this processor alone. */
it.skipIf(process.arch !== 'x64')(
  'tags datagrams, and falls back to the reference engine, where there is no SIMD',
  () => {
    const script = `
    const { DatagramTag } = await import(process.argv[1] + '/shared/crypto/siphash.js');
    const { createErasureCode } = await import(process.argv[1] + '/shared/fec/engine.js');
    const tags = [undefined, new WebAssembly.Memory({ initial: 2, maximum: 65536, shared: true })].map((memory) => {
      const datagram = memory === undefined ? new Uint8Array(64) : new Uint8Array(memory.buffer, 64, 64);
      const tag = new DatagramTag(new Uint8Array(16), memory);
      tag.write(datagram);
      return tag.verify(datagram);
    });
    console.log(JSON.stringify({ tags, engine: createErasureCode().name }));`;
    const noSimd = ['--no-enable-sse4-1', '--no-enable-ssse3', '--no-enable-avx'];
    const flags = [...noSimd, '--input-type=module', '--eval', script, join(repositoryRoot(), 'dist')];
    const said = execFileSync(process.execPath, flags, { encoding: 'utf8' });
    expect(JSON.parse(said)).toEqual({ tags: [true, true], engine: 'reference' });
  },
);
