import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { canRunKernel, instantiateKernel } from '../../../shared/webassembly.ts';

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
