/**
 * Goal: scanners send to the running sender as they would to a PACS, and what is spooled is what was on the wire. Method:
 * DCMTK's programs, the real sender, and a tap between them that hashes each data set as it passes.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeInstances } from '../../receiver/deliver/c-store-scu.ts';
import type { InstanceFile } from '../../receiver/deliver/instance-file.ts';
import {
  associateRequest,
  commandElement,
  commandSet,
  control,
  ctImageStorage,
  dataPdu,
  explicitLittle,
  releaseRequest,
  storeRequest,
  uidValue,
  uint16,
} from '../harness/association-bytes.ts';
import { AssociationTap } from '../harness/association-tap.ts';
import { TestAuthority } from '../harness/certificates.ts';
import { corpusFiles, corpusFolder } from '../harness/corpus.ts';
import { type DataSet, encodeDataSet, transferSyntaxes } from '../harness/dicom-writer.ts';
import { writeInstances, writeOddDeflated } from '../harness/instance-files.ts';
import { missingPeers } from '../harness/peer-namespace.ts';
import { Processes } from '../harness/processes.ts';
import { RawConnection } from '../harness/raw-connection.ts';
import { ScannerSide } from '../harness/scanner-side.ts';

const missing = missingPeers('dcmsend', 'storescu', 'echoscu');
if (missing !== undefined && process.env['CI'] !== undefined) throw new Error(missing);

let processes: Processes;
let tap: AssociationTap | undefined;

beforeEach(() => {
  processes = new Processes();
});

afterEach(async () => {
  await tap?.close();
  tap = undefined;
  await processes.cleanUp();
});

async function peer(command: string, port: number, flags: readonly string[], files: readonly string[] = []) {
  const program = processes.start(command, command, {
    arguments: ['-aet', 'SCANNER', '-aec', 'DIODE', ...flags, '127.0.0.1', String(port), ...files],
    environment: { TCP_NODELAY: '1' },
  });
  const { code } = await program.waitForExit(200_000);
  return { code, text: `${program.text('stdout')}\n${program.text('stderr')}` };
}

/** Everything that was answered with success is in the spool with the bytes it had on the wire. */
async function wireIsSpool(side: ScannerSide, { instances }: AssociationTap): Promise<number> {
  const spooled = await side.spooled();
  const stored = instances.filter(({ status }) => status === 0);
  const differing = stored.filter(
    ({ sopInstanceUid, sha256 }) => spooled.get(sopInstanceUid)?.includes(sha256) !== true,
  );
  expect(differing).toEqual([]);
  return stored.length;
}

describe.skipIf(missing !== undefined)('DCMTK', () => {
  it('sends in every transfer syntax it has, and what is spooled is what was on the wire', async () => {
    const side = await ScannerSide.start(processes);
    tap = await AssociationTap.before(side.port);
    const folder = processes.temporaryFolder();
    const write = (
      seed: number,
      names: Parameters<typeof writeInstances>[0]['transferSyntaxes'],
      count = 6,
    ) =>
      writeInstances({
        folder,
        seed,
        count,
        ...(names && { transferSyntaxes: names }),
        approximateBytes: 90_000,
      });
    const paths = (files: readonly InstanceFile[]) => files.map(({ path }) => path);
    const compressed = await write(1, ['rleLossless', 'jpegBaseline', 'implicitLittleEndian']);
    const plain = await write(2, ['implicitLittleEndian', 'explicitLittleEndian', 'explicitBigEndian']);
    const deflated = await write(3, ['deflated', 'explicitLittleEndian']);
    const large = await writeInstances({ folder, seed: 4, count: 2, approximateBytes: 3_000_000 });

    expect(await peer('echoscu', tap.port, [])).toMatchObject({ code: 0 });
    const runs = [
      await peer('dcmsend', tap.port, [], paths([...compressed, ...plain])),
      await peer('storescu', tap.port, ['-xb'], paths(plain)),
      await peer('storescu', tap.port, ['-xd'], paths(deflated)),
      await peer('dcmsend', tap.port, ['-pdu', '4096', '--max-send-pdu', '4096'], paths(large)),
    ];
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(await wireIsSpool(side, tap)).toBe(6 + 6 + 6 + 6 + 2);

    // Sent once more it is a success, counted, and not spooled again.
    expect(await peer('dcmsend', tap.port, [], paths(compressed))).toMatchObject({ code: 0 });
    const distinct = new Set(tap.instances.map(({ sha256 }) => sha256)).size;
    const duplicates = tap.instances.length - distinct;
    await expect.poll(() => side.snapshot().counters['duplicate'], { timeout: 10_000 }).toBe(duplicates);
    expect([...(await side.spooled()).values()].flat()).toHaveLength(distinct);
    expect(side.arriving()).toEqual([]);
  });

  it('is told why its association is rejected, and the beacon carries the count', async () => {
    const side = await ScannerSide.start(processes, {
      tables: [
        '[[dicom.titles]]',
        'title = "DIODE"',
        'callingTitles = ["CT1"]',
        '[[dicom.titles]]',
        'title = "URGENT"',
        'priority = "stat"',
        'callingTitles = ["SCANNER"]',
      ],
    });
    const refused = await peer('echoscu', side.port, []);
    expect(refused).toMatchObject({
      code: 1,
      text: expect.stringContaining('Called AE Title Not Recognized'),
    });
    expect(await peer('echoscu', side.port, ['-aet', 'OTHER'])).toMatchObject({
      text: expect.stringContaining('Calling AE Title Not Recognized'),
    });
    expect(await peer('echoscu', side.port, ['-aec', 'URGENT'])).toMatchObject({ code: 0 });
    await expect.poll(() => side.snapshot().counters['E_ASSOCIATION_REJECTED'], { timeout: 10_000 }).toBe(2);
  });

  it('comes over TLS when the port has a key, with a certificate that is known', async () => {
    const authority = new TestAuthority();
    const folder = processes.temporaryFolder();
    const write = (name: string, text: string) => {
      const path = join(folder, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    const sender = authority.issue('sender');
    const scanner = authority.issue('scanner');
    const stranger = new TestAuthority('Another').issue('scanner');
    const authorities = write('authorities.pem', authority.certificate);
    const side = await ScannerSide.start(processes, {
      settings: [
        `dicom.tlsKeyFile = ${JSON.stringify(write('sender.key', sender.key))}`,
        `dicom.tlsCertificateFile = ${JSON.stringify(write('sender.pem', sender.certificate))}`,
        `dicom.tlsClientAuthoritiesFile = ${JSON.stringify(authorities)}`,
      ],
    });
    const flags = ({ key, certificate }: typeof scanner, name: string) => [
      '+tls',
      write(`${name}.key`, key),
      write(`${name}.pem`, certificate),
      '+cf',
      authorities,
    ];
    expect(await peer('echoscu', side.port, flags(scanner, 'scanner'))).toMatchObject({ code: 0 });
    expect(await peer('echoscu', side.port, flags(stranger, 'stranger'))).not.toMatchObject({ code: 0 });
    expect(await peer('echoscu', side.port, [])).not.toMatchObject({ code: 0 });
    const [file] = await writeInstances({ folder, count: 1, transferSyntaxes: ['explicitLittleEndian'] });
    const sent = await peer('storescu', side.port, flags(scanner, 'scanner'), [file?.path ?? '']);
    expect(sent).toMatchObject({ code: 0 });
    expect((await side.spooled()).size).toBe(1);
  });

  it.skipIf(corpusFolder() === undefined)('sends what it can of the corpus', async () => {
    const side = await ScannerSide.start(processes);
    tap = await AssociationTap.before(side.port);
    const flags = ['-nh', '-nuc', '+sd', '+r'];
    await peer('dcmsend', tap.port, flags, [corpusFolder() ?? '']);
    const stored = await wireIsSpool(side, tap);
    const refused = tap.instances.filter(({ status }) => status !== 0);
    // Either the request names another instance than the data set, or the data set names no study.
    const statuses = new Set(refused.map(({ status }) => status));
    expect([...statuses].filter((status) => status !== 0xa900 && status !== 0xc000)).toEqual([]);
    expect(stored).toBeGreaterThan(0.95 * tap.instances.length);
    console.log(
      `dcmsend sent ${tap.instances.length} of ${corpusFiles().length} corpus files; ${stored} stored`,
    );
  });
});

/** A scanner played by hand, with an association for CT images and performed procedure steps. */
async function scanner(side: ScannerSide): Promise<RawConnection> {
  const connection = await RawConnection.to(side.port);
  const transferSyntaxes = [explicitLittle];
  connection.send(
    associateRequest({
      contexts: [
        { id: 1, abstractSyntax: ctImageStorage, transferSyntaxes },
        { id: 3, abstractSyntax: stepClass, transferSyntaxes },
      ],
    }),
  );
  await connection.pdus(1);
  return connection;
}

const stepClass = '1.2.840.10008.3.1.2.3.3';
const uid = (tag: number, value: string) => ({ tag, vr: 'UI', value }) as const;

function instance(sopInstanceUid: string): Uint8Array {
  return encodeDataSet(
    [
      uid(0x0008_0016, ctImageStorage),
      uid(0x0008_0018, sopInstanceUid),
      uid(0x0020_000d, '1.2.3'),
      uid(0x0020_000e, '1.2.3.4'),
      { tag: 0x7fe0_0010, vr: 'OB', value: new Uint8Array(1000) },
    ],
    transferSyntaxes.explicitLittleEndian,
  );
}

/** Sends an instance and waits for its answer. */
async function store(connection: RawConnection, sopInstanceUid: string, answers: number): Promise<void> {
  connection.send(
    dataPdu(1, control.lastCommand, storeRequest({ sopInstanceUid })),
    dataPdu(1, control.lastData, instance(sopInstanceUid)),
  );
  await connection.pdus(answers);
}

/** N-CREATE or N-SET of the step 1.2.3.100. */
function step(field: number, dataSet: DataSet): Buffer {
  const [classElement, instanceElement] = field === 0x0140 ? [0x0002, 0x1000] : [0x0003, 0x1001];
  const command = commandSet(
    commandElement(classElement, uidValue(stepClass)),
    commandElement(0x0100, uint16(field)),
    commandElement(0x0110, uint16(9)),
    commandElement(0x0800, uint16(1)),
    commandElement(instanceElement, uidValue('1.2.3.100')),
  );
  return Buffer.concat([
    dataPdu(3, control.lastCommand, command),
    dataPdu(3, control.lastData, encodeDataSet(dataSet, transferSyntaxes.explicitLittleEndian)),
  ]);
}

const reference = (sopInstanceUid: string): DataSet => [
  uid(0x0008_1150, ctImageStorage),
  uid(0x0008_1155, sopInstanceUid),
];

describe('a study', () => {
  it('stays open while its association is, and is shown with it', async () => {
    const side = await ScannerSide.start(processes, {
      tables: ['[[dicom.titles]]', 'title = "DIODE"', 'quietSeconds = 0'],
    });
    const connection = await scanner(side);
    await store(connection, '1.2.3.4.5', 2);
    await expect
      .poll(() => side.snapshot().associations, { timeout: 10_000 })
      .toMatchObject([{ callingAe: 'SCANNER', calledAe: 'DIODE', address: '127.0.0.1', instances: 1 }]);
    expect(side.snapshot().openStudies).toBe(1);
    expect((await side.command('status')).stdout).toMatch(/SCANNER +127\.0\.0\.1 +DIODE/);
    expect(side.program.text('stdout')).not.toContain('study closed');
    connection.send(releaseRequest);
    await side.program.waitForLine(/study closed/);
    await connection.closed;
    await expect.poll(() => side.snapshot().associations, { timeout: 10_000 }).toEqual([]);
  });

  it('is closed at once when the modality says that this is all', async () => {
    const side = await ScannerSide.start(processes, { settings: ['dicom.procedureSteps = true'] });
    const connection = await scanner(side);
    connection.send(
      step(0x0140, [
        { tag: 0x0040_0252, vr: 'CS', value: 'IN PROGRESS' },
        { tag: 0x0040_0270, vr: 'SQ', value: [[uid(0x0020_000d, '1.2.3')]] },
      ]),
    );
    await connection.pdus(2);
    await store(connection, '1.2.3.4.5', 3);
    const series: DataSet = [
      { tag: 0x0008_1140, vr: 'SQ', value: [reference('1.2.3.4.5'), reference('1.2.3.4.6')] },
      uid(0x0020_000e, '1.2.3.4'),
    ];
    connection.send(
      step(0x0120, [
        { tag: 0x0040_0252, vr: 'CS', value: 'COMPLETED' },
        { tag: 0x0040_0340, vr: 'SQ', value: [series] },
      ]),
    );
    await connection.pdus(4);
    expect(side.program.text('stdout')).not.toContain('study closed');
    await store(connection, '1.2.3.4.6', 5);
    const { text } = await side.program.waitForLine(/study closed/);
    expect(JSON.parse(text).data).toMatchObject({ studyUid: '1.2.3', instances: 2 });
    connection.socket.destroy();
  });
});

describe('a stop', () => {
  it('in the middle of an instance leaves nothing of it, and the scanner is told', async () => {
    const side = await ScannerSide.start(processes);
    const connection = await scanner(side);
    await store(connection, '1.2.3.4.5', 2);
    connection.send(
      dataPdu(1, control.lastCommand, storeRequest({ sopInstanceUid: '1.2.3.4.6' })),
      dataPdu(1, control.data, instance('1.2.3.4.6').subarray(0, 900)),
    );
    for (let sent = 0; sent < 20; sent += 1) connection.send(dataPdu(1, control.data, Buffer.alloc(200_000)));
    await expect.poll(() => side.arriving(), { timeout: 10_000 }).toHaveLength(1);
    side.program.signal('SIGTERM');
    expect(await side.program.waitForExit()).toEqual({ code: 0, signal: null });
    // A-ABORT
    expect((await connection.closed).subarray(-10)[0]).toBe(7);
    expect(side.arriving()).toEqual([]);
    await side.run();
    expect([...(await side.spooled()).keys()]).toEqual(['1.2.3.4.5']);
  });

  it('without warning leaves nothing of it after the next start', async () => {
    const side = await ScannerSide.start(processes);
    const connection = await scanner(side);
    connection.send(
      dataPdu(1, control.lastCommand, storeRequest({ sopInstanceUid: '1.2.3.4.6' })),
      dataPdu(1, control.data, instance('1.2.3.4.6').subarray(0, 900)),
    );
    for (let sent = 0; sent < 20; sent += 1) connection.send(dataPdu(1, control.data, Buffer.alloc(200_000)));
    await expect.poll(() => side.arriving(), { timeout: 10_000 }).toHaveLength(1);
    side.program.signal('SIGKILL');
    await side.program.waitForExit();
    expect(side.arriving()).toHaveLength(1);
    await side.run();
    expect(side.arriving()).toEqual([]);
    expect((await side.spooled()).size).toBe(0);
    connection.socket.destroy();
  });

  it('before it began: a port that is taken is said, and the program ends', async () => {
    const side = await ScannerSide.start(processes);
    const other = processes.startScript('dist/sender/main.js', {
      arguments: ['run', '--config', join(side.folder, 'sender.toml'), '--set', 'spool.folder=other'],
    });
    expect((await other.waitForExit()).code).toBe(1);
    expect(other.text('stderr')).toContain('E_DICOM_LISTEN');
  });
});

it('odd lengths and private encodings of our own SCU are spooled as they are on the wire', async () => {
  const side = await ScannerSide.start(processes);
  tap = await AssociationTap.before(side.port);
  const folder = processes.temporaryFolder();
  const files = [
    ...(await writeInstances({ folder, count: 12 })),
    await writeOddDeflated(folder, '1.2.3.4.1'),
  ];
  const to = { host: '127.0.0.1', port: tap.port, calledAe: 'DIODE', callingAe: 'SCANNER' };
  for await (const { outcome } of storeInstances({ kind: 'dicom', name: 'sender', ...to }, files))
    expect(outcome).toBe('delivered');
  expect(await wireIsSpool(side, tap)).toBe(13);
});
