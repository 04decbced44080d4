/**
 * Goal: Orthanc gets from us what we have, by C-STORE and by STOW-RS, and says of each instance whether it has it.
 * Method: the real program in a namespace of its own; its files are read back and compared by SOP Instance UID.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deliverInstances, testDestination } from '../../receiver/deliver/deliver.ts';
import type { DicomDestination, WebDestination } from '../../receiver/deliver/destination.ts';
import { describeInstanceFile, type InstanceFile } from '../../receiver/deliver/instance-file.ts';
import { corpusFiles, corpusFolder } from '../harness/corpus.ts';
import { dataSetHash, writeInstances } from '../harness/instance-files.ts';
import { Orthanc } from '../harness/orthanc.ts';
import { missingPeers } from '../harness/peer-namespace.ts';
import { Processes } from '../harness/processes.ts';

const missing = missingPeers('Orthanc');
if (missing !== undefined && process.env['CI'] !== undefined) throw new Error(missing);

describe.skipIf(missing !== undefined)('Orthanc', () => {
  const processes = new Processes();
  let orthanc: Orthanc;
  let overDicom: DicomDestination;
  let overWeb: WebDestination;

  beforeAll(async () => {
    orthanc = await Orthanc.start(processes);
    ({ overDicom, overWeb } = orthanc);
  });

  afterAll(async () => {
    await orthanc.close();
    await processes.cleanUp();
  });

  async function deliver(destination: DicomDestination | WebDestination, files: readonly InstanceFile[]) {
    const delivered: InstanceFile[] = [];
    const others: string[] = [];
    for await (const { file, outcome, code, status } of deliverInstances(destination, files)) {
      if (outcome === 'delivered') delivered.push(file);
      else others.push(`${outcome} ${code} ${status ?? ''}`.trim());
    }
    return { delivered, others };
  }

  async function compare(files: readonly InstanceFile[]) {
    const stored = await orthanc.storedHashes(files.map(({ sopInstanceUid }) => sopInstanceUid));
    const missingFiles = files.filter(({ sopInstanceUid }) => !stored.has(sopInstanceUid));
    const changed = files.filter((file) => stored.get(file.sopInstanceUid) !== dataSetHash(file));
    return { missing: missingFiles.length, changed: changed.length - missingFiles.length };
  }

  it('answers C-ECHO and HTTP, and refuses wrong credentials', async () => {
    expect(await testDestination(overDicom)).toMatchObject({
      works: true,
      found: expect.stringContaining('OFFIS'),
    });
    expect(await testDestination(overWeb)).toMatchObject({
      works: true,
      found: 'the service answered HTTP 200',
    });
    const wrong = {
      ...overWeb,
      credentials: { kind: 'basic', user: 'diode', password: 'other' } as const,
    };
    expect(await testDestination(wrong)).toMatchObject({
      works: false,
      code: 'E_PEER_HTTP',
      found: 'the credentials were refused (HTTP 401)',
    });
  });

  it('gets synthetic instances by C-STORE', async () => {
    const files = await writeInstances({
      folder: processes.temporaryFolder(),
      count: 20,
      transferSyntaxes: ['explicitLittleEndian', 'implicitLittleEndian', 'rleLossless', 'jpegBaseline'],
      seed: 41,
    });
    const { delivered, others } = await deliver(overDicom, files);
    expect(others).toEqual([]);
    expect(await compare(delivered)).toEqual({ missing: 0, changed: 0 });
  });

  it.each([1, 7])(
    'gets synthetic instances in all transfer syntaxes by STOW-RS, %i a request',
    async (instancesPerRequest) => {
      const files = await writeInstances({
        folder: processes.temporaryFolder(),
        count: 20,
        seed: 50 + instancesPerRequest,
      });
      const { delivered, others } = await deliver({ ...overWeb, instancesPerRequest }, files);
      expect(others).toEqual([]);
      expect(await compare(delivered)).toEqual({ missing: 0, changed: 0 });
    },
  );

  it('refuses a broken file of a batch, and takes the others', async () => {
    const folder = processes.temporaryFolder();
    const files = await writeInstances({
      folder,
      count: 3,
      transferSyntaxes: ['explicitLittleEndian'],
      seed: 61,
    });
    const [, second] = files;
    if (second === undefined) throw new Error('three files');
    // Meta group as it was, and no data set that could be read.
    const broken = readFileSync(second.path);
    broken.fill(0xff, second.dataSetOffset);
    writeFileSync(second.path, broken);
    const { delivered, others } = await deliver({ ...overWeb, instancesPerRequest: 3 }, files);
    expect(delivered.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(
      [files[0], files[2]].map((file) => file?.sopInstanceUid),
    );
    expect(others).toEqual([expect.stringContaining('refused E_PEER_REFUSED')]);
  });

  describe.skipIf(corpusFolder() === undefined)('with the files of the corpus', () => {
    let files: InstanceFile[] = [];

    beforeAll(async () => {
      const described = await Promise.allSettled(
        corpusFiles()
          .filter(({ part10, bytes }) => part10 && bytes < 4 << 20)
          .filter((_, index) => index % 4 === 0)
          .map(({ path }) => describeInstanceFile(path)),
      );
      const all = described.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      files = [...new Map(all.map((file) => [file.sopInstanceUid, file])).values()];
    });

    it('keeps what it takes by STOW-RS byte for byte', async () => {
      const { delivered, others } = await deliver(overWeb, files);
      expect(delivered.length).toBeGreaterThan(0.9 * files.length);
      expect(await compare(delivered)).toEqual({ missing: 0, changed: 0 });
      console.log(
        `STOW-RS: Orthanc took ${delivered.length} of ${files.length}; the others: ${others.join(', ')}`,
      );
    });

    // It encodes some anew on their way in: what it changes is its own doing, and not asserted.
    it('has what it said it took by C-STORE', async () => {
      const { delivered, others } = await deliver({ ...overDicom, times: { idleMs: 3000 } }, files);
      expect(delivered.length).toBeGreaterThan(0.9 * files.length);
      const compared = await compare(delivered);
      expect(compared.missing).toBe(0);
      console.log(
        `C-STORE: Orthanc took ${delivered.length} of ${files.length}, changed ${compared.changed} itself; the others: ${others.join(', ')}`,
      );
    });
  });
});
