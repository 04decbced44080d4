/**
 * Goal: DCMTK's programs work with ours as with each other, and no byte of a data set changes. Method: dcmsend and
 * storescu send to our SCP, our SCU sends to `storescp +B`, which writes what came bit by bit.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeInstances, verify } from '../../receiver/deliver/c-store-scu.ts';
import type { DicomDestination } from '../../receiver/deliver/destination.ts';
import { describeInstanceFile, type InstanceFile } from '../../receiver/deliver/instance-file.ts';
import type { StorageScp } from '../../sender/intake/storage-scp.ts';
import type { DiodeError } from '../../shared/errors.ts';
import { collectingScp } from '../harness/collecting-scp.ts';
import type { CollectingSink } from '../harness/collecting-sink.ts';
import { corpusFiles, corpusFolder } from '../harness/corpus.ts';
import type { TransferSyntaxName } from '../harness/dicom-writer.ts';
import { dataSetHash, writeInstances, writeOddDeflated } from '../harness/instance-files.ts';
import { missingPeers, PeerNamespace } from '../harness/peer-namespace.ts';
import { Processes } from '../harness/processes.ts';

const missing = missingPeers('dcmsend', 'storescu', 'echoscu', 'storescp');
if (missing !== undefined && process.env['CI'] !== undefined) throw new Error(missing);

const peerPort = 11_104;
/** What storescp takes as it is; it has no other that we make. */
const syntaxes: readonly TransferSyntaxName[] = [
  'implicitLittleEndian',
  'explicitLittleEndian',
  'explicitBigEndian',
  'rleLossless',
  'jpegBaseline',
];

describe.skipIf(missing !== undefined)('DCMTK', () => {
  const processes = new Processes();
  let namespace: PeerNamespace;
  let stored: string;
  let peer: DicomDestination;
  let sink: CollectingSink;
  let scp: StorageScp;

  beforeAll(async () => {
    stored = processes.temporaryFolder();
    namespace = await PeerNamespace.start(processes, [peerPort]);
    namespace.run('storescp', 'storescp', [
      '-v',
      '+B',
      '+xa',
      '-pm',
      '-aet',
      'PACS',
      '-od',
      stored,
      String(peerPort),
    ]);
    await namespace.waitForPort(peerPort);
    peer = {
      kind: 'dicom',
      name: 'storescp',
      host: '127.0.0.1',
      port: await namespace.expose(peerPort),
      calledAe: 'PACS',
      callingAe: 'DIODE',
    };
    ({ scp, sink } = await collectingScp([], {
      applicationEntities: [
        { title: 'DIODE', priority: 'routine', quietSeconds: 60, callingTitles: ['SCANNER'] },
      ],
    }));
  });

  afterAll(async () => {
    await scp.close();
    await namespace.close();
    await processes.cleanUp();
  });

  async function runPeer(command: string, ...flags: string[]) {
    const address = ['-aet', 'SCANNER', '127.0.0.1', String(scp.port)];
    const program = processes.start(command, command, {
      arguments: ['-aec', 'DIODE', ...flags.slice(0, 1), ...address, ...flags.slice(1)],
    });
    const { code } = await program.waitForExit();
    return { code, text: `${program.text('stdout')}\n${program.text('stderr')}` };
  }

  async function deliver(files: readonly InstanceFile[]): Promise<string[]> {
    const outcomes: string[] = [];
    for await (const { outcome } of storeInstances(peer, files)) outcomes.push(outcome);
    return outcomes;
  }

  /** Hashes of what storescp wrote, by SOP Instance UID. */
  async function storedHashes(): Promise<Map<string, string>> {
    const hashes = new Map<string, string>();
    for (const name of readdirSync(stored)) {
      const file = await describeInstanceFile(join(stored, name));
      hashes.set(file.sopInstanceUid, dataSetHash(file));
    }
    return hashes;
  }

  it('echoscu is answered, and a stranger is not', async () => {
    expect(await runPeer('echoscu', '-v')).toMatchObject({ code: 0 });
    const stranger = processes.start('echoscu', 'echoscu', {
      arguments: ['-aec', 'DIODE', '-aet', 'STRANGER', '127.0.0.1', String(scp.port)],
    });
    expect((await stranger.waitForExit()).code).not.toBe(0);
    expect(stranger.text('stderr')).toContain('Calling AE Title Not Recognized');
  });

  it('storescp answers our C-ECHO', async () => {
    expect(await verify(peer)).toMatch(/^OFFIS_DCMTK/);
  });

  it('storescp gets from us what we have, in each transfer syntax, with one byte more where the length is odd', async () => {
    const folder = processes.temporaryFolder();
    const files = await writeInstances({ folder, count: 20, transferSyntaxes: syntaxes, seed: 11 });
    files.push(await writeOddDeflated(folder, '1.2.3.4.11'));
    files.push(...(await writeInstances({ folder, count: 2, approximateBytes: 3_000_000, seed: 12 })));
    expect(await deliver(files)).toEqual(files.map(() => 'delivered'));
    expect(await storedHashes()).toMatchObject(
      new Map(files.map((file) => [file.sopInstanceUid, dataSetHash(file)])),
    );
  });

  // DCMTK encodes anew what it sends: both programs are to get the same from it.
  it.each([
    ['dcmsend', 21, ['implicitLittleEndian', 'explicitLittleEndian', 'rleLossless', 'jpegBaseline']],
    // It proposes encodings of its own choice, and does not decompress.
    ['storescu', 22, ['implicitLittleEndian', 'explicitLittleEndian', 'explicitBigEndian']],
  ] as const)('we get from %s what storescp gets from it', async (sender, seed, transferSyntaxes) => {
    const folder = processes.temporaryFolder();
    const files = await writeInstances({ folder, count: 10, transferSyntaxes, seed });
    const paths = files.map(({ path }) => path);
    expect(await runPeer(sender, '-v', ...paths)).toMatchObject({ code: 0 });
    const reference = processes.start(sender, sender, {
      arguments: ['-aec', 'PACS', '-v', '127.0.0.1', String(peer.port), ...paths],
    });
    expect(await reference.waitForExit()).toMatchObject({ code: 0 });
    const theirs = await storedHashes();
    const ours = sink.hashes();
    for (const { sopInstanceUid } of files) {
      expect(ours.get(sopInstanceUid)).toBeDefined();
      expect(ours.get(sopInstanceUid)).toBe(theirs.get(sopInstanceUid));
    }
  });

  it('a file whose context storescp does not take costs the others nothing', async () => {
    const folder = processes.temporaryFolder();
    const [first, second] = await writeInstances({ folder, count: 2, transferSyntaxes: syntaxes, seed: 31 });
    if (first === undefined || second === undefined) throw new Error('two files');
    const unknown = {
      ...first,
      sopInstanceUid: '1.2.3.31',
      transferSyntaxUid: '1.2.826.0.1.3680043.10.1.77',
    };
    const results = [];
    for await (const { outcome, code } of storeInstances(peer, [first, unknown, second]))
      results.push([outcome, code]);
    expect(results).toEqual([
      ['delivered', undefined],
      ['refused', 'E_PEER_CONTEXT'],
      ['delivered', undefined],
    ]);
  });

  it.skipIf(corpusFolder() === undefined)(
    'the files of the corpus pass our SCP as they are, and storescp as far as it takes them',
    async () => {
      const described = await Promise.allSettled(
        corpusFiles()
          .filter(({ part10 }) => part10)
          .map(({ path }) => describeInstanceFile(path)),
      );
      const all = described.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      // Of instances that are there twice with other bytes, one: the hash is looked up by UID.
      const files = [...new Map(all.map((file) => [file.sopInstanceUid, file])).values()];
      expect(files.length).toBeGreaterThan(100);
      const own: DicomDestination = { ...peer, port: scp.port, calledAe: 'DIODE', callingAe: 'SCANNER' };
      const refused: string[] = [];
      for await (const { file, outcome, code } of storeInstances(own, files)) {
        if (outcome !== 'delivered') refused.push(`${file.sopInstanceUid} ${code}`);
      }
      expect(refused).toEqual([]);
      const ours = sink.hashes();
      expect(files.filter((file) => ours.get(file.sopInstanceUid) !== dataSetHash(file))).toEqual([]);

      let delivered = 0;
      const codes = new Set<DiodeError['code'] | undefined>();
      for await (const { file, outcome, code } of storeInstances(peer, files)) {
        if (outcome === 'delivered') delivered += 1;
        else codes.add(code);
        expect(file.sopInstanceUid).not.toBe('');
      }
      expect(delivered).toBeGreaterThan(0.9 * files.length);
      const theirs = await storedHashes();
      const differing = files
        .filter(({ sopInstanceUid }) => theirs.has(sopInstanceUid))
        .filter((file) => theirs.get(file.sopInstanceUid) !== dataSetHash(file));
      expect(differing).toEqual([]);
      console.log(`storescp took ${delivered} of ${files.length}; the others: ${[...codes].join(', ')}`);
    },
  );
});
