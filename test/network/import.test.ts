/** Goal: what is DICOM on a medium is in the spool, byte for byte; the rest is counted; the medium is as it was. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeInstances, writeOddDeflated } from '../harness/instance-files.ts';
import { Processes } from '../harness/processes.ts';
import { ScannerSide } from '../harness/scanner-side.ts';

let processes: Processes;

beforeEach(() => {
  processes = new Processes();
});

afterEach(() => processes.cleanUp());

const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

function hashesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => hash(join(entry.parentPath, entry.name)))
    .sort();
}

/** As a CD from another hospital: images in folders, one of them twice, an index, a viewer, an empty file, a link. */
async function medium(): Promise<{ folder: string; instances: string[] }> {
  const folder = processes.temporaryFolder();
  const images = join(folder, 'DICOM', 'ST000001');
  mkdirSync(images, { recursive: true });
  const files = await writeInstances({ folder: images, count: 8, approximateBytes: 20_000 });
  files.push(await writeOddDeflated(images, '1.2.3.4.1'));
  const [first] = files.map(({ path }) => path);
  copyFileSync(first ?? '', join(folder, 'DICOM', 'TWICE'));
  const index = Buffer.alloc(200);
  index.write('DICM', 128);
  const directory = element(0x0002, 'UI', '1.2.840.10008.1.3.10');
  const group = Buffer.concat([directory, element(0x0010, 'UI', '1.2.840.10008.1.2.1')]);
  const length = element(0x0000, 'UL', Buffer.from([group.length, 0, 0, 0]).toString('latin1'));
  writeFileSync(join(folder, 'DICOMDIR'), Buffer.concat([index.subarray(0, 132), length, group]));
  writeFileSync(join(folder, 'AUTORUN.INF'), '[autorun]\r\nopen=VIEWER.EXE\r\n');
  writeFileSync(join(folder, 'VIEWER.EXE'), Buffer.from(`MZ${'\0'.repeat(5000)}`));
  writeFileSync(join(folder, 'EMPTY'), '');
  symlinkSync('/etc/passwd', join(folder, 'LINK'));
  for (const path of [images, folder]) chmodSync(path, 0o555);
  return { folder, instances: files.map(({ path }) => hash(path)).sort() };
}

function element(number: number, vr: string, value: string): Buffer {
  const padded = Buffer.from(value.length % 2 === 0 ? value : `${value}\0`, 'latin1');
  const header = Buffer.from([2, 0, number & 0xff, 0, vr.charCodeAt(0), vr.charCodeAt(1), 0, 0]);
  header.writeUInt16LE(padded.length, 6);
  return Buffer.concat([header, padded]);
}

it('takes in what is DICOM, once, and leaves the medium as it was', async () => {
  const side = await ScannerSide.start(processes);
  const { folder, instances } = await medium();
  const before = hashesBelow(folder);
  const { code, stdout } = await side.command('import', folder, '--stat', '--json');
  const counts = { files: 14, dicomdirs: 1, others: 3, waiting: 0, failed: {} };
  expect(JSON.parse(stdout)).toMatchObject({ ...counts, taken: 9, studies: 2, duplicates: 1 });
  expect(code).toBe(0);
  expect(hashesBelow(join(side.spool, 'objects'))).toEqual(instances);
  expect(hashesBelow(folder)).toEqual(before);
  expect((await side.status()).studies).toMatchObject([{ priority: 2 }, { priority: 2 }]);

  const again = await side.command('import', folder);
  expect(again.stdout).toContain('0 instances of 0 studies taken in, 10 already there');
  expect(hashesBelow(join(side.spool, 'objects'))).toEqual(instances);
  expect(readdirSync(join(side.spool, 'importing'))).toEqual([]);
  expect(side.arriving()).toEqual([]);
  chmodSync(join(folder, 'DICOM', 'ST000001'), 0o755);
  chmodSync(folder, 0o755);
});

it('copies beside a sender that is stopped, which takes it in at its start', async () => {
  const side = await ScannerSide.start(processes);
  await side.program.stop();
  const { folder, instances } = await medium();
  // The snapshot of a sender that was stopped just now is fresh for some seconds: status and import believe it.
  await expect
    .poll(async () => (await side.command('status')).stdout, { timeout: 20_000, interval: 500 })
    .toContain('is not running');
  const { stdout } = await side.command('import', folder, '--json');
  expect(JSON.parse(stdout)).toMatchObject({ taken: 0, waiting: 9, failed: {} });
  await side.run();
  await expect.poll(() => side.arriving(), { timeout: 20_000 }).toEqual([]);
  expect(hashesBelow(join(side.spool, 'objects'))).toEqual(instances);
  chmodSync(join(folder, 'DICOM', 'ST000001'), 0o755);
  chmodSync(folder, 0o755);
});

it('says what it can not take, and that there is no such folder', async () => {
  const side = await ScannerSide.start(processes);
  const folder = processes.temporaryFolder();
  const [file] = await writeInstances({ folder, count: 1, transferSyntaxes: ['explicitLittleEndian'] });
  const bytes = readFileSync(file?.path ?? '');
  // The Study Instance UID, not a UID any more.
  const at = bytes.lastIndexOf(Buffer.from('20000d005549', 'hex'));
  bytes.write('x.x', at + 8, 'latin1');
  writeFileSync(file?.path ?? '', bytes);
  const { code, stdout } = await side.command('import', folder, '--json');
  expect(JSON.parse(stdout)).toMatchObject({ taken: 0, failed: { E_BAD_UID: 1 } });
  expect(code).toBe(1);
  expect(await side.command('import', join(folder, 'missing'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('E_FOLDER'),
  });
});
