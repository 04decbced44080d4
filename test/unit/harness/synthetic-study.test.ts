import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { inflateRawSync } from 'node:zlib';
import { type DataSet, parseDicom } from 'dicom-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TransferSyntaxName, transferSyntaxes } from '../../harness/dicom-writer.ts';
import { Random } from '../../harness/random.ts';
import { smallInstance } from '../../harness/small-instance.ts';
import { uidFrom } from '../../harness/synthetic-instance.ts';
import { type WrittenInstance, writeStudies } from '../../harness/synthetic-study.ts';

/** dicom-parser inflates only with a package of its own choice; it hands over the whole file. */
function inflater(file: Uint8Array, position: number): Uint8Array {
  return Buffer.concat([file.subarray(0, position), inflateRawSync(file.subarray(position))]);
}

const parse = (file: Uint8Array): DataSet => parseDicom(file, { inflater });

function hasDcmtk(): boolean {
  try {
    execFileSync('dcmdump', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What dcmdump complains of; nothing where all is well. Every value is read. */
async function complaints(files: readonly string[]): Promise<string> {
  const { stderr } = await promisify(execFile)('dcmdump', ['+M', '+E', ...files], { maxBuffer: 2 ** 28 });
  return stderr;
}

const folder = mkdtempSync(join(tmpdir(), 'dicom-diode-synthetic-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('writeStudies', () => {
  const options = { seed: 11, approximateBytes: 6e6 };
  let written: WrittenInstance[];
  beforeAll(async () => {
    written = await writeStudies(join(folder, 'a'), options);
  });

  it('writes about the bytes asked for, in the studies asked for', async () => {
    const bytes = written.reduce((sum, file) => sum + file.bytes, 0);
    expect(bytes / options.approximateBytes).toBeGreaterThan(0.85);
    expect(bytes / options.approximateBytes).toBeLessThan(1.15);
    expect(new Set(written.map((file) => file.studyUid)).size).toBe(6);
    const more = await writeStudies(join(folder, 'more'), { seed: 11, studies: 8, approximateBytes: 2e6 });
    expect(new Set(more.map((file) => file.studyUid)).size).toBe(8);
  });

  it('writes the same for the same seed, and other UIDs for another', async () => {
    const digest = (files: readonly WrittenInstance[], from: string): string => {
      const hash = createHash('sha256');
      for (const { path } of files)
        hash.update(relative(join(folder, from), path)).update(readFileSync(path));
      return hash.digest('hex');
    };
    expect(digest(await writeStudies(join(folder, 'b'), options), 'b')).toBe(digest(written, 'a'));
    const other = await writeStudies(join(folder, 'c'), { ...options, seed: 12 });
    const uids = new Set(written.map((file) => file.sopInstanceUid));
    expect(uids.size).toBe(written.length);
    expect(other.some((file) => uids.has(file.sopInstanceUid))).toBe(false);
  });

  it('writes what an independent parser reads: UIDs, and pixels of the size they say', () => {
    for (const { path, studyUid, seriesUid, sopInstanceUid, bytes } of written) {
      const file = readFileSync(path);
      expect(file.byteLength).toBe(bytes);
      const dataSet = parse(file);
      expect(dataSet.warnings).toEqual([]);
      expect(dataSet.string('x0020000d')).toBe(studyUid);
      expect(dataSet.string('x0020000e')).toBe(seriesUid);
      expect(dataSet.string('x00080018')).toBe(sopInstanceUid);
      expect(dataSet.string('x00020003')).toBe(sopInstanceUid);
      expect(dataSet.string('x00020002')).toBe(dataSet.string('x00080016'));
      const pixelData = dataSet.elements['x7fe00010'];
      if (dataSet.string('x00080060') === 'SR') {
        expect(pixelData).toBeUndefined();
        continue;
      }
      const frames = Number(dataSet.string('x00280008') ?? 1);
      if (pixelData?.encapsulatedPixelData === true) {
        const fragments = pixelData.fragments?.length ?? 0;
        expect(fragments).toBeGreaterThanOrEqual(frames);
        // An offset for each frame, where a picture begins; or an empty table.
        const offsets = pixelData.basicOffsetTable ?? [];
        expect([0, frames]).toContain(offsets.length);
        const starts = pixelData.fragments?.filter(({ position }) => file.readUInt16BE(position) === 0xffd8);
        if (offsets.length > 0) expect(offsets).toEqual(starts?.map(({ offset }) => offset));
      } else {
        const pixels = (dataSet.uint16('x00280010') ?? 0) * (dataSet.uint16('x00280011') ?? 0);
        expect(pixelData?.length).toBe(pixels * frames * 2);
      }
    }
  });

  it('covers the kinds that the field has', () => {
    const dataSets = written.map(({ path }) => parse(readFileSync(path)));
    const syntaxes = new Set(dataSets.map((dataSet) => dataSet.string('x00020010')));
    expect(syntaxes).toEqual(new Set(Object.values(transferSyntaxes).map(({ uid }) => uid)));
    const characterSets = new Set(dataSets.map((dataSet) => dataSet.string('x00080005')));
    expect(characterSets).toEqual(new Set([undefined, 'ISO_IR 192', '\\ISO 2022 IR 87']));
    expect(dataSets.some((dataSet) => dataSet.elements['x00290010'] !== undefined)).toBe(true);
    // Per-frame functional groups of the enhanced multi-frame: one item a frame.
    const enhanced = dataSets.find((dataSet) => dataSet.elements['x52009230'] !== undefined);
    expect(enhanced?.elements['x52009230']?.items?.length).toBe(Number(enhanced?.string('x00280008')));
    expect(dataSets.some((dataSet) => (dataSet.elements['x0040a730']?.items?.length ?? 0) > 0)).toBe(true);
  });

  it.skipIf(!hasDcmtk())('writes what DCMTK reads without a warning', async () => {
    expect(await complaints(written.map(({ path }) => path))).toBe('');
    // And it decodes what is compressed: these end with an error where it can't.
    for (const { path } of written) {
      const syntax = parse(readFileSync(path)).string('x00020010');
      const decoded = join(folder, 'decoded.dcm');
      if (syntax === transferSyntaxes.rleLossless.uid) execFileSync('dcmdrle', [path, decoded]);
      if (syntax === transferSyntaxes.jpegBaseline.uid) execFileSync('dcmdjpeg', [path, decoded]);
    }
  });
});

describe('smallInstance', () => {
  const random = new Random(5);
  const names = Object.keys(transferSyntaxes) as TransferSyntaxName[];
  const instance = (approximateBytes: number, transferSyntax: TransferSyntaxName) => ({
    studyUid: uidFrom(random),
    seriesUid: uidFrom(random),
    sopInstanceUid: uidFrom(random),
    patientId: 'SYNTHETIC-1',
    patientName: 'SYNTHETIC^ONE',
    approximateBytes,
    random,
    transferSyntax,
  });

  it.each(names)('is a valid instance of about the size asked for: %s', (transferSyntax) => {
    for (const approximateBytes of [0, 1000, 1001, 20_000, 300_001]) {
      const options = instance(approximateBytes, transferSyntax);
      const file = smallInstance(options);
      const dataSet = parse(file);
      expect(dataSet.string('x0020000d')).toBe(options.studyUid);
      expect(dataSet.string('x00080018')).toBe(options.sopInstanceUid);
      expect(dataSet.string('x00100020')).toBe('SYNTHETIC-1');
      if (transferSyntax === 'jpegBaseline' || approximateBytes === 0) continue;
      expect(Math.abs(file.byteLength - approximateBytes)).toBeLessThan(100 + approximateBytes * 0.05);
    }
    expect(smallInstance(instance(0, 'explicitLittleEndian')).byteLength).toBeLessThan(850);
  });

  it('is the same for the same randomness', () => {
    const options = instance(2000, 'explicitLittleEndian');
    const first = smallInstance({ ...options, random: new Random(1) });
    expect(smallInstance({ ...options, random: new Random(1) })).toEqual(first);
    expect(smallInstance({ ...options, random: new Random(2) })).not.toEqual(first);
  });
});

describe('uidFrom', () => {
  it('gives UIDs of PS3.5 annex B.2: a version 4 UUID in decimal', () => {
    const random = new Random(1);
    for (let count = 0; count < 1000; count++) {
      const uid = uidFrom(random);
      expect(uid).toMatch(/^2\.25\.[1-9][0-9]{0,38}$/);
      const digits = BigInt(uid.slice(5)).toString(16).padStart(32, '0');
      expect(digits).toMatch(/^.{12}4.{3}[89ab].{15}$/);
    }
  });
});
