/**
 * How fast instances pass our SCP and SCU, beside DCMTK's storescp and storescu in the same run: one large multi-frame
 * object, and a series of small ones. Peak memory of ours with it, also with a disk slowed down.
 *
 * All of it runs in a network namespace of its own, on its loopback. Our SCP syncs each file before it answers; storescp
 * does not.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeInstances } from '../harness/instance-files.ts';
import { PeerNamespace } from '../harness/peer-namespace.ts';
import { Processes } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { writeLargeInstance } from './large-instance.ts';
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
    const large = this.#writeLarge(largeBytes * scale);
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

  #writeLarge(aboutBytes: number): Load {
    const path = this.#scratch.path('large.dcm');
    return { what: 'large', paths: [path], bytes: writeLargeInstance(path, aboutBytes) };
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
