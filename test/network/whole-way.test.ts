/**
 * Goal: from scanner to PACS over a link that loses 3 %, every data set that a scanner sends arrives byte for byte, by
 * C-STORE and by STOW-RS. Method: the real programs, DCMTK and Orthanc; taps read what is on the wires; SHA-256 of each
 * data set is compared at every hop: wire in, spool, vault, wire out, PACS.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeInstances } from '../../receiver/deliver/c-store-scu.ts';
import type { InstanceFile } from '../../receiver/deliver/instance-file.ts';
import type { DeliveryRecord } from '../../receiver/ledger/deliveries.ts';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import type { StorageScp } from '../../sender/intake/storage-scp.ts';
import { AssociationTap } from '../harness/association-tap.ts';
import { collectingScp } from '../harness/collecting-scp.ts';
import type { CollectingSink } from '../harness/collecting-sink.ts';
import { corpusFiles, corpusFolder } from '../harness/corpus.ts';
import {
  dataSetHashes,
  writeInstances,
  writeOddDeflated,
  writePrivateClass,
} from '../harness/instance-files.ts';
import { Orthanc } from '../harness/orthanc.ts';
import { missingPeers } from '../harness/peer-namespace.ts';
import { Processes } from '../harness/processes.ts';
import { freeTcpPort, Transfer } from '../harness/transfer.ts';

const missing = missingPeers('dcmsend', 'storescu', 'storescp', 'Orthanc');
if (missing !== undefined && process.env['CI'] !== undefined) throw new Error(missing);

const storescpPort = 11_106;
const loss = ['--loss', '0.03', '--burst', '8', '--reorder', '0.01', '--duplicate', '0.01'];

describe.skipIf(missing !== undefined)('the whole way', () => {
  let processes: Processes;
  /** Two of them: one has what came by C-STORE, one what came by STOW-RS. */
  let orthanc: Orthanc;
  let orthancWeb: Orthanc;
  let transfer: Transfer;
  /** A PACS that takes everything. */
  let archive: StorageScp;
  let archived: CollectingSink;
  let storescpFolder: string;
  let scannerTap: AssociationTap;
  let orthancTap: AssociationTap;

  beforeEach(async () => {
    processes = new Processes();
    [orthanc, orthancWeb] = await Promise.all([
      Orthanc.start(processes, [storescpPort]),
      Orthanc.start(processes),
    ]);
    storescpFolder = processes.temporaryFolder();
    const flags = ['+B', '+xa', '-pm', '-aet', 'PACS', '-od', storescpFolder, String(storescpPort)];
    orthanc.namespace.run('storescp', 'storescp', flags, { TCP_NODELAY: '1' });
    await orthanc.namespace.waitForPort(storescpPort);
    ({ scp: archive, sink: archived } = await collectingScp(['ARCHIVE', 'CT_ARCHIVE']));
    orthancTap = await AssociationTap.before(orthanc.dicomPort);

    transfer = new Transfer({ processes, seed: 23 });
    await transfer.prepare(loss);
    const scannerPort = await freeTcpPort();
    Object.assign(transfer.senderSettings, {
      'dicom.address': '127.0.0.1',
      'dicom.port': scannerPort,
      'link.datagramBytes': 8972,
      'link.rateMegabitsPerSecond': 400,
    });
    transfer.senderTables = ['[[dicom.titles]]', 'title = "DIODE"', 'quietSeconds = 0.5'];
    transfer.receiverSettings['link.datagramBytes'] = 8972;
    const credentials = transfer.high('orthanc.credentials');
    writeFileSync(credentials, orthancWeb.credentialsLine, { mode: 0o600 });
    transfer.receiverTables = [
      ...dicomDestination('orthanc', orthancTap.port, 'PACS'),
      ...dicomDestination('storescp', await orthanc.namespace.expose(storescpPort), 'PACS'),
      ...dicomDestination('archive', archive.port, 'ARCHIVE'),
      ...dicomDestination('of-one-scanner', archive.port, 'CT_ARCHIVE'),
      'callingAeTitles = ["CT1"]',
      '[[destinations]]',
      'name = "web"',
      'kind = "dicomweb"',
      `url = ${JSON.stringify(orthancWeb.webAddress)}`,
      `credentialsFile = ${JSON.stringify(credentials)}`,
    ];
    await transfer.startReceiver();
    await transfer.startSender();
    scannerTap = await AssociationTap.before(scannerPort);
  }, 60_000);

  afterEach(async () => {
    await Promise.all([scannerTap, orthancTap, archive, orthanc, orthancWeb].map((each) => each?.close()));
    await processes.cleanUp();
  }, 60_000);

  async function scannerSends(command: string, flags: readonly string[], files: readonly string[]) {
    const program = processes.start(command, command, {
      arguments: [
        ...['-aet', 'SCANNER', '-aec', 'DIODE', ...flags, '127.0.0.1', String(scannerTap.port)],
        ...files,
      ],
      environment: { TCP_NODELAY: '1' },
    });
    return (await program.waitForExit(200_000)).code;
  }

  /** One hash a UID: of what the sender answered with success. */
  const wireIn = () =>
    new Map(
      scannerTap.instances
        .filter(({ status }) => status === 0)
        .map(({ sopInstanceUid, sha256 }) => [sopInstanceUid, sha256]),
    );

  const everyWireIn = () =>
    listed(
      scannerTap.instances
        .filter(({ status }) => status === 0)
        .map(({ sopInstanceUid, sha256 }) => [sopInstanceUid, sha256] as const),
    );

  const only = (hashes: ReadonlyMap<string, readonly string[]>) =>
    new Map([...hashes].map(([uid, [hash, ...others]]) => [uid, others.length === 0 ? hash : others]));

  it('keeps every byte of what DCMTK and another scanner send, in every transfer syntax', async () => {
    const folder = processes.temporaryFolder();
    const common = ['implicitLittleEndian', 'explicitLittleEndian', 'rleLossless', 'jpegBaseline'] as const;
    const all = await writeInstances({ folder, seed: 31, count: 24, approximateBytes: 60_000 });
    const plain = await writeInstances({
      folder,
      seed: 32,
      count: 12,
      transferSyntaxes: common,
      approximateBytes: 300_000,
    });
    const bigEndian = await writeInstances({
      folder,
      seed: 33,
      count: 4,
      transferSyntaxes: ['explicitBigEndian'],
    });
    const special = [
      await writeOddDeflated(folder, '1.2.3.4.1'),
      await writePrivateClass(folder, '1.2.3.5.1.1'),
    ];
    const paths = (files: readonly InstanceFile[]) => files.map(({ path }) => path);
    expect(await scannerSends('dcmsend', [], paths(plain))).toBe(0);
    expect(await scannerSends('storescu', ['-xb'], paths(bigEndian))).toBe(0);
    // What DCMTK would encode anew, or not send at all.
    const scanner = {
      kind: 'dicom',
      name: 'scanner',
      host: '127.0.0.1',
      port: scannerTap.port,
      calledAe: 'DIODE',
      callingAe: 'CT1',
    } as const;
    for await (const { outcome } of storeInstances(scanner, [...all, ...special]))
      expect(outcome).toBe('delivered');
    const sent = wireIn();
    expect(sent.size).toBe(24 + 12 + 4 + 2);

    await transfer.until('the archive has everything', () => archived.hashes().size === sent.size);
    expect(only(await dataSetHashes(transfer.low('spool', 'objects'), false))).toEqual(sent);
    expect(only(await dataSetHashes(transfer.high('vault', 'objects'), false))).toEqual(sent);
    expect(archived.hashes()).toEqual(sent);
    const inbox = new Set(
      readdirSync(transfer.high('inbox'), { recursive: true }).map((path) => String(path)),
    );
    expect([...inbox].filter((path) => path.endsWith('.dcm'))).toHaveLength(sent.size);

    // Every one of the four has all of it, and the one that asks for a scanner what that one sent first.
    const deliveries = await settled(transfer);
    const ofOneScanner = archived.instances
      .filter(({ context }) => context.called.title === 'CT_ARCHIVE')
      .map(({ context }) => context.sopInstanceUid);
    expect(ofOneScanner.sort()).toEqual(
      [...all, ...special].map(({ sopInstanceUid }) => sopInstanceUid).sort(),
    );
    expect(deliveries).toHaveLength(4 * sent.size + ofOneScanner.length);
    expect(deliveries.filter(({ state }) => state !== 'sent')).toEqual([]);
    expect(only(await dataSetHashes(storescpFolder))).toEqual(sent);
    const wireOut = orthancTap.instances.filter(({ status }) => status === 0);
    expect(new Map(wireOut.map(({ sopInstanceUid, sha256 }) => [sopInstanceUid, sha256]))).toEqual(sent);
    expect(await orthancWeb.storedHashes([...sent.keys()])).toEqual(sent);
    // It encodes some anew when they come by C-STORE: that is its own doing.
    expect([...(await orthanc.storedHashes([...sent.keys()])).keys()]).toEqual([...sent.keys()]);
    const { output } = await transfer.configured('receiver', 'status', '--json');
    const { studies }: { studies: { state: string }[] } = JSON.parse(output);
    expect(studies.map(({ state }) => state)).toEqual(studies.map(() => 'delivered'));
  });

  it.skipIf(corpusFolder() === undefined)(
    'keeps every byte of what dcmsend sends of the corpus',
    async () => {
      // All of it takes a minute more: WHOLE_CORPUS=1.
      const every = process.env['WHOLE_CORPUS'] === undefined ? 3 : 1;
      const files = corpusFiles().filter(({ part10 }, index) => part10 && index % every === 0);
      await scannerSends(
        'dcmsend',
        ['-nh', '-nuc'],
        files.map(({ path }) => path),
      );
      const sent = everyWireIn();
      expect(sent.size).toBeGreaterThan(0.8 * files.length);
      const spool = await dataSetHashes(transfer.low('spool', 'objects'), false);
      expect(changed(spool, sent)).toEqual([]);
      const spooled = readdirSync(transfer.low('spool', 'objects')).length;
      await transfer.until(
        'everything is in the vault',
        () => readdirSync(transfer.high('vault', 'objects')).length === spooled,
        150_000,
      );
      expect(await dataSetHashes(transfer.high('vault', 'objects'), false)).toEqual(spool);
      const ledger = new ReceiverLedger(transfer.high('vault', 'ledger.sqlite'));
      await transfer.until('every study is decided', () => ledger.studies.unreleased().length === 0, 100_000);
      const released = ledger.studies
        .newest(10_000)
        .flatMap(({ senderId, studyUid }) => ledger.instances.ofStudy(senderId, studyUid))
        .filter(({ releasedRevision }) => releasedRevision !== undefined);
      ledger.close();
      const deliveries = await settled(transfer);
      const uidsAt = (name: string) =>
        deliveries
          .filter(({ destination, state }) => destination === name && state === 'sent')
          .map(({ sopInstanceUid }) => sopInstanceUid);

      // A PACS that takes everything gets everything that is released, as it was on the scanner's wire.
      const archivedHashes = listed(
        archived.instances.map(({ context, sha256 }) => [context.sopInstanceUid, sha256]),
      );
      expect(uidsAt('archive')).toHaveLength(released.length);
      expect(changed(archivedHashes, sent)).toEqual([]);
      // The others get or refuse each by name; what they got has not changed on its way.
      expect(deliveries.filter(({ state }) => state !== 'sent' && state !== 'failed')).toEqual([]);
      expect(changed(await dataSetHashes(storescpFolder), sent)).toEqual([]);
      const wireOut = orthancTap.instances.map(
        ({ sopInstanceUid, sha256 }) => [sopInstanceUid, sha256] as const,
      );
      expect(changed(listed(wireOut), sent)).toEqual([]);
      const web = await orthanc.storedHashes(uidsAt('web'));
      expect(web.size).toBe(new Set(uidsAt('web')).size);
      const counts = ['archive', 'web', 'orthanc', 'storescp'].map(
        (name) => `${name} ${uidsAt(name).length}`,
      );
      console.log(
        `${scannerTap.instances.length} sent by dcmsend, ${spooled} spooled, ${released.length} released; delivered: ${counts.join(', ')}`,
      );
    },
  );
});

/** What is not one of those that were sent. */
function changed(
  hashes: ReadonlyMap<string, readonly string[]>,
  sent: ReadonlyMap<string, readonly string[]>,
): string[] {
  return [...hashes].flatMap(([uid, found]) =>
    found.filter((hash) => sent.get(uid)?.includes(hash) !== true),
  );
}

function listed(pairs: readonly (readonly [string, string])[]): Map<string, string[]> {
  const lists = new Map<string, string[]>();
  for (const [uid, hash] of pairs) lists.set(uid, [...(lists.get(uid) ?? []), hash]);
  return lists;
}

/** What became of each instance at each destination, once nothing waits any more. */
async function settled(transfer: Transfer): Promise<DeliveryRecord[]> {
  const ledger = new ReceiverLedger(transfer.high('vault', 'ledger.sqlite'));
  // The ledger itself: what `status` shows may be older than the release.
  const nothingWaits = () => [...ledger.deliveries.open().values()].every(({ waiting }) => waiting === 0);
  await transfer.until('nothing waits', nothingWaits, 100_000);
  const studyUids = new Set(ledger.studies.newest(10_000).map(({ studyUid }) => studyUid));
  const deliveries = [...studyUids].flatMap((studyUid) => ledger.deliveries.list(studyUid));
  ledger.close();
  // The command line says the same of one of them.
  const [first] = deliveries;
  const told = await transfer.configured('receiver', 'deliveries', first?.studyUid ?? '', '--json');
  expect(JSON.parse(told.output).deliveries[0]).toMatchObject({ sopInstanceUid: first?.sopInstanceUid });
  return deliveries;
}

function dicomDestination(name: string, port: number, calledAe: string): string[] {
  return [
    '[[destinations]]',
    `name = "${name}"`,
    'host = "127.0.0.1"',
    `port = ${port}`,
    `calledAe = "${calledAe}"`,
    'responseSeconds = 20',
    'retrySeconds = 0.5',
    'retryMinutesMax = 0.05',
  ];
}
