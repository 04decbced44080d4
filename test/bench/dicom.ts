/**
 * How fast instances pass our SCP and SCU, beside DCMTK's storescp and storescu in the same run: one large multi-frame
 * object, and a series of small ones. Peak memory of ours with it, also with a disk slowed down.
 *
 * All of it runs in a network namespace of its own, on its loopback. Our SCP syncs each file before it answers; storescp
 * does not.
 */
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { part10Header } from '../../shared/dicom/part10-meta.ts';
import { encodeDataSet, transferSyntaxes } from '../harness/dicom-writer.ts';
import { writeInstances } from '../harness/instance-files.ts';
import { PeerNamespace } from '../harness/peer-namespace.ts';
import { Processes } from '../harness/processes.ts';
import { Random } from '../harness/random.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { fsyncMs, packageVersion, requireTools } from './machine.ts';
import type { BenchmarkOptions } from './options.ts';
import { peakResidentMB } from './process-usage.ts';
import { Scratch } from './scratch.ts';
import { median } from './statistics.ts';

const endScript = 'dist/test/bench/dicom-end.js';
const largeBytes = 603e6;
const smallCount = 520;
const smallBytes = 132_000;
const slowMegabytesPerSecond = 20;
const ports = { ours: 11_112, theirs: 11_113, slow: 11_114, theirsAtOnce: 11_115 } as const;

const tools = [
  { command: 'storescp', debianPackage: 'dcmtk' },
  { command: 'storescu', debianPackage: 'dcmtk' },
  { command: 'ip', debianPackage: 'iproute2' },
];

interface Row {
  readonly from: string;
  readonly to: string;
  readonly what: 'large' | 'small';
  readonly seconds: number;
  readonly megabytesPerSecond: number;
  readonly instancesPerSecond: number;
  /** Of our process above its idle state; undefined where there is none. */
  readonly scpGrownMB: number | undefined;
  readonly scuGrownMB: number | undefined;
}

interface Load {
  readonly what: 'large' | 'small';
  readonly paths: readonly string[];
  readonly bytes: number;
}

export async function run(options: BenchmarkOptions): Promise<{ rows: Row[] }> {
  requireTools(tools);
  const scratch = new Scratch(options.folder, 4 * largeBytes * options.scale + 1e9);
  const processes = new Processes();
  try {
    const namespace = await PeerNamespace.start(processes, [ports.ours]);
    const bench = new DicomBenchmark(scratch, namespace, options);
    console.log(`fsync ${fsyncMs(scratch.folder).toFixed(2)} ms; DCMTK ${packageVersion('dcmtk')}; loopback`);
    return { rows: await bench.run() };
  } finally {
    await processes.cleanUp();
    scratch.remove();
  }
}

class DicomBenchmark {
  readonly #scratch: Scratch;
  readonly #namespace: PeerNamespace;
  readonly #options: BenchmarkOptions;

  constructor(scratch: Scratch, namespace: PeerNamespace, options: BenchmarkOptions) {
    this.#scratch = scratch;
    this.#namespace = namespace;
    this.#options = options;
  }

  async run(): Promise<Row[]> {
    const { scale, runs } = this.#options;
    const large = writeLarge(this.#scratch.path('large.dcm'), largeBytes * scale);
    const small = await this.#writeSmall(Math.max(10, Math.round(smallCount * scale)));
    const rows: Row[] = [];
    for (const load of [large, small]) {
      for (const to of ['ours', 'theirs', 'theirsAtOnce'] as const) {
        for (const from of ['ours', 'theirs'] as const) {
          // What takes 40 ms an instance says all there is to say in one run.
          const repeats = from === 'theirs' && to === 'theirs' && load.what === 'small' ? 1 : runs;
          rows.push(await this.#median(from, to, load, repeats));
        }
      }
    }
    rows.push(await this.#once('theirs', 'slow', large));
    print(rows);
    return rows;
  }

  async #writeSmall(count: number): Promise<Load> {
    const folder = this.#scratch.path('small');
    mkdirSync(folder);
    const files = await writeInstances({
      folder,
      count,
      transferSyntaxes: ['explicitLittleEndian'],
      approximateBytes: smallBytes,
    });
    const bytes = files.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
    return { what: 'small', paths: files.map(({ path }) => path), bytes };
  }

  async #median(from: 'ours' | 'theirs', to: keyof typeof ports, load: Load, runs: number): Promise<Row> {
    const rows: Row[] = [];
    for (let index = 0; index < runs; index += 1) rows.push(await this.#once(from, to, load));
    const middle = median(rows.map(({ seconds }) => seconds));
    const row = rows.find(({ seconds }) => seconds === middle) ?? rows[0];
    if (row === undefined) throw new Error('there was a run');
    return row;
  }

  async #once(from: 'ours' | 'theirs', to: keyof typeof ports, load: Load): Promise<Row> {
    const folder = this.#scratch.path('stored');
    mkdirSync(folder);
    const server = this.#startServer(to, folder);
    try {
      const idleMB = await server.ready();
      const { seconds, grownMB } = await this.#send(
        from,
        ports[to],
        to.startsWith('theirs') ? 'PACS' : 'DIODE',
        load,
      );
      return {
        from: from === 'ours' ? 'diode' : 'storescu',
        to: names[to],
        what: load.what,
        seconds,
        megabytesPerSecond: load.bytes / 1e6 / seconds,
        instancesPerSecond: load.paths.length / seconds,
        scpGrownMB: idleMB === undefined ? undefined : server.peakMB() - idleMB,
        scuGrownMB: grownMB,
      };
    } catch (cause) {
      throw new Error(`${load.what} to ${names[to]} failed: ${cause}; ${server.text()}`, { cause });
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #startServer(to: keyof typeof ports, folder: string) {
    const port = String(ports[to]);
    if (to === 'theirs' || to === 'theirsAtOnce') {
      const environment: Record<string, string> = to === 'theirsAtOnce' ? { TCP_NODELAY: '1' } : {};
      const flags = ['-v', '+B', '-aet', 'PACS', '-od', folder, port];
      const program = this.#namespace.run('storescp', 'storescp', flags, environment);
      return {
        ready: async (): Promise<number | undefined> => {
          await this.#listening(port);
          return undefined;
        },
        peakMB: () => 0,
        stop: () => program.stop(),
        text: () => program.text('stderr'),
      };
    }
    const slow = to === 'slow' ? [String(slowMegabytesPerSecond)] : [];
    const script = join(repositoryRoot(), endScript);
    const program = this.#namespace.run('our SCP', process.execPath, [script, 'scp', folder, port, ...slow]);
    return {
      ready: async (): Promise<number | undefined> => {
        const { text } = await program.waitForLine(/idleMB/);
        return Number(/"idleMB":(\d+)/.exec(text)?.[1]);
      },
      peakMB: () => peakResidentMB(program.pid ?? 0),
      stop: () => program.stop(),
      text: () => program.text('stderr'),
    };
  }

  /** Asks with C-ECHO until it is answered. */
  async #listening(port: string): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const echo = this.#namespace.run('echoscu', 'echoscu', ['-aec', 'PACS', '127.0.0.1', port]);
      if ((await echo.waitForExit()).code === 0) return;
    }
    throw new Error('storescp does not answer');
  }

  async #send(from: 'ours' | 'theirs', port: number, calledAe: string, load: Load) {
    if (from === 'theirs') {
      const startedMs = performance.now();
      const flags = ['-aec', calledAe, '127.0.0.1', String(port), ...load.paths];
      const program = this.#namespace.run('storescu', 'storescu', flags);
      const { code } = await program.waitForExit(300_000);
      if (code !== 0)
        throw new Error(`storescu to port ${port} ended with ${code}: ${program.text('stderr')}`);
      return { seconds: (performance.now() - startedMs) / 1000, grownMB: undefined };
    }
    const script = join(repositoryRoot(), endScript);
    const flags = [script, 'scu', String(port), calledAe, ...load.paths];
    const program = this.#namespace.run('our SCU', process.execPath, flags);
    const { text } = await program.waitForLine(/seconds/, { timeoutMs: 300_000 });
    const told: { seconds: number; idleMB: number; peakMB: number } = JSON.parse(text);
    return { seconds: told.seconds, grownMB: told.peakMB - told.idleMB };
  }
}

const names: Readonly<Record<keyof typeof ports, string>> = {
  ours: 'diode',
  theirs: 'storescp',
  slow: `diode, disk at ${slowMegabytesPerSecond} MB/s`,
  theirsAtOnce: 'storescp, TCP_NODELAY=1',
};

/** One instance of many frames, 16 bits, as an enhanced CT has them. */
function writeLarge(path: string, bytes: number): Load {
  const sopInstanceUid = '1.2.826.0.1.3680043.10.1.600.1';
  const sopClassUid = '1.2.840.10008.5.1.4.1.1.2.1';
  const frames = Math.max(1, Math.floor(bytes / (512 * 512 * 2)));
  const header = part10Header({
    sopClassUid,
    sopInstanceUid,
    transferSyntaxUid: transferSyntaxes.explicitLittleEndian.uid,
  });
  const attributes = encodeDataSet(
    [
      { tag: 0x0008_0016, vr: 'UI', value: sopClassUid },
      { tag: 0x0008_0018, vr: 'UI', value: sopInstanceUid },
      { tag: 0x0008_0060, vr: 'CS', value: 'CT' },
      { tag: 0x0010_0010, vr: 'PN', value: 'SYNTHETIC^ONE' },
      { tag: 0x0020_000d, vr: 'UI', value: '1.2.826.0.1.3680043.10.1.600' },
      { tag: 0x0020_000e, vr: 'UI', value: '1.2.826.0.1.3680043.10.1.600.0' },
      { tag: 0x0028_0002, vr: 'US', value: 1 },
      { tag: 0x0028_0004, vr: 'CS', value: 'MONOCHROME2' },
      { tag: 0x0028_0008, vr: 'IS', value: String(frames) },
      { tag: 0x0028_0010, vr: 'US', value: 512 },
      { tag: 0x0028_0011, vr: 'US', value: 512 },
      { tag: 0x0028_0100, vr: 'US', value: 16 },
      { tag: 0x0028_0101, vr: 'US', value: 16 },
      { tag: 0x0028_0102, vr: 'US', value: 15 },
      { tag: 0x0028_0103, vr: 'US', value: 0 },
    ],
    transferSyntaxes.explicitLittleEndian,
  );
  const pixels = Buffer.from('e07f10004f57000000000000', 'hex');
  pixels.writeUInt32LE(frames * 512 * 512 * 2, 8);
  const frame = new Random(600).bytes(512 * 512 * 2);
  const file = openSync(path, 'w');
  let written = 0;
  for (const part of [header, attributes, pixels]) written += writeSync(file, part);
  for (let index = 0; index < frames; index += 1) written += writeSync(file, frame);
  closeSync(file);
  return { what: 'large', paths: [path], bytes: written };
}

function print(rows: readonly Row[]): void {
  console.table(
    rows.map((row) => ({
      load: row.what,
      from: row.from,
      to: row.to,
      'MB/s': Math.round(row.megabytesPerSecond),
      'instances/s': row.what === 'small' ? Math.round(row.instancesPerSecond) : '',
      'our SCP grows, MB': row.scpGrownMB ?? '',
      'our SCU grows, MB': row.scuGrownMB ?? '',
    })),
  );
}
